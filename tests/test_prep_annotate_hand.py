"""Rows that people wrote: sheets in JSONL and CSV, and Argilla's own files."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftc.errors import FtcError
from ftc.prep import rows
from ftc.prep.annotate import argilla, hand
from ftc.prep.annotate.sheet import filled, sheet
from ftc.prep.annotate.step import STEP
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare

ARGILLA = Path(__file__).parent / "prep" / "annotate"
TEXTS = (
    "The lamp floats in the bath and costs nine euros.",
    "The ferry was late.\nThere was fog.",
    "An \u201ceven\u201d shorter text \u2014 \u4e2d\u6587.",
    "A page with nothing on it.",
)
CHUNKS = [
    Row(
        rows.identity(str(i), text),
        "notes.txt",
        f"line {i + 1}",
        (("chunk", text),),
        title=("Lamp", "")[i % 2],
    )
    for i, text in enumerate(TEXTS)
]
FINISHED = Row("f" * 16, "b.jsonl", "line 1", (("user", "hi"), ("assistant", "hello")), "chat")


def tables():
    """The chunks in two batches, a finished row among them."""
    return [rows.table([*CHUNKS[:2], FINISHED]), rows.table(CHUNKS[2:])]


def run(tmp_path, **settings):
    """All batches through the step as the runner does it: gather, decide, apply."""
    prepare = Prepare.model_validate({"sources": ["*"], "annotate": settings})
    inputs = Inputs(tmp_path, prepare, prepare.annotate, seed=1)
    paths = [tmp_path / f"gathered-{i}" for i in range(2)]
    for table, path in zip(tables(), paths, strict=True):
        STEP.gather(table, inputs, path)
    decision = tmp_path / "decision"
    decision.mkdir()
    STEP.decide(paths, inputs, decision)
    outcomes = [
        STEP.apply(table, Inputs(tmp_path, prepare, prepare.annotate, 1, i, decision))
        for i, table in enumerate(tables())
    ]
    found = [row for outcome in outcomes for row in rows.each(outcome.rows)]
    told = [line for outcome in outcomes for line in outcome.ledger.to_pylist()]
    return found, told


def save(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def test_a_sheet_that_is_filled_comes_back_as_rows(tmp_path):
    out = tmp_path / "sheets" / "sheet.jsonl"
    assert sheet(tables(), out) == 4
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["text"] for line in lines] == list(TEXTS)
    assert lines[0]["title"] == "Lamp"
    lines[0] |= {"instruction": "What does it cost?", "output": "Nine euros."}
    lines[1] |= {"instruction": "Summarise:", "input": "Fog, ferry.", "output": "It was late.\n"}
    lines.append(lines[0] | {"instruction": "Where does it float?", "output": "In the bath."})
    save(out, lines)
    found, told = run(tmp_path, file="sheets/sheet.jsonl")
    assert [tuple(text for _, text in row.turns) for row in found] == [
        ("What does it cost?", "Nine euros."),
        ("Where does it float?", "In the bath."),
        ("Summarise:\nFog, ferry.", "It was late."),
        ("hi", "hello"),
    ]
    assert [row.parents for row in found[:3]] == [(CHUNKS[i].id,) for i in (0, 0, 1)]
    assert found[0].notes == {"by": "hand", "evidence": [0, len(TEXTS[0])]}
    assert [(line["action"], line["reason"]) for line in told] == [
        *[("made", "written by hand")] * 3,
        *[("dropped", "not annotated")] * 2,
    ]


def test_what_a_person_wrote_goes_before_the_rules(tmp_path):
    settings = {"titles": {"template": "About {title}"}}
    save(
        tmp_path / "sheet.jsonl",
        [{"id": CHUNKS[0].id, "instruction": "Price?", "output": "Nine euros."}],
    )
    found, _ = run(tmp_path, file="sheet.jsonl", **settings)
    asked = [row.turns[0][1] for row in found]
    assert asked == ["Price?", "hi", "About Lamp"]


def test_only_rules_when_the_recipe_says_so(tmp_path):
    save(tmp_path / "sheet.jsonl", [{"id": CHUNKS[0].id, "instruction": "Q?", "output": "A."}])
    found, _ = run(tmp_path, file="sheet.jsonl", by="rules")
    assert found == [FINISHED]


def test_lines_that_cannot_be_used_are_refused_with_their_number(tmp_path):
    first = CHUNKS[0].id
    save(
        tmp_path / "sheet.jsonl",
        [
            {"id": first, "instruction": "Q?", "output": " "},
            {"id": first, "instruction": "", "output": "A."},
            {"id": "0123456789abcdef", "instruction": "Q?", "output": "A."},
            {"id": first, "text": "Another text.", "instruction": "Q?", "output": "A."},
            {"id": "", "instruction": "Q?", "output": "A."},
            {"id": "0123456789abcdef", "instruction": None, "output": ""},
        ],
    )
    with (tmp_path / "sheet.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"id": "broken\n')
    found, told = run(tmp_path, file="sheet.jsonl")
    assert [row.turns[0][1] for row in found] == ["Q?", "hi"]
    bad = [line for line in told if line["action"] == "refused"]
    assert [(line["file"], line["place"], line["reason"]) for line in bad] == [
        ("sheet.jsonl", "line 1", "half filled"),
        ("sheet.jsonl", "line 2", "half filled"),
        ("sheet.jsonl", "line 3", "no such chunk; the text may have changed"),
        ("sheet.jsonl", "line 5", "no id"),
        ("sheet.jsonl", "line 7", "unreadable line"),
    ]
    assert bad[2]["detail"] == "id 0123456789abcdef"
    (changed,) = [line for line in told if line["action"] == "flagged"]
    assert (changed["reason"], changed["detail"]) == (
        "chunk has changed since it was annotated",
        "sheet.jsonl line 4",
    )
    assert (changed["before"], changed["after"]) == ("Another text.", TEXTS[0])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_sheet_as_spreadsheets_save_it(tmp_path, delimiter):
    out = tmp_path / "sheet.csv"
    assert sheet(tables(), out) == 4
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    with out.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["text"] for line in lines] == list(TEXTS)
    lines[1]["text"] = lines[1]["text"].replace("\n", "\r\n")
    lines[1] |= {"instruction": 'Say "late", please; now', "output": "Late;\nvery."}
    with out.open("w", encoding="utf-8-sig", newline="") as stream:
        table = csv.DictWriter(stream, list(lines[0]), delimiter=delimiter)
        table.writeheader()
        table.writerows(lines)
    found, told = run(tmp_path, file="sheet.csv")
    assert found[0].turns == (("user", 'Say "late", please; now'), ("assistant", "Late;\nvery."))
    assert not [line for line in told if line["action"] in ("flagged", "refused")]


def test_files_that_are_no_sheet(tmp_path):
    with pytest.raises(FtcError, match="no such file"):
        run(tmp_path / "..", file="none.jsonl")
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n', "utf-8")
    with pytest.raises(FtcError, match="no column 'id'"):
        filled(tmp_path / "a.jsonl")
    with pytest.raises(FtcError, match="is there already"):
        sheet(tables(), tmp_path / "a.jsonl")
    with pytest.raises(FtcError, match=r"is \.jsonl or \.csv"):
        sheet(tables(), tmp_path / "a.xlsx")


def test_missing_sheets_are_told_before_anything_runs(tmp_path):
    prepare = Prepare.model_validate({"sources": ["*"], "annotate": {"file": "none.jsonl"}})
    with pytest.raises(FtcError, match=r"none\.jsonl: no such file"):
        hand.files(Inputs(tmp_path, prepare, prepare.annotate, seed=1))


def test_the_export_is_the_one_that_argilla_loaded(tmp_path):
    assert argilla.export(tables(), tmp_path / "notes", "notes") == 4
    kept = ARGILLA / "argilla-dataset"
    files = sorted(path.relative_to(kept) for path in kept.rglob("*.json"))
    assert [path.as_posix() for path in files] == [
        ".argilla/dataset.json",
        ".argilla/settings.json",
        "records.json",
    ]
    for path in files:
        assert (tmp_path / "notes" / path).read_bytes() == (kept / path).read_bytes()
    with pytest.raises(FtcError, match="holds a dataset already"):
        argilla.export(tables(), tmp_path / "notes", "notes")


ANSWERED = [
    ("What does the lamp cost?", "Nine euros."),
    ("Where does the lamp float?", "In the bath."),
    (
        "Summarise this in one sentence.\nThe ferry was late.",
        "The ferry came late because of fog.",
    ),
]


def test_flat_rows_of_argilla_tell_who_submitted(tmp_path):
    (tmp_path / "flat.jsonl").write_bytes((ARGILLA / "argilla-flat.jsonl").read_bytes())
    found, told = run(tmp_path, argilla="flat.jsonl")
    asked = [tuple(text for _, text in row.turns) for row in found if row.parents]
    assert asked == ANSWERED
    assert not [line for line in told if line["action"] in ("refused", "flagged")]


@pytest.mark.parametrize("name", ["records.json", ""])
def test_records_of_argilla_do_not(tmp_path, name):
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "records.json").write_bytes((ARGILLA / "argilla-nested.json").read_bytes())
    found, told = run(tmp_path, argilla=f"back/{name}")
    asked = [tuple(text for _, text in row.turns) for row in found if row.parents]
    assert asked == [*ANSWERED, ("Nothing here", "Nothing.")]
    (half,) = [line for line in told if line["action"] == "refused"]
    assert (half["place"], half["reason"]) == ("record 3", "half filled")


def test_what_is_no_record_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('[{"id": "a"}, {"id": "b", "fields": 3}]', "utf-8")
    taken, refused = argilla.filled(tmp_path / "x.json")
    assert taken == []
    assert [(bad.line, bad.reason) for bad in refused] == [(1, "no record of Argilla")]


# The readers of ftc.data take a file with control characters for no text.
SIGNS = st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\t")
ANY = st.text(SIGNS, min_size=1, max_size=40)


@given(text=ANY, question=ANY, answer=ANY, suffix=st.sampled_from([".jsonl", ".csv"]))
def test_any_text_survives_a_sheet(tmp_path_factory, text, question, answer, suffix):
    out = tmp_path_factory.mktemp("sheet") / f"sheet{suffix}"
    sheet([rows.table([CHUNKS[0]._replace(turns=(("chunk", text),))])], out)
    if suffix == ".csv":
        with out.open(encoding="utf-8-sig", newline="") as stream:
            (line,) = csv.DictReader(stream)
        assert line["text"] == text
        with out.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, list(line))
            table.writeheader()
            table.writerow(line | {"instruction": question, "output": answer})
    else:
        line = json.loads(out.read_text("utf-8"))
        assert line["text"] == text
        save(out, [line | {"instruction": question, "output": answer}])
    taken, refused = filled(out)
    if question.strip() and answer.strip():
        (found,) = taken
        assert (found.user, found.answer) == (question.strip(), answer.strip())
        assert found.text == text
        assert not refused
    else:
        assert not taken
        assert len(refused) == bool(question.strip() or answer.strip())
