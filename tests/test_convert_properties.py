"""Any known keys with valid values survive a conversion as far as the ledger says; junk is said."""

from __future__ import annotations

import pytest
from corpus import drawn, measure
from corpus.drawn import BASE, configs, junk, keys, meant, parsed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftc.backends import versions
from ftc.convert import convert
from ftc.convert.convert import RECIPE
from ftc.convert.entry import CLASSES
from ftc.convert.meaning import leaves
from ftc.errors import FtcError

TOOLS = measure.TOOLS
slow = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def accounted(found, made):
    """Each leaf stands in the ledger once, in a class, and with a reason where it is lost."""
    assert [it.path for it in made.entries] == [path for path, _ in leaves(found.values)]
    for it in made.entries:
        assert it.kind in CLASSES, it
        assert it.why or it.kind in ("exact", "converted"), it


def kept(made):
    """The keys of which the ledger says that the run is the same."""
    return [it.path for it in made.entries if it.kind in ("exact", "converted")]


@pytest.mark.parametrize("tool", TOOLS)
def test_keys_are_drawn_from_the_whole_schema(tool):
    assert len(drawn._known(tool, keys(tool))) > 200
    assert len(drawn._known(tool, meant(tool))) > 60


@pytest.mark.parametrize("tool", TOOLS)
@slow
@given(st.data())
def test_exact_keys_come_back_from_the_recipe(tool, data):
    found = parsed(data.draw(configs(tool, keys(tool)) | configs(tool, meant(tool))))
    file = measure.File("drawn", tool=tool)
    file.converted[RECIPE] = convert.convert(found, RECIPE)
    accounted(found, file.converted[RECIPE])
    measure._round_trip(found, file)
    assert file.recipe == ""
    assert file.apart == []


@pytest.mark.parametrize("tool", TOOLS)
@slow
@given(st.data())
def test_what_the_ledger_keeps_means_the_same_in_the_other_tool_and_back(tool, data):
    found = parsed(data.draw(configs(tool, meant(tool))))
    other = next(name for name in TOOLS if name != tool)
    there = convert.convert(found, other)
    accounted(found, there)
    second = parsed(there.native)
    back = convert.convert(second, tool)
    before, after, again = said(found, tool), said(second, other), said(parsed(back.native), tool)
    heard = convert.understood(other, there.version, second).heard
    lost = {name for it in back.entries if it.lost for name in heard.get(it.path, ())}
    told = convert.understood(tool, there.read_as, found).heard
    for path in kept(there):
        for name in told.get(path, ()):
            if name.startswith("data."):
                continue  # of a data set whose columns the other tool has to be told
            assert plain(after.get(name)) == plain(before[name]), (path, name)
            if name not in lost:
                assert plain(again.get(name)) == plain(before[name]), (path, name)


def said(found, tool):
    """What a config says, and what it leaves to its tool."""
    version = versions.find(tool).version
    reading = convert.understood(tool, version, found)
    return convert.implied(tool, version, found, reading) | reading.values


def plain(value):
    """What is off is the same as left out; lists and tuples are alike."""
    if value in (False, None, 0, (), [], ""):
        return None
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("tool", TOOLS)
@slow
@given(st.data())
def test_junk_is_told_and_never_crashes(tool, data):
    names = st.sampled_from(keys(tool)) | st.text(min_size=1, max_size=5)
    config = BASE[tool] | data.draw(st.dictionaries(names, junk, max_size=6))
    try:
        found = parsed(config)
        for target in measure.TARGETS:
            made = convert.convert(found, target)
            accounted(found, made)
            assert made.text
    except FtcError as error:
        assert str(error)
        assert "\n" not in str(error)
