"""Data sets, splits, templates and stages of both tools and of the recipe: read, written, lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftc.backends import fields, llamafactory_data, schemas
from ftc.convert import convert as converting
from ftc.convert import source
from ftc.convert.meaning import Reading, Writing, leaves, top
from ftc.convert.rows import axolotl, axolotl_names, dataset_info, llamafactory, recipe, templates
from ftc.convert.rows.parts import gather

CASES = sorted((Path(__file__).parent / "convert" / "rows").glob("*.json"))
AXOLOTL, LLAMAFACTORY = "0.21.0", "0.9.5"
PATIENT = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def read(tool: str, config: dict[str, Any], info: dict[str, Any] | None = None) -> Reading:
    if tool == "axolotl":
        return axolotl.read(config, AXOLOTL)
    return llamafactory.read(config, LLAMAFACTORY, info)


def write(tool: str, values: dict[str, Any], source: str = "") -> Writing:
    if tool == "axolotl":
        return axolotl.write(values, AXOLOTL, source=source)
    return llamafactory.write(values, LLAMAFACTORY, source=source)


def info_of(writing: Writing) -> dict[str, Any]:
    return json.loads(next(iter(writing.files.values()), "{}"))


def accounted(tool: str, config: dict[str, Any], reading: Reading) -> None:
    """Every leaf that is read here is told of or settled; nothing else is."""
    mine = {"axolotl": axolotl.mine, "llamafactory": llamafactory.mine}[tool]
    present = [path for path, _ in leaves(config)]
    silent = {it for it in present if mine(top(it))} - reading.heard.keys() - reading.settled.keys()
    assert not silent
    assert reading.heard.keys() | reading.settled.keys() <= set(present)
    assert {it for told in reading.heard.values() for it in told} <= reading.values.keys()


def said(values: dict[str, Any], writing: Writing) -> None:
    """Every concept of rows is in a key, or it is said why not."""
    rows = {it for it in values if it.startswith("data.") or it in ("stage", "tokens")}
    assert rows <= writing.held.keys() | writing.lost.keys()
    assert writing.lost.keys() <= values.keys()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_written_for_the_other_tool_and_as_a_recipe(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    reading = read(case["tool"], case["config"], case["info"])
    accounted(case["tool"], case["config"], reading)
    assert {it: note.kind for it, note in reading.settled.items()} == case["settled"]
    for target in ({"axolotl", "llamafactory"} - {case["tool"]}) | {"recipe"}:
        if target == "recipe":
            writing = recipe.write(reading.values)
        else:
            writing = write(target, reading.values, source=case["tool"])
        said(reading.values, writing)
        assert writing.native == case[target]["native"]
        assert info_of(writing) == case[target].get("info", {})
        lost = {it: note.kind for it, note in writing.lost.items() if note.training}
        assert lost == case[target]["lost"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_comes_back_as_it_was(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    tool, config = case["tool"], case["config"]
    first = read(tool, config, case["info"])
    writing = write(tool, first.values, source=tool)
    again = read(tool, writing.native, info_of(writing))
    loss = {"preference_loss"}  # the key table of the tool reads it back
    assert again.values == {it: value for it, value in first.values.items() if it not in loss}
    assert not {it for it, note in writing.lost.items() if note.training}
    before, after = dict(leaves(config)), dict(leaves(writing.native))
    for leaf in first.heard:
        if leaf not in ("dataset", "rl"):  # blanks between names; ipo, which is a loss of dpo
            assert after[leaf] == before[leaf]


def test_cases_are_there() -> None:
    assert len(CASES) >= 15


WORDS = st.text("abcdefgh_", min_size=1, max_size=8)
KINDS = ["chat_template", "alpaca", "alpaca:phi", "completion", "input_output", "my_code.transform"]
TABLES = st.fixed_dictionaries(
    {"field_instruction": WORDS, "field_output": WORDS},
    optional={
        "field_input": WORDS,
        "field_system": WORDS,
        "system_prompt": WORDS,
        "system_format": st.just("S {system}"),
        "format": st.just("Q {instruction} {input}"),
        "no_input_format": st.just("Q {instruction}"),
    },
)
BLOCKS = st.fixed_dictionaries(
    {
        "path": st.one_of(WORDS.map("org/{}".format), WORDS.map("data/{}.jsonl".format)),
        "type": st.sampled_from(KINDS) | TABLES,
    },
    optional={
        "split": st.sampled_from(["train", "train[:10%]", "validation"]),
        "name": WORDS,
        "revision": WORDS,
        "data_files": st.lists(WORDS, min_size=1, max_size=2),
        "weight": st.floats(0.01, 1),
        "shards": st.integers(1, 9),
        "field_messages": WORDS,
        "message_property_mappings": st.dictionaries(
            st.sampled_from(["role", "content", "name"]), WORDS, min_size=1
        ),
        "roles": st.dictionaries(
            st.sampled_from(["user", "assistant", "system", "tool"]),
            st.lists(WORDS, min_size=1, max_size=3),
            min_size=1,
        ),
        "roles_to_train": st.lists(WORDS, min_size=1, max_size=2),
        "train_on_eos": st.sampled_from(["all", "turn", "last", "none"]),
        "chat_template": st.sampled_from(["llama3", "jamba", "tokenizer_default"]),
        "drop_system_message": st.booleans(),
        "no_such_key": WORDS,
        "field": WORDS,
        "trust_remote_code": st.none(),
    },
)
CONFIGS = st.fixed_dictionaries(
    {"datasets": st.lists(BLOCKS, min_size=1, max_size=3)},
    optional={
        "test_datasets": st.lists(BLOCKS, min_size=1, max_size=2),
        "val_set_size": st.sampled_from([0, 0.05, 0.5, 200]),
        "chat_template": st.sampled_from(
            ["chatml", "qwen3", "tokenizer_default", "tokenizer_default_fallback_chatml", "jamba"]
        ),
        "chat_template_kwargs": st.dictionaries(
            st.sampled_from(["enable_thinking", "x"]), st.booleans(), min_size=1
        ),
        "eot_tokens": st.lists(WORDS, min_size=1, max_size=2),
        "streaming": st.booleans(),
        "shuffle_merged_datasets": st.booleans(),
        "rl": st.sampled_from(["grpo"]),
        "dataset_prepared_path": WORDS,
    },
)


@PATIENT
@given(CONFIGS)
def test_random_data_sets_of_axolotl_survive(config: dict[str, Any]) -> None:
    first = read("axolotl", config)
    accounted("axolotl", config, first)
    writing = write("axolotl", first.values, source="axolotl")
    said(first.values, writing)
    assert read("axolotl", writing.native).values == first.values
    before, after = dict(leaves(config)), dict(leaves(writing.native))
    assert {it: before[it] for it in first.heard} == {it: after.get(it) for it in first.heard}
    said(first.values, write("llamafactory", first.values, source="axolotl"))
    said(first.values, recipe.write(first.values))


COLUMNS = [
    "prompt", "query", "response", "history", "messages", "system", "tools", "images", "chosen",
    "rejected", "kto_tag",
]  # fmt: skip
TAGS = ["user_tag", "assistant_tag", "observation_tag", "function_tag", "system_tag"]
PLACES = st.sampled_from(
    [
        {"file_name": "rows.json"},
        {"file_name": "more/rows.csv"},
        {"hf_hub_url": "org/rows"},
        {"hf_hub_url": "org/rows", "ms_hub_url": "org/mirror"},
        {"cloud_file_name": "s3://bucket/rows.json"},
        {"script_url": "code"},
    ]
)


def attributes(entry: dict[str, Any], stage: str) -> dict[str, Any]:
    """What LLaMA-Factory makes of an entry (`data/parser.py`), less what its converter ignores."""
    found = {key: entry.get(key) for key in ("subset", "folder", "num_samples")}
    found |= {key: value for key, value in entry.items() if key.endswith(("_url", "file_name"))}
    found["split"] = entry.get("split", "train")
    found["formatting"] = formatting = entry.get("formatting", "alpaca")
    found["ranking"] = bool(entry.get("ranking", False))
    usual = dataset_info._DEFAULT_COLUMNS
    columns = entry.get("columns", usual)
    used = {key: columns.get(key) for key in COLUMNS}
    alone = ("prompt", "query", "response", "history") if formatting != "alpaca" else ("messages",)
    found |= {key: value for key, value in used.items() if key not in alone}
    if formatting != "alpaca":
        tags = entry.get("tags", dataset_info._DEFAULT_TAGS)
        found |= {key: tags.get(key) for key in (*TAGS, "role_tag", "content_tag")}
    return found


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    entry = dict(draw(PLACES))
    formatting = draw(st.sampled_from(["alpaca", "sharegpt", "openai", None]))
    if formatting:
        entry["formatting"] = formatting
    if draw(st.booleans()):
        entry |= {"subset": draw(WORDS), "split": "train[:10%]", "num_samples": 7}
    kind = draw(st.sampled_from(["plain", "ranking", "kto"]))
    columns = {} if formatting in ("sharegpt", "openai") else {"prompt": draw(WORDS)}
    if formatting in ("sharegpt", "openai"):
        columns["messages"] = draw(WORDS)
    elif kind != "ranking":
        columns["response"] = draw(WORDS)
    if kind == "ranking":
        entry["ranking"] = True
        columns |= {"chosen": draw(WORDS), "rejected": draw(WORDS)}
    if kind == "kto":
        columns["kto_tag"] = draw(WORDS)
    columns |= draw(st.dictionaries(st.sampled_from(["system", "tools", "images"]), WORDS))
    if kind != "plain" or draw(st.booleans()):
        entry["columns"] = columns
    if formatting in ("sharegpt", "openai") and draw(st.booleans()):
        entry["tags"] = {"role_tag": draw(WORDS), "content_tag": draw(WORDS)}
        entry["tags"] |= {tag: f"{tag}_{draw(WORDS)}" for tag in TAGS}
    return entry


@PATIENT
@given(st.lists(entries(), min_size=1, max_size=3), st.sampled_from(["sft", "pt", "dpo", "kto"]))
def test_random_entries_of_dataset_info_mean_the_same(
    made: list[dict[str, Any]], stage: str
) -> None:
    info = {f"set{number}": entry for number, entry in enumerate(made)}
    config = {"stage": stage, "dataset": ",".join(info), "template": "qwen", "do_train": True}
    first = read("llamafactory", config, info)
    accounted("llamafactory", config, first)
    writing = write("llamafactory", first.values, source="llamafactory")
    said(first.values, writing)
    assert writing.native == config
    again = info_of(writing)
    for name, entry in info.items():
        before, after = attributes(entry, stage), attributes(again[name], stage)
        if before.pop("file_name", None):
            assert dataset_info._inside("data/x", "data") == "x"
            assert after.pop("file_name") == entry["file_name"]
        assert {it: after.get(it) for it in before} == before
    said(first.values, write("axolotl", first.values, source="llamafactory"))
    said(first.values, recipe.write(first.values))


FORMATS = ["messages", "sharegpt", "alpaca", "text", "preference", "kto", "segments"]


@PATIENT
@given(
    st.lists(
        st.fixed_dictionaries(
            {"hub": WORDS.map("org/{}".format), "format": st.sampled_from(FORMATS)},
            optional={"split": WORDS, "samples": st.integers(1, 99), "system": WORDS},
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([0.0, 0.1, 0.25]),
)
def test_random_tables_of_a_recipe_survive(made: list[dict[str, Any]], share: float) -> None:
    data = {**made[0], "eval": share} | ({"also": made[1:]} if made[1:] else {})
    tables = {"stage": "sft", "data": data}
    first = recipe.read(tables)
    writing = recipe.write(first.values)
    said(first.values, writing)
    assert writing.native == tables
    assert not [note for note in writing.lost.values() if note.training]


def test_a_recipe_with_columns_of_its_own() -> None:
    data = {"path": "faq.csv", "format": "columns", "columns": {"prompt": "q", "output": "a"}}
    tables = {"stage": "sft", "data": data, "model": {"family": "llama3"}}
    reading = recipe.read(tables)
    assert reading.values["data.train[0].columns.instruction"] == "q"
    assert reading.values["data.eval_share"] == 0.1  # the recipe's default
    assert recipe.write(reading.values).native == {
        "stage": "sft",
        "data": {**data, "eval": 0.1},
        "model": {"family": "llama3"},
    }


def test_a_stage_that_no_recipe_has_is_lost() -> None:
    values = read("axolotl", {"rl": "grpo", "datasets": [{"path": "o/d", "type": "x.y"}]}).values
    writing = recipe.write(values)
    assert values["stage"] == "grpo"
    assert writing.lost["stage"].training
    assert "stage" not in writing.native
    assert write("llamafactory", values).lost["stage"].training


def test_a_key_that_an_older_version_lacks_is_dead_there() -> None:
    config = {"datasets": [{"path": "o/d", "type": "chat_template", "weight": 0.5}]}
    new, old = axolotl.read(config, AXOLOTL), axolotl.read(config, "0.19.0")
    assert new.values["data.train[0].weight"] == 0.5
    assert old.settled["datasets[0].weight"].kind == "ignored"
    writing = axolotl.write(new.values, "0.19.0", source="axolotl")
    assert "weight" not in writing.native["datasets"][0]
    assert writing.lost["data.train[0].weight"].training


def test_null_keys_are_left_out() -> None:
    config = {"datasets": [{"path": "o/d", "type": "alpaca", "split": None}], "test_datasets": None}
    reading = read("axolotl", config)
    accounted("axolotl", config, reading)
    assert {it.why for it in reading.settled.values()} == {
        "null is the same as leaving the key out"
    }


@pytest.mark.parametrize("value", [[], "rows.json", ["rows.json"]])
def test_data_sets_that_are_no_tables_are_told(value: Any) -> None:
    config = {"datasets": value}
    reading = read("axolotl", config)
    accounted("axolotl", config, reading)
    assert list(reading.settled) == ["datasets"]


def test_a_data_set_of_which_only_the_name_is_known_is_lost_for_training() -> None:
    config = {"dataset": "faq", "dataset_dir": "sets"}
    values = read("llamafactory", config).values
    assert gather(values, "train") == [{"name": "faq"}]
    assert write("axolotl", values).lost["data.train[0].name"].training
    assert recipe.write(values).lost["data.train[0].name"].training


@pytest.mark.parametrize("backend", ["axolotl", "llamafactory"])
def test_every_key_of_data_is_read(backend: str) -> None:
    module = {"axolotl": axolotl, "llamafactory": llamafactory}[backend]
    data = [path for path, entry in fields.table(backend).items() if entry.data]
    assert {top(path.replace("[]", "")) for path in data} <= module.KEYS
    blocks = ("datasets[].", "test_datasets[].", "pretraining_dataset[].")
    inner = [path.partition("[].")[2] for path in data if path.startswith(blocks)]
    for name in inner:
        if name.startswith("type."):
            assert name.removeprefix("type.") in {*axolotl_names.FORMATS, "*"}
        else:
            first = name.partition(".")[0]
            known = (*axolotl_names.PARTS, *axolotl_names.NAMED, *axolotl_names.UNREAD)
            assert first in known or first in (
                "path", "type", "chat_template", "roles", "message_property_mappings",
            ), first  # fmt: skip


def test_templates_are_words_of_the_tools_and_one_name_each() -> None:
    whole = schemas._load("axolotl", AXOLOTL)
    words = whole["$defs"]["ChatTemplate"]["enum"]
    registered = schemas.fields("llamafactory", LLAMAFACTORY)["template"]["choices"]
    for pair in templates.PAIRS:
        assert pair.axolotl in {*words, ""}
        assert pair.llamafactory in registered
    assert len(templates.BY_NAME) == len(templates.PAIRS)
    assert {*templates.TURNS} <= {*templates.BY_NAME}
    assert {*llamafactory_data.TEMPLATES} - {"qwen3-2507"} <= {*templates.BY_NAME}


@pytest.mark.parametrize("word", ["chatml", "tokenizer_default_fallback_llama3", "jamba", "jinja"])
def test_a_template_of_axolotl_comes_back(word: str) -> None:
    assert templates.to_axolotl(templates.from_axolotl(word)) == word


@pytest.mark.parametrize("word", ["chatml", "qwen3_nothink", "moss_vl", "phi"])
def test_a_template_of_llamafactory_comes_back(word: str) -> None:
    assert templates.to_llamafactory(templates.from_llamafactory(word)) == word


def test_a_template_that_differs_is_approximate_and_an_equal_one_is_not() -> None:
    rows = {"data.train[0].hub": "o/d", "data.train[0].layout": "messages"}
    equal = write("llamafactory", {**rows, "data.template": "llama3"})
    other = write("llamafactory", {**rows, "data.template": "qwen3"})
    assert "data.template" not in equal.lost
    assert other.lost["data.template"].kind == "approximate"
    assert other.native["template"] == "qwen3"


def test_the_model_s_own_template_is_named_where_the_family_is_known() -> None:
    rows = {"data.train[0].hub": "o/d", "data.train[0].layout": "messages"}
    known = write("llamafactory", {**rows, "data.template": "own", "family": "llama3"})
    unknown = write("llamafactory", {**rows, "data.template": "own"})
    assert known.native["template"] == "llama3"
    assert "template" not in unknown.native
    assert unknown.lost["data.template"].kind == "approximate"


def alpaca_table(config: dict[str, Any], info: dict[str, Any] | None = None) -> dict[str, Any]:
    """The table under `type` that alpaca rows of LLaMA-Factory get in Axolotl."""
    entries = {"faq": info or {"file_name": "faq.json"}}
    values = read("llamafactory", {"dataset": "faq", **config}, entries).values
    return write("axolotl", values, source="llamafactory").native["datasets"][0]["type"]


def test_the_system_text_of_a_template_stands_in_the_table_of_its_rows() -> None:
    text = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    assert alpaca_table({"template": "qwen"})["system_prompt"] == text
    named = alpaca_table({"template": "qwen", "default_system": "Be brief."})
    assert named["system_prompt"] == "Be brief."
    empty = alpaca_table({"template": "qwen", "default_system": ""})
    assert empty["system_prompt"] == ""
    for plain in ("smollm", "llama3", "phi", "chatml", "qwen3_nothink"):
        assert "system_prompt" not in alpaca_table({"template": plain})


def test_a_template_of_unknown_text_leaves_alpaca_rows_to_be_looked_at() -> None:
    values = read("llamafactory", {"dataset": "faq", "template": "smollm2"}, {"faq": {}}).values
    note = write("axolotl", values, source="llamafactory").lost["data.train[0].layout"]
    assert (note.kind, note.training) == ("approximate", True)


def test_rows_with_a_system_column_may_lack_the_text_of_all_rows() -> None:
    info = {"file_name": "faq.json", "columns": {"prompt": "q", "response": "a", "system": "s"}}
    values = read("llamafactory", {"dataset": "faq", "template": "qwen"}, {"faq": info}).values
    writing = write("axolotl", values, source="llamafactory")
    assert writing.native["datasets"][0]["type"]["field_system"] == "s"
    assert writing.lost["data.train[0].columns.system"].kind == "approximate"


@pytest.mark.parametrize(
    "info", [None, {"web": {"file_name": "a.txt", "columns": {"prompt": "b"}}}]
)
def test_documents_stay_documents(info: dict[str, Any] | None) -> None:
    values = read("llamafactory", {"stage": "pt", "dataset": "web"}, info).values
    writing = write("axolotl", values, source="llamafactory")
    block = writing.native["datasets"][0]
    assert (block["type"], block["field"]) == ("completion", "b" if info else "text")
    assert axolotl.stage_of(writing.native) == "pretrain"
    assert "stage" not in writing.lost
    assert {it for it, note in writing.lost.items() if note.training} == (
        set() if info else {"data.train[0].name"}
    )


def test_chats_in_the_stage_of_documents_are_lost() -> None:
    info = {"chats": {"file_name": "chats.json", "formatting": "sharegpt"}}
    values = read("llamafactory", {"stage": "pt", "dataset": "chats"}, info).values
    writing = write("axolotl", values, source="llamafactory")
    assert axolotl.stage_of(writing.native) == "sft"
    assert {"stage", "data.train[0].layout"} <= {
        it for it, note in writing.lost.items() if note.training
    }


@pytest.mark.parametrize("block", [{"path": "org/ready"}, {"path": "org/ready", "type": None}])
def test_rows_without_a_type_are_told_of_by_their_path(block: dict[str, Any]) -> None:
    config = {"datasets": [block, {"path": "org/chats", "type": "chat_template"}]}
    reading = read("axolotl", config)
    accounted("axolotl", config, reading)
    assert "data.train[0].layout" in reading.heard["datasets[0].path"]
    assert "data.train[0].hub" in reading.heard["datasets[0].path"]
    for writing in (write("llamafactory", reading.values), recipe.write(reading.values)):
        note = writing.lost["data.train[0].layout"]
        assert (note.kind, note.training) == ("untranslatable", True)
        assert "data.train[1].layout" not in writing.lost


def of_files(names: Any, path: str = "json", **more: Any) -> dict[str, Any]:
    return {"datasets": [{"path": path, "data_files": names, "type": "chat_template", **more}]}


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        (of_files("a.jsonl"), ["a.jsonl"]),
        (of_files(["sets/a.jsonl"]), ["sets/a.jsonl"]),
        (of_files(["a.jsonl", "b.jsonl"]), ["a.jsonl", "b.jsonl"]),
        (of_files(["r.csv"], "csv"), ["r.csv"]),
        (of_files(["p/a.json", "p/b.json"], "p", ds_type="json"), ["p/a.json", "p/b.json"]),
    ],
)
def test_files_of_this_machine_are_named_by_their_paths(
    config: dict[str, Any], paths: list[str]
) -> None:
    reading = read("axolotl", config)
    accounted("axolotl", config, reading)
    made = recipe.write(reading.values)
    said(reading.values, made)
    data = made.native["data"]
    tables = [data, *data.get("also", [])]
    assert [table["path"] for table in tables] == paths
    assert not any("hub" in table for table in tables)
    assert {table["format"] for table in tables} == {"messages"}
    keys = ("data.path", *(f"data.also[{it}].path" for it in range(len(paths) - 1)))
    told = {made.held[it] for it in reading.heard["datasets[0].data_files"]}
    assert told == {keys}
    other = write("llamafactory", reading.values, source="axolotl")
    said(reading.values, other)
    assert [entry["file_name"] for entry in info_of(other).values()] == paths
    assert other.native["dataset"].count(",") == len(paths) - 1
    for writing in (made, other):
        assert not {it for it, note in writing.lost.items() if note.training}
    same = write("axolotl", reading.values, source="axolotl")
    assert read("axolotl", same.native).values == reading.values
    assert same.native["datasets"][0]["path"] == config["datasets"][0]["path"]


@pytest.mark.parametrize(
    "config",
    [
        of_files("train/*.jsonl"),
        of_files(["a.jsonl", "more/[ab].jsonl"]),
        of_files("https://acme.example/rows.jsonl"),
        of_files(["a.jsonl", "b.jsonl"], split="train[:100]"),
        of_files("rows/*.json", "rows", ds_type="json"),
    ],
)
def test_files_that_cannot_be_named_are_lost(config: dict[str, Any]) -> None:
    reading = read("axolotl", config)
    accounted("axolotl", config, reading)
    for writing in (recipe.write(reading.values), write("llamafactory", reading.values)):
        said(reading.values, writing)
        notes = [writing.lost[it] for it in reading.heard["datasets[0].data_files"]]
        notes += [
            writing.lost[it] for it in reading.heard["datasets[0].path"] if it.endswith("builder")
        ]
        assert {(note.kind, note.training) for note in notes} == {("untranslatable", True)}
        assert not any(it.endswith(".hub") for it in writing.held)
    same = write("axolotl", reading.values, source="axolotl")
    assert config["datasets"][0].items() <= same.native["datasets"][0].items()


def test_files_of_the_hub_stay_there() -> None:
    reading = read("axolotl", of_files(["a.jsonl"], "acme/rows"))
    assert reading.values["data.train[0].hub"] == "acme/rows"
    assert recipe.write(reading.values).lost["data.train[0].files"].training


def test_a_path_that_is_a_file_is_read_alone() -> None:
    config = of_files(["other.json"], "rows.json", ds_type="json")
    reading = read("axolotl", config)
    accounted("axolotl", config, reading)
    assert reading.settled["datasets[0].data_files"].kind == "ignored"


def test_the_reader_has_to_fit_the_name_of_the_file() -> None:
    values = read("axolotl", of_files(["rows.txt"])).values
    note = write("llamafactory", values, source="axolotl").lost["data.train[0].builder"]
    assert (note.kind, note.training) == ("untranslatable", True)


def test_one_held_out_file_is_named_by_its_path() -> None:
    held_out = {"path": "json", "data_files": "eval.jsonl", "split": "train"}
    config = of_files("a.jsonl") | {"test_datasets": [{**held_out, "type": "chat_template"}]}
    values = read("axolotl", config).values
    made = recipe.write(values)
    assert made.native["data"]["eval_path"] == "eval.jsonl"
    assert "data.eval[0].builder" in made.held
    config["test_datasets"][0]["data_files"] = ["eval.jsonl", "more.jsonl"]
    made = recipe.write(read("axolotl", config).values)
    assert "eval_path" not in made.native["data"]
    assert made.lost["data.eval[0].files"].kind == "untranslatable"


@pytest.mark.parametrize(
    ("folder", "place"),
    [(None, "data"), (".", ""), ("sets/./ours", "sets/ours"), ("/srv/sets", "/srv/sets")],
)
def test_dataset_info_stands_where_the_config_looks(folder: str | None, place: str) -> None:
    config = {"dataset": "faq", "stage": "sft"} | ({"dataset_dir": folder} if folder else {})
    values = read("llamafactory", config, {"faq": {"file_name": "faq.json"}}).values
    writing = write("llamafactory", values, source="llamafactory")
    assert writing.native.get("dataset_dir") == folder
    assert list(writing.files) == [f"{place}/dataset_info.json" if place else "dataset_info.json"]
    name = info_of(writing)["faq"]["file_name"]
    assert Path(folder or "data", name) == Path(folder or "data", "faq.json")


def test_a_config_of_another_tool_has_dataset_info_beside_it() -> None:
    values = read("axolotl", of_files("a.jsonl")).values
    writing = write("llamafactory", values, source="axolotl")
    assert (writing.native["dataset_dir"], list(writing.files)) == (".", ["dataset_info.json"])


def test_a_written_config_finds_its_data_sets(tmp_path: Path) -> None:
    (tmp_path / "here" / "data").mkdir(parents=True)
    entry = {"file_name": "faq.json"}
    info = tmp_path / "here" / "data" / "dataset_info.json"
    info.write_text(json.dumps({"faq": entry, "other": entry}))
    path = tmp_path / "here" / "run.json"
    config = {"model_name_or_path": "m", "stage": "sft", "dataset": "faq", "template": "llama3"}
    path.write_text(json.dumps(config | {"finetuning_type": "lora", "output_dir": "out"}))
    found = converting.convert(source.read(path), "llamafactory")
    out = tmp_path / "there" / "run.json"
    made = converting.written(found, out, force=False)
    assert made == (out, out.parent / "data" / "dataset_info.json")
    assert json.loads(made[1].read_text())["faq"]["file_name"] == "faq.json"
    again = converting.understood("llamafactory", LLAMAFACTORY, source.read(out))
    assert again.values["data.train[0].path"] == "data/faq.json"
    before = info.read_text()
    beside = converting.written(found, path.with_name("new.json"), force=True)
    assert beside == (path.with_name("new.json"),)
    assert info.read_text() == before  # the data sets of other configs stay in it
