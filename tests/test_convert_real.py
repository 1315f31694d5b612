"""Configs as people write them, converted, under the tools' own parsers.

The configs are our own (tests/convert/configs): 25 of each tool, every stage and method, messy ones
too. `make corpus CORPUS=folder` does the same with any folder.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus import account, measure

CONFIGS = Path(__file__).parent / "convert" / "configs"
# What the tool itself stops at, and that is the point of the config.
REFUSED = {"llamafactory/misspelt.yaml"}


@pytest.fixture(scope="module")
def found():
    return list(measure.measured(CONFIGS))


def test_there_are_configs_of_every_stage_and_method(found):
    training = [it for it in found if it.tool]
    assert [sum(it.tool == tool for it in training) for tool in measure.TOOLS] == [25, 25]
    assert sum(it.plain for it in training) > 40
    assert [it.name for it in found if it.refused] == ["llamafactory/data/dataset_info.json"]


def test_every_key_has_one_class_and_a_reason(found):
    for it in found:
        assert (it.crashes, it.failed, it.unaccounted, it.foreign) == ([], {}, [], []), it.name


def test_every_config_comes_back_from_its_recipe(found):
    assert {it.name: it.recipe for it in found if it.recipe} == {}
    assert {it.name: it.apart for it in found if it.apart} == {}
    assert sum(it.held for it in found) > 700


@pytest.mark.backend
def test_the_real_parsers_take_what_was_made(found):
    sources, made = account.asked(found)
    told = account.figures(found, sources, made)
    assert told["source_refused"].keys() == REFUSED
    plain = {it.name for it in found if it.plain}
    for way, it in told["accepted"].items():
        assert plain & it["refused"].keys() == set(), (way, it["refused"])
        assert it["plain_sound_taken"] == it["plain_sound"] > 15, way
    assert [goal for goal in account.goals(told) if not goal.met] == []


def test_a_goal_that_is_missed_is_said(found):
    sources = {tool: {it.name: "" for it in found if it.tool == tool} for tool in measure.TOOLS}
    made = {
        tool: {it.name: "" if it.tool == tool else "refused" for it in found if it.tool}
        for tool in measure.TOOLS
    }
    told = account.figures(found, sources, made)
    missed = [goal.text for goal in account.goals(told) if not goal.met]
    assert missed == [
        "plain configs axolotl -> llamafactory taken by it",
        "plain configs llamafactory -> axolotl taken by it",
    ]
    page = account.page(told)
    assert "MISSED plain configs axolotl -> llamafactory" in page
    assert "axolotl/simpo.yml: refused" in page
