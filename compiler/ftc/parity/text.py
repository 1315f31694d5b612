"""A report as text for a terminal, 100 columns wide, without colour. Prints nothing itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ftc.parity.report import KINDS, Curves, Group, Report, RowDifference, Side, Tool
from ftc.parity.values import said

WIDTH = 100
EACH = 3  # differences of one reason that are spelt out; the JSON has more
STEPS = 20  # losses that are listed
AROUND = 28  # characters of context on either side
IDS = 8  # token ids on a line
NEUTRAL = {
    "always": "writes both configs so that this does not come up",
    "exact": 'takes it away with [data] tokens = "exact"',
    "never": "cannot take it away",
}


def text(report: Report) -> str:
    """The whole report."""
    return "\n".join(map(quoted, _lines(report))) + "\n"


def quoted(it: str) -> str:
    """Text as it can be shown on one line: what cannot be printed is written as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in it
    )


def titled(tool: Tool) -> str:
    """A tool with its version and libraries."""
    libraries = ", ".join(f"{name} {version}" for name, version in tool.libraries.items())
    return f"{tool.name} {tool.version}" + (f" ({libraries})" if libraries else "")


def marked(difference: RowDifference, tools: Sequence[Tool]) -> Iterator[tuple[str, str]]:
    """Each tool's name and what it has at a difference, the tokens in [[ ]]."""
    for tool, side in zip(tools, difference.sides, strict=True):
        yield tool.name, _side(difference, side)


def where(difference: RowDifference) -> str:
    """Part, row, place in the data, role and token of a difference."""
    place = f" ({difference.place})" if difference.place else ""
    role = f", {difference.role}" if difference.role else ""
    whole = difference.kind in ("dropped", "extra", "moved", "role")
    index = max(side.index for side in difference.sides)
    token = "" if whole else f", token {index}"
    return f"{difference.part} row {difference.row}{place}{role}{token}"


def counted(group: Group) -> str:
    """How often a reason was met, and where first."""
    times = "once" if group.count == 1 else f"{group.count} times"
    if group.rows == 1:
        return f"{times}: {group.first}"
    places = f" in {group.rows} rows" if group.count > group.rows else ""
    return f"{times}{places}, first in {group.first}"


def _lines(report: Report) -> Iterator[str]:
    verdict = "equal" if report.equal else "NOT equal"
    plan = report.plan
    yield f"{plan['name']}: {verdict}, as far as level {report.level} goes"
    yield from _wrapped(" and ".join(map(titled, report.tools)), "  ")
    yield f"  {plan['stage']}, {plan['method']}, {plan['family'] or 'no template'}, {plan['model']}"
    yield f"  tokens: {report.mode}"
    yield ""
    for it in report.verdicts:
        yield from _wrapped(
            f"{it.text} [{it.checked}]" if it.checked else it.text,
            f"  {it.level:<7} {it.state:<10} ",
        )
    yield from _reasons(report)
    if report.losses is not None and any(report.losses.sides):
        yield from _losses(report.losses, report.tools)
    yield from ("", "Not checked here")
    for gap in report.unchecked:
        yield from _wrapped(f"{gap.what}: {gap.why}", "  - ")


def _reasons(report: Report) -> Iterator[str]:
    titles = {False: "Where they differ, and why", True: "Harmless, known and let through"}
    last = None
    for group in report.groups:
        if group.reason.harmless is not last:
            last = group.reason.harmless
            yield from ("", titles[last])
        yield from _group(group, report)


def _group(group: Group, report: Report) -> Iterator[str]:
    reason = group.reason
    name = f" [{reason.name}]" if reason.name else ""
    yield from _wrapped(f"{reason.what}{name}", "  * ")
    yield from _field("where", counted(group))
    for *texts, count in group.tokens:
        both = ", ".join(
            f'{tool.name} "{quoted(it)}"' if it else f"{tool.name} nothing"
            for tool, it in zip(report.tools, texts, strict=True)
        )
        yield from _field("tokens", f"{both} ({count} times)" if count > 1 else both)
    for value in report.values:
        if value.reason == reason:
            planned = "" if value.planned is None else f" (planned: {said(value.planned)})"
            yield from _field("value", f"{value.what}{planned}: {value.text}")
    yield from _field("why", reason.why)
    yield from _field("ftc", NEUTRAL[reason.neutralise])
    yield from _field("write", reason.remedy)
    yield from _differences(group, report)


def _differences(group: Group, report: Report) -> Iterator[str]:
    mine = [it for it in report.rows if it.kind == group.kind and it.reason == group.reason]
    for difference in mine[:EACH]:
        yield from _wrapped(f"{where(difference)}: {KINDS[difference.kind]}", "      ")
        for tool, line in marked(difference, report.tools):
            yield from _wrapped(line, f"        {tool:<13}")
    if mine and group.count > EACH:
        yield f"      and {group.count - EACH} more"


def _field(name: str, value: str) -> list[str]:
    return _wrapped(value, f"      {name:<7}")


def _side(difference: RowDifference, side: Side) -> str:
    if side.row is None:
        return "(no such row)"
    if difference.kind == "role":
        return f"role {side.role or 'none'}"
    inner = quoted("".join(side.texts)) + (" ..." if side.count > len(side.ids) else "")
    sense = ""
    if difference.kind in ("labels", "mask"):
        on = side.trained if difference.kind == "labels" else tuple(map(bool, side.mask))
        words = ("trained on", "not trained on")
        words = words if difference.kind == "labels" else ("attended to", "not attended to")
        sense = f"  ({words[0] if all(on) else words[1]})"
    if difference.kind in ("dropped", "extra", "moved"):
        return f"row {side.row}, {side.count} tokens: {inner}"
    before, after = quoted(difference.before[-AROUND:]), quoted(difference.after[:AROUND])
    shown = f"[[{inner}]]" if side.count else "[[]]"
    ids = f"  ids {', '.join(map(str, side.ids[:IDS]))}" if side.ids else ""
    ids += " ..." if side.count > IDS else ""
    return f"{before}{shown}{after}{sense}{ids}"


def _losses(curves: Curves, tools: Sequence[Tool]) -> Iterator[str]:
    yield from ("", "Losses")
    foretold = bool(curves.predicted)
    names = [*(tool.name for tool in tools), *(["predicted"] if foretold else [])]
    yield "  step  " + "".join(f"{name:<16}" for name in names).rstrip()
    columns = [*curves.sides, *([curves.predicted] if foretold else [])]
    for step in range(min(STEPS, max(map(len, columns)))):
        cells = [f"{it[step]:<16.9g}" if step < len(it) else f"{'':<16}" for it in columns]
        yield f"  {step + 1:<6}" + "".join(cells).rstrip()
    held = "to the prediction" if curves.against == "prediction" else "to each other"
    yield from _wrapped(
        f"held {held}: largest difference {curves.largest:.1e} of the larger, at step {curves.at}; "
        f"allowed is {curves.tolerance:g}",
        "  ",
    )


def _wrapped(it: str, start: str) -> list[str]:
    return textwrap.wrap(
        it,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [start.rstrip()]
