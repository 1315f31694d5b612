"""Tables of [augment] that are proposed for the gaps of a training set."""

import tomllib

import pytest

from ftc.augment.aims import suggest, text
from ftc.augment.kinds.aim import label
from ftc.augmentation import Augment
from ftc.augmentation.make import AIMS
from ftc.prep.diversity import gaps
from ftc.preparation.diversity import Diversity

FULL = {"diversity.asked": 1000.0} | {
    f"diversity.{name}": 300.0
    for name in (
        *(
            f"task.{task}"
            for task in ("summarise", "write", "extract", "classify", "qa", "rewrite")
        ),
        *(f"task.{task}" for task in ("translate", "code", "reason", "brainstorm", "explain")),
        *("task.chat", "tone.neutral", "tone.formal", "tone.casual", "tone.enthusiastic"),
        *("length.short", "length.medium", "length.long"),
        *("difficulty.easy", "difficulty.medium", "difficulty.hard"),
    )
}
RARE = [
    ("task.code", {"kind": "self-instruct", "task": "code", "rows": 16}),
    ("tone.formal", {"kind": "restyle", "tone": "formal", "rows": 16}),
    ("length.long", {"kind": "restyle", "length": "long", "rows": 16}),
    ("difficulty.hard", {"kind": "evolve", "how": "harder", "difficulty": "hard", "rows": 16}),
    ("difficulty.easy", {"kind": "self-instruct", "difficulty": "easy", "rows": 16}),
]


def test_a_full_set_needs_nothing():
    assert suggest(FULL) == []
    assert suggest({}) == []


@pytest.mark.parametrize(("name", "table"), RARE, ids=[name for name, _ in RARE])
def test_a_rare_label_is_brought_up_to_its_share(name, table):
    rare = FULL | {f"diversity.{name}": 5.0}
    assert suggest(rare) == [table]
    more = {"diversity.asked": 1016.0, f"diversity.{name}": 21.0}
    assert gaps(rare | more) == []
    one_less = {"diversity.asked": 1015.0, f"diversity.{name}": 20.0}
    assert gaps(rare | one_less) != []


def test_an_aim_is_met_by_what_it_lacks():
    settings = Diversity(aims={"task": {"code": 350, "qa": 200}})
    assert suggest(FULL, settings) == [{"kind": "self-instruct", "task": "code", "rows": 50}]


def test_openings_that_are_alike_are_said_in_other_words():
    alike = FULL | {"diversity.top_opening_share": 0.5, "diversity.distinct_2": 0.1}
    assert suggest(alike) == [
        {"kind": "paraphrase", "rows": 1500},
        {"kind": "self-instruct", "rows": 200},
    ]


def test_tables_can_be_pasted_into_a_recipe():
    bare = {"diversity.asked": 50.0, "diversity.top_opening_share": 0.5}
    tables = suggest(bare)
    pasted = tomllib.loads(text(tables))["augment"]["make"]
    assert pasted == tables
    for make in Augment.model_validate({"make": pasted}).make:
        for axis in ("task", "tone", "length", "difficulty"):
            if aim := getattr(make, axis):
                assert axis in AIMS[make.kind]
                assert label(axis, aim) == aim
