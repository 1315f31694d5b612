"""The pieces of tools/bench_augment on few rows: goals, the page, a measurement of each side."""

import json
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tools"), str(ROOT)]  # behind: tools/parity.py is not tests/parity

from bench_augment import goals, ours, page, peers, rows, subjects  # noqa: E402
from bench_data.measured import Result  # noqa: E402

from ftc.augment.kinds import KINDS  # noqa: E402
from ftc.augment.question import Fault  # noqa: E402
from ftc.augment.seeds import chosen  # noqa: E402
from ftc.augment.seeds import rows as seeds_of  # noqa: E402
from ftc.recipe import load  # noqa: E402

COUNT = 20


def told(subject, method, wall, count=1_000, mb=10.0, why="", **scores):
    mine = method in (ours.ASKER, ours.WHOLE, ours.PREPARED)
    more = {"server CPU-s": 0.1, "runs": 3, "least": wall, "most": wall + 1} | scores
    return Result(subject, method, mine, count, wall / 2, wall, mb, more, why)


def instant(task, pipeline, asker, whole):
    walls = {peers.TASK: task, peers.PIPELINE: pipeline, ours.ASKER: asker, ours.WHOLE: whole}
    return [told(subjects.INSTANT, name, wall) for name, wall in walls.items()]


def test_goals_are_judged_by_times_in_one_subject():
    batches = told(subjects.INSTANT, peers.BATCHES, 8.0)
    judged = goals.verdicts([*instant(9.0, 20.0, 10.0, 9.9), batches])
    assert [(round(it.value, 2), it.met) for it in judged] == [
        (0.8, False),
        (2, True),
        (2.02, True),
    ]
    judged = goals.verdicts(instant(9.0, 20.0, 10.0, 11.0))
    assert [it.met for it in judged] == [True, True, False]
    late = [(peers.PLAIN, 10.0), (ours.ASKER, 12.0), (ours.WHOLE, 12.1)]
    judged = goals.verdicts([told(subjects.LATENCY, name, wall) for name, wall in late])
    assert [it.met for it in judged] == [True, False]


def test_what_was_not_measured_is_a_goal_missed():
    found = instant(9.0, 20.0, 10.0, 9.0)
    found[2] = told(subjects.INSTANT, ours.ASKER, 0.0, why="failed: no message")
    assert [it.met for it in goals.verdicts(found)] == [False, False, True]


def test_growth_is_that_from_the_first_full_batch_on():
    sizes = ((10_000, 100.0), (20_000, 200.0), (100_000, 280.0))
    found = [told(subjects.MANY, ours.PREPARED, 9.0, count, mb) for count, mb in sizes]
    assert goals.growth(ours.PREPARED)(found) == 1024 * 1.024
    assert goals.peak(ours.PREPARED)(found) == 280.0
    assert math.isnan(goals.growth(ours.PREPARED)(found[:2]))


def test_the_middle_of_three_runs():
    three = [told(subjects.INSTANT, peers.TASK, wall) for wall in (7.0, 5.0, 6.0)]
    found = subjects.middle(three)
    assert (found.wall, found.scores["least"], found.scores["most"]) == (6.0, 5.0, 7.0)
    bad = told(subjects.INSTANT, peers.TASK, 0.0, why="failed")
    assert subjects.middle([*three, bad]) == bad


def test_the_page_shows_goals_ratios_and_failures():
    found = [
        *instant(9.0, 20.0, 10.0, 11.0),
        told(subjects.INSTANT, peers.PLAIN, 8.0),
        told(subjects.INSTANT, peers.BATCHES, 0.0, why="failed: no message"),
    ]
    text = page.page(subjects.subjects(1_000, 1_000, [1_000]), found, goals.verdicts(found))
    assert "**missed**" in text and "| met |" in text
    assert f"| **{ours.ASKER}** | 1,000 | 100 | 10.0 | 10.0–11.0 | 1.25 |" in text
    assert "failed: no message" in text
    assert len({line.count("|") for line in page.table(found, late=False).splitlines()}) == 1


def test_all_methods_ask_what_the_kind_asks(tmp_path):
    rows.write(tmp_path, COUNT)
    recipe = load(rows.recipe(tmp_path / "run", "http://127.0.0.1:1/v1", "data"))
    (make,) = recipe.augmentation.make
    kind = KINDS[make.kind]
    asked = []

    def ask(prompt, values, **_):
        asked.extend(values)
        return [Fault("", "not asked") for _ in values]

    for some in chosen(seeds_of(recipe, tmp_path / "run", offline=True), make, kind, seed=0):
        kind.make(some, make, ask)
    lines = (tmp_path / "values.jsonl").read_text("utf-8").splitlines()
    assert len(asked) == COUNT
    assert {json.dumps(it) for it in asked} == set(lines)


@pytest.mark.parametrize("place", [0, -1], ids=["plain", "ftc augment"])
def test_a_measurement_over_a_server_in_another_process(place):
    subject = subjects.subjects(COUNT, COUNT, [COUNT])[0]
    side = subject.sides[place]
    found = subjects.once(subject, side, side.methods()[place], COUNT)
    assert not found.why
    assert found.scores["answers"] == COUNT
    assert found.wall > 0 and found.cpu > 0
