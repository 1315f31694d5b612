"""The held-out part and the sample depend on what rows say and on the seed, on nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftc import recipe
from ftc.data.example import Example, Message
from ftc.data.identity import prompt_key, row_id
from ftc.data.load import load
from ftc.data.split import overlap, sample, split


def row(prompt, answer="yes", system="", line=1):
    head = (Message("system", system),) if system else ()
    turns = (*head, Message("user", prompt), Message("assistant", answer))
    example = Example("", "rows.jsonl", line, messages=turns)
    return Example(row_id(example), "rows.jsonl", line, messages=turns)


def rows(prompts):
    return [row(prompt, answer, line=i) for i, (prompt, answer) in enumerate(prompts, 1)]


WORDS = st.text("abc", min_size=1, max_size=6)
PAIRS = st.lists(st.tuples(WORDS, st.sampled_from(["x", "y"])), min_size=2, max_size=60)
SHARES = st.floats(0.01, 0.9)
SEEDS = st.integers(0, 2**32 - 1)


@given(st.sets(WORDS, min_size=2, max_size=60), SHARES, SEEDS)
def test_count_is_exact_when_prompts_differ(prompts, share, seed):
    examples = rows([(prompt, "x") for prompt in sorted(prompts)])
    train, held = split(examples, share, seed)
    assert len(held) == min(max(round(share * len(examples)), 1), len(examples) - 1)
    assert len(train) + len(held) == len(examples)


@given(PAIRS, SHARES, SEEDS, st.randoms(use_true_random=False))
def test_place_in_the_file_does_not_matter(prompts, share, seed, shuffler):
    shuffled = list(prompts)
    shuffler.shuffle(shuffled)
    _, first = split(rows(prompts), share, seed)
    _, second = split(rows(shuffled), share, seed)
    assert sorted(e.id for e in first) == sorted(e.id for e in second)


@given(PAIRS, SHARES, SEEDS)
def test_no_prompt_is_on_both_sides(prompts, share, seed):
    examples = rows(prompts)
    train, held = split(examples, share, seed)
    assert overlap(train, held) == 0
    assert train
    assert bool(held) == (len({prompt_key(e) for e in examples}) > 1)
    assert sorted([*train, *held], key=lambda e: e.line) == examples
    assert [e.line for e in held] == sorted(e.line for e in held)
    assert [e.line for e in train] == sorted(e.line for e in train)


@given(st.sets(WORDS, min_size=3, max_size=60), st.integers(1, 80), SEEDS)
def test_sample_is_exact_ordered_and_independent_of_place(prompts, count, seed):
    examples = rows([(prompt, "x") for prompt in sorted(prompts)])
    chosen = sample(examples, count, seed)
    assert len(chosen) == min(count, len(examples))
    assert [e.line for e in chosen] == sorted(e.line for e in chosen)
    again = sample(list(reversed(examples)), count, seed)
    assert {e.id for e in chosen} == {e.id for e in again}


@settings(max_examples=20)
@given(SEEDS)
def test_smaller_sample_is_part_of_the_larger(seed):
    examples = rows([(f"prompt {i}", "x") for i in range(40)])
    assert {e.id for e in sample(examples, 10, seed)} < {e.id for e in sample(examples, 20, seed)}


def test_seed_changes_the_choice():
    examples = rows([(f"prompt {i}", "x") for i in range(100)])
    held = [{e.id for e in split(examples, 0.2, seed)[1]} for seed in (1, 2)]
    assert held[0] != held[1]


def test_a_new_row_moves_few_others():
    examples = rows([(f"prompt {i}", "x") for i in range(200)])
    before = {e.id for e in split(examples[:-1], 0.1, 1)[1]}
    after = {e.id for e in split(examples, 0.1, 1)[1]}
    assert len(before ^ after) <= 2


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (row("What is it?"), row(" what  is IT?\n", "no"), True),
        (row("What is it?"), row("What is it?", system="Be brief."), True),
        (row("What is it?"), row("What was it?"), False),
    ],
)
def test_prompt_key(left, right, same):
    assert (prompt_key(left) == prompt_key(right)) is same


def test_share_of_zero_holds_nothing_out():
    examples = rows([("a", "x"), ("b", "x")])
    assert split(examples, 0, 1) == (examples, [])
    assert split(examples[:1], 0.5, 1) == (examples[:1], [])


def test_groups_that_do_not_fit_give_the_smallest_one():
    examples = rows([("a", str(i)) for i in range(60)] + [("b", str(i)) for i in range(40)])
    _, held = split(examples, 0.1, 1)
    assert len(held) == 40


def test_file_of_held_out_rows(tmp_path):
    line = '{{"instruction": "{}", "output": "x"}}\n'
    (tmp_path / "train.jsonl").write_text("".join(line.format(i) for i in range(20)))
    (tmp_path / "eval.jsonl").write_text(line.format(3) + line.format("new") + "broken\n")
    data = recipe.Data(path="train.jsonl", eval_path="eval.jsonl", samples=10)
    found = load(data, "sft", tmp_path, 1)
    assert (len(found.train), len(found.eval), found.left_out) == (10, 2, 10)
    assert [(bad.file, bad.line) for bad in found.rejected] == [("eval.jsonl", 3)]
    everything = load(data.model_copy(update={"samples": None}), "sft", tmp_path, 1)
    assert overlap(everything.train, everything.eval) == 1


def test_equal_rows_have_equal_ids_and_one_side(tmp_path):
    line = '{{"instruction": "{}", "output": "x"}}\n'
    (tmp_path / "train.jsonl").write_text("".join(line.format(i % 10) for i in range(30)))
    found = load(recipe.Data(path="train.jsonl", eval=0.2), "sft", tmp_path, 1)
    assert len(found.eval) == 6
    assert not {e.id for e in found.train} & {e.id for e in found.eval}
