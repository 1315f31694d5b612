"""Draws prepared data with Matplotlib: rows step by step, their lengths, their composition."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ftc.estimate.plot import BUDGET, STYLE, saved
from ftc.survey.statistics import Statistics
from ftc.survey.steps import Survey

KEPT, DROPPED, BARS = "#1f4e8c", "#eeaea4", "#42a88a"
WIDE, STEPS_HIGH, LENGTHS_HIGH, LINE = 11.0, 3.2, 3.6, 0.26  # inches
MOST = 12  # bars of a title


def picture(state: Survey, told: Statistics | None, form: str) -> bytes:
    """All of it, as "svg" or "png". The same data gives the same bytes."""
    counts = {title: _most(it) for title, it in told.composition.items()} if told else {}
    low = max((len(it) for it in counts.values()), default=0) * LINE + 0.8
    heights = [STEPS_HIGH, *([LENGTHS_HIGH] if told else []), *([low] if counts else [])]
    with mpl.rc_context(STYLE):
        figure: Any = Figure(figsize=(WIDE, sum(heights)), layout="constrained")
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _steps(parts[0].subplots(), state)
        if told:
            _lengths(parts[1].subplots(), told)
        if counts:
            _composition(parts[2].subplots(1, len(counts), squeeze=False)[0], counts)
        return saved(figure, form, transparent=False)


def _steps(axes: Any, state: Survey) -> None:
    names = [step.step for step in state.steps]
    kept = [step.rows for step in state.steps]
    gone = [max(step.read - step.rows, 0) for step in state.steps]
    axes.bar(names, kept, color=KEPT, label="rows that go on")
    axes.bar(names, gone, bottom=kept, color=DROPPED, label="dropped")
    for x, (rows, lost) in enumerate(zip(kept, gone, strict=True)):
        text = f"{rows:,}" + (f"\n-{lost:,}" if lost else "")
        axes.annotate(text, (x, rows + lost), ha="center", va="bottom", fontsize=8)
    axes.set_ylim(0, 1.3 * max((step.read for step in state.steps), default=1) or 1)
    axes.set_title("Rows after each step", loc="left")
    axes.legend(frameon=False, loc="upper right", ncols=2)
    axes.spines[["top", "right"]].set_visible(False)


def _lengths(axes: Any, told: Statistics) -> None:
    first = told.tokens.histogram[0]
    bars = [  # the last one may hold all that is longer than p99
        bar for bar in told.tokens.histogram if bar.end - bar.start == first.end - first.start
    ]
    axes.bar(
        [bar.start for bar in bars],
        [bar.rows for bar in bars],
        [bar.end - bar.start for bar in bars],
        align="edge",
        color=BARS,
        ec="white",
    )
    for name, high in (("p50", 1.0), ("p95", 1.0), ("p99", 0.72)):
        value = getattr(told.tokens.total, name)
        axes.axvline(value, color="#1b1f24", lw=0.8, ls=":")
        axes.annotate(
            f"{name} {value:,.0f}",
            (value, high),
            xycoords=("data", "axes fraction"),
            rotation=90,
            va="top",
            ha="right",
            fontsize=8,
        )
    wide = 1.25 * bars[-1].end
    axes.set_xlim(0, wide)
    if told.max_length:
        beyond = ", further to the right" if told.max_length > wide else ""
        label = f"max_length {told.max_length:,}{beyond}"
        axes.axvline(told.max_length, color=BUDGET, lw=1.4, label=label)
        axes.legend(frameon=False, loc="upper left")
    axes.set_title(f"Tokens of a row ({told.seen})", loc="left")
    axes.set_ylabel("rows")
    axes.spines[["top", "right"]].set_visible(False)


def _composition(places: Any, counts: dict[str, list[tuple[str, float]]]) -> None:
    for axes, (title, bars) in zip(places, counts.items(), strict=True):
        names = [name for name, _ in reversed(bars)]
        axes.barh(names, [count for _, count in reversed(bars)], color=KEPT)
        axes.set_title(title, loc="left", fontsize=10)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)


def _most(counts: dict[str, float]) -> list[tuple[str, float]]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ranked[:MOST]
