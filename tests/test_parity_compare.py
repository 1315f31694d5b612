"""The comparison of two tools' rows, steps and losses: mutations must be found and explained."""

from __future__ import annotations

from dataclasses import replace

import pytest
from parity_told import Words, cases, plan, schedule, told

from ftc.errors import FtcError
from ftc.parity.compare import compare
from ftc.parity.records import UNTRAINED, Row
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


def test_a_dropped_row_is_named_by_its_place_in_the_data():
    words = Words()
    rows = [words.row(f"{number}¦*yes") for number in range(1, 6)]
    places = {"train": [f"data.jsonl:{number * 10}" for number in range(1, 6)]}
    both = told("axolotl", rows), told("llamafactory", rows[:2] + rows[3:])
    report = compare(plan(train_rows=5), both, "tokens", words.pieces, sources=places)
    (found,) = report.rows
    assert (found.kind, found.row, found.place) == ("dropped", 3, "data.jsonl:30")
    assert [side.row for side in found.sides] == [3, None]


def test_a_limit_takes_the_place_of_the_planned_rows():
    words = Words()
    rows = [words.row("a¦*yes")]
    both = told("axolotl", rows), told("llamafactory", rows)
    made = plan(train_rows=100)
    assert not compare(made, both, "tokens", words.pieces).equal
    assert compare(made, both, "tokens", words.pieces, limit=1).equal


def test_all_are_counted_and_the_first_spelt_out():
    words = Words()
    rows = [words.row(f"{number}¦*yes¦\n") for number in range(50)]
    trained = [words.row(f"{number}¦yes¦\n") for number in range(50)]
    both = told("axolotl", rows), told("llamafactory", trained)
    report = compare(plan(train_rows=50), both, "tokens", words.pieces, shown=7)
    assert report.counts.differences == {"labels": 50}
    assert report.counts.listed == {"labels": 7}
    assert len(report.rows) == 7
    assert "and 47 more" in text(report)


def test_malformed_rows_are_refused():
    words = Words()
    good = words.row("a¦*yes")
    bad = replace(good, labels=good.labels[:1])
    with pytest.raises(FtcError, match="axolotl: row 2 of train has 2 tokens, 1 labels"):
        compare(
            plan(train_rows=2),
            (told("axolotl", [good, bad]), told("llamafactory", [good, good])),
            "tokens",
            words.pieces,
        )


def test_three_drops_among_fifty_thousand_long_rows():
    """Quadratic ways take hours here."""
    body = tuple(range(199))
    none = (UNTRAINED,) * 199
    mask = (1,) * 200
    rows = [Row((*body, 1000 + n), (*none, 1000 + n), mask) for n in range(50_000)]
    gone = {7, 20_000, 49_999}
    fewer = [row for n, row in enumerate(rows) if n not in gone]
    both = told("axolotl", rows), told("llamafactory", fewer)
    report = compare(plan(train_rows=50_000), both, "tokens", lambda ids: [str(n) for n in ids])
    assert report.counts.differences == {"dropped": 3}
    assert [it.row - 1 for it in report.rows] == sorted(gone)


def test_fifty_thousand_rows_that_all_differ_and_three_dropped():
    words = Words()
    block = [words.number(it) for it in ("<think>", "\n\n", "</think>", "\n\n")]
    start = len(words.texts)
    words.texts += [f"w{n}" for n in range(50_000)]
    body = tuple(words.number(f"w{n}") for n in range(40)) * 3

    def row(n, put_in=()):
        ids = (start + n, *body, *put_in, *body[:5])
        return Row(ids, (UNTRAINED,) * (len(ids) - 5) + body[:5], (1,) * len(ids))

    gone = {11, 30_000, 44_444}
    rows = [row(n) for n in range(50_000)]
    others = [row(n, block) for n in range(50_000) if n not in gone]
    made = plan(train_rows=50_000, family="qwen3")
    both = told("axolotl", rows), told("llamafactory", others)
    report = compare(made, both, "tokens", words.pieces)
    assert report.counts.differences == {"ids": 49_997, "dropped": 3}
    assert [it.row - 1 for it in report.rows if it.kind == "dropped"] == sorted(gone)
    assert {it.reason.name for it in report.groups} == {"", "think-block-in-history"}


@pytest.mark.parametrize(
    ("settings", "lines", "name"),
    [
        ({}, ("*a¦*<end>¦\n", "*a¦*<end>¦*\n"), "follows"),
        ({"stage": "pretrain"}, ("*a¦*b", "*a¦*b"), "first-token-counted-in-texts"),
        ({"train_on_prompt": True}, ("*a¦*b", "*a¦*b"), "first-token-counted-in-prompts"),
        ({"stage": "kto"}, ("desirable: a¦*b",) * 2, "pairs-of-kto"),
        ({}, ("a¦*b", "a¦*b"), ""),
    ],
)
def test_losses_that_differ_have_a_reason(settings, lines, name):
    words, made = Words(), plan(turn_end="<end>", **settings)
    sides = tuple(
        told(backend, [words.row(line)], losses=(loss,), schedule=schedule(made))
        for backend, line, loss in zip(("axolotl", "llamafactory"), lines, (2.0, 2.1), strict=True)
    )
    report = compare(made, sides, "loss", words.pieces)
    (found,) = [it for it in report.values if it.what == "losses"]
    assert found.reason.name == name
    assert not report.equal


def test_preference_rows_get_a_remedy_that_they_have():
    words, made = Words(), plan(stage="dpo", turn_end="<end>", train_rows=1)
    sides = tuple(
        told(backend, [words.row(f"{role}: a¦*b¦*<end>{line}") for role in ("chosen", "rejected")])
        for backend, line in (("axolotl", "¦\n"), ("llamafactory", "¦*\n"))
    )
    groups = compare(made, sides, "tokens", words.pieces).groups
    assert groups
    for group in groups:
        assert (group.reason.neutralise, "exact" in group.reason.remedy) == ("never", False)
