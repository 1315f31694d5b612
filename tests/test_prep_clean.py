"""The step as a whole: what it says of rows, which it drops, languages, and that it settles."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import words

from ftc.errors import FtcError
from ftc.prep import ledger
from ftc.prep import rows as table
from ftc.prep.clean import STEP
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare
from ftc.preparation.clean import Clean

GERMAN = "Das ist ein ganz normaler deutscher Satz über das Wetter und die Stadt am Fluss."
ENGLISH = "This is a quite normal English sentence about the weather and the town by the river."


def step(found, language=None, **said):
    prepare = Prepare(sources=["x"], language=language, clean=said)
    return STEP.apply(table.table(found), Inputs(Path(), prepare, prepare.clean, 0))


def chunk(name, text, **more):
    return Row(name, "notes.txt", "line 1", (("chunk", text),), **more)


def test_a_changed_row_has_its_story():
    outcome = step([chunk("a", "The cafÃ©  is open!!!"), chunk("b", "It is shut.")])
    assert outcome.rows.schema.equals(table.SCHEMA)
    assert outcome.ledger.schema.equals(ledger.SCHEMA)
    assert outcome.ledger.to_pylist() == [
        {
            "row": "a",
            "action": "changed",
            "reason": "mojibake, punctuation, whitespace",
            "detail": "",
            "file": "notes.txt",
            "place": "line 1",
            "before": "The cafÃ©  is open!!!",
            "after": "The café is open!",
        }
    ]
    assert outcome.figures == {
        "clean.mojibake": 1,
        "clean.punctuation": 1,
        "clean.whitespace": 1,
        "clean.changed": 1,
        "clean.dropped": 0,
        "clean.flagged": 0,
    }


def test_every_turn_and_the_title():
    row = Row(
        "a",
        "f",
        "p",
        (
            ("system", "Be  kind."),
            ("user", "What is a cafÃ©?"),
            ("tool", '{"a":  "x!!!"}  '),
            ("assistant", "A place."),
        ),
        form="chat",
        medium="table",
        title="Coffee  and cafÃ©",
        parents=("0",),
        extra={"tools": [1]},
        notes={"n": 1},
        flags=("f",),
    )
    outcome = step([row])
    (after,) = table.each(outcome.rows)
    assert after == row._replace(
        turns=(
            ("system", "Be kind."),
            ("user", "What is a café?"),
            ("tool", '{"a":  "x!!!"}  '),
            ("assistant", "A place."),
        ),
        title="Coffee and café",
    )
    (line,) = outcome.ledger.to_pylist()
    assert line["before"].startswith("Coffee  and cafÃ©\nBe  kind.")
    assert line["after"].startswith("Coffee and café\nBe kind.")


def test_nothing_left():
    rows = [chunk("a", " \u200b\n"), chunk("b", "Um.", medium="transcript"), chunk("c", "x")]
    outcome = step(rows, language="en")
    assert outcome.rows["id"].to_pylist() == ["c"]
    lines = outcome.ledger.to_pylist()
    assert [(one["row"], one["action"], one["reason"], one["before"]) for one in lines] == [
        ("a", "dropped", "nothing left after cleaning", " \u200b\n"),
        ("b", "dropped", "nothing left after cleaning", "Um."),
    ]
    assert outcome.figures["clean.dropped"] == 2


def test_a_turn_may_be_empty():
    row = Row("a", "f", "p", (("user", "Say nothing."), ("assistant", "")), form="chat")
    assert list(table.each(step([row]).rows)) == [row]


def test_foreign_rows_are_flagged():
    rows = [chunk("a", ENGLISH), chunk("b", GERMAN), chunk("c", "Kurz.")]
    outcome = step(rows, language="en")
    notes = [json.loads(text) for text in outcome.rows["notes"].to_pylist()]
    assert notes == [{"language": "en"}, {"language": "de"}, {}]
    assert outcome.rows["flags"].to_pylist() == [[], ["language"], []]
    (line,) = outcome.ledger.to_pylist()
    assert (line["row"], line["action"], line["reason"]) == ("b", "flagged", "language")
    assert line["detail"].startswith("de ")
    assert outcome.figures["clean.language.en"] == outcome.figures["clean.language.de"] == 1


def test_foreign_rows_are_dropped_when_asked():
    rows = [chunk("a", ENGLISH), chunk("b", GERMAN + "  So."), chunk("c", "Kurz.")]
    outcome = step(rows, language="en-GB", drop_language=True)
    assert outcome.rows["id"].to_pylist() == ["a", "c"]
    (line,) = outcome.ledger.to_pylist()
    assert (line["action"], line["reason"], line["before"]) == (
        "dropped",
        "language",
        GERMAN + "  So.",
    )


def test_language_is_looked_for_only_when_asked():
    rows = [chunk("a", ENGLISH), chunk("b", GERMAN)]
    for outcome in (step(rows), step(rows, language="en", identify="never")):
        assert outcome.rows["notes"].to_pylist() == ["{}", "{}"]
    notes = step(rows, identify="always").rows["notes"].to_pylist()
    assert notes == ['{"language":"en"}', '{"language":"de"}']


def test_an_unknown_language_is_said():
    with pytest.raises(FtcError, match="'klingon' is not a language"):
        step([chunk("a", "x")], language="klingon")


def test_settings_of_the_page():
    """The example is one that a recipe may hold, and every setting is on the page."""
    page = Path(__file__).parents[1] / "docs" / "prepare" / "clean.md"
    text = page.read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    prepare = Prepare(**tomllib.loads(example)["prepare"])
    assert prepare.clean.spoken == ["transcript", "prose"]
    for name in Clean.model_fields:
        assert f"`{name}`" in text or f"{name} =" in example, name


def test_no_rows():
    outcome = step([])
    assert outcome.rows.num_rows == outcome.ledger.num_rows == 0


def test_all_off_changes_nothing():
    off = dict.fromkeys(
        (
            *("mojibake", "unicode", "speakers", "timestamps", "boilerplate", "signatures"),
            *("quoted", "fillers", "stutters", "punctuation", "whitespace"),
        ),
        False,
    )
    text = ' cafÃ©\u200b  SPEAKER_00: um the the [Music] “a" !!! \n'
    for medium in ("prose", "web", "mail", "transcript", "table"):
        outcome = step([chunk("a", text, medium=medium)], quotes="keep", **off)
        assert table.contents(outcome.rows).to_pylist() == [text]


def test_batches_do_not_matter():
    texts = [f"Ann: So um {text}  !!!" for text in words.texts(60, 5, 20)]
    rows = [chunk(str(i), text, medium="transcript") for i, text in enumerate(texts)]
    whole = step(rows, language="en")
    parts = [step(rows[i : i + 7], language="en") for i in range(0, 60, 7)]
    assert pa.concat_tables(part.rows for part in parts).equals(whole.rows.combine_chunks())
    assert pa.concat_tables(part.ledger for part in parts).equals(whole.ledger)


PIECES = st.sampled_from(
    [
        *("um", "you know", "like", ",", ".", "...", "!!", "?!", "\n", "\n\n", "  ", " ", "the"),
        *("the the", "I-I", "JOHN:", "SPEAKER_01:", ">>", "- Ann:", "[00:01]", "00:00:01", "(uh)"),
        *(
            "[Music]",
            "```",
            "`",
            "    ",
            "\t",
            "|",
            '"',
            "“",
            "'",
            "{",
            "}",
            "cafÃ©",
            "â€™",
            "\u200b",
        ),
        *("Thanks,", "-- ", "> x", "On Mon, Bob wrote:", "Best regards,", "Sent from my iPhone"),
        *(
            "We use cookies",
            "© 2024",
            "é",
            "e\u0301",
            "—",
            "A",
            "a",
            "I",
            "x",
            "Um.",
            ":",
            "From: a",
        ),
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join) | st.lists(PIECES, max_size=14).map(" ".join))
def test_any_text_survives(text):
    """No text breaks a part; what comes out is in Unicode's composed form, without blank ends."""
    for medium in ("prose", "web", "mail", "transcript"):
        rows = [chunk("a", text, medium=medium), chunk("b", "x", medium=medium)]
        outcome = step(rows, language="en")
        assert outcome.rows["id"].to_pylist()[-1] == "b"
        gone = outcome.rows.num_rows == 1
        assert gone == (outcome.figures["clean.dropped"] == 1)
        for row in table.each(outcome.rows):
            assert "\u200b" not in row.turns[0][1]
            assert "\x00" not in row.turns[0][1]
