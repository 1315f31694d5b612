"""The comparison of two tools' rows, steps and losses: mutations must be found and explained."""

from __future__ import annotations

import pytest
from parity_told import Words, cases, plan, told

from ftc.parity.compare import compare
from ftc.parity.text import text


def compared(case, level="tokens"):
    words = Words()
    left, right = ([words.row(line) for line in case[side]] for side in ("left", "right"))
    rows = case.get("rows", 1)
    if "rows" not in case and left:
        rows = len(left) if left[0].role not in ("chosen", "rejected") else len(left) // 2
    made = plan(train_rows=rows, **case.get("plan", {}))
    both = told("axolotl", left), told("llamafactory", right)
    return compare(made, both, level, words.pieces)


@pytest.mark.parametrize("case", cases("rows"), ids=lambda it: it["name"])
def test_rows(case):
    report = compared(case)
    assert dict(report.counts.differences) == case["kinds"], text(report)
    assert sorted({it.reason.name for it in report.groups}) == sorted(case["reasons"]), text(report)
    assert report.equal is case["equal"], text(report)
    assert report.counts.harmless == case.get("harmless", 0)
    if "places" in case:
        alone = [it for it in report.rows if it.kind in ("dropped", "extra")]
        assert [f"{it.part} row {it.row}" for it in alone] == case["places"]
