"""Names: found with the small English model of spaCy and the words around them."""

import sys

import pytest
from tests.made import people, pii
from tests.test_prep_redact import run, said

from ftc.errors import FtcError
from ftc.prep import rows
from ftc.prep.redact import hints, names
from ftc.prep.rows import Row


@pytest.mark.parametrize("seed", [9001, 9002])
def test_names_are_found_and_little_else(seed):
    made = people.documents(150, seed)
    got = names.find_all([document.text for document in made])
    found = [[(s.kind, s.start, s.end) for s in got.get(i, [])] for i in range(len(made))]
    rate = pii.score(found, made)["name"]
    assert rate.planted > 250
    assert rate.recall >= 0.85, rate
    assert rate.precision >= 0.85, rate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Minutes of 4 May. Present: Ingrid Halvorsen (chair), Tomasz Wilk and Dr Farouk Aziz. "
            "Halvorsen opened at nine. Next meeting in Lisbon.",
            ["Ingrid Halvorsen", "Tomasz Wilk", "Farouk Aziz", "Halvorsen"],
        ),
        (
            "Hi Priya,\nplease ask Zhang Wei. The Excel sheet comes on Tuesday.\nBest wishes,\nJo",
            ["Priya", "Zhang Wei", "Jo"],
        ),
        ("Ask Dr. van der Berg about it.", ["van der Berg"]),
        ("Turn onto Jackson Street near the Mary Hospital in San Francisco.", []),
        ("Dear Customer, the Support Team at General Motors is closed on Monday.", []),
        ("The server restarts in March; see Chapter Two.", []),
    ],
)
def test_names_in_plain_sentences(text, expected):
    found = names.find_all([text]).get(0, [])
    assert [text[span.start : span.end] for span in found] == expected


def chunk(name, text, **more):
    return Row(name.ljust(16, "0"), "file", "1", (("chunk", text),), **more)


def test_first_name_and_family_name_of_one_person_share_a_number(tmp_path):
    one = rows.table([chunk("a", "Dear Siobhan,\nI spoke with Kwame Mensah yesterday.")])
    two = rows.table([chunk("b", "Regards,\nSiobhan Walsh\n\nMrs. Walsh and Mr. Mensah agreed.")])
    outcomes = run([one, two], tmp_path, names=True)
    assert said(outcomes[0]) == [["Dear [NAME_1],\nI spoke with [NAME_2] yesterday."]]
    assert said(outcomes[1]) == [["Regards,\n[NAME_1]\n\nMrs. [NAME_1] and Mr. [NAME_2] agreed."]]


def test_two_people_of_one_family_name_stay_apart(tmp_path):
    text = "I met Siobhan Walsh and Kieran Walsh. Mr. Walsh left."
    (outcome,) = run([rows.table([chunk("a", text)])], tmp_path, names=True)
    assert said(outcome) == [["I met [NAME_1] and [NAME_2]. Mr. [NAME_3] left."]]


def test_speakers_stay_unless_they_are_named(tmp_path):
    text = "Siobhan Walsh: good morning\nSpeaker 2: I am Kwame Mensah, call me Kwame"
    table = rows.table([chunk("a", text, medium="transcript")])
    (kept,) = run([table], tmp_path, names=True)
    (gone,) = run([table], tmp_path, names=True, keep_speakers=False)
    turns = "\nSpeaker 2: I am [NAME_{0}], call me [NAME_{0}]"
    assert said(kept) == [["Siobhan Walsh: good morning" + turns.format(1)]]
    assert said(gone) == [["[NAME_1]: good morning" + turns.format(2)]]


def test_the_sender_of_a_mail_is_a_name(tmp_path):
    extra = {"from": "Qabil Rajagopalan <q.r@x.org>", "to": "Walsh, Siobhan <s@x.org>"}
    table = rows.table([chunk("a", "see you", medium="mail", extra=extra)])
    (outcome,) = run([table], tmp_path, names=True)
    (row,) = rows.each(outcome.rows)
    assert row.extra["from"] == "[NAME_1] <[EMAIL_1]>"
    assert "Walsh" not in row.extra["to"] and "Siobhan" not in row.extra["to"]


def test_long_texts_are_read_to_their_end():
    text = "nothing is said here. " * 1200 + "\nThe report was written by Ingrid Halvorsen."
    found = names.find_all(["", text])
    assert [text[span.start : span.end] for span in found[1]] == ["Ingrid Halvorsen"]


def test_spans_are_within_the_text_and_capitalised():
    for document in people.documents(200, 5):
        for span in hints.found(document.text):
            written = document.text[span.start : span.end]
            assert written.strip() == written
            assert any(part[0].isupper() for part in written.split())


def test_without_spacy_the_user_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    names.model.cache_clear()
    with pytest.raises(FtcError, match="needs spaCy") as told:
        names.find_all(["Ann"])
    assert "pip install" in told.value.hint
    names.model.cache_clear()
