"""What keeps a made row out of training, and that rows of yours never go for one."""

import json
from collections import Counter

import pyarrow as pa
import pytest

from ftc import recipe as recipes
from ftc.augment import gates
from ftc.augment.gates import passed
from ftc.augment.seeds import rows
from ftc.prep.prepare import prepare
from ftc.prep.rows import Row, identity, table

RECIPE = """
name = "kitchen"
model = "some/model"
[data]
path = "rows.jsonl"
eval = 0.2
[[augment.make]]
kind = "paraphrase"
"""
JUDGE = "[augment.judge]\nthreshold = 0.6\n"
THINGS = ("soup", "bread", "rice", "beans", "fish", "apples", "noodles", "pears", "figs", "oats")
LONG = (
    "Warm the pot first, add a little oil, and stir until the onions are soft. Then pour in the "
    "stock, let it come to a boil, and keep it on a low flame for twenty minutes before serving."
)


def lines():
    for i, thing in enumerate(THINGS):
        yield {
            "instruction": f"How is {thing} cooked in kitchen number {i}?",
            "output": f"The cook of {thing} says: {LONG.replace('oil', thing)} It feeds {i + 2}.",
        }


class Case:
    """A recipe with its rows, and made rows on their way through the gates."""

    def __init__(self, path, text=RECIPE, said=None):
        self.path = path
        (path / "recipe.toml").write_text(text)
        found = list(lines()) if said is None else said
        (path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in found))
        self.recipe = recipes.load(path / "recipe.toml")
        self.seeds = rows(self.recipe, path)
        self.train, self.eval = list(self.seeds.train()), list(self.seeds.eval())

    def run(self, *made):
        tables = [table([row]) for row in made] or [table([])]
        self.passed = passed(tables, self.seeds, self.recipe, self.path, self.path / "work")
        return [row["id"] for part in self.passed.kept() for row in part.to_pylist()]

    def reasons(self):
        lines = pa.concat_tables(self.passed.ledger()).to_pylist() if self.passed.ledgers else []
        return {
            (line["row"], line["step"], line["reason"])
            for line in lines
            if line["action"] == "dropped"
        }


def made(seed, question, answer, kind="paraphrase", number=1, parents=None, **notes):
    parents = (seed.id, *seed.parents) if parents is None else parents
    return Row(
        id=identity(kind, *parents, question, answer),
        file=seed.file,
        place=seed.place,
        turns=(("user", question), ("assistant", answer)),
        form="chat",
        parents=parents,
        notes={"augment": {"kind": kind, "make": number}} | notes,
    )


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def question(row):
    return row.turns[0][1]


def answer(row):
    return row.turns[1][1]


def test_a_new_row_passes(case):
    one = made(case.train[0], "Which drinks go with a picnic at the lake?", "Tea, and cold water.")
    assert case.run(one) == [one.id]
    assert case.reasons() == set()
    assert case.passed.left == {1: 1}


def test_nothing_made_is_nothing_kept(case):
    assert case.run() == []


def test_equal_and_like_rows_of_yours_stay(case):
    seed, other = case.train[0], case.train[1]
    equal = made(seed, question(other).upper(), answer(other), "evolve")
    near = made(seed, question(other), answer(other).replace("low", "very low"), "evolve", 2)
    assert case.run(equal, near) == []
    assert case.reasons() == {
        (equal.id, "deduplicate", "exact duplicate"),
        (near.id, "deduplicate", "near duplicate"),
    }
    lines = pa.concat_tables(case.passed.ledger()).to_pylist()
    assert all(line["detail"].startswith(f"of {other.id}") for line in lines)
    assert [(line["make"], line["kind"]) for line in lines] == [(1, "evolve"), (2, "evolve")]
    assert case.passed.filtered == {
        1: Counter({"exact duplicate": 1}),
        2: Counter({"near duplicate": 1}),
    }


def test_of_made_rows_that_are_alike_one_stays(case):
    one = made(case.train[0], "What is a good first dish to learn?", f"Pancakes. {LONG}", "evolve")
    two = made(case.train[1], "What is a good first dish to learn?", f"Pancakes! {LONG}", "evolve")
    kept = case.run(one, two)
    assert len(kept) == 1 and kept[0] in (one.id, two.id)


def test_what_a_row_keeps_of_its_seed_is_no_likeness(case):
    seed, other = case.train[0], case.train[1]
    said = "Could you tell me the way people there prepare this dish, step by step?"
    one = made(seed, said, answer(seed))
    again = made(seed, said.replace("Could", "Would"), answer(seed))
    echo = made(other, question(other).replace("How is", "How is the"), answer(other))
    assert one.id in case.run(one)
    kept = case.run(one, again, echo)
    assert len(kept) == 2  # of one and again, which are alike, one
    assert {reason for _, _, reason in case.reasons()} == {"near duplicate"}
    assert case.run(made(seed, question(seed), answer(seed))) == []  # nothing new at all


def test_a_seed_said_anew_may_not_be_another_row_of_yours(tmp_path):
    twins = [
        {"instruction": "When do you open?", "output": LONG},
        {"instruction": "What are your opening hours on a normal day?", "output": LONG},
    ]
    case = Case(tmp_path, RECIPE.replace("0.2", "0.0"), twins)
    row = made(case.train[0], question(case.train[1]), LONG)
    assert case.run(row) == []
    assert case.reasons() == {(row.id, "deduplicate", "exact duplicate")}


def test_short_answers_of_different_questions_are_no_duplicates(case):
    answers = [made(row, question(row), "Yes, always.", "answer") for row in case.train[:3]]
    assert case.run(*answers) == [row.id for row in answers]


def test_no_row_of_a_held_out_parent(case):
    held = case.eval[0]
    child = made(held, "Which spices are kept beside the stove?", "Salt, pepper and paprika.")
    seed = case.train[0]
    grand = made(
        seed, "Which of them is red?", "The paprika is the red one.", parents=(seed.id, child.id)
    )
    assert case.run(child, grand) == []
    assert case.reasons() == {(child.id, "split", gates.HELD), (grand.id, "split", gates.HELD)}


def test_no_row_that_asks_what_a_held_out_row_asks(case):
    row = made(case.train[0], question(case.eval[0]).upper(), "In a pan, as everywhere.")
    assert case.run(row) == []
    assert case.reasons() == {(row.id, "split", gates.ASKS)}


def test_no_row_that_holds_a_held_out_answer(case):
    held = case.eval[0]
    row = made(case.train[0], "Tell me a story.", f"He said: {answer(held)} So they ate.")
    assert case.run(row) == []
    assert case.reasons() == {(row.id, "decontaminate", "contains an eval item")}
    detail = [it["detail"] for part in case.passed.ledger() for it in part.to_pylist()]
    assert detail[0].startswith("augmented/kitchen/seeds/eval.jsonl:1 (messages)")


def test_held_out_rows_may_be_too_short_to_look_for(tmp_path):
    said = [{"instruction": f"{i} + 1?", "output": str(i + 1)} for i in range(10)]
    case = Case(tmp_path, said=said)
    row = made(case.train[0], "Please add one to twenty for me.", "That makes twenty-one.")
    assert case.run(row) == [row.id]


def test_what_the_recipe_names_is_kept_out_too(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "rows.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines()))
    (tmp_path / "test.jsonl").write_text(
        json.dumps({"question": "Which town has the oldest bakery of the whole valley?"}) + "\n"
    )
    text = RECIPE.replace('path = "rows.jsonl"\n', "").replace(
        "[[augment", '[prepare]\nsources = ["raw"]\n[prepare.decontaminate]\n'
        'against = ["test.jsonl"]\ncolumns = ["question"]\n[[augment',
    )  # fmt: skip
    (tmp_path / "recipe.toml").write_text(text)
    prepare(recipes.load(tmp_path / "recipe.toml"), tmp_path)
    case = Case(tmp_path, text)
    seed = case.train[0]
    asks = made(seed, "Which town has the oldest bakery of the whole valley?", "Lunden has it.")
    holds = made(seed, "Tell me a story.", f"He said: {answer(case.eval[0])} So they ate.")
    mail = made(seed, "Whom do I write to about the menu?", "Write to cook@kitchen-seven.com.")
    assert case.run(asks, holds, mail) == [mail.id]
    assert {step for _, step, _ in case.reasons()} == {"decontaminate"}
    (kept,) = [row for part in case.passed.kept() for row in part.to_pylist()]
    assert kept["turns"][1]["content"] == "Write to [EMAIL_1]."


@pytest.mark.parametrize("kind", ["translate", "evolve"])
def test_translations_are_not_in_a_wrong_language(tmp_path, kind):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "rows.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines()))
    text = RECIPE.replace('path = "rows.jsonl"\n', "").replace(
        "[[augment",
        '[prepare]\nsources = ["raw"]\nlanguage = "en"\nclean.drop_language = true\n[[augment',
    )
    more = 'language = "German"\n' if kind == "translate" else ""
    text = text.replace('"paraphrase"', f'"{kind}"') + more
    (tmp_path / "recipe.toml").write_text(text)
    prepare(recipes.load(tmp_path / "recipe.toml"), tmp_path)
    case = Case(tmp_path, text)
    said = "Wann wird die Suppe gekocht, und wie lange steht sie dann auf dem Herd in der Stube?"
    answer = "Die Suppe wird am Morgen gekocht und steht bis zum Mittag auf dem Herd in der Stube."
    row = made(case.train[0], said, answer, kind)
    assert case.run(row) == ([row.id] if kind == "translate" else [])


def test_data_without_prepare_is_not_redacted(case):
    row = made(case.train[0], "Whom do I write to about it?", "Write to cook@kitchen-seven.com.")
    case.run(row)
    (kept,) = [it for part in case.passed.kept() for it in part.to_pylist()]
    assert "cook@kitchen-seven.com" in kept["turns"][1]["content"]


def test_rows_are_cleaned_and_judged_for_quality(case):
    odd = made(case.train[0], "Say  it   again , please !!!", "Itâ€™s a cafÃ© by the sea.")
    empty = made(case.train[1], "What is there to eat tonight?", " ")
    kept = case.run(odd, empty)
    assert kept == [odd.id]
    (row,) = [it for part in case.passed.kept() for it in part.to_pylist()]
    assert row["turns"][1]["content"] == "It\u2019s a café by the sea."
    assert {step for _, step, _ in case.reasons()} <= {"clean", "quality", "split"}


def test_rows_that_the_stage_does_not_train_on(case):
    seed = case.train[0]
    pair = made(seed, question(seed), "One.")._replace(
        form="preference",
        turns=(("user", "Which?"), ("chosen", "This one."), ("rejected", "None.")),
    )
    broken = made(seed, "Who speaks?", "I do.")
    broken = broken._replace(turns=(*broken.turns, ("assistant", "And I do.")))
    assert case.run(pair, broken) == []
    assert case.reasons() == {
        (pair.id, "split", "a preference row, which stage sft does not train on"),
        (broken.id, "split", gates.UNREADABLE),
    }


def test_the_judge_decides(tmp_path):
    case = Case(tmp_path, RECIPE + JUDGE)
    texts = [("What is sold at the market?", "Fruit, mostly."), ("Who bakes?", "My aunt does."),
             ("Where is the salt kept now?", "On the shelf.")]  # fmt: skip
    scores = [{"judge": {"score": 0.6}}, {"judge": {"score": 0.59}}, {}]
    made_rows = [
        made(seed, *text, **notes)
        for seed, text, notes in zip(case.train, texts, scores, strict=False)
    ]
    assert case.run(*made_rows) == [made_rows[0].id]
    assert case.reasons() == {
        (made_rows[1].id, "judge", gates.BELOW),
        (made_rows[2].id, "judge", gates.UNJUDGED),
    }


def test_the_same_rows_give_the_same_bytes(case):
    rows = [
        made(
            seed, f"What else is there to know about it, part {i}?", f"A lot: {LONG[i:]}", "evolve"
        )
        for i, seed in enumerate(case.train)
    ]
    case.run(*rows)
    first = {path.name: path.read_bytes() for path in case.passed.batches + case.passed.ledgers}
    case.run(*rows)
    assert first == {p.name: p.read_bytes() for p in case.passed.batches + case.passed.ledgers}
