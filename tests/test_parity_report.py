"""The report as text, JSON and a page: complete, stable, and safe whatever the rows hold."""

from __future__ import annotations

import json
import os
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parity_told import Words, plan, schedule, told

from ftc.parity import known
from ftc.parity.align import changes, paired
from ftc.parity.compare import compare
from ftc.parity.page import page
from ftc.parity.records import UNTRAINED, Row
from ftc.parity.report import SCHEMA, Reason
from ftc.parity.text import WIDTH, text
from ftc.plan import Plan

GOLDEN = Path(__file__).parent / "parity_compare" / "report.txt"
ATTACK = '<script>alert(1)</script><img src=x onerror="a">\'"&\x1b[31m'


def whole():
    """A report with something of everything."""
    words = Words()
    end = "*<|im_end|>"
    left = [
        words.row(f"<|im_start|>¦user\n¦Hi¦<|im_end|>¦\n¦*Yes¦{end}¦\n"),
        words.row(f"Hi¦*Yes¦{end}¦\n¦Go on¦*Well¦{end}¦\n"),
        words.row(f"Dropped¦*row¦{end}"),
        words.row(f"One¦two¦three¦*Yes¦{end}¦\n"),
    ]
    block = "<think>¦\n\n¦</think>¦\n\n"
    right = [
        words.row(f"<|im_start|>¦user\n¦Hi¦<|im_end|>¦\n¦*Yes¦{end}¦*\n"),
        words.row(f"Hi¦{block}¦*Yes¦{end}¦*\n¦Go on¦*Well¦{end}¦*\n"),
        words.row(f"One¦2¦three¦*Yes¦{end}¦*\n"),
    ]
    made = plan(train_rows=4, family="qwen3")
    one = schedule(made, arguments={"loss_average": "micro-batches"})
    two = schedule(made, arguments={"warmup_steps": 5})
    both = (
        told("axolotl", left, version="0.19.0", schedule=one, losses=(7.63, 7.38)),
        told("llamafactory", right, schedule=two, losses=(7.64, 7.39), settings={"seed": 7}),
    )
    places = {"train": [f"rows.jsonl:{n}" for n in range(1, 5)]}
    predicted = replace(both[1], losses=(7.63, 7.38))
    return compare(made, both, "loss", words.pieces, sources=places, predicted=predicted)


def attacked():
    words = Words()
    both = (
        told("axolotl", [words.row(f"{ATTACK}¦a¦*Yes¦*{ATTACK}")]),
        told("llamafactory", [words.row(f"{ATTACK}¦{ATTACK}2¦*Yes¦{ATTACK}")], settings={}),
    )
    return compare(plan(name="x<b>"), both, "tokens", words.pieces, sources={"train": [ATTACK]})


def test_the_text_is_as_it_was():
    found = text(whole())
    if os.environ.get("FTC_UPDATE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")
    assert max(map(len, found.splitlines())) <= WIDTH


def test_the_text_holds_no_control_characters():
    found = text(attacked())
    assert all(character.isprintable() or character == "\n" for character in found)
    assert "alert(1)" in found


def test_json_holds_everything_and_comes_back():
    report = whole()
    data = report.as_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["schema"] == SCHEMA == 1
    assert data["equal"] is False
    assert data.keys() == {it.name for it in fields(report)} | {"equal"}
    assert data["counts"]["differences"] == {"labels": 4, "ids": 2, "dropped": 1, "values": 4}
    assert data["counts"]["harmless"] == 4
    assert data["losses"]["against"] == "prediction"
    listed = [group["count"] for group in data["groups"]]
    assert sum(listed) == sum(data["counts"]["differences"].values())


def test_json_says_numbers_that_it_cannot_hold_as_text():
    report = whole()
    curves = replace(report.losses, sides=((float("nan"),), (float("inf"),)))
    data = replace(report, losses=curves).as_dict()
    assert data["losses"]["sides"] == [["nan"], ["inf"]]
    json.dumps(data, allow_nan=False)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes = [], set(), set()
        self.words = ""

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("report", [whole(), attacked()], ids=["whole", "attacked"])
def test_the_page_is_sound_and_runs_nothing(report):
    parser = Tags()
    parser.feed(page(report))
    assert parser.open == []
    assert not parser.seen & {"script", "img", "link", "iframe", "object", "form", "a", "b2"}
    assert not {name for name in parser.attributes if name.startswith("on")}
    assert not parser.attributes & {"src", "href"}
    for group in report.groups:
        assert group.reason.what in parser.words
        assert group.reason.remedy in parser.words
    for it in report.values:
        assert it.text in parser.words
    assert report.plan["name"] in parser.words


def test_the_page_shows_an_attack_as_text():
    made = page(attacked())
    assert "<script" not in made
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in made
    assert "x&lt;b&gt;" in made


def test_the_page_marks_trained_tokens_and_asks_for_nothing_remote():
    made = page(whole())
    assert re.search(r'<span class="token trained" title="id \d+, trained on">', made)
    assert "prefers-color-scheme: dark" in made
    assert not re.search(r"https?://|url\(|@import", made)


def test_every_entry_of_the_table_can_be_met():
    """A misspelt setting, kind or tool would never match."""
    names = [it.reason.name for it in known.entries()]
    assert len(names) == len(set(names)) > 15
    kinds = {"ids", "labels", "mask", "role", "cut", "dropped", "extra", ""}
    settings = set(Plan.__dataclass_fields__)
    for it in known.entries():
        assert it.kind in kinds
        assert bool(it.kind) is not bool(it.values)
        assert {it.tool, it.has or it.tool} <= {"axolotl", "llamafactory"}
        assert set(it.when) <= settings
        assert all((it.reason.what, it.reason.why, it.reason.remedy, it.reason.source))
        assert it.reason.neutralise in ("always", "exact", "never")
        re.compile(it.pattern.replace("{turn_end}", "x").replace("{other}", "x"))
    assert [it.reason.name for it in known.entries() if it.reason.harmless] == [
        "line-break-after-turn"
    ]
    for raw in known.table()["unchecked"]:
        assert set(raw.get("when", {})) <= settings
        assert raw["level"] in ("tokens", "steps", "loss")


def test_the_table_cannot_call_anything_but_a_line_break_harmless():
    reason = Reason("all", "all", "all", "never", "", harmless=True)
    entry = known.Entry(reason, "llamafactory", "labels", "llamafactory", pattern=".*")
    good = known.Seen("labels", "llamafactory", "\n", "\n", "x", 1, turn=True)
    assert known.tokens_reason([entry], plan(), good) is reason
    for bad in ({"text": " "}, {"count": 2}, {"turn": False}, {"kind": "ids"}):
        entries = [replace(entry, kind=bad.get("kind", "labels"), other=".*")]
        assert known.tokens_reason(entries, plan(), replace(good, **bad)) is None


IDS = st.lists(st.integers(0, 6), max_size=30)


@given(IDS, IDS)
def test_changes_lead_from_one_list_to_the_other(left, right):
    made, at = [], 0
    for (start, stop), (there, end) in changes(left, right):
        assert (start, there) != (stop, end)
        made += left[at:start]
        assert len(made) == there
        made += right[there:end]
        at = stop
    assert made + left[at:] == right


def rows(lists):
    return [Row(tuple(it), tuple(it), (1,) * len(it)) for it in lists]


@given(st.lists(IDS, max_size=12), st.lists(IDS, max_size=12))
def test_every_row_is_paired_once_and_in_order(left, right):
    pairs = list(paired(rows(left), rows(right)))
    assert [i for i, _ in pairs if i is not None] == list(range(len(left)))
    assert [j for _, j in pairs if j is not None] == list(range(len(right)))


@given(st.lists(IDS, min_size=1, max_size=12, unique_by=tuple), st.data())
def test_dropped_rows_are_the_ones_that_are_missing(lists, data):
    gone = data.draw(st.sets(st.integers(0, len(lists) - 1), max_size=len(lists) - 1))
    fewer = [it for n, it in enumerate(lists) if n not in gone]
    pairs = list(paired(rows(lists), rows(fewer)))
    assert {i for i, j in pairs if j is None} == gone


TOKENS = st.tuples(st.integers(0, 9), st.booleans(), st.booleans())
ROW = st.lists(TOKENS, min_size=1, max_size=12)


def row(tokens):
    ids = tuple(number for number, _, _ in tokens)
    labels = tuple(number if on else UNTRAINED for number, on, _ in tokens)
    return Row(ids, labels, tuple(int(on) for _, _, on in tokens))


@settings(max_examples=200)
@given(st.lists(ROW, min_size=1, max_size=6), st.data())
def test_no_change_of_one_token_is_missed(lists, data):
    """Ids, labels and mask: whatever is changed is found, once, in its row."""
    number = data.draw(st.integers(0, len(lists) - 1))
    place = data.draw(st.integers(0, len(lists[number]) - 1))
    column = data.draw(st.sampled_from(["ids", "labels", "mask"]))
    before = [row(it) for it in lists]
    values = list(getattr(before[number], column))
    values[place] = {"ids": 77, "mask": 1 - before[number].mask[place]}.get(
        column, UNTRAINED if values[place] != UNTRAINED else before[number].ids[place]
    )
    after = list(before)
    after[number] = replace(before[number], **{column: tuple(values)})
    made = plan(train_rows=len(lists))
    both = told("axolotl", before), told("llamafactory", after)
    report = compare(made, both, "tokens", lambda ids: [f"<{it}>" for it in ids])
    assert not report.equal
    assert {(it.row, it.kind) for it in report.rows} == {(number + 1, column)}
