"""`ftc show`: what each token of a row is said to be, how that is laid out, and the command."""

import html
import io
import json
import os
import re
import subprocess
import sys
import tomllib
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import small_models
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ftc.errors import FtcError
from ftc.facts import tokenizer
from ftc.parity import listing, origins, reader
from ftc.parity.places import Borders, places
from ftc.parity.records import UNTRAINED, Row
from ftc.parity.sources import Content

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent / "parity"
CASES = tomllib.loads((HERE / "show.toml").read_text("utf-8"))["case"]
ENDS = {"llama3": "<|eot_id|>", "mistral": "</s>", "gemma": "<end_of_turn>", "phi3": "<|end|>"}
PLAN = {"stage": "sft", "device": "cpu", "gpus": 1, "zero_stage": 0, "max_steps": 1}
TRAINED = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(family, plan settings) -> the reader of a build folder, and its tokenizer."""
    root = tmp_path_factory.mktemp("builds")
    known = {}

    def of(family="chatml", **plan):
        key = json.dumps([family, plan], sort_keys=True)
        if key not in known:
            build = root / str(len(known))
            model = small_models.make(build / "model", family)
            values = PLAN | {"model": str(model), "turn_end": ENDS.get(family, "<|im_end|>")}
            (build / "plan.json").write_text(json.dumps(values | plan))
            known[key] = reader.reader(build), tokenizer.load(model / "tokenizer.json")
        return known[key]

    return of


def row(core, text, role=""):
    """A row from its text, with the trained spans between [[ and ]]."""
    ids, labels = [], []
    for number, part in enumerate(TRAINED.split(text)):
        found = core.encode(part, add_special_tokens=False).ids
        ids += found
        labels += found if number % 2 else [UNTRAINED] * len(found)
    return Row(tuple(ids), tuple(labels), (1,) * len(ids), role)


def records(case):
    given = case["record"]
    return given if isinstance(given, list) else [given]


def shown(case, made):
    it, core = made(case.get("family", "chatml"), **case.get("plan", {}))
    rows = [row(core, text, case.get("role", "")) for text in case["rows"]]
    return list(origins.rows(rows, records(case), it))


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_the_text_of_rows(case, made):
    found = shown(case, made)
    lines = list(listing.text(found))[1:]
    assert "\n".join(lines).strip("\n") == case["shown"].strip("\n")
    for one, text in zip(found, case["rows"], strict=True):
        plain = text.replace("[[", "").replace("]]", "")
        assert "".join(span.text for span in one.spans) == plain
        assert one.trained == sum(len(span.ids) for span in one.spans if span.trained)
        assert all(a.kind != b.kind or a.trained != b.trained for a, b in pairwise(one.spans))


def test_there_are_cases():
    assert len(CASES) >= 20


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_the_terminal_shows_the_same_words(case, made):
    found = shown(case, made)
    stream = io.StringIO()
    listing.coloured(found, Console(file=stream, force_terminal=True, width=4000))
    plain = re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue())
    lines = "\n".join(list(listing.text(found))[1:]).split("\n")
    assert [line.split() for line in plain.splitlines()[1:]] == [line.split() for line in lines]
    assert "\x1b[" in stream.getvalue()


def test_the_terminal_wraps_within_the_margin(made):
    said = ("long words here " * 40).strip()
    record = {"id": "x", "messages": [{"role": "user", "content": said}]}
    found = shown({"record": record, "rows": [f"<|im_start|>user\n{said}<|im_end|>\n"]}, made)
    stream = io.StringIO()
    listing.coloured(found, Console(file=stream, force_terminal=True, width=60))
    plain = re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue()).splitlines()
    wrapped = [line for line in plain if "long words" in line]
    assert len(wrapped) > 10
    assert all(len(line.rstrip()) <= 60 for line in wrapped)
    assert all(line.startswith(" " * listing.MARGIN) for line in wrapped[1:])


def test_the_page_is_whole_and_escapes_what_rows_hold(made):
    evil = '<script>alert("1")</script> & <img src=x onerror=y>'
    record = {"id": "<b>", "messages": [{"role": "user", "content": evil}]}
    record["messages"].append({"role": "assistant", "content": "'\"<i>\n</i>"})
    text = (
        f"<|im_start|>user\n{evil}<|im_end|>\n<|im_start|>assistant\n[['\"<i>\n</i><|im_end|>]]\n"
    )
    found = shown({"record": record, "rows": [text, text]}, made)
    page = listing.page(found, "a & <b>", "axolotl 0.21.0", "train")
    assert "<script" not in page
    assert "<img" not in page
    assert "<i>" not in page
    assert evil in html.unescape(page)
    assert "://" not in page  # it loads nothing
    assert page.count('<tr class="trained">') == 2 * 2 + 1  # answer and turn end, and the legend


def test_plain_data(made):
    one = shown(CASES[0], made)[0].as_dict()
    assert json.loads(json.dumps(one)) == {**one, "spans": list(map(_listed, one["spans"]))} | {
        name: list(one[name]) for name in ("ids", "notes", "warnings")
    }
    assert one["share"] == round(one["trained"] / one["tokens"], 4)


def _listed(span):
    return span | {"ids": list(span["ids"])}


WORDS = st.sampled_from(["user", "assistant", "a", "s", "im_end", "\n", " ", "ü東🎉", "Hello", "."])
TEXT = st.lists(WORDS | st.text(max_size=4), min_size=1, max_size=5).map("".join)
SAID = TEXT.map(str.strip).filter(lambda text: text and "<|" not in text and "[[" not in text)


@settings(deadline=None, max_examples=150)
@given(turns=st.lists(st.tuples(SAID, SAID), min_size=1, max_size=4))
def test_answers_are_what_is_trained_whatever_they_say(turns, made):
    """Contents that also stand in headers, in one another, or in parts of a character."""
    it, core = made("chatml")
    messages, parts = [], []
    for asked, answered in turns:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        parts.append(f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n")
        parts.append(f"[[{answered}<|im_end|>]]\n")
    made_row = row(core, "".join(parts))
    (one,) = origins.rows([made_row], [{"id": "x", "messages": messages}], it)
    spans = [span for span in one.spans if span.kind == "answer"]
    assert [span.text for span in spans] == [answered for _, answered in turns]
    assert all(span.trained for span in spans)
    assert [span.text for span in one.spans if span.kind == "prompt"] == [a for a, _ in turns]
    assert sum((span.ids for span in one.spans), ()) == made_row.ids
    assert not one.warnings


@pytest.mark.parametrize("left_out", [0, 3])
def test_a_long_chat_of_equal_turns(left_out, made):
    it, core = made("chatml")
    turn = "<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n[[ok<|im_end|>]]\n"
    messages = turns("ok", "ok") * 300
    (one,) = origins.rows(
        [row(core, turn * (300 - left_out))], [{"id": "x", "messages": messages}], it
    )
    kinds = Counter(span.kind for span in one.spans)
    assert kinds["answer"] == kinds["prompt"] == kinds["terminator"] == 300 - left_out
    assert len([said for said in one.warnings if "is not in the row" in said]) == 2 * left_out


def chats(count):
    return [
        {
            "id": f"id{number}",
            "messages": [
                {"role": "user", "content": f"What is the number after {number}?"},
                {"role": "assistant", "content": f"It is number {number + 1}, surely."},
            ],
        }
        for number in range(count)
    ]


def rendered(record):
    asked, answered = (turn["content"] for turn in record["messages"])
    return f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n[[{answered}<|im_end|>]]\n"


@pytest.mark.parametrize("kept", [[0, 1, 2, 3, 4], [0, 3, 4], [4, 3, 1, 0], [2, 2, 1]])
def test_rows_find_their_source_when_some_are_dropped_or_moved(kept, made):
    it, core = made("chatml")
    source = chats(5)
    found = origins.rows([row(core, rendered(source[number])) for number in kept], source, it)
    assert [one.number - 1 for one in found] == kept


def test_a_pack_names_all_its_rows(made):
    it, core = made("chatml", packing=True)
    source = chats(6)
    packs = [[3, 0], [5, 1, 2], [4]]
    texts = ["".join(rendered(source[number]) for number in pack) for pack in packs]
    found = list(origins.rows([row(core, text) for text in texts], source, it))
    assert [one.ids for one in found] == [tuple(f"id{n}" for n in pack) for pack in packs]
    answers = [[span.text for span in one.spans if span.kind == "answer"] for one in found]
    assert answers == [[f"It is number {n + 1}, surely." for n in pack] for pack in packs]
    assert [one.warnings for one in found] == [(), (), ()]


def test_a_normalised_content_is_found():
    text = "user: cafe\u0301 naive"
    composed = unicodedata.normalize("NFC", text)
    wanted = [Content("answer 1", "answer", 0, (("cafe\u0301 naive",),))]
    borders = Borders(frozenset({len(composed)}), frozenset({0}))
    (place,) = places(composed, borders, wanted, lambda it: unicodedata.normalize("NFC", it))
    assert composed[place.start : place.end] == "café naive"
    assert place.whole


def test_padding_is_left_out_and_said(made):
    it, core = made("chatml")
    (source,) = chats(1)
    whole = row(core, rendered(source))
    padding = core.token_to_id("<|im_end|>")
    padded = Row(
        (*whole.ids, padding, padding), (*whole.labels, -100, -100), (*whole.mask, 0, 0), ""
    )
    (one,) = origins.rows([padded], [source], it)
    (bare,) = origins.rows([whole], [source], it)
    assert one.spans == bare.spans
    assert one.notes == ("2 tokens of padding follow",)


def test_bad_builds_say_what_to_do(tmp_path, made):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN | {"model": "owner/not-here"}))
    with pytest.raises(FtcError, match="hub cache"):
        reader.reader(tmp_path)
    model = small_models.make(tmp_path / "model")
    (model / "tokenizer.json").unlink()
    (tmp_path / "plan.json").write_text(json.dumps(PLAN | {"model": str(model)}))
    with pytest.raises(FtcError, match=r"tokenizer\.json"):
        reader.reader(tmp_path)
    with pytest.raises(FtcError, match="no rows"):
        reader.records(tmp_path, "eval")
    (tmp_path / "train.jsonl").write_text("{broken\n")
    with pytest.raises(FtcError, match="cannot be read"):
        reader.records(tmp_path, "train")


def test_row_ids():
    known = chats(3)
    assert reader.numbers(known, ["id2", "id0"]) == [0, 2]
    with pytest.raises(FtcError) as error:
        reader.numbers(known, ["idd1"])
    assert "id1" in error.value.hint


RECIPE = """
name = "shown"
model = "model"
stage = "{stage}"
method = "lora"
data = {{ path = "{stage}.jsonl", eval = 0.0 }}
hardware = {{ device = "cpu" }}
training = {{ max_steps = 4, warmup_steps = 0, max_length = 200, effective_batch = 2 }}
"""
SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
IGNORED = ("--ignore", "too-many-epochs", "--ignore", "too-few-rows", "--offline")


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    """A folder with a small Qwen2.5, a recipe for chats and one for pairs."""
    folder = tmp_path_factory.mktemp("recipes")
    small_models.make(folder / "model", "qwen2.5")
    chat = [
        {
            "messages": [
                *turns(f"What comes after {n}?", f"It is {n + 1}."),
                *turns("And 東京?", "🎉"),
            ]
        }
        for n in range(12)
    ]
    pairs = [
        {"prompt": f"After {n}?", "chosen": f"It is {n + 1}.", "rejected": f"Who knows {n}?"}
        for n in range(12)
    ]
    for stage, rows in (("sft", chat), ("dpo", pairs)):
        (folder / f"{stage}.toml").write_text(RECIPE.format(stage=stage))
        lines = "".join(json.dumps(line) + "\n" for line in rows)
        (folder / f"{stage}.jsonl").write_text(lines)
    return folder


def turns(asked, answered):
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]


def show(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "ftc", "show", *arguments],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "compiler"), "OMP_NUM_THREADS": "1"}
        | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


REFUSED = [
    (["sft.toml", "-b", "nosuch"], {}, 2, "axolotl, llamafactory"),
    (["sft.toml", "-b", "axolotl", "--rows", "-1"], {}, 2, "--rows"),
    (["sft.toml", "-b", "axolotl"], {"FTC_CACHE": "nothing"}, 2, "ftc backend install axolotl"),
]
WITH_BACKEND = [
    (["sft.toml", "-b", "axolotl", "--html", "no/folder/rows.html"], 2, "no folder"),
    (["sft.toml", "-b", "axolotl", "--html", "model"], 2, "is a folder"),
    (["sft.toml", "-b", "axolotl", "--part", "eval", *IGNORED], 2, "no rows"),
    (["sft.toml", "-b", "axolotl", "--id", "zzz", *IGNORED], 2, "no row has the id"),
    (["broken.toml", "-b", "axolotl", "--offline"], 1, "nothing was built"),
]


@pytest.mark.parametrize(("arguments", "environment", "code", "says"), REFUSED)
def test_the_command_refuses(recipes, arguments, environment, code, says):
    done = show(recipes, *arguments, **environment)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.backend
@pytest.mark.parametrize(("arguments", "code", "says"), WITH_BACKEND)
def test_the_command_refuses_before_the_backend_loads(recipes, arguments, code, says):
    text = (recipes / "sft.toml").read_text()
    text = text.replace("warmup_steps = 0", "warmup_steps = 9").replace('"lora"', '"qlora"')
    (recipes / "broken.toml").write_text(text)
    done = show(recipes, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "loading" not in done.stderr


@pytest.mark.backend
@pytest.mark.parametrize("backend", ["llamafactory", "axolotl@0.21.0"])
def test_chats_in_the_real_tool(recipes, backend):
    done = show(recipes, "sft.toml", "-b", backend, "-n", "2", *IGNORED)
    assert done.returncode == 0, done.stderr
    after = "<|im_end|>⏎]]" if backend == "llamafactory" else "<|im_end|>]]"
    lines = [re.sub(r"^row (\d) .*$", r"row \1", line) for line in done.stdout.splitlines()]
    between = [] if backend == "llamafactory" else ["  template  ⏎"]
    indent = " " * listing.MARGIN
    user = "<|im_start|>user⏎"
    ask = ["  template  <|im_end|>⏎", f"{indent}<|im_start|>assistant⏎"]
    for number in (0, 1):
        expected = [
            f"row {number + 1}",
            "  template  <|im_start|>system⏎",
            f"{indent}{SYSTEM}<|im_end|>⏎",
            f"{indent}{user}",
            f"  prompt    What comes after {number}?",
            *ask,
            f"  answer    [[It is {number + 1}.]]",
            f"  turn end  [[{after}",
            *([*between, f"{indent}{user}"] if between else [f"  template  {user}"]),
            "  prompt    And 東京?",
            *ask,
            "  answer    [[🎉]]",
            f"  turn end  [[{after}",
            *between,
            f'  note: the template adds "{SYSTEM}"',
        ]
        start = lines.index(f"row {number + 1}")
        assert lines[start : start + len(expected)] == expected


@pytest.mark.backend
@pytest.mark.parametrize("backend", ["llamafactory", "axolotl@0.21.0"])
def test_pairs_in_the_real_tool(recipes, backend):
    asked = ("-n", "3", "--format", "json", "--html", "rows.html")
    done = show(recipes, "dpo.toml", "-b", backend, *asked, *IGNORED)
    assert done.returncode == 0, done.stderr
    assert (recipes / "rows.html").read_text("utf-8").count("<section") == 6
    told = json.loads(done.stdout)
    assert (told["backend"], told["part"]) == (backend.partition("@")[0], "train")
    assert [(row["number"], row["role"]) for row in told["rows"]] == [
        (number, role) for number in (1, 2, 3) for role in ("chosen", "rejected")
    ]
    for row in told["rows"]:
        number = row["number"] - 1
        texts = {
            kind: "".join(span["text"] for span in row["spans"] if span["kind"] == kind)
            for kind in ("prompt", "answer", "terminator")
        }
        better = row["role"] == "chosen"
        assert texts["answer"] == (f"It is {number + 1}." if better else f"Who knows {number}?")
        assert texts["prompt"] == f"After {number}?"
        assert texts["terminator"] == "<|im_end|>\n"
        trained = {span["kind"] for span in row["spans"] if span["trained"]}
        assert trained == {"answer", "terminator"}
        assert row["warnings"] == []
