"""Draws an estimate with Matplotlib: what fills the card, and which lengths and batches fit."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ftc.estimate.bars import LETTERS
from ftc.estimate.grid import Cell, Grid, grid
from ftc.estimate.report import Report, Tool
from ftc.estimate.words import LEAST, gib

INK = "#1b1f24"  # text and axes; a page replaces it by its own colour
ON_LIGHT = "#101418"  # text on coloured ground, the same on every page
COLOURS: dict[str, str] = {
    "weights": "#1f4e8c",
    "quantization": "#4a7cb8",
    "reference": "#8cb2dc",
    "adapter": "#126e5a",
    "gradients": "#42a88a",
    "optimizer": "#96d4ba",
    "checkpoints": "#f4be5a",
    "block": "#e08a32",
    "loss": "#ba3c34",
    "sharding": "#7a5096",
    "overhead": "#6e6e76",
    "context": "#a0a0a8",
    "idle cache": "#d5d5da",
}
GROUND = {
    "fits": "#b3d7f0",
    "may not fit": "#f6dd92",
    "does not fit": "#eeaea4",
    "not judged": "#c9d3df",
}
BUDGET = "#d1242f"
STYLE: Any = {  # Matplotlib types the keys by a list that differs between its versions
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.facecolor": "none",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "svg.fonttype": "path",
    "svg.hashsalt": "ftc",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.linewidth": 0.6,
}
DPI = 150
WIDE = 11.0  # inches


def whole(report: Report, form: str) -> bytes:
    """Both figures below one another, as SVG or PNG. The same report gives the same bytes."""
    tall, low = _bars_height(report), 4.6
    with mpl.rc_context(STYLE):
        figure: Any = Figure(figsize=(WIDE, tall + low), layout="constrained")
        upper, lower = figure.subfigures(2, 1, height_ratios=(tall, low))
        _bars(upper, report)
        _grids(lower, report)
        return saved(figure, form, transparent=False)


def bars(report: Report) -> str:
    """The stacked bars alone, as SVG without a ground."""
    return _alone(report, _bars, _bars_height(report))


def grids(report: Report) -> str:
    """Lengths and micro-batches alone, as SVG without a ground."""
    return _alone(report, _grids, 4.6)


def _alone(report: Report, draw: Any, height: float) -> str:
    with mpl.rc_context(STYLE):
        figure: Any = Figure(figsize=(WIDE, height), layout="constrained")
        draw(figure, report)
        return saved(figure, "svg", transparent=True).decode("utf-8")


def saved(figure: Any, form: str, *, transparent: bool) -> bytes:
    """A figure as a file of the form "svg" or "png"; the same figure gives the same bytes."""
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    about = {"Date": None, "Creator": "ftc"} if form == "svg" else {"Software": "ftc"}
    ground = "none" if transparent else "white"
    figure.savefig(stream, format=form, dpi=DPI, metadata=about, facecolor=ground)
    return stream.getvalue()


def _bars_height(report: Report) -> float:
    return 2.1 + 0.42 * sum(len(tool.phases) for tool in report.tools)


def _bars(figure: Any, report: Report) -> None:
    axes = figure.subplots()
    places = list(_places(report.tools))
    budget = report.hardware.vram_gb
    for y, tool, phase in places:
        left = 0.0
        for part in LETTERS:
            size = phase.parts.get(part, 0.0)
            if size:
                idle = part == "idle cache"
                axes.barh(
                    y,
                    size,
                    left=left,
                    height=0.72,
                    color=COLOURS[part],
                    edgecolor="white",
                    linewidth=0.5,
                    hatch="////" if idle else None,
                )
                left += size
        _range(axes, y, *tool.span(phase))
    most = max(budget or 0.0, *(max(p.device, t.span(p)[1]) for _, t, p in places))
    beside = {"transform": axes.get_yaxis_transform(), "ha": "left"}
    for y, _, phase in places:
        axes.text(1.01, y, gib(phase.needed), va="center", fontsize=10, **beside)
    axes.text(1.01, -0.72, "needed", va="bottom", fontsize=9, **beside)
    if budget is not None:
        axes.axvline(budget, color=BUDGET, linewidth=1.6, linestyle=(0, (5, 2)))
    axes.set_yticks([y for y, _, _ in places], [f"{t.name}  {p.name}" for _, t, p in places])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(places[-1][0] + 0.7, -0.7)
    axes.set_xlim(0, 1.02 * most)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel("GiB on one card; the line is the range of what is needed to fit")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.suptitle(_title(report), fontsize=12, fontweight="bold", color=INK)
    figure.legend(
        handles=list(_legend(report)),
        loc="outside lower center",
        ncols=7,
        frameon=False,
        fontsize=9,
    )


def _range(axes: Any, y: float, low: float, high: float) -> None:
    for colour, wide in (("white", 4.0), (ON_LIGHT, 1.6)):
        axes.plot([low, high], [y, y], color=colour, linewidth=wide, solid_capstyle="butt")
        ends = {"markersize": 9 + wide / 2, "markeredgewidth": wide}
        axes.plot([low, high], [y, y], "|", color=colour, **ends)


def _places(tools: Sequence[Tool]) -> Iterator[tuple[float, Tool, Any]]:
    """Where each bar stands: tools apart, their phases together."""
    y = 0.0
    for tool in tools:
        for phase in tool.phases:
            yield y, tool, phase
            y += 1.0
        y += 0.5


def _legend(report: Report) -> Iterator[Any]:
    found = [phase.parts for tool in report.tools for phase in tool.phases]
    for part in LETTERS:
        if any(parts.get(part, 0.0) >= LEAST for parts in found):
            idle = part == "idle cache"
            name = "idle cache (given back)" if idle else part
            yield Patch(facecolor=COLOURS[part], label=name, hatch="////" if idle else None)
    if report.hardware.vram_gb is not None:
        yield mpl.lines.Line2D(
            [],
            [],
            color=BUDGET,
            linestyle=(0, (5, 2)),
            label=f"budget {gib(report.hardware.vram_gb)}",
        )


def _title(report: Report) -> str:
    where = report.hardware.name or report.hardware.device.upper()
    text = f"{report.plan.name}: {report.verdict} ({where})"
    return text if len(text) <= 90 else f"{text[:87]}..."


def _grids(figure: Any, report: Report) -> None:
    panes = figure.subplots(1, len(report.tools), squeeze=False)[0]
    for axes, tool in zip(panes, report.tools, strict=True):
        _grid(axes, grid(report, tool), report.hardware.vram_gb)
        axes.set_title(tool.name, fontsize=10.5)
    figure.suptitle("GiB needed, by length and micro-batch", fontsize=12, fontweight="bold")
    verdicts = {c.verdict for t in report.tools for row in grid(report, t).rows for c in row}
    handles = [Patch(facecolor=GROUND[it], label=it) for it in GROUND if it in verdicts]
    handles.append(Patch(facecolor="none", edgecolor=INK, linewidth=2, label="the plan"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)


def _grid(axes: Any, it: Grid, budget: float | None) -> None:
    for y, row in enumerate(it.rows):
        for x, cell in enumerate(row):
            _cell(axes, x, y, cell)
    if budget is not None:
        for xs, ys in _border(it, budget):
            axes.plot(xs, ys, color=BUDGET, linewidth=2.2, solid_capstyle="round")
    axes.set_xlim(-0.5, len(it.lengths) - 0.5)
    axes.set_ylim(-0.5, len(it.batches) - 0.5)
    axes.set_xticks(range(len(it.lengths)), [f"{length:,}" for length in it.lengths])
    axes.set_yticks(range(len(it.batches)), [f"{batch:,}" for batch in it.batches])
    axes.tick_params(length=0)
    axes.set_xlabel("max_length, tokens")
    axes.set_ylabel("micro_batch, rows")
    for side in axes.spines.values():
        side.set_visible(False)


def _cell(axes: Any, x: int, y: int, cell: Cell) -> None:
    axes.add_patch(
        Rectangle(
            (x - 0.5, y - 0.5), 1, 1, facecolor=GROUND[cell.verdict], edgecolor="white", linewidth=1
        )
    )
    if cell.planned:
        axes.add_patch(
            Rectangle(
                (x - 0.46, y - 0.44),
                0.92,
                0.88,
                fill=False,
                edgecolor=ON_LIGHT,
                linewidth=2,
                zorder=4,
            )
        )
    text = gib(cell.needed) if cell.needed < 100 else f"{cell.needed:,.0f}"
    axes.text(x, y, text, ha="center", va="center", fontsize=9, color=ON_LIGHT)


def _border(it: Grid, budget: float) -> Iterator[tuple[list[float], list[float]]]:
    """The steps between what the formula puts below the budget and what above."""
    counts, most = it.fitting(budget), len(it.lengths)
    for y, count in enumerate(counts):
        if 0 < count < most:
            yield [count - 0.5, count - 0.5], [y - 0.5, y + 0.5]
    for y, (count, above) in enumerate(pairwise(counts)):
        if count != above:
            yield [count - 0.5, above - 0.5], [y + 0.5, y + 0.5]
