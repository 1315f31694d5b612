"""Documents, mail and transcripts: what is read of each kind, and what is said of broken ones."""

import email.message
import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made import files
from tests.made.files import collect
from tests.made.words import texts

from ftc.prep.collect import turns
from ftc.prep.collect.turns import Part, Turn
from ftc.preparation.collect import Collect

HELD = Path(__file__).parent / "prep" / "collect"


def triples(seen):
    return [(row.place, row.title, row.turns[0][1]) for row in seen.rows]


def test_a_pdf_is_read_page_by_page(tmp_path):
    files.pdf(tmp_path / "a.pdf", ["First page.\n\nMore.", None, "Third page."], title="The guide")
    seen = collect(tmp_path)
    assert [(place, title) for place, title, _ in triples(seen)] == [
        ("page 1", "The guide"),
        ("page 3", "The guide"),
    ]
    assert seen.texts()[0].split() == ["First", "page.", "More."]
    assert seen.refused() == [("a.pdf", "page 2", "no text on the page (scanned?)")]
    assert seen.figures["collect.kind.pdf"] == 1


def test_bad_pdfs_are_named_and_the_rest_goes_on(tmp_path):
    files.pdf(tmp_path / "good.pdf", ["Text of the good one."])
    files.pdf(tmp_path / "locked.pdf", ["Secret."], password="word")
    files.pdf(tmp_path / "owner.pdf", ["Anyone may read."], password="owner:word")
    files.pdf(tmp_path / "scanned.pdf", [None, None])
    raw = (tmp_path / "good.pdf").read_bytes()
    (tmp_path / "cut.pdf").write_bytes(raw[:150])
    (tmp_path / "noise.pdf").write_bytes(b"%PDF-1.4\n" + bytes(range(256)) * 20)
    (tmp_path / "packed.pdf.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "torn.pdf.gz").write_bytes(gzip.compress(raw)[:-100])
    seen = collect(tmp_path)
    assert [text.strip() for text in seen.texts()] == [
        "Text of the good one.",
        "Anyone may read.",
        "Text of the good one.",
    ]
    assert seen.refused() == [
        ("cut.pdf", "", "broken PDF"),
        ("locked.pdf", "", "encrypted PDF"),
        ("noise.pdf", "", "broken PDF"),
        ("scanned.pdf", "", "no text in the PDF (scanned?)"),
        ("torn.pdf.gz", "", "broken .gz file"),
    ]


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_to_a_pdf_ends_the_run(tmp_path, seed):
    files.pdf(tmp_path / "a.pdf", ["\n".join(texts(3, seed, 20)), "Second page."])
    raw = bytearray((tmp_path / "a.pdf").read_bytes())
    for i in range(30):
        raw[(seed * 7919 + i * 104_729) % len(raw)] = (seed * 31 + i) % 256
    (tmp_path / "a.pdf").write_bytes(raw)
    seen = collect(tmp_path)
    assert seen.rows or seen.ledger


def test_word_keeps_headings_tables_and_order(tmp_path):
    files.word(tmp_path / "a.docx")
    seen = collect(tmp_path)
    assert triples(seen) == [
        ("paragraph 2", "Handbook", "Read this first."),
        ("paragraph 4", "Handbook > Hours", "We open at nine.\n\nDay | Time\nMonday"),
        ("paragraph 7", "Handbook > Hours > Sundays", "Closed."),
    ]


def test_a_transcript_in_word_is_read_as_one(tmp_path):
    files.word_transcript(tmp_path / "a.docx")
    seen = collect(tmp_path)
    assert [(row.place, row.medium) for row in seen.rows] == [("00:00:03", "transcript")]
    assert seen.texts() == [
        "Weekly call-20261123\nAnna Berg: Welcome everybody.\nTom: Thanks.\nLet us begin."
    ]


def test_bad_word_files_are_named(tmp_path):
    files.broken_word(tmp_path / "cut.docx", "cut")
    files.broken_word(tmp_path / "gone.docx", "gone")
    files.broken_word(tmp_path / "xml.docx", "xml")
    (tmp_path / "old.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    files.word(tmp_path / "good.docx")
    seen = collect(tmp_path)
    assert {row.file for row in seen.rows} == {"good.docx"}
    assert seen.refused() == [
        ("cut.docx", "", "broken DOCX"),
        ("gone.docx", "", "broken DOCX"),
        ("old.docx", "", "encrypted DOCX, or an old .doc file"),
        ("xml.docx", "", "broken DOCX"),
    ]


PAGE = """<html><head><title>The  guide</title><meta charset="{}"></head><body>
<nav><a href="/">Home</a><a href="/shop">Shop</a></nav><article><h1>Data</h1>
<p>The model can only learn what your data teaches it, and so we begin with café data.</p>
<h2>Steps</h2><p>There are seven *steps* in the [recipe], and each of them is described below.</p>
</article><footer>Imprint and cookies</footer><script>var x = "hidden";</script></body></html>"""


@pytest.mark.parametrize("name", ["utf-8", "iso-8859-1", "windows-1252"])
def test_html_gives_the_main_text_by_headings(tmp_path, name):
    (tmp_path / "a.html").write_bytes(PAGE.format(name).encode(name))
    seen = collect(tmp_path)
    assert [(row.title, row.place, row.medium) for row in seen.rows] == [
        ("Data", "part 1", "web"),
        ("Data > Steps", "part 2", "web"),
    ]
    assert "café data." in seen.texts()[0]
    assert "seven *steps* in the [recipe], and" in seen.texts()[1]
    assert not any(word in " ".join(seen.texts()) for word in ("Shop", "hidden"))


def test_html_without_a_main_text_gives_the_body(tmp_path):
    (tmp_path / "a.html").write_text("<body><script>x()</script><b>Hi</b> you</body>")
    (tmp_path / "b.html").write_text("no page")
    (tmp_path / "c.html").write_text("<html><body><img src='a.png'></body></html>")
    seen = collect(tmp_path)
    assert [" ".join(text.split()) for text in seen.texts()] == ["Hi you", "no page"]
    assert seen.refused() == [("c.html", "", "no text on the page")]


def message(number=1, body="Hello Tom,\n\nsee you.\n", **headers):
    made = email.message.EmailMessage()
    made["From"], made["To"] = "Anna Müller <a@b.example>", "tom@b.example"
    made["Date"] = "Mon, 23 Nov 2026 10:00:00 +0000"
    made["Subject"] = headers.get("subject", "Grüße")
    made["Message-ID"] = f"<m{number}@b.example>"
    made.set_content(body)
    return made


def test_a_message_keeps_subject_people_and_id(tmp_path):
    made = message()
    made.add_alternative("<p>Hello in HTML</p>", subtype="html")
    made.add_attachment(b"123", maintype="application", subtype="pdf", filename="plan.pdf")
    (tmp_path / "a.eml").write_bytes(bytes(made))
    seen = collect(tmp_path)
    assert triples(seen) == [("message m1@b.example", "Grüße", "Hello Tom,\n\nsee you.")]
    assert seen.rows[0].medium == "mail"
    assert seen.rows[0].extra == {
        "from": "Anna Müller <a@b.example>",
        "to": "tom@b.example",
        "date": "Mon, 23 Nov 2026 10:00:00 +0000",
        "message_id": "m1@b.example",
        "attachments": ["plan.pdf"],
    }
    assert seen.figures["collect.attachments"] == 1


def test_a_message_in_html_alone_and_one_without_text(tmp_path):
    made = email.message.EmailMessage()
    made["Subject"] = "News"
    made.set_content(
        "<html><body><p>Only in HTML, with a sentence.</p></body></html>", subtype="html"
    )
    (tmp_path / "a.eml").write_bytes(bytes(made))
    (tmp_path / "b.eml").write_bytes(b"Subject: nothing\n\n")
    seen = collect(tmp_path)
    assert seen.texts() == ["Only in HTML, with a sentence."]
    assert seen.refused() == [("b.eml", "message 1", "no text in the message")]


BROKEN_MAIL = [
    b"Subject: =?no-such?Q?abc?=\nContent-Type: text/plain; charset=none-such\n\nCaf\xe9.\n",
    b"Subject: Caf\xe9\nContent-Type: text/plain; charset=utf-8\n\nCaf\xe9.\n",
    b"Subject: =?utf-8?B?!!!?=\nFrom: <<<>>\nDate: never\nContent-Transfer-Encoding: base64\n"
    b"Content-Type: text/plain; charset=utf-8\n\nQ2Fmw6kh!@\n",
    b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: "
    b"text/plain; charset=latin-1\nContent-Transfer-Encoding: quoted-printable\n\nCaf=E9.\n",
]


@pytest.mark.parametrize("raw", BROKEN_MAIL)
def test_broken_mail_is_still_read(tmp_path, raw):
    (tmp_path / "a.eml").write_bytes(raw)
    assert collect(tmp_path).texts()[0].startswith("Café")


@given(st.binary(max_size=300))
def test_no_mail_ends_the_run(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("mail")
    (folder / "a.eml").write_bytes(b"Subject: x\nContent-Type: multipart/mixed; boundary=a\n" + raw)
    seen = collect(folder, "a.eml")
    assert seen.rows or seen.ledger


def test_a_mailbox_gives_each_message(tmp_path):
    raw = b""
    for number in range(3):
        body = "One.\n\nFrom Anna with love.\n>From the start.\n" if number == 1 else "Body.\n"
        made = bytes(message(number, body, subject=f"S{number}"))
        raw += b"From a@b.example Mon Nov 23 10:00:00 2026\n" + made + b"\n"
    (tmp_path / "a.mbox").write_bytes(raw)
    (tmp_path / "no.mbox").write_text("Just text.")
    seen = collect(tmp_path)
    assert [row.title for row in seen.rows] == ["S0", "S1", "S2"]
    assert seen.texts()[1] == "One.\n\nFrom Anna with love.\nFrom the start."
    assert seen.refused() == [("no.mbox", "", "not a mailbox")]


TRANSCRIPTS = {
    "stamped.txt": (
        "00:00:03",
        "Anna Berg: Welcome everybody, um, to the weekly call.\n"
        "Tom O'Neil: Thanks. I'll start with the launch.\n"
        "It went well: 40,000 people saw it.\nAnna Berg: Great.",
    ),
    "stamped_brackets.txt": (
        "00:00:03",
        "Weekly call, 3 May\nAnna: Welcome everybody.\nTom: Thanks.\nAnna: Great.",
    ),
    "stamped_behind.txt": (
        "00:00:03",
        "Speaker 1: Welcome everybody.\nSpeaker 2: Thanks.\nSpeaker 1: Great.",
    ),
    "teams.txt": (
        "00:00:03",
        "Anna Berg: Welcome everybody.\nLet us begin.\nTom O'Neil: Thanks.\nAnna Berg: Great.",
    ),
    "zoom_chat.txt": (
        "10:01:02",
        "Anna Berg: Can you hear me?\nTom: Yes.\nAnna Berg: Great.",
    ),
    "zoom_captions.txt": ("10:01:02", "Anna Berg: Can you hear me?\nTom: Yes."),
    "tagged.txt": (
        "line 1",
        "Anna: Welcome everybody.\nTom: Thanks.\nAnna: Great.\nTom: Bye.",
    ),
    "zoom.vtt": ("00:00:03", "Anna Berg: Welcome everybody. Let us begin.\nTom: Thanks & hello."),
    "voices.vtt": ("00:00:03", "Anna Berg: Welcome everybody.\nTom: Thanks."),
    "rolling.vtt": ("00:00:00", "so today we look at the first part of the guide"),
    "marked.srt": (
        "00:00:01",
        "Host: Are we on?\nProducer: Yes, we are. Next is a story: it begins.\n"
        "Who said that?\nNobody.\nA pause.",
    ),
    "plain.srt": ("00:00:01", "The data teaches it. Nothing else does.\nChapter two."),
}


def test_transcripts_become_lines_of_name_and_text():
    seen = collect(HELD / "transcripts")
    found = {row.file: row for row in seen.rows}
    assert len(found) == len(seen.rows)
    for name, (place, text) in TRANSCRIPTS.items():
        row = found.pop(name)
        assert (row.medium, row.place, row.turns) == ("transcript", place, (("chunk", text),))
    assert {row.file: row.medium for row in found.values()} == {
        "story.not.txt": "prose",
        "timetable.not.txt": "prose",
        "values.not.txt": "prose",
    }
    assert seen.figures["collect.lines.repeated"] == 2
    assert not seen.ledger


said_lines = st.lists(
    st.sampled_from(
        ["00:01 Anna: hello", "Tom: yes", "Tom 0:12", "[Anna] 10:00:01", "", "text on"]
    ),
    min_size=1,
    max_size=12,
)


@given(said_lines)
def test_no_word_of_a_transcript_is_lost(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("said")
    (folder / "a.txt").write_text("start\n" + "\n".join(lines))
    kept = " ".join(collect(folder, "a.txt").texts())
    expected = {word for line in lines for word in re.findall(r"[A-Za-z]+", line)}
    assert expected <= set(re.findall(r"[A-Za-z]+", kept))


def test_long_transcripts_are_cut_between_turns(tmp_path):
    said = texts(30, seed=2, words=20)
    lines = [f"00:{i:02}:00 {'AT'[i % 2]}nna: {text}" for i, text in enumerate(said)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    seen = collect(tmp_path, max_words=100)
    assert len(seen.rows) > 5
    kept = "\n".join(seen.texts()).split("\n")
    assert kept == [f"{'AT'[i % 2]}nna: {text}" for i, text in enumerate(said)]
    for row in seen.rows:
        assert row.turns[0][1].startswith(lines[int(row.place[3:5])][9:])
    again = collect(tmp_path, max_words=100, overlap=50)
    for before, after in zip(again.texts(), again.texts()[1:], strict=False):
        assert after.split("\n")[0] in before.split("\n")[1:]


def test_one_long_turn_is_cut_and_keeps_its_speaker(tmp_path):
    cues = [f"{i // 60:02}:{i % 60:02}.000 --> {i // 60:02}:{i % 60:02}.900" for i in range(200)]
    body = "\n\n".join(f"{cue}\n<v Anna>cue {i} says five.</v>" for i, cue in enumerate(cues))
    (tmp_path / "a.vtt").write_text(f"WEBVTT\n\n{body}\n")
    seen = collect(tmp_path, max_words=50)
    assert all(text.startswith("Anna: cue ") and "\n" not in text for text in seen.texts())
    assert all(len(text.split()) <= 50 for text in seen.texts())
    said = " ".join(text.removeprefix("Anna: ") for text in seen.texts())
    assert said == " ".join(f"cue {i} says five." for i in range(200))
    assert seen.rows[1].place == f"00:00:{int(seen.texts()[1].split()[2]):02}"


parts = st.lists(st.text("ab .!", min_size=1, max_size=60).filter(str.strip), min_size=1)
talk = st.lists(st.tuples(st.sampled_from(["", "Anna", "Tom"]), parts), max_size=12)


@given(talk, st.integers(20, 30))
def test_no_word_of_a_talk_is_lost_or_doubled(said, limit):
    given_turns = [
        Turn(name, tuple(Part(f"line {i}", text) for i, text in enumerate(texts)))
        for name, texts in said
    ]
    made = list(turns.pieces(given_turns, Collect(max_words=limit)))
    kept = " ".join(piece.turns[1] for piece in made).replace("Anna:", "").replace("Tom:", "")
    assert kept.split() == " ".join(text for _, texts in said for text in texts).split()
    assert all(len(piece.turns[1].split()) <= limit for piece in made)


def test_bad_subtitles_are_told(tmp_path):
    (tmp_path / "a.srt").write_text("This is no subtitle file.\n")
    (tmp_path / "b.vtt").write_text("WEBVTT\n\nNOTE nothing here\n")
    lines = "1\n00:00:01,000 --> 00:00:02,000\nFine.\n\n2\n00:xx:09,000 --> 00:00:10,000\nLost.\n"
    (tmp_path / "c.srt").write_text(lines)
    seen = collect(tmp_path)
    assert seen.refused() == [
        ("a.srt", "", "broken subtitles"),
        ("b.vtt", "", "no text in the subtitles"),
        ("c.srt", "", "subtitles without text or valid times"),
    ]
    assert seen.ledger[-1]["detail"] == "1 of 2"
    assert seen.texts() == ["Fine."]


def test_subtitles_without_their_first_line_and_in_cp1252(tmp_path):
    (tmp_path / "a.vtt").write_text("00:01.000 --> 00:02.000\nHello.\n")
    (tmp_path / "b.srt").write_bytes("1\n00:00:01,000 --> 00:00:02,000\nGrüße.\n".encode("cp1252"))
    seen = collect(tmp_path)
    assert seen.texts() == ["Hello.", "Grüße."]
    assert [line["reason"] for line in seen.ledger] == ["read as cp1252, not UTF-8"]
