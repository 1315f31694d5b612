"""Step "annotate": rows by rules, rows that pass, and what the recipe may say about them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ftc import recipe
from ftc.errors import FtcError
from ftc.prep import rows
from ftc.prep.annotate.step import STEP
from ftc.prep.annotate.turns import turns
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare

PAIRS = {"ask": ["Producer"], "answer": ["Host"]}
TALK = """Sound: Rolling on camera two please.
Producer: Next one is about a lamp. It costs
nine euros and floats in the bath.
Host: Got it.
Producer: Keep it short, and tell them what is wrong with it.
Host: This lamp floats. Nine euros, and it's brighter than my bathroom.
Warning: don't use it in the sea.
Editor: That was far too long for me.
Host: Then cut it, I will not say it again.
Producer: Second one: a pen that counts words.
Host: I've written four hundred words today, and a pen told me so.
"""


def chunk(text, number=0, **more):
    told = {"file": "a.txt", "place": "line 1", "turns": (("chunk", text),)} | more
    return Row(id=rows.identity(str(number), text), **told)


def inputs(tmp_path, **settings):
    prepare = Prepare.model_validate({"sources": ["*.txt"], "annotate": settings})
    return Inputs(tmp_path, prepare, prepare.annotate, seed=1)


def apply(tmp_path, found, **settings):
    return STEP.apply(rows.table(found), inputs(tmp_path, **settings))


def made(outcome):
    return [tuple(content for _, content in row.turns) for row in rows.each(outcome.rows)]


def reasons(outcome):
    return outcome.ledger.select(["action", "reason"]).to_pylist()


def test_pairs_of_a_transcript(tmp_path):
    row = chunk(TALK, medium="transcript", extra={"series": 3, "label": True}, title="Day 4")
    outcome = apply(tmp_path, [row], pairs=PAIRS, system="You write scripts.")
    first, second = rows.each(outcome.rows)
    assert first.turns == (
        ("system", "You write scripts."),
        (
            "user",
            "Next one is about a lamp. It costs nine euros and floats in the bath. "
            "Keep it short, and tell them what is wrong with it.",
        ),
        (
            "assistant",
            "This lamp floats. Nine euros, and it's brighter than my bathroom. "
            "Warning: don't use it in the sea.",
        ),
    )
    assert second.turns[1][1] == "Second one: a pen that counts words."
    assert (first.form, first.parents, first.file, first.place) == (
        "chat",
        (row.id,),
        "a.txt",
        "line 1",
    )
    assert first.extra == {"series": 3}
    start, end = first.notes["evidence"]
    assert TALK[start:end].startswith("Producer: Next one")
    assert TALK[start:end].endswith("in the sea.")
    assert first.id == rows.identity(row.id, first.turns[1][1], first.turns[2][1])
    lines = outcome.ledger.to_pylist()
    assert [line["row"] for line in lines] == [first.id, second.id]
    assert all(line["action"] == "made" and row.id in line["detail"] for line in lines)
    assert outcome.figures == {
        "annotate.chunks": 1,
        "annotate.pairs": 2,
        "annotate.passed": 0,
    }


@pytest.mark.parametrize("name", ["Speaker_00", "[NAME_4f]", "Mara Quill-Okoro", "DR. NG", "2"])
def test_names_of_speakers(tmp_path, name):
    text = f"{name}: Tell me about the lamp in the harbour.\nHost: It is the oldest one we have."
    ask = "/speaker_\\d+|dr\\. ng|2/" if name in ("Speaker_00", "DR. NG", "2") else name
    outcome = apply(tmp_path, [chunk(text)], pairs={"ask": [ask.upper()], "answer": ["host"]})
    if ask.startswith("/"):
        outcome = apply(tmp_path, [chunk(text)], pairs={"ask": [ask], "answer": ["host"]})
    assert made(outcome) == [
        ("Tell me about the lamp in the harbour.", "It is the oldest one we have.")
    ]


def test_what_a_colon_does_not_make_a_speaker(tmp_path):
    text = (
        "Host: There is one rule.\nNote: it has no screws.\nhttp://example.com is the page.\n"
        "and so on: three of them.\n10:30 is the time. Tip: don't."
    )
    (turn,) = turns(text, lambda name: False)
    assert turn.speaker == "Host"
    assert turn.text.endswith("10:30 is the time. Tip: don't.")
    assert text[turn.start : turn.end] == text


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Producer", "Host", "Camera", "SPEAKER_01"]),
            st.text(st.sampled_from("ab .,?\n"), min_size=1, max_size=30),
        ),
        max_size=12,
    )
)
def test_turns_hold_every_word_in_its_place(said):
    text = "\n".join(f"{name}: {words}" for name, words in said)
    found = list(turns(text, lambda name: False))
    assert [turn.speaker for turn in found] == [name for name, _ in said]
    assert [turn.text.split() for turn in found] == [words.split() for _, words in said]
    for turn, after in pairwise(found):
        assert turn.end <= after.start
    for turn in found:
        assert text[turn.start : turn.end].startswith(turn.speaker + ":")


def cut(lines, sizes):
    """Lines as the chunks of one recording, so many lines each."""
    chunks = []
    for number, size in enumerate(sizes, 1):
        said, lines = lines[:size], lines[size:]
        extra = {} if number == 1 else {"part": number}
        chunks.append(chunk("\n".join(said), number, medium="transcript", extra=extra))
    return chunks


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Producer", "Host", "Camera"]), st.integers(0, 99), st.booleans()
        ),
        min_size=1,
        max_size=14,
    ),
    st.data(),
)
def test_pairs_do_not_depend_on_where_a_recording_is_cut(tmp_path_factory, said, data):
    lines = [
        f"{name}: number {i} says {number} things" if long else f"{name}: yes"
        for i, (name, number, long) in enumerate(said)
    ]
    ends = data.draw(st.sets(st.integers(1, len(lines)), max_size=6)) | {len(lines)}
    sizes = [end - start for start, end in pairwise([0, *sorted(ends)])]
    folder = tmp_path_factory.mktemp("cut")
    whole = apply(folder, [chunk("\n".join(lines), medium="transcript")], pairs=PAIRS)
    parts = cut(lines, sizes)
    outcome = apply(folder, parts, pairs=PAIRS)
    assert made(outcome) == made(whole)
    texts = {part.id: part.turns[0][1] for part in parts}
    for row in rows.each(outcome.rows):
        start, end = row.notes["evidence"]
        found = "\n".join(texts[parent] for parent in row.parents)[start:end]
        assert found.startswith("Producer: ")
        assert found.endswith(" ".join(row.turns[1][1].split()[-5:]))
    gone = [line["row"] for line in outcome.ledger.to_pylist() if line["action"] == "dropped"]
    used = {parent for row in rows.each(outcome.rows) for parent in row.parents}
    assert set(gone) == set(texts) - used


def test_no_pair_over_a_gap_between_chunks(tmp_path):
    parts = cut(
        [
            "Producer: What is it about this time?",
            "Producer: No, wait, tell me of the lamp.",
            "Host: It floats and it costs nine euros.",
        ],
        [1, 1, 1],
    )
    assert len(made(apply(tmp_path, parts, pairs=PAIRS))) == 1
    assert made(apply(tmp_path, [parts[0], parts[2]], pairs=PAIRS)) == []
    other = parts[1]._replace(file="b.txt")
    assert made(apply(tmp_path, [parts[0], other, parts[2]], pairs=PAIRS)) == []
    assert made(apply(tmp_path, parts, pairs=PAIRS, rules=["questions"])) == []


FAQ = [
    ("Q: Does it swim?\nA: It does.\nFor an hour.\n\nQ: Alone?\nA: No.", "Alone?"),
    (
        "**Q1:** Does it swim?\n**A1:** It does.\nFor an hour.\n**Q2:** Alone?\n**A2:** No.",
        "Alone?",
    ),
    (
        "- Question: Does it swim?\n- Answer: It does.\nFor an hour.\n"
        "question 2: Alone?\nanswer: No.",
        "Alone?",
    ),
    (
        "Frage: Does it swim?\nAntwort: It does.\nFor an hour.\nFrage: Alone?\nAntwort: No.",
        "Alone?",
    ),
    ("Q: Does it swim?\nR : It does.\nFor an hour.\nQ: Alone?\nR: No.", "Alone?"),
]


@pytest.mark.parametrize(("text", "last"), FAQ)
def test_blocks_of_questions_and_answers(tmp_path, text, last):
    outcome = apply(tmp_path, [chunk(text)])
    assert [answer.split() for _, answer in made(outcome)] == [
        ["It", "does.", "For", "an", "hour."],
        ["No."],
    ]
    assert [question for question, _ in made(outcome)] == ["Does it swim?", last]
    for row in rows.each(outcome.rows):
        start, end = row.notes["evidence"]
        assert row.turns[0][1] in text[start:end]
        assert row.turns[1][1] in text[start:end]


def test_a_question_without_an_answer_and_an_answer_without_a_question_give_no_row(tmp_path):
    text = "A: Nobody asked.\nQ: Who?\nQ: And when?\nA: She did,\nQ: Why?\n"
    assert made(apply(tmp_path, [chunk(text)])) == [("Who?\nAnd when?", "She did,")]
    assert made(apply(tmp_path, [chunk("a) Q and so on\nb) A list")])) == []


@pytest.mark.parametrize(
    ("title", "text", "question"),
    [
        ("Guide > Can I wash it?", "Yes, by hand.", "Can I wash it?"),
        ("Can I wash it?", "## Can I wash it?\n\nYes, by hand.", "Can I wash it?"),
        (
            "\u6d17\u3048\u307e\u3059\u304b\uff1f",
            "Yes, by hand.",
            "\u6d17\u3048\u307e\u3059\u304b\uff1f",
        ),
    ],
)
def test_headings_that_ask(tmp_path, title, text, question):
    outcome = apply(tmp_path, [chunk(text, title=title)])
    assert made(outcome) == [(question, "Yes, by hand.")]
    ((start, end),) = [row.notes["evidence"] for row in rows.each(outcome.rows)]
    assert text[start:end] == "Yes, by hand."


def test_parts_of_a_longer_section_are_no_answers(tmp_path):
    parts = [chunk(f"Part {i}.", i, title="Why?", place=f"line {i}") for i in range(3)]
    other = chunk("Because.", 9, title="Why not?")
    table = [
        chunk(f"Row {i}.", i, title="Why?", place=f"line {i // 2}", medium="table", file="b.csv")
        for i in range(3)
    ]
    assert made(apply(tmp_path, table)) == [("Why?", "Row 2.")]
    outcome = apply(tmp_path, [*parts, other])
    assert made(outcome) == [("Why not?", "Because.")]
    dropped = [line for line in outcome.ledger.to_pylist() if line["action"] == "dropped"]
    assert {line["detail"] for line in dropped} == {"part of a longer text"}


def test_mails_give_their_body_for_the_subject(tmp_path):
    told = {"medium": "mail", "extra": {"from": "Ann <a@example.com>", "to": ["Bo", "Cy"]}}
    mails = [
        chunk("The lift is mended.\n", 1, title="Lift", place="message 1", **told),
        chunk("Fine with me.", 2, title="Re: Lift", place="message 2", **told),
        chunk("See below.", 3, title="WG: Lift", place="message 3", **told),
        chunk("No subject.", 4, place="message 4", **told),
    ]
    assert made(apply(tmp_path, mails)) == [
        ("Write the e-mail with this subject: Lift", "The lift is mended.")
    ]
    template = "{sender} writes to {recipient} about {{it}}: {title}"
    assert made(apply(tmp_path, mails, subjects={"template": template})) == [
        ("Ann <a@example.com> writes to Bo, Cy about {it}: Lift", "The lift is mended.")
    ]
    assert made(apply(tmp_path, mails, subjects={"template": "{title} on {date}"})) == []


def test_two_parts_of_one_mail_give_no_row_but_two_mails_of_one_subject_do(tmp_path):
    told = {"medium": "mail", "title": "Minutes", "file": "box.mbox"}
    one, two = (
        chunk("One.", 1, place="message 1", **told),
        chunk("Two.", 2, place="message 1", **told),
    )
    assert made(apply(tmp_path, [one, two])) == []
    assert len(made(apply(tmp_path, [one, two._replace(place="message 2")]))) == 2


def test_replies_below_and_above_what_they_quote(tmp_path):
    below = (
        "Hello Bo,\n\nOn Monday, Bo wrote:\n> When does the boat leave?\n> > earlier words\n"
        "At nine, from the north pier.\n\n> I will bring bread.\nGood.\n"
        "> Is there a return?\nAt six.\n"
    )
    above = "At nine, from the north pier.\n\nAm Montag schrieb Bo:\n> When does the boat leave?\n"
    mails = [
        chunk(below, 1, medium="mail", title="Re: boat", place="message 1"),
        chunk(above, 2, medium="mail", title="Re: boat", place="message 2"),
    ]
    assert made(apply(tmp_path, mails)) == [
        ("When does the boat leave?", "At nine, from the north pier."),
        ("Is there a return?", "At six."),
        ("When does the boat leave?", "At nine, from the north pier."),
    ]
    assert made(apply(tmp_path, mails, rules=["subjects"])) == []


def test_titles_and_the_order_of_rules(tmp_path):
    row = chunk("It has nine rooms.", title="The museum")
    settings = {"titles": {"template": "Write a short article about {title}."}}
    assert made(apply(tmp_path, [row])) == []
    assert made(apply(tmp_path, [row], **settings)) == [
        ("Write a short article about The museum.", "It has nine rooms.")
    ]
    faq = row._replace(turns=(("chunk", "Q: Rooms?\nA: Nine."),))
    assert made(apply(tmp_path, [faq], **settings)) == [("Rooms?", "Nine.")]
    assert made(apply(tmp_path, [faq], by="argilla", argilla="x.json", **settings)) == []


def test_finished_rows_pass_in_their_places(tmp_path):
    chat = Row("c" * 16, "b.jsonl", "line 1", (("user", "hi"), ("assistant", "hello")), "chat")
    text = Row("d" * 16, "b.jsonl", "line 2", (("text", "A text."),), "text")
    faq = chunk("Q: Who?\nA: She.\nQ: When?\nA: Now.")
    outcome = apply(tmp_path, [faq, chat, chunk("Nothing to learn."), text, faq])
    forms = [row.form for row in rows.each(outcome.rows)]
    assert forms == ["chat", "chat", "chat", "text", "chat", "chat"]
    kept = [row for row in rows.each(outcome.rows) if not row.parents]
    assert kept == [chat, text]
    assert reasons(outcome)[2] == {"action": "dropped", "reason": "not annotated"}
    assert outcome.figures["annotate.dropped"] == 1
    assert outcome.figures["annotate.passed"] == 2


def test_an_equal_pair_of_a_chunk_counts_once(tmp_path):
    outcome = apply(tmp_path, [chunk("Q: Who?\nA: She.\n\nQ: Who?\nA: She.")])
    assert made(outcome) == [("Who?", "She.")]


def test_chunks_that_nothing_annotates_may_become_texts(tmp_path):
    row = chunk("A plain text.")
    (kept,) = rows.each(apply(tmp_path, [row], unannotated="text").rows)
    assert kept == row._replace(form="text", turns=(("text", "A plain text."),))


def test_no_rows_at_all(tmp_path):
    outcome = apply(tmp_path, [])
    assert outcome.rows.num_rows == 0
    assert outcome.rows.schema == rows.SCHEMA


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('by = "model"', "needs ftc augment"),
        ('by = ["rules", "model"]', "needs ftc augment"),
        ('by = "manual"', "is 'manual'; expected \"auto\" or a list of rules, file, argilla"),
        ("by = 3", "is 3; expected"),
        ('by = ["file"]', "prepare.annotate.file beside"),
        ('rules = ["pairs"]', "[prepare.annotate.pairs] beside"),
        ('titles = { template = "About {titel}" }', "{titel} is none of them"),
        ('titles = { template = "About {title.__class__}" }', "is none of them"),
        ('titles = { template = "About {title!r}" }', "is none of them"),
        ('titles = { template = "About {title" }', "written twice"),
        ('pairs = { ask = ["/(/"], answer = ["B"] }', "a regular expression between slashes"),
        ("pairs = { ask = [], answer = [] }", "something in it"),
    ],
)
def test_settings_that_cannot_be_meant(line, said):
    start = 'name = "x"\nmodel = "m"\ndata = { path = "d.jsonl" }\n[prepare]\nsources = ["a"]\n'
    with pytest.raises(FtcError) as error:
        recipe.parse(f"{start}[prepare.annotate]\n{line}\n", "recipe.toml")
    assert said in str(error.value)
    assert "prepare.annotate" in str(error.value)


def test_settings_survive_json():
    settings = {"by": "rules", "pairs": PAIRS, "titles": {"template": "{title}"}}
    prepare = Prepare.model_validate({"sources": ["a"], "annotate": settings})
    assert Prepare.model_validate_json(prepare.model_dump_json()) == prepare
    with pytest.raises(ValidationError):
        Prepare.model_validate({"sources": ["a"], "annotate": {"pair": PAIRS}})
