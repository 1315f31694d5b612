"""Transcripts made by seed: tags, fillers and times go, words that were said stay."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from made import transcripts

from ftc.prep import rows as table
from ftc.prep.clean import STEP
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare

WORD = re.compile(r"[\w'’-]+")  # noqa: RUF001 - an apostrophe of print


def cleaned(texts, language, **settings):
    prepare = Prepare(sources=["x"], language=language, clean=settings)
    found = table.table(
        Row(str(i), "f", "p", (("chunk", t),), medium="transcript") for i, t in enumerate(texts)
    )
    outcome = STEP.apply(found, Inputs(Path(), prepare, prepare.clean, 0))
    return table.contents(outcome.rows).to_pylist()


def counted(text):
    return Counter(word.casefold() for word in WORD.findall(text))


@pytest.mark.parametrize("seed", [7, 8])
@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_goals(language, seed):
    turns = transcripts.turns(1_500, seed, language)
    done = cleaned([turn.text for turn in turns], language)
    lost = left = 0
    for turn, text in zip(turns, done, strict=True):
        assert text.startswith(f"{turn.tag}: "), (turn.style, turn.text)
        said, kept = counted(turn.speech), counted(text.removeprefix(f"{turn.tag}: "))
        lost += (said - kept).total()
        left += (kept - said).total()
    planted = sum(len(WORD.findall(word)) for turn in turns for word in turn.planted)
    content = sum(counted(turn.speech).total() for turn in turns)
    assert planted > 1_000
    assert 1 - left / planted >= 0.98
    assert lost / content <= 0.005


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
def test_speech_without_fillers_stays(language):
    sentences = transcripts.SENTENCES[language]
    texts = [f"Ann: {a} {b}" for a in sentences for b in sentences]
    assert cleaned(texts, language) == texts


def test_language_is_found_where_none_is_named():
    """A transcript in each language, none named in the recipe: German "um" stays."""
    for language in ("en", "de", "fr", "es"):
        turns = transcripts.turns(400, 9, language)
        whole = ["\n".join(turn.text for turn in turns[i : i + 8]) for i in range(0, 400, 8)]
        named, found = cleaned(whole, language), cleaned(whole, None)
        same = sum(a == b for a, b in zip(named, found, strict=True))
        assert same >= 0.95 * len(whole), language


def test_tags_keep_their_times_when_times_are_kept():
    text = "[00:01:02] SPEAKER_01: Hi.\nAnn Lee  0:12\nYes."
    assert cleaned([text], "en", timestamps=False) == [
        "[00:01:02] Speaker 1: Hi.\n0:12 Ann Lee: Yes."
    ]


def test_words_of_the_user():
    text = "Ann: Right, so um it works, obviously, you know."
    assert cleaned([text], "en", keep_words=["um", "you know"]) == [text]
    assert cleaned([text], "en", extra_fillers=["obviously"]) == ["Ann: Right, so it works."]


def test_other_media_keep_their_fillers_unless_said():
    prepare = Prepare(sources=["x"], language="en", clean={"spoken": ["prose"]})
    rows = table.table(
        [
            Row("a", "f", "p", (("chunk", "So um it works."),), medium="prose"),
            Row("b", "f", "p", (("chunk", "So um it works."),), medium="transcript"),
        ]
    )
    outcome = STEP.apply(rows, Inputs(Path(), prepare, prepare.clean, 0))
    assert table.contents(outcome.rows).to_pylist() == ["So it works.", "So um it works."]
