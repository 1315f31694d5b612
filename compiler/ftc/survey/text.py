"""The state of prepared data as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ftc.augment.aims import text as toml
from ftc.survey.made import Making, Outcome
from ftc.survey.steps import State, Survey
from ftc.survey.story import Event, Story
from ftc.views import table

if TYPE_CHECKING:
    from ftc.prep.lengths import Bar
    from ftc.survey.statistics import Statistics

REASONS = 6  # of a step that are shown one by one
TABLES = 6  # of those that are proposed
WIDTH = 96


def as_dict(found: Survey) -> dict[str, Any]:
    """Plain values, for JSON."""
    return asdict(found) | {"root": str(found.root)}


def steps(found: Survey, fresh: Collection[str] = ()) -> str:
    """A line a step, its reasons below it, then the files. `fresh` ran just now."""
    rows: list[tuple[str, ...]] = [("step", "rows in", "rows out", "changed", "")]
    for step in found.steps:
        state = "ran" if step.step in fresh else "" if step.current else "out of date"
        rows.append((step.step, f"{step.read:,}", f"{step.rows:,}", f"{step.changed:,}", state))
    lines = [table(rows)] if found.steps else ["no step has run"]
    told = [line for step in found.steps for line in _reasons(step)]
    if told:
        lines += ["", "dropped or refused", *told]
    shown = [line for step in found.steps for line in _samples(step)]
    if shown:
        lines += ["", "samples", *shown]
    if found.waiting:
        lines.append(f"\nstill to run: {', '.join(found.waiting)}")
    if found.train is not None:
        lines.append(f"\n{found.train:,} training rows, {found.eval:,} held out: {found.root}")
    if found.stale:
        lines.append(f"out of date: it {found.stale}")
    return "\n".join(lines)


def _reasons(step: State) -> Iterator[str]:
    for reason, count in list(step.dropped.items())[:REASONS]:
        yield f"  {step.step:<14}{count:>8,}  {reason}"
    rest = list(step.dropped.values())[REASONS:]
    if rest:
        yield f"  {step.step:<14}{sum(rest):>8,}  for {len(rest)} other reasons (--format json)"


def _samples(step: State) -> Iterator[str]:
    for line in step.samples:
        place = ":".join(part for part in (line["file"], line["place"]) if part)
        detail = f": {line['detail']}" if line["detail"] else ""
        yield f"  {step.step}  {line['row'] or place}  {line['action']}, {line['reason']}{detail}"
        for mark, text in (("-", line["before"]), ("+", line["after"])):
            if text:
                yield textwrap.shorten(text, WIDTH - 6, initial_indent=f"    {mark} ")


def story(found: Story) -> str:
    """A row's story, in the order in which it happened."""
    row = found.row
    lines = [f"{found.id}: {found.where}"]
    if row:
        place = ", ".join(part for part in (row.file, row.place) if part)
        lines.append(f"from {place}")
    if found.parents:
        lines.append(f"made from {', '.join(found.parents)}")
    if found.making:
        lines.append(_making(found.making))
    for event in found.events:
        lines += _event(event, event.row if event.row != found.id else "")
    if found.children:
        lines.append(f"made of it: {', '.join(found.children)}")
    if found.outcomes:
        told = table([_outcome(it) for it in found.outcomes])
        lines += ["made of it by ftc augment:", textwrap.indent(told, "  ")]
    if row:
        if row.flags:
            lines.append(f"flags: {', '.join(row.flags)}")
        for name, value in sorted(row.notes.items()):
            lines.append(f"{name}: {_value(value)}")
        for role, content in row.turns:
            lines += [f"{role}:", textwrap.indent(content, "  ")]
    return "\n".join(lines)


def _making(it: Making) -> str:
    judged = "" if it.score is None else f", scored {it.score:.2f} by the judge"
    return f"made by {it.model or 'a model'}: {it.kind} (table {it.make} of [augment]){judged}"


def _outcome(it: Outcome) -> tuple[str, ...]:
    why = ": ".join(part for part in (it.step, it.reason, it.detail) if part)
    return (str(it.make), it.kind, it.became, it.row, why)


def _event(event: Event, of: str) -> Iterator[str]:
    detail = f": {event.detail}" if event.detail else ""
    reason = f", {event.reason}{detail}" if event.reason else ""
    yield f"  {of + ', ' if of else ''}{event.step}: {event.action}{reason}"
    for mark, text in (("-", event.before), ("+", event.after)):
        if text:
            yield textwrap.indent(text, f"    {mark} ")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def clusters(found: list[dict[str, Any]]) -> str:
    """Each group with the row that was kept, then the others and how like it they are."""
    if not found:
        return "no duplicates"
    lines = []
    for group in found:
        lines.append(f"{group['rows']:,} rows, kept {', '.join(group['kept'])}")
        for member in group["members"]:
            place = ":".join(part for part in (member["file"], member["place"]) if part)
            lines.append(f"  {member['row']}  {member['jaccard']:.2f}  {place}")
        rest = group["rows"] - len(group["kept"]) - len(group["members"])
        if rest:
            lines.append(f"  and {rest:,} more")
    return "\n".join(lines)


def statistics(found: Statistics) -> str:
    """Tokens, lengths with what they cost, composition, gaps."""
    it = found.tokens
    lines = ["", f"tokens: {it.tokens:,} in all; {found.seen}"]
    rows: list[tuple[str, ...]] = [("", "p50", "p95", "p99", "longest", "mean")]
    for part, spread in (("prompt", it.prompt), ("answer", it.answer), ("row", it.total)):
        figures = (spread.p50, spread.p95, spread.p99, spread.max, spread.mean)
        rows.append((part, *(f"{figure:,.0f}" for figure in figures)))
    lines.append(textwrap.indent(table(rows), "  "))
    if it.refused:
        lines.append(f"  {it.refused:,} rows are refused by the model's chat template")
    lines += ["", "rows by tokens", *_histogram(it.histogram, found.max_length)]
    lines += ["", "what max_length may be"]
    rows = [("", "rows that fit", "needs", "")]
    rows += [(f"{c.max_length:,}", f"{c.fits:.1%}", c.memory, c.why) for c in found.choices]
    lines.append(textwrap.indent(table(rows), "  "))
    for title, counts in found.composition.items():
        lines += ["", title, *_counts(counts)]
    if found.gaps:
        lines += ["", "missing or rare", *(f"  {gap}" for gap in found.gaps)]
    if found.make:
        lines += ["", "to have them made (ftc augment)", textwrap.indent(_tables(found.make), "  ")]
    return "\n".join(lines)


def _tables(found: Sequence[Mapping[str, str | int]]) -> str:
    rest = len(found) - TABLES
    more = f"\n# and {rest} more: --format json" if rest > 0 else ""
    return toml(found[:TABLES]).rstrip() + more


def _histogram(bars: Sequence[Bar], limit: int | None) -> Iterator[str]:
    most = max((bar.rows for bar in bars), default=0)
    for bar in bars:
        drawn = "#" * -(-40 * bar.rows // most) if most else ""
        over = "  over max_length" if limit and bar.start > limit and bar.rows else ""
        yield f"  {bar.start:>7,} - {bar.end - 1:<7,}{bar.rows:>9,}  {drawn}{over}"


def _counts(counts: dict[str, float]) -> Iterator[str]:
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {name:<32}{count:>9,.0f}"
