"""Each part of the cleaning against its cases in `prep/clean`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ftc.prep import rows as table
from ftc.prep.clean import STEP, hesitations, language
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare

FOLDER = Path(__file__).parent / "prep" / "clean"
SWITCHES = (
    *("mojibake", "unicode", "speakers", "timestamps", "boilerplate", "signatures"),
    *("quoted", "fillers", "stutters", "punctuation", "whitespace"),
)
OFF = dict.fromkeys(SWITCHES, False) | {"quotes": "keep", "identify": "never"}
PARTS = {  # file: settings that are on, medium
    "speakers": ({"speakers": True, "timestamps": True}, "transcript"),
    "timestamps": ({"timestamps": True}, "transcript"),
    "fillers": ({"fillers": True}, "transcript"),
    "stutters": ({"stutters": True}, "transcript"),
    "mail": ({"boilerplate": True, "signatures": True, "quoted": True}, "mail"),
    "web": ({"boilerplate": True}, "web"),
    "sounds": ({"boilerplate": True}, "transcript"),
    "punctuation": ({"punctuation": True}, "prose"),
    "whitespace": ({"whitespace": True}, "prose"),
    "unicode": ({"unicode": True}, "prose"),
    "quotes": ({"quotes": "consistent"}, "prose"),
}
FOUND = [
    (path.stem, case)
    for path in sorted(FOLDER.rglob("*.toml"))
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
]


def test_every_part_has_cases():
    assert {name for name, _ in FOUND} == set(PARTS)


@pytest.mark.parametrize(
    ("part", "case"), FOUND, ids=[f"{n}-{i}" for i, (n, _) in enumerate(FOUND)]
)
def test_case(part, case):
    settings, medium = PARTS[part]
    settings = dict(settings)
    if "wanted" in case:
        settings["quotes"] = case["wanted"]
    spoken = {"fillers": "en", "stutters": "en"}.get(part)
    code = case.get("language", spoken)
    prepare = Prepare(sources=["x"], language=None if code == "any" else code, clean=OFF | settings)
    row = Row("1", "f", "p", (("chunk", case["text"]), ("chunk", "x")), medium=medium)
    inputs = Inputs(Path(), prepare, prepare.clean, 0)
    outcome = STEP.apply(table.table([row]), inputs)
    want = case["text"] if case.get("same") else case["want"]
    assert table.contents(outcome.rows).to_pylist()[0] == want
    again = STEP.apply(outcome.rows, inputs)
    assert table.contents(again.rows).to_pylist()[0] == want, "cleaning twice changes more"
    assert outcome.figures["clean.changed"] == (case["text"] != want)


def test_languages_of_lists_are_told_apart():

    for code in hesitations.languages():
        assert language.known(code) == code
