"""Rows of segments, and what else Augmentoolkit makes: read, prepared, made tokens of."""

import json
from collections import Counter
from pathlib import Path

import pytest
import small_models
from hypothesis import given, settings
from hypothesis import strategies as st
from parity import models
from tests.made.files import collect

from ftc import recipe
from ftc.backends import versions
from ftc.build import Refused, build, compile_recipe, findings
from ftc.data.example import Example, Segment
from ftc.data.identity import prompt_key
from ftc.data.load import load
from ftc.errors import FtcError
from ftc.facts import exact, model, tokens
from ftc.parity import probe
from ftc.prep.canonical import asked, of_example, record, row
from ftc.prep.prepare import prepare
from ftc.recipe import load as load_recipe

MADE = Path(__file__).parent / "data" / "augmentoolkit"
RAG, CORRECTIONS = "axolotl_rag_conversations.jsonl", "axolotl_correction_conversations.json"
CHAT = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
ROW = {"segments": [{"label": False, "text": "q "}, {"label": True, "text": "a"}]}
RECIPE = """
name = "{name}"
stage = "sft"
model = "model"
method = "lora"
hardware = {{ device = "cpu" }}
lora = {{ rank = 4, alpha = 8, dropout = 0.0 }}
training = {{ max_length = {length}, max_steps = 4, learning_rate = 1e-4, micro_batch = 1 }}
"""
IGNORED = ["too-few-rows", "too-few-steps", "over-length", "val-too-small"]


def read(folder, rows, stage="sft", name="rows.jsonl", **data):
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in rows), "utf-8")
    return load(recipe.Data(path=name, eval=0, **data), stage, folder, seed=1)


def segments(examples):
    return [[(part.trained, part.text) for part in example.segments] for example in examples]


def wanted(name):
    text = (MADE / name).read_text("utf-8")
    rows = json.loads(text) if name.endswith(".json") else map(json.loads, text.splitlines())
    return [[(part["label"], part["text"]) for part in line["segments"]] for line in rows]


def written(folder, path, tokens="", length=2000, name="rows"):
    said = f'tokens = "{tokens}"' if tokens else ""
    data = f'[data]\npath = "{path}"\neval = 0\n{said}\n'
    file = folder / f"{name}.toml"
    file.write_text(RECIPE.format(name=name, length=length) + data, "utf-8")
    return file


def made(file, backend, version=""):
    line = versions.find(backend, version)
    out = file.parent / "build"
    return build(file, backend, line.version, out=out, offline=True, ignore=IGNORED).folder


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path):
    models.make(tmp_path / "model", "smollm2")
    return tmp_path


@pytest.mark.parametrize("name", [RAG, CORRECTIONS])
def test_files_of_segments_are_read_with_their_masks(name):
    found = load(recipe.Data(path=name, eval=0), "sft", MADE, seed=1)
    assert (found.format, found.rejected) == ("segments", ())
    assert segments(found.train) == wanted(name)
    assert not any(example.messages or example.text for example in found.train)
    assert len({example.id for example in found.train}) == len(found.train)


def test_its_chats_and_documents_are_read():
    for name, system in (
        ("simplified_conversation_list", 4),
        ("simplified_data_rag", 4),
    ):
        found = load(recipe.Data(path=f"{name}.jsonl", eval=0), "sft", MADE, seed=1)
        assert (found.format, found.rejected) == ("sharegpt", ())
        turns = [[turn.role for turn in example.messages] for example in found.train]
        assert sum(roles[0] == "system" for roles in turns) == system
        assert all(roles[-2:] == ["user", "assistant"] for roles in turns)
    found = load(recipe.Data(path="final_output.jsonl", eval=0), "pretrain", MADE, seed=1)
    assert (found.format, len(found.train), found.rejected) == ("text", 12, ())
    assert found.train[0].text.startswith("[[[OVERALL_CONTEXT_IS -> ")


def test_everything_it_makes_is_collected(tmp_path):
    for path in MADE.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = collect(tmp_path, documents="text")
    assert found.refused() == []
    assert Counter(line.form for line in found.rows) == {"chat": 9, "text": 12, "segments": 7}
    for name in (RAG, CORRECTIONS):
        kept = [line for line in found.rows if line.file == name]
        assert [record(line)["segments"] for line in kept] == [
            [{"label": label, "text": text} for label, text in parts] for parts in wanted(name)
        ]


BAD = [
    ({"segments": []}, "no segment with a text is labelled true"),
    ({"segments": None}, "column 'segments' holds no list of segments"),
    ({"segments": "yes"}, "column 'segments' holds no list of segments"),
    ({"segments": [{"label": False, "text": "a"}]}, "no segment with a text is labelled true"),
    ({"segments": [{"label": True, "text": ""}]}, "no segment with a text is labelled true"),
    ({"segments": ["a"]}, "segment 1 is no object with a label and a text"),
    (
        {"segments": [ROW["segments"][1], {"label": True}]},
        "segment 2 is no object with a label and a text",
    ),
    (
        {"segments": [{"label": "false", "text": "a"}]},
        "segment 1 has the label 'false', not true or false",
    ),
    ({"segments": [{"text": "a"}]}, "segment 1 has the label None, not true or false"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_row_that_cannot_be_used_is_named(tmp_path, bad, reason):
    found = read(tmp_path, [ROW, bad, ROW])
    assert [(line.line, line.reason) for line in found.rejected] == [(2, reason)]
    assert len(found.train) == 2
    gathered = collect(tmp_path)
    assert [line.form for line in gathered.rows] == ["segments", "segments"]
    assert [place for _, place, _ in gathered.refused()] == ["line 2"]


def test_chats_may_stand_before_and_among_segments(tmp_path):
    found = read(tmp_path, [*[CHAT] * 150, ROW, CHAT, ROW | {"messages": None}])
    assert (found.format, found.rejected, len(found.train)) == ("segments", (), 153)
    assert [bool(example.segments) for example in found.train][149:] == [False, True, False, True]
    found = read(tmp_path, [CHAT | {"segments": [{"start": 0, "text": "so"}]}])
    assert (found.format, len(found.train)) == ("messages", 1)


def test_empty_segments_have_no_tokens_and_are_left_out(tmp_path):
    parts = [{"label": 0, "text": ""}, *ROW["segments"], {"label": 1, "text": ""}]
    assert segments(read(tmp_path, [{"segments": parts}]).train) == [[(False, "q "), (True, "a")]]


def test_other_names_and_json_in_a_field(tmp_path):
    (tmp_path / "rows.csv").write_text(
        'parts,n\n"[{""label"": true, ""text"": ""a""}]",1\n', "utf-8"
    )
    columns = {"segments": "parts"}
    data = recipe.Data(path="rows.csv", eval=0, format="columns", columns=columns)
    assert segments(load(data, "sft", tmp_path, seed=1).train) == [[(True, "a")]]
    gathered = collect(tmp_path, columns=columns)
    assert [(line.turns, line.form) for line in gathered.rows] == [
        ((("trained", "a"),), "segments")
    ]
    assert gathered.rows[0].extra == {"n": "1"}


@pytest.mark.parametrize("indent", [None, 2])
def test_one_row_of_segments_is_no_list_of_rows(tmp_path, indent):
    (tmp_path / "one.json").write_text(json.dumps(ROW, indent=indent), "utf-8")
    found = load(recipe.Data(path="one.json", eval=0), "sft", tmp_path, seed=1)
    assert len(found.train) == 1
    assert [line.form for line in collect(tmp_path).rows] == ["segments"]


@pytest.mark.parametrize("indent", [None, 2])
def test_the_segments_of_a_recording_are_rows_of_their_own(tmp_path, indent):
    said = {"language": "en", "segments": [{"start": 0.0, "text": "So."}, {"text": "Well."}]}
    (tmp_path / "whisper.json").write_text(json.dumps(said, indent=indent), "utf-8")
    found = load(recipe.Data(path="whisper.json", eval=0), "pretrain", tmp_path, seed=1)
    assert [example.text for example in found.train] == ["So.", "Well."]
    assert collect(tmp_path, documents="text").texts() == ["So.", "Well."]


def test_the_stage_is_sft(tmp_path):
    with pytest.raises(FtcError, match="holds segments rows, which stage dpo cannot") as caught:
        read(tmp_path, [ROW], "dpo")
    assert caught.value.hint.startswith("set stage = 'sft'")
    with pytest.raises(FtcError, match="rows of segments have no turns"):
        read(tmp_path, [ROW], system="Be brief.")


def example(*parts):
    return Example("id", "rows.jsonl", 1, segments=tuple(Segment(*part) for part in parts))


def test_a_question_is_what_stands_before_the_first_trained_segment():
    one = example(("What?", False), ("this", True), ("More", False))
    assert prompt_key(one) == prompt_key(example(("what? ", False), ("that", True)))
    assert prompt_key(one) != prompt_key(example(("Who?", False), ("this", True)))
    whole = example(("What? ", True), ("this", False))
    assert prompt_key(whole) != prompt_key(example(("What? ", True), ("that", False)))


def test_rows_come_back_from_what_ftc_prepare_writes():
    for name in (RAG, CORRECTIONS):
        for one in load(recipe.Data(path=name, eval=0), "sft", MADE, seed=1).train:
            there = of_example(one)
            assert asked(there) == prompt_key(one)
            again = row(record(there), there.file, there.place)
            assert again == there


PIECES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "The cat",
                " sat",
                "\n",
                " ",
                "Straße",
                "東京",
                "🙂",
                "<|im_start|>user\n",
                "<|im_end|>",
            ]
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
).filter(lambda parts: any(trained for _, trained in parts))


@pytest.fixture(scope="module")
def counters(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    found = {}
    for name in ("mistral", "llama3.0", "smollm2"):
        facts = model.gather(recipe.Model(id=str(models.make(root / name, name))), root, True)
        found[name] = tokens.counter(facts), exact.counter(facts, False)
    return found


@pytest.mark.parametrize("name", ["mistral", "llama3.0", "smollm2"])
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(PIECES, min_size=1, max_size=4))
def test_each_segment_is_tokenised_by_itself_and_trained_as_labelled(name, counters, rows):
    native, ours = counters[name]
    examples = [example(*parts) for parts in rows]
    found = list(ours.rows(examples, "sft", everything=False))
    whole = list(ours.rows(examples, "sft", everything=True))
    for parts, one, all_of_it in zip(rows, found, whole, strict=True):
        ids, labels = [], []
        for text, trained in parts:
            own = native.tokenizer.encode(text, add_special_tokens=False).ids
            ids += own
            labels += own if trained else [-100] * len(own)
        assert one.ids == all_of_it.ids == ids
        assert one.labels == [-100, *labels[1:]]
        assert all_of_it.labels == [-100, *ids[1:]]
    counted = native.lengths(examples, "sft")
    assert counted == ours.lengths(examples, "sft")
    assert list(counted.total) == [len(one.ids) for one in found]
    masked = [
        sum(len(native.tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)
        for texts in ([text for text, trained in parts if not trained] for parts in rows)
    ]
    assert list(counted.prompt) == masked
    estimated = tokens.estimate(examples, "sft")
    assert all(
        whole == before + after
        for whole, before, after in zip(
            estimated.total, estimated.prompt, estimated.answer, strict=True
        )
    )


def test_ftc_makes_the_tokens_for_both_tools(folder):
    file = written(folder, MADE / CORRECTIONS)
    plan = compile_recipe(file, offline=True).plan
    assert (plan.tokens, plan.segments) == ("exact", "all")
    assert "segments" in plan.origins["tokens"].text
    builds = [made(file, it.backend, it.version) for it in versions.VERSIONS]
    assert len({(it / "train.tokens.jsonl").read_bytes() for it in builds}) == 1
    assert lines(builds[0] / "train.jsonl")[0]["segments"][1] == {
        "label": False,
        "text": "The monks of Saint Olaf did.",
    }


def test_axolotl_reads_them_itself_where_it_is_asked_to(folder):
    file = written(folder, MADE / RAG, "native")
    text = (made(file, "axolotl") / "axolotl.yaml").read_text("utf-8")
    assert "{path: train.jsonl, split: train, type: input_output}" in text
    assert "chat_template" not in text and "eot_tokens" not in text
    with pytest.raises(Refused) as caught:
        made(file, "llamafactory")
    errors = [it for it in caught.value.findings if it.severity == "error"]
    assert [(it.where, it.message) for it in errors] == [
        ("data.tokens", "llamafactory 0.9.5: has no rows of segments")
    ]


def test_a_file_of_both_kinds_cannot_be_read_by_a_tool_itself(folder):
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(line) + "\n" for line in (CHAT, ROW)), "utf-8")
    compiled = compile_recipe(written(folder, rows, "native"), offline=True)
    assert compiled.plan.segments == "some"
    wrong = {it.where for it in findings(compiled, ignore=IGNORED) if it.severity == "error"}
    assert wrong == {"data.tokens"}
    done = made(written(folder, rows), "axolotl")
    chat, ours = lines(done / "train.tokens.jsonl")
    assert chat["labels"].count(-100) > 3 and len(ours["labels"]) == ours["labels"].count(-100) + 1


def test_a_base_model_needs_no_chat_template(folder):
    small_models.make(folder / "model", "chatml", template="")
    for tool in ("axolotl", "llamafactory"):
        done = made(written(folder, MADE / CORRECTIONS, length=500), tool)
        assert len(lines(done / "train.tokens.jsonl")) == 3
        assert "chat_template" not in "".join(it.read_text("utf-8") for it in done.glob("axo*"))


def test_rows_over_the_length_are_left_out_or_refused(folder):
    parts = [{"label": True, "text": "word " * 400}]
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(line) + "\n" for line in (ROW, {"segments": parts}, ROW)))
    for mode in ("", "native"):
        compiled = compile_recipe(written(folder, rows, mode, length=100), offline=True)
        assert max(compiled.facts.data.train.total) > 400
        done = build(
            written(folder, rows, mode, length=100), "axolotl", "0.21.0",
            out=folder / "build", offline=True, ignore=IGNORED,
        )  # fmt: skip
        assert [it["line"] for it in done.rows["too_long"]["train"]] == [2]
        assert len(lines(done.folder / "train.jsonl")) == 2


def test_ftc_prepare_keeps_every_sign_and_every_mask(folder):
    raw = folder / "raw"
    raw.mkdir()
    for name in (RAG, CORRECTIONS, "simplified_conversation_list.jsonl"):
        (raw / name).write_bytes((MADE / name).read_bytes())
    prepared = '[data]\neval = 0\n[prepare]\nsources = ["raw"]\n'
    file = folder / "rows.toml"
    file.write_text(RECIPE.format(name="rows", length=2000) + prepared)
    prepare(load_recipe(file), folder)
    rows = lines(folder / "prepared" / "rows" / "train.jsonl")
    kept = [line["segments"] for line in rows if "segments" in line]
    assert sorted(map(str, kept)) == sorted(
        str([{"label": label, "text": text} for label, text in parts])
        for name in (RAG, CORRECTIONS)
        for parts in wanted(name)
    )
    compiled = compile_recipe(file, offline=True)
    assert (compiled.plan.tokens, compiled.plan.segments) == ("exact", "some")
    assert len(lines(made(file, "llamafactory") / "train.tokens.jsonl")) == len(rows)


@pytest.mark.backend
def test_both_real_tools_make_the_same_tokens_of_segments(tmp_path):
    families = ("mistral", "smollm2")
    rows = tmp_path / "rows.jsonl"
    both = [parts for name in (RAG, CORRECTIONS) for parts in wanted(name)]
    for parts in both:
        with rows.open("a", encoding="utf-8") as out:
            said = [{"label": label, "text": text} for label, text in parts]
            out.write(json.dumps({"segments": said}) + "\n")
    files = {}
    for name in families:
        place = tmp_path / name
        models.make(place / "model", name)
        for mode in ("", "native"):
            files[name, mode or "exact"] = written(place, rows, mode, name=mode or "exact")
    told, built = {}, {}
    for line in versions.VERSIONS:
        modes = ("exact", "native") if line.backend == "axolotl" else ("exact",)
        keys = [(name, mode) for name in families for mode in modes]
        folders = [made(files[key], line.backend, line.version) for key in keys]
        found = probe.several(folders, level="tokens", offline=True, workspace=tmp_path / "probes")
        told |= {(*key, line.name, line.version): it for key, it in zip(keys, found, strict=True)}
        built |= dict(zip(keys, folders, strict=True))
    assert len(told) == 10
    for name in families:
        ready = lines(built[name, "exact"] / "train.tokens.jsonl")
        ours = sorted((one["input_ids"], one["labels"]) for one in ready)
        assert len(ours) == len(both)
        for (family, mode, *_), it in told.items():
            if family == name:
                theirs = [(list(one.ids), list(one.labels)) for one in it.rows["train"]]
                assert {len(set(one.mask)) for one in it.rows["train"]} == {1}
                if mode == "native":  # nothing predicts the first token: ftc never labels it
                    assert all(labels[0] in (-100, ids[0]) for ids, labels in theirs)
                    theirs = [(ids, [-100, *labels[1:]]) for ids, labels in theirs]
                assert sorted(theirs) == ours
    assert sum(label != -100 for _, labels in ours for label in labels) > 100
