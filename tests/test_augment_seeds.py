"""Which rows `ftc augment` makes others of: the rows that are trained on, chosen by content."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftc import recipe as recipes
from ftc.augment.kind import Kind
from ftc.augment.seeds import AGAIN, SHARD, chosen, chunks, rows
from ftc.augmentation import Make
from ftc.data.identity import content
from ftc.data.load import load
from ftc.errors import FtcError
from ftc.prep.canonical import of_example, record, row
from ftc.prep.rows import Row

HEAD = 'name = "kitchen"\nmodel = "some/model"\n'
MAKE = '[[augment.make]]\nkind = "paraphrase"\n'
DATA = HEAD + '[data]\npath = "rows.jsonl"\neval = 0.2\n' + MAKE


def any_row(row, make):
    return ""


def kind(name="paraphrase", takes=any_row):
    return Kind(name, (), takes, lambda seeds, make, ask: [[] for _ in seeds])


def make(**values):
    return Make.model_validate({"kind": "paraphrase"} | values)


class Listed:
    """Rows in memory, as a source."""

    def __init__(self, *texts):
        self.rows = [
            Row(f"{abs(int(text)):016x}", "f", "", (("user", text), ("assistant", "a")), "chat")
            for text in texts
        ]

    def train(self):
        return iter(self.rows)


def pairs(found):
    return [(seed.row.turns[0][1], seed.number) for shard in found for seed in shard]


def write(path, text, lines, name="rows.jsonl"):
    path.mkdir(exist_ok=True)
    (path / "recipe.toml").write_text(text)
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return recipes.load(path / "recipe.toml")


def asked(count, start=0):
    return [
        {"instruction": f"What is cooked in pot {i}?", "output": f"Soup number {i} is cooked."}
        for i in range(start, start + count)
    ]


STAGES = {
    "sft": [
        {"instruction": "Add.", "input": "1 and 2", "output": "3"},
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"},
                      {"role": "assistant", "content": "a"}]},
    ],
    "tools": [
        {"messages": [
            {"role": "user", "content": "2 + 2?"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"function": {"name": "add", "arguments": {"a": 2, "b": 2}}}]},
            {"role": "tool", "content": "4"},
            {"role": "assistant", "content": "It is 4."}],
         "tools": [{"type": "function", "function": {"name": "add", "parameters": {}}}]},
    ],
    "dpo": [{"prompt": "q", "chosen": "good", "rejected": "bad"}],
    "kto": [{"prompt": "q", "completion": "a", "label": False}],
    "pretrain": [{"text": "A text by itself.\nIt has lines."}],
}  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_rows_read_back_as_they_were_loaded(tmp_path, name):
    stage = name if name != "tools" else "sft"
    for line in STAGES[name]:
        recipe = write(tmp_path, DATA, [line])
        example = load(recipe.data, stage, tmp_path, 42).train[0]
        told = record(of_example(example))
        (tmp_path / "rows.jsonl").write_text(json.dumps(told) + "\n")
        again = load(recipe.data, stage, tmp_path, 42, own_ids=True).train[0]
        assert (content(again), again.id) == (content(example), example.id)
        assert record(row(told, "f", "line 1")) == told


def test_seeds_are_the_rows_that_build_trains_on(tmp_path):
    recipe = write(tmp_path, DATA, [*asked(50), {"instruction": "No answer."}])
    found = rows(recipe, tmp_path)
    same = load(recipe.data, "sft", tmp_path, 42)
    assert [it.id for it in found.train()] == [it.id for it in same.train]
    assert [it.id for it in found.eval()] == [it.id for it in same.eval]
    assert (found.count, found.held_out) == (40, 10)
    assert [bad.line for bad in found.rejected] == [51]
    assert next(found.train()).file == "augmented/kitchen/seeds/train.jsonl"


def test_held_out_rows_of_a_file_and_a_sample(tmp_path):
    text = DATA.replace("eval = 0.2", 'eval_path = "held.jsonl"\nsamples = 20')
    write(tmp_path, text, asked(5, 100), "held.jsonl")
    recipe = write(tmp_path, text, asked(50))
    found = rows(recipe, tmp_path)
    assert (found.count, found.held_out) == (20, 5)
    assert "pot 100" in next(found.eval()).turns[0][1]


PAIRS = HEAD.replace('"kitchen"', '"kitchen"\nstage = "dpo"') + (
    '[data]\npath = "rows.jsonl"\nformat = "alpaca"\n{more}[[augment.make]]\nkind = "{kind}"\n'
)


def test_pairs_are_made_of_chats(tmp_path):
    recipe = write(tmp_path, PAIRS.format(more="", kind="preference"), asked(20))
    found = rows(recipe, tmp_path)
    assert (found.count, found.held_out, found.trained) == (20, 0, False)
    assert {it.form for it in found.train()} == {"chat"}
    with pytest.raises(FtcError, match="alpaca"):
        rows(write(tmp_path, PAIRS.format(more="", kind="evolve"), asked(20)), tmp_path)


def test_pairs_beside_chats_are_held_out(tmp_path):
    text = PAIRS.format(more='eval_path = "held.jsonl"\n', kind="preference")
    write(tmp_path, text, STAGES["dpo"], "held.jsonl")
    found = rows(write(tmp_path, text, asked(20)), tmp_path)
    assert (found.count, found.held_out, found.trained) == (20, 1, False)
    assert [it.form for it in found.eval()] == ["preference"]


PREPARED = HEAD + '[prepare]\nsources = ["raw"]\n' + MAKE


def test_prepared_rows_are_taken_as_they_are(tmp_path):
    recipe = write(tmp_path, PREPARED, asked(40), "raw/rows.jsonl")
    found = rows(recipe, tmp_path)
    lines = [json.loads(line) for line in found.train_path.read_text().splitlines()]
    assert [record(it) for it in found.train()] == lines
    assert found.count + found.held_out == 40
    assert found.train_path == tmp_path / "prepared/kitchen/train.jsonl"
    assert not (tmp_path / "augmented").exists()


def test_prepared_rows_with_a_sample_and_a_file_of_held_out_rows(tmp_path):
    data = '[data]\nsamples = 7\neval_path = "held.jsonl"\n'
    text = PREPARED.replace("[prepare]", data + "[prepare]")
    write(tmp_path, text, asked(5, 100), "held.jsonl")
    recipe = write(tmp_path, text, asked(40), "raw/rows.jsonl")
    found = rows(recipe, tmp_path)
    from_build = recipe.data.model_copy(update={"path": "prepared/kitchen/train.jsonl"})
    same = load(from_build, "sft", tmp_path, 42, own_ids=True)
    assert [it.id for it in found.train()] == [it.id for it in same.train]
    assert [it.id for it in found.eval()] == [it.id for it in same.eval]
    assert all(it.parents == () for it in found.train())


def test_chunks_are_those_that_come_to_annotate(tmp_path):
    text = HEAD + '[prepare]\nsources = ["raw"]\n[[augment.make]]\nkind = "annotate"\n'
    recipe = write(tmp_path, text, [])
    (tmp_path / "raw").mkdir()
    for i in range(3):
        words = f"The lantern of house {i} is made of brass and glass, and it is carried by hand."
        (tmp_path / "raw" / f"{i}.md").write_text(f"# Lantern {i}\n\n{words}\n")
    found = chunks(recipe, tmp_path)
    assert found.count == 3
    assert [it.form for it in found.train()] == ["chunk"] * 3
    some = chosen(found, Make.model_validate({"kind": "annotate"}), kind("annotate"), 42)
    assert [len(shard) for shard in some] == [3]
    left_out = recipes.load(tmp_path / "recipe.toml").preparation.model_copy(
        update={"skip": ["annotate"]}
    )
    with pytest.raises(FtcError, match="skip names annotate"):
        chunks(recipe.model_copy(update={"prepare": left_out}), tmp_path)


def test_every_row_that_the_kind_takes_as_often_as_asked():
    source = Listed(*map(str, range(70)))
    found = chosen(source, make(per_row=2), kind(takes=lambda row, _: _odd(row)), 42)
    assert found.count == 70
    assert found.refused == {"odd": 35}
    assert [len(shard) for shard in found] == [SHARD, 70 - SHARD]
    assert pairs(found)[:4] == [("0", 0), ("0", 1), ("2", 0), ("2", 1)]
    assert pairs(found) == pairs(found)


def _odd(row):
    return "odd" if int(row.turns[0][1]) % 2 else ""


@given(st.integers(0, 30), st.integers(1, 60), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_so_many_rows_and_each_once_before_any_twice(count, wanted, per_row):
    found = chosen(Listed(*map(str, range(count))), make(rows=wanted, per_row=per_row), kind(), 1)
    assert found.count == len(pairs(found)) == min(wanted, count * per_row)
    times = Counter(text for text, _ in pairs(found))
    assert max(times.values(), default=0) <= per_row
    if found.count >= count and count:
        assert max(times.values()) - min(times.values()) <= 1


def test_the_choice_is_by_content_and_seed():
    one = chosen(Listed(*map(str, range(100))), make(rows=10), kind(), 42)
    turned = chosen(Listed(*map(str, reversed(range(100)))), make(rows=10), kind(), 42)
    assert sorted(pairs(one)) == sorted(pairs(turned))
    other = chosen(Listed(*map(str, range(100))), make(rows=10), kind(), 43)
    assert sorted(pairs(one)) != sorted(pairs(other))
    gone = int(pairs(one)[0][0])
    rest = chosen(Listed(*(str(i) for i in range(100) if i != gone)), make(rows=10), kind(), 42)
    assert len(set(pairs(one)) - set(pairs(rest))) == 1


def test_equal_rows_are_one_seed():
    found = chosen(Listed("1", "2", "1", "1"), make(), kind(), 42)
    assert pairs(found) == [("1", 0), ("2", 0)]
    assert found.refused == {AGAIN: 2}


def test_other_rows_stand_beside_a_seed(tmp_path):
    wanted = Make.model_validate({"kind": "self-instruct", "per_row": 2})

    def beside(lines):
        found = rows(write(tmp_path, DATA.replace("0.2", "0.0"), lines), tmp_path)
        seeds = [it for shard in chosen(found, wanted, kind("self-instruct"), 42) for it in shard]
        for it in seeds:
            shown = [other.id for other in it.others]
            assert len({it.row.id, *shown}) == 3
        return {(it.row.id, it.number): [other.id for other in it.others] for it in seeds}

    before = beside(asked(50))
    assert len({tuple(it) for it in before.values()}) > 90
    after = beside([*asked(49), *asked(1, 1000)])
    changed = [key for key in before if key in after and before[key] != after[key]]
    assert len(changed) < 12  # 2 of 50 rows are shown: those that showed the row that went


def test_a_single_row_has_none_beside_it(tmp_path):
    found = rows(write(tmp_path, DATA, asked(1)), tmp_path)
    wanted = Make.model_validate({"kind": "self-instruct"})
    assert [it.others for shard in chosen(found, wanted, kind(), 1) for it in shard] == [()]
