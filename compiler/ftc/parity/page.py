"""A report as one HTML page that stands alone: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftc.parity.report import Group, Report, RowDifference, named
from ftc.parity.text import NEUTRAL, counted, quoted, titled, where
from ftc.parity.values import relative, said
from ftc.render import render

TEMPLATE = "report/verify.html.j2"


def page(report: Report, templates: Path | None = None) -> str:
    """The page; `templates` is a team's own folder. All text is escaped by the template."""
    return render(TEMPLATE, templates, **_content(report))


def _content(report: Report) -> dict[str, Any]:
    listed: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for group in report.groups:
        listed[group.reason.harmless].append(_group(group, report))
    return {
        "title": f"{report.plan['name']}: {'equal' if report.equal else 'not equal'}",
        "equal": report.equal,
        "level": report.level,
        "mode": report.mode,
        "plan": {key: value or "none" for key, value in report.plan.items()},
        "tools": [titled(tool) for tool in report.tools],
        "names": [tool.name for tool in report.tools],
        "verdicts": report.verdicts,
        "counts": _counts(report),
        "groups": listed[False],
        "harmless": listed[True],
        "values": [_value(it) for it in report.values],
        "losses": _losses(report),
        "curves": report.losses,
        "unchecked": report.unchecked,
    }


def _counts(report: Report) -> list[tuple[str, str]]:
    counts = report.counts
    rows = [
        (f"rows of {part}", " and ".join(f"{it:,}" for it in sides))
        for part, sides in counts.rows.items()
    ]
    kinds = [(named(kind), f"{count:,}") for kind, count in counts.differences.items()]
    return [
        *rows,
        ("tokens compared", f"{counts.tokens:,}"),
        ("tokens trained on", " and ".join(f"{it:,}" for it in counts.trained)),
        *kinds,
        ("harmless", f"{counts.harmless:,}"),
        ("known", f"{counts.known:,}"),
        ("unexplained", f"{counts.unexplained:,}"),
    ]


def _group(group: Group, report: Report) -> dict[str, Any]:
    mine = [it for it in report.rows if it.kind == group.kind and it.reason == group.reason]
    return {
        "reason": group.reason,
        "kind": named(group.kind),
        "where": counted(group),
        "neutralise": NEUTRAL[group.reason.neutralise],
        "tokens": [
            ([quoted(text) or "nothing" for text in texts], count) for *texts, count in group.tokens
        ],
        "differences": [_difference(it) for it in mine],
        "more": group.count - len(mine) if mine else 0,
    }


def _difference(it: RowDifference) -> dict[str, Any]:
    return {
        "where": where(it),
        "before": quoted(it.before),
        "after": quoted(it.after),
        "sides": [
            {
                "row": side.row,
                "role": side.role if it.kind == "role" else "",
                "tokens": [
                    {"id": number, "text": quoted(text) or "\u00a0", "trained": on}
                    for number, text, on in zip(side.ids, side.texts, side.trained, strict=True)
                ],
                "more": side.count - len(side.ids),
            }
            for side in it.sides
        ],
    }


def _value(it: Any) -> dict[str, Any]:
    return {
        "what": it.what,
        "planned": "" if it.planned is None else said(it.planned),
        "sides": [said(side) for side in it.sides],
        "text": it.text,
    }


def _losses(report: Report) -> list[list[str]]:
    """A row a step: its number, both losses, the prediction where there is one, the difference."""
    if report.losses is None:
        return []
    curves = report.losses
    held = curves.sides[0], curves.predicted or curves.sides[1]
    columns = [*curves.sides, *([curves.predicted] if curves.predicted else [])]
    return [
        [
            str(step + 1),
            *(f"{it[step]:.9g}" if step < len(it) else "" for it in columns),
            f"{relative(held[0][step], held[1][step]):.1e}" if step < min(map(len, held)) else "",
        ]
        for step in range(max(map(len, columns)))
    ]
