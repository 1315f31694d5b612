"""All facts of a recipe together, and what gathering them must not load."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small_models

from ftc import kept, recipe
from ftc.errors import FtcError
from ftc.facts import template, tokens
from ftc.facts.gather import gather

SOURCE = Path(recipe.__file__).parents[1]
BACKENDS = (("axolotl", "0.21.0"),)


def chat(*turns):
    roles = ["user", "assistant"] * len(turns)
    return [{"role": role, "content": text} for role, text in zip(roles, turns, strict=False)]


CALLS = [
    *chat("i"),
    {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "content": "1"},
    {"role": "assistant", "content": "j"},
]


def gathered(folder, rows, family="chatml", stage="sft", progress=None, **data):
    small_models.make(folder / "model", family)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    wanted = recipe.Recipe(
        name="test",
        model=recipe.Model(id="model"),
        stage=stage,
        data=recipe.Data(path="rows.jsonl", **data),
        hardware=recipe.Hardware(device="cpu"),
    )
    return gather(wanted, folder, backends=BACKENDS, offline=True, seed=1, progress=progress)


def test_system_turn_that_the_template_would_lose_goes_into_the_first_user_turn(tmp_path):
    rows = [
        {"messages": [{"role": "system", "content": " Be brief. "}, *chat("a", "b", "c", "d")]},
        {"messages": chat("e", "f")},
    ]
    small_models.make(tmp_path / "model", "mistral")
    (tmp_path / "model" / "chat_template.jinja").write_text(
        small_models.template_of("mistral-v0.3"), "utf-8"
    )
    facts, dataset = gathered(tmp_path, rows, "mistral", eval=0)
    assert facts.model.tokenizer.loses_system
    told = {example.messages[0].content: example for example in dataset.train}
    assert set(told) == {"Be brief.\n\na", "e"}
    assert [turn.role for turn in told["Be brief.\n\na"].messages] == ["user", "assistant"] * 2
    assert (facts.data.rejected, facts.data.folded, facts.data.has_system) == (0, 1, 0)


@pytest.mark.parametrize("mode", ["native", "exact"])
def test_an_empty_system_turn_is_left_out_but_for_exact_tokens(tmp_path, mode):
    rows = [
        {"messages": [{"role": "system", "content": " "}, *chat("a", "b")]},
        {"messages": chat("c", "d")},
    ]
    facts, dataset = gathered(tmp_path, rows, "llama3", eval=0, tokens=mode)
    roles = {example.messages[-2].content: example.messages[0].role for example in dataset.train}
    assert roles == {"a": "user" if mode == "native" else "system", "c": "user"}
    assert facts.data.emptied == (mode == "native")


def test_system_turn_that_the_template_refuses_goes_into_the_first_user_turn(tmp_path):
    rows = [
        {"instruction": f" {i}", "output": "b", "system": " s\n" if i == 3 else ""}
        for i in range(9)
    ]
    facts, dataset = gathered(tmp_path, rows, "gemma", eval=0)
    assert (facts.data.rejected, facts.data.folded) == (0, 1)
    assert [row.messages[0].content for row in dataset.train[2:5]] == ["2", "s\n\n3", "4"]
    rows = [{"instruction": "a", "output": "b"}]
    facts, dataset = gathered(tmp_path, rows, "gemma", eval=0, system="Be brief.")
    assert dataset.train[0].messages[0].content == "Be brief.\n\na"


def test_pair_keeps_its_answers_when_the_system_turn_is_written_into_the_prompt(tmp_path):
    rows = [{"system": "Be brief.", "prompt": "a", "chosen": "b", "rejected": "c"}]
    small_models.make(tmp_path / "model", "mistral")
    (tmp_path / "model" / "chat_template.jinja").write_text(
        small_models.template_of("mistral-nemo"), "utf-8"
    )
    _, dataset = gathered(tmp_path, rows, "mistral", "dpo", eval=0)
    (example,) = dataset.train
    assert [turn.content for turn in example.messages] == ["Be brief.\n\na"]
    assert (example.chosen.content, example.rejected.content) == ("b", "c")


def test_counts(tmp_path):
    rows = [
        {"messages": chat("a", "b")},
        {"messages": chat("a", "b")},
        {"messages": chat("c", "d", "e", "f")},
        {"messages": [{"role": "system", "content": "s"}, *chat("g", "h")]},
        {"messages": CALLS},
        {"messages": chat("k", "")},
        {"messages": chat("l")[:1]},
    ]
    facts, dataset = gathered(tmp_path, rows, eval=0.2)
    data = facts.data
    assert (len(dataset.train), len(dataset.eval)) == (4, 1)
    assert (len(data.train.total), len(data.eval.total)) == (4, 1)
    assert (data.format, data.path) == ("messages", "rows.jsonl")
    assert (data.rejected, data.empty_answers, data.left_out) == (2, 1, 0)
    assert (data.duplicates, data.overlap, data.same_pair) == (1, 0, 0)
    assert (data.has_tools, data.has_system, data.multi_turn) == (True, 1, 2)
    assert (facts.backends, facts.hardware.device) == (BACKENDS, "cpu")
    assert data.train.exact


def test_same_pairs_are_counted(tmp_path):
    rows = [{"prompt": str(i), "chosen": "a", "rejected": "ab"[i % 2]} for i in range(6)]
    facts, _ = gathered(tmp_path, rows, stage="dpo")
    assert (facts.data.same_pair, facts.data.rejected) == (3, 3)


def test_system_turn_of_the_template_becomes_explicit(tmp_path):
    rows = [
        {"instruction": "a", "output": "b"},
        {"instruction": "c", "output": "d", "system": "s"},
    ]
    facts, dataset = gathered(tmp_path, rows, "qwen2.5", eval=0)
    first, second = (example.messages[0] for example in dataset.train)
    assert (first.role, first.content) == ("system", facts.model.tokenizer.default_system)
    assert first.content.startswith("You are Qwen")
    assert second.content == "s"
    assert facts.data.has_system == 2
    plain, _ = gathered(tmp_path, [{"instruction": "a", "output": "b"}], "chatml", eval=0)
    assert plain.data.has_system == 0


def test_system_turn_of_the_template_changes_no_token(tmp_path):
    rows = [{"instruction": "a", "output": "b"}]
    facts, dataset = gathered(tmp_path, rows, "chatml-smollm", eval=0)
    counter = tokens.counter(facts.model)
    bare = template.render(counter.template, dataset.train[0].messages[1:], {})
    assert facts.data.train.total == (len(counter.tokenizer.encode(bare)),)


def test_white_space_that_the_template_takes_away(tmp_path):
    rows = [{"instruction": " a ", "output": "\nb", "system": " s "}]
    _, dataset = gathered(tmp_path, rows, "llama3", eval=0)
    assert [turn.content for turn in dataset.train[0].messages] == ["s", "a", "b"]
    _, kept = gathered(tmp_path, rows, "chatml", eval=0)
    assert [turn.content for turn in kept.train[0].messages] == [" s ", " a ", "\nb"]
    assert kept.train[0].id == dataset.train[0].id
    pairs = [{"prompt": " a", "chosen": "b ", "rejected": "c "}]
    _, dataset = gathered(tmp_path, pairs, "llama3", "dpo", eval=0)
    (row,) = dataset.train
    assert (row.messages[0].content, row.chosen.content, row.rejected.content) == ("a", "b", "c")


def test_same_rows_give_the_same_facts(tmp_path):
    rows = [{"instruction": str(i), "output": "b"} for i in range(30)]
    first, _ = gathered(tmp_path, rows)
    second, _ = gathered(tmp_path, rows)
    assert first == second
    other, _ = gathered(tmp_path, [*rows[:-1], {"instruction": "x", "output": "b"}])
    assert other.data.sha256 != first.data.sha256


def test_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("FTC_CACHE", str(tmp_path / "cache"))
    heard = []
    rows = [{"instruction": str(i), "output": "b"} for i in range(30)]
    gathered(tmp_path, rows, progress=lambda *news: heard.append(news), eval=0.1)
    assert heard == [("train", 27, 27), ("eval", 3, 3)]


def test_rows_that_the_template_refuses(tmp_path):
    rows = [{"messages": CALLS if i == 3 else chat(str(i), "b")} for i in range(9)]
    facts, dataset = gathered(tmp_path, rows, "gemma", eval=0)
    assert (len(dataset.train), facts.data.rejected, len(facts.data.train.total)) == (8, 1, 8)
    (bad,) = dataset.rejected
    assert (bad.file, bad.line) == ("rows.jsonl", 4)
    assert bad.reason.startswith("the model's chat template says: Conversation roles must alt")


def test_template_that_refuses_all_rows(tmp_path):
    with pytest.raises(FtcError, match=r"rows.jsonl:1: the model's chat template says: Convers"):
        gathered(tmp_path, [{"messages": CALLS}], "gemma", eval=0)


def test_lengths_of_many_rows_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("FTC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "KEPT", 2)
    rows = [{"instruction": str(i), "output": "b" * (i % 7 + 1)} for i in range(2000)]
    heard = []
    first, _ = gathered(tmp_path, rows, eval=0, progress=lambda *news: heard.append(news))
    assert [done for _, done, _ in heard] == [1000, 2000]
    again, _ = gathered(tmp_path, rows, eval=0, progress=lambda *news: heard.append(news))
    assert (again, len(heard)) == (first, 2)
    (entry,) = (tmp_path / "cache" / "lengths").iterdir()
    for text in ("", "[]", "[[1], [2]]", '[["a"], ["b"]]', "7"):
        entry.write_text(text)
        assert gathered(tmp_path, rows, eval=0)[0] == first
    other, _ = gathered(tmp_path, rows, "llama3", eval=0)
    assert other.data.train.total != first.data.train.total
    gathered(tmp_path, rows, "gemma", eval=0)
    assert len(list((tmp_path / "cache" / "lengths").iterdir())) == 2


def test_lengths_are_counted_where_nothing_can_be_remembered(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file, no folder")
    monkeypatch.setenv("FTC_CACHE", str(tmp_path / "cache"))
    rows = [{"instruction": str(i), "output": "b"} for i in range(2000)]
    assert len(gathered(tmp_path, rows, eval=0)[0].data.train.total) == 2000


def run(code, folder, **environment):
    variables = {**os.environ, "PYTHONPATH": str(SOURCE), "HF_HOME": str(folder), **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


GATHER = """
import sys
from pathlib import Path
from ftc import kept, recipe
from ftc.facts.gather import gather
wanted = recipe.Recipe(name="t", model=recipe.Model(id="model"), data=recipe.Data(path="r.jsonl"))
facts, _ = gather(wanted, Path("."), backends=(), offline=False, seed=1)
assert facts.data.train.exact
heavy = "datasets torch transformers pyarrow huggingface_hub numpy pandas requests httpx".split()
print([name for name in heavy if name in sys.modules])
"""


def test_local_recipe_loads_nothing_heavy(tmp_path):
    small_models.make(tmp_path / "model", "qwen2.5")
    (tmp_path / "r.jsonl").write_text('{"instruction": "a", "output": "b"}\n' * 3)
    assert run(GATHER, tmp_path) == "[]\n"


HUB = """
from pathlib import Path
from ftc import kept, recipe
from ftc.data.load import load
from ftc.errors import FtcError
try:
    found = load(recipe.Data(hub={hub!r}, eval=0, **{more}), "sft", Path("."), 1, offline={offline})
    print(found.source, found.format, [row.line for row in found.train])
except FtcError as error:
    print(error, "|", error.hint)
"""


@pytest.mark.parametrize(
    ("hub", "more", "offline", "said"),
    [
        ("acme/rows", {}, True, "hub:acme/rows alpaca [1, 2, 3]"),
        ("acme/rows", {"split": "nope"}, True, 'hub:acme/rows: Unknown split "nope"'),
        ("acme/rows", {"subset": "nope"}, True, "hub:acme/rows: BuilderConfig 'nope' not found"),
        ("acme/other", {}, True, "is not in the cache and the hub cannot be reached | go online"),
        ("acme/other", {}, False, "is not in the cache and the hub cannot be reached | go online"),
    ],
)
def test_hub_data_set(tmp_path, hub, more, offline, said):
    """`datasets` takes a folder of this name in the working folder for a data set of the hub."""
    folder = tmp_path / "acme" / "rows"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"instruction": "a", "output": "b"}\n' * 3)
    code = HUB.format(hub=hub, more=more, offline=offline)
    assert said in run(code, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")


def test_hub_data_set_without_datasets(tmp_path):
    code = "import sys; sys.modules['datasets'] = None\n" + HUB.format(
        hub="a/b", more={}, offline=1
    )
    assert "need `datasets`, which is not installed | pip install" in run(code, tmp_path)
