"""An estimate as text for a terminal of 80 columns: plain, or with the bars in colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ftc.estimate.bars import LETTERS, MARK, cells
from ftc.estimate.moments import meaning, remedies
from ftc.estimate.report import Report, Tool
from ftc.estimate.verdict import UNCERTAIN
from ftc.estimate.words import (
    LEAST,
    between,
    count,
    disk_line,
    figure,
    figure_labels,
    gib,
    headline,
    model_line,
    near_cells,
    price_line,
    printable,
    reasons,
    run_line,
    time_lines,
)
from ftc.memory.phases import PARTS, Phase
from ftc.views import value

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 80
LABEL = 18  # characters before a column or a bar
COLUMN = 20
Segment = tuple[str, str]  # text, style
Line = list[Segment]

STYLES: dict[str, str] = {
    "weights": "white on rgb(31,78,140)",
    "quantization": "white on rgb(74,124,184)",
    "reference": "black on rgb(140,178,220)",
    "adapter": "white on rgb(18,110,90)",
    "gradients": "black on rgb(66,168,138)",
    "optimizer": "black on rgb(150,212,186)",
    "checkpoints": "black on rgb(244,190,90)",
    "block": "black on rgb(224,138,50)",
    "loss": "white on rgb(186,60,52)",
    "sharding": "white on rgb(122,80,150)",
    "overhead": "white on rgb(110,110,118)",
    "context": "black on rgb(160,160,168)",
    "idle cache": "dim",
    "budget": "bold red",
    "fits": "bold green",
    "may not fit": "bold yellow",
    "does not fit": "bold red",
    "not judged": "bold",
    "title": "bold",
    "faint": "dim",
}


def lines(report: Report) -> Iterator[Line]:
    """The whole report, a list of (text, style) a line; styles are keys of STYLES or "".

    What cannot be printed is written as an escape: names come from files of others.
    """
    for line in _lines(report):
        yield [(printable(text), style) for text, style in line]


def _lines(report: Report) -> Iterator[Line]:
    verdict = report.verdict
    yield [(f"{report.plan.name}: ", "title"), (verdict, verdict)]
    for said in (model_line(report), run_line(report), headline(report)):
        yield from _wrapped(said, "  ")
    for alike in _alike(report.tools):
        yield []
        yield from _tool(report, alike)
    yield from _choices(report)
    yield from _remedies(report)


def plain(laid: Iterable[Line]) -> str:
    """The lines without styles."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in laid)


def coloured(laid: Iterable[Line], console: Console) -> None:
    """The same lines in colour; letters stay in the bars, for those who do not see colours."""
    from rich.text import Text  # noqa: PLC0415 - rich costs start-up time

    for line in laid:
        styled = [(text, STYLES.get(style, "")) for text, style in line]
        console.print(Text.assemble(*styled), soft_wrap=True, highlight=False)


def _alike(tools: Iterable[Tool]) -> list[list[Tool]]:
    """Tools that hold the same and take the same time are told together."""
    found: list[list[Tool]] = []
    for tool in tools:
        same = [
            it
            for it in found
            if replace(it[0], backend=tool.backend, version=tool.version, job=tool.job) == tool
        ]
        same[0].append(tool) if same else found.append([tool])
    return found


def _tool(report: Report, alike: list[Tool]) -> Iterator[Line]:
    tool = alike[0]
    budget, full = report.hardware.vram_gb, tool.fullest
    names = " and ".join(it.name for it in alike)
    yield [(f"{names}: ", "title"), (tool.verdict, tool.verdict)]
    low, high = tool.span(full)
    of = f" of {gib(budget)}" if budget is not None else ""
    yield from _wrapped(f"needs {gib(full.needed)} GiB ({between(low, high)}){of}", "  ")
    yield from _wrapped(f"fullest at the {full.name}: {meaning(full)}", "  ")
    if tool.verdict in UNCERTAIN and (open_to := remedies(full, tool.job)):
        yield from _wrapped(f"what makes it smaller: {', '.join(open_to)}", "  ")
    yield []
    yield from _bars(report, tool)
    yield []
    yield from _table(tool)
    yield []
    for label, reason in reasons(tool):
        yield from _wrapped(reason, f"  {label:<{LABEL}}")
    for note in tool.notes:
        yield from _wrapped(note, f"  {'note':<{LABEL}}")
    first = report.tools[0]
    if tool is first or near_ids(tool) != near_ids(first):
        yield from _near(tool)
    for label, said in (
        *time_lines(tool.timing, report.hardware.name),
        *price_line(report, tool),
        ("disk", disk_line(tool.disk)),
    ):
        yield from _wrapped(said, f"  {label:<{LABEL}}")


def _bars(report: Report, tool: Tool) -> Iterator[Line]:
    budget = report.hardware.vram_gb
    width = WIDTH - LABEL - 2
    scale = max([budget or 0.0, *(phase.device for phase in tool.phases)])
    for phase in tool.phases:
        bar = [(text, part) for part, text in cells(phase.parts, scale, width, budget)]
        yield [(f"  {phase.name:<{LABEL}}", ""), *bar]
    said = f"0 to {gib(scale)} GiB"
    said += f", {MARK} the budget of {gib(budget)}" if budget is not None else ""
    yield [(f"  {'':<{LABEL}}{said}", "faint")]


def _table(tool: Tool) -> Iterator[Line]:
    names = [phase.name for phase in tool.phases]
    yield [(f"  {'GiB':<{LABEL}}" + "".join(f"{name:>{COLUMN}}" for name in names), "faint")]
    for part in PARTS:
        sizes = [phase.parts.get(part, 0.0) for phase in tool.phases]
        if max(sizes) >= LEAST:
            row = "".join(f"{gib(size) if size else '-':>{COLUMN}}" for size in sizes)
            yield [("  ", ""), (LETTERS[part], part), (f" {part:<{LABEL - 2}}{row}", "")]
    yield from _figures(tool, tool.phases)


def _figures(tool: Tool, found: Iterable[Phase]) -> Iterator[Line]:
    for key, label in figure_labels(tool).items():
        row = ""
        for phase in found:
            row += f"{figure(tool, phase, key):>{COLUMN}}"
        yield [(f"  {label:<{LABEL}}{row}", "title" if key == "needed" else "")]


def _near(tool: Tool) -> Iterator[Line]:
    if not tool.near:
        return
    yield []
    head = f"{'nearest measured runs, GiB':<40}{'measured':>10}{'predicted':>11}{'error':>9}"
    yield [(f"  {head}", "faint")]
    for near in tool.near:
        name, measured, predicted, error, source = near_cells(near)
        yield [(f"  {name:<40.40}{measured:>10}{predicted:>11}{error:>9}", "")]
        yield from _wrapped(source, "    ", "faint")
    yield []


def near_ids(tool: Tool) -> list[str]:
    """Which measured runs stand beside a tool's figures."""
    return [near.row.id for near in tool.near]


def _choices(report: Report) -> Iterator[Line]:
    if not report.choices:
        return
    yield []
    yield [
        ("chosen for the memory budget", "title"),
        (" (ftc explain has the whole chain)", "faint"),
    ]
    for choice in report.choices:
        yield from _wrapped(f"{choice.setting} = {value(choice.value)}: {choice.text}", "  ")


def _remedies(report: Report) -> Iterator[Line]:
    if not report.remedies:
        return
    yield []
    yield [(f"what would fit, cheapest first ({count(len(report.remedies), 'change')})", "title")]
    for it in report.remedies:
        yield from _wrapped(f"{it.text}: needs {gib(it.needed)} GiB", "  - ")


def _wrapped(said: str, start: str, style: str = "") -> Iterator[Line]:
    for line in textwrap.wrap(
        said,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    ):
        yield [(line, style)]
