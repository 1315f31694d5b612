"""What `ftc upgrade` says to a person: a list like a diff, reasons once, and figures."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from ftc.convert.kinds import TOOLS
from ftc.convert.upgrade import Finding, Upgrade
from ftc.convert.upgrade_files import Report

WIDTH = 80
MANY = 10  # configs, and notes on them


def lines(report: Report) -> Iterator[str]:
    """The whole report. A reason is given where it first comes up; of many configs, what neither
    stops nor changes a training, and is not rewritten, is only counted."""
    told: set[str] = set()
    many = len(report.upgrades) > MANY
    noted: Counter[str] = Counter()
    for it in report.upgrades:
        shown = [one for one in it.findings if not (many and _quiet(one))]
        noted.update(_reason(one) for one in it.findings if one not in shown)
        if shown:
            yield f"{it.source.path}: {_verdict(it, it.source.path in report.written)}"
            for one in shown:
                yield from _finding(it, one, told)
            yield ""
    for _, message, hint in report.refused:
        yield f"{message}" + (f"\n  try: {hint}" if hint else "")
        yield ""
    if noted:
        yield "Without effect on what is trained, or with none to speak of:"
        for reason, count in noted.most_common(MANY):
            yield from _wrapped(f"{count} x {reason}")
        yield ""
    yield from _figures(report)


def _quiet(one: Finding) -> bool:
    return not (one.breaks or one.training or one.rewritten)


def _reason(one: Finding) -> str:
    since = f"{one.version}: " if one.version else ""
    return f"{since}{one.why}"


def _verdict(it: Upgrade, written: bool) -> str:
    if written and it.changed:
        return "rewritten" + ("" if it.mended else "; it still does not load")
    if not it.loads:
        return "does not load" + ("; --write mends it" if it.mended else "")
    return "loads, and trains the same" if it.same else "loads, but trains otherwise"


def _finding(it: Upgrade, one: Finding, told: set[str]) -> Iterator[str]:
    sign = "!" if one.breaks else "~" if one.training else " "
    place = f"{sign} {it.source.path.name}:{one.line}" if one.line else f"{sign} "
    old = one.old or f"{one.path} (left out)"
    if one.rewritten:
        new = "; ".join(one.new) or "(taken out)"
        yield f"  {place}  {old} -> {new}"
    else:
        yield f"  {place}  {old}"
    for text in (_reason(one), f"to do: {one.todo}" if one.todo else ""):
        if text and text not in told:
            told.add(text)
            yield from _wrapped(text)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_long_words=False
    )


def _figures(report: Report) -> Iterator[str]:
    all_ = report.upgrades
    name = f"{TOOLS[report.line.backend]} {report.line.version}"
    load = sum(it.loads for it in all_)
    same = sum(it.loads and it.same for it in all_)
    yield f"{_many(len(all_))} for {name}: {load} load as they are, {same} of these train the same"
    rewritten = [it for it in all_ if it.changed]
    if rewritten:
        mended = sum(it.mended for it in all_)
        done = "rewritten" if report.written else "can be rewritten (--write)"
        loads = "load" if report.written else "would load"
        yield f"{len(rewritten)} {done}: {mended} {loads} then"
    by_hand = [it for it in all_ if not it.mended]
    if by_hand:
        yield f"{len(by_hand)} to change by hand: {_paths(by_hand)}"
    if report.refused:
        yield f"{len(report.refused)} could not be read as such a config"
    if report.passed:
        kinds = ", ".join(f"{number} {what}" for what, number in sorted(report.passed.items()))
        yield f"passed over in folders: {kinds}"
    if report.written:
        yield "git diff shows what was written"
    if any(it.findings for it in all_):
        yield "! does not load  ~ trains otherwise  (others: the same training)"


def _many(count: int) -> str:
    return f"{count} config" if count == 1 else f"{count} configs"


def _paths(them: Sequence[Upgrade], most: int = 5) -> str:
    names = [str(it.source.path) for it in them]
    return ", ".join(names[:most]) + (f", ... ({len(names)})" if len(names) > most else "")
