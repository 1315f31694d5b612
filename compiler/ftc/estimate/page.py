"""An estimate as one HTML page that stands alone: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from ftc.estimate import plot
from ftc.estimate.bars import LETTERS
from ftc.estimate.grid import Grid, grid
from ftc.estimate.moments import meaning, remedies
from ftc.estimate.report import Report, Tool
from ftc.estimate.verdict import UNCERTAIN
from ftc.estimate.words import (
    LEAST,
    between,
    disk_line,
    figure,
    figure_labels,
    gib,
    headline,
    model_line,
    near_cells,
    price_line,
    reasons,
    run_line,
    time_lines,
)
from ftc.memory.phases import PARTS
from ftc.render import render
from ftc.views import value

TEMPLATE = "report/estimate.html.j2"


def page(report: Report) -> str:
    """The page. All text is escaped by the template; the figures are drawn here."""
    return render(TEMPLATE, **_content(report))


def _content(report: Report) -> dict[str, Any]:
    return {
        "title": report.plan.name,
        "verdict": report.verdict,
        "lines": [model_line(report), run_line(report), headline(report)],
        "bars": _inline(plot.bars(report), "bars"),
        "grids": _inline(plot.grids(report), "grids"),
        "tools": [_tool(report, tool) for tool in report.tools],
        "choices": [(it, value(it.value)) for it in report.choices],
        "remedies": [(it.text, gib(it.needed)) for it in report.remedies],
        "errors": [it for it in report.findings if it.severity == "error"],
    }


def _inline(svg: str, name: str) -> str:
    """An SVG that takes the page's own colour of text, and whose ids are its own."""
    body = svg[svg.index("<svg") :].replace(plot.INK, "currentColor")
    body = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", body)
    return body.replace("<svg ", '<svg aria-hidden="true" ', 1)


def _tool(report: Report, tool: Tool) -> dict[str, Any]:
    full, budget = tool.fullest, report.hardware.vram_gb
    return {
        "name": tool.name,
        "verdict": tool.verdict,
        "needs": f"{gib(full.needed)} GiB ({between(*tool.span(full))})"
        + (f" of {gib(budget)}" if budget is not None else ""),
        "fullest": f"{full.name}: {meaning(full)}",
        "remedy": ", ".join(remedies(full, tool.job)) if tool.verdict in UNCERTAIN else "",
        "level": tool.confidence.level,
        "reasons": [reason for _, reason in reasons(tool)],
        "phases": [phase.name for phase in tool.phases],
        "parts": _parts(tool),
        "figures": [
            (label, [figure(tool, phase, name) for phase in tool.phases])
            for name, label in figure_labels(tool).items()
        ],
        "near": [near_cells(near) for near in tool.near],
        "facts": [
            *time_lines(tool.timing, report.hardware.name),
            *price_line(report, tool),
            ("disk", disk_line(tool.disk)),
            *(("note", note) for note in tool.notes),
        ],
        "grid": _grid(grid(report, tool)),
    }


def _parts(tool: Tool) -> list[tuple[str, str, list[str]]]:
    """Name, colour and a size for each phase."""
    rows = []
    for part in sorted(PARTS, key=list(LETTERS).index):
        sizes = [phase.parts.get(part, 0.0) for phase in tool.phases]
        if max(sizes) >= LEAST:
            rows.append((part, plot.COLOURS[part], [gib(it) if it else "" for it in sizes]))
    return rows


def _grid(it: Grid) -> dict[str, Any]:
    rows = [
        (f"{batch:,}", [(gib(cell.needed), cell.verdict, cell.planned) for cell in row])
        for batch, row in zip(it.batches, it.rows, strict=True)
    ]
    return {"lengths": [f"{length:,}" for length in it.lengths], "rows": rows}
