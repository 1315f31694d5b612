"""The review queue: which rows a person sees, and what comes back from the edited file."""

import csv
import json

import pyarrow as pa
import pytest

from ftc.errors import FtcError
from ftc.prep import ledger, rows
from ftc.prep.review import apply_review, faults, queue, reviewed
from ftc.prep.rows import Row


def chat(number, quality=None, flags=(), system=False, **more):
    turns = (("user", f"Question {number}?"), ("assistant", f"Answer {number}."))
    notes = (
        {} if quality is None else {"quality": quality, "scores": {"form": quality, "tone": 1.0}}
    )
    start = (("system", "Be brief."),) if system else ()
    told = {"form": "chat", "turns": (*start, *turns), "notes": notes, "flags": flags} | more
    return Row(f"{number:016x}", "a.jsonl", f"line {number}", **told)


def tables(found, size=3):
    return [rows.table(found[i : i + size]) for i in range(0, len(found), size)]


def lines(path):
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def write(path, found):
    path.write_text("".join(json.dumps(line) + "\n" for line in found), "utf-8")
    return path


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_most_doubtful_rows_come_first_however_the_rows_are_cut(tmp_path, size):
    found = [
        chat(1, 0.9),
        chat(2, 0.2, ("echo",)),
        chat(3),
        chat(4, 0.2, ("cut answer", "echo")),
        chat(5, 0.5),
        chat(6, 1.0, ("length",)),
        chat(7, 0.1)._replace(form="chunk"),
        chat(8, notes={"quality": 0.1, "reviewed": "keep"}),
    ]
    out = tmp_path / "deep" / "queue.jsonl"
    assert queue(tables(found, size), out, 4) == 4
    said = lines(out)
    assert [int(line["id"], 16) for line in said] == [4, 2, 5, 1]
    assert said[0]["why"] == "quality 0.20; cut answer, echo; form 0.20"
    assert said[0]["instruction"] == "Question 4?"
    assert said[0]["verdict"] == ""
    assert queue(tables(found, size), tmp_path / "all.jsonl", 50) == 6
    with pytest.raises(FtcError, match="is there already"):
        queue(tables(found, size), out, 4)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_queue_nobody_touched_changes_nothing(tmp_path, suffix):
    preference = chat(
        9,
        0.1,
        form="preference",
        turns=(("user", 'A "hard", one'), ("chosen", "Yes.\n"), ("rejected", "No;")),
    )
    found = [chat(1, 0.4, system=True), preference, chat(3, 0.2)]
    out = tmp_path / f"queue{suffix}"
    queue(tables(found), out, 10)
    assert reviewed(out).verdicts == {}
    said = lines(out)
    for line in said:
        line["verdict"] = "edit"
    if suffix == ".csv":
        with out.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, list(said[0]), delimiter=";")
            table.writeheader()
            table.writerows(said)
    else:
        write(out, said)
    outcome = apply_review(rows.table(found), out)
    kept = list(rows.each(outcome.rows))
    assert [row.turns for row in kept] == [row.turns for row in found]
    assert [row.notes["reviewed"] for row in kept] == ["edit"] * 3
    assert outcome.ledger.num_rows == 0
    assert outcome.figures["review.kept"] == 3


def test_verdicts(tmp_path):
    found = [chat(number, 0.5, system=number == 4) for number in range(1, 6)]
    path = write(
        tmp_path / "queue.jsonl",
        [
            {"id": found[0].id, "verdict": "drop"},
            {"id": found[1].id, "verdict": " Keep "},
            {"id": found[2].id, "verdict": ""},
            {
                "id": found[3].id,
                "verdict": "edit",
                "instruction": "Question 4, please?",
                "output": "A better answer.",
            },
        ],
    )
    outcome = apply_review(rows.table(found), path)
    kept = list(rows.each(outcome.rows))
    assert [int(row.id, 16) for row in kept] == [2, 3, 4, 5]
    assert kept[0].notes["reviewed"] == "keep"
    assert kept[1] == found[2]
    assert kept[2].turns == (
        ("system", "Be brief."),
        ("user", "Question 4, please?"),
        ("assistant", "A better answer."),
    )
    assert outcome.rows.schema == rows.SCHEMA
    assert outcome.ledger.schema == ledger.SCHEMA
    dropped, changed = outcome.ledger.to_pylist()
    assert (dropped["action"], dropped["reason"]) == ("dropped", "dropped in review")
    assert (changed["action"], changed["reason"]) == ("changed", "edited in review")
    assert changed["before"] == "Be brief.\nQuestion 4?\nAnswer 4."
    assert changed["after"] == "Be brief.\nQuestion 4, please?\nA better answer."
    assert outcome.figures == {"review.kept": 1, "review.dropped": 1, "review.edited": 1}


def test_lines_that_cannot_be_used_are_told_with_their_place(tmp_path):
    row = chat(1)
    path = write(
        tmp_path / "queue.jsonl",
        [
            {"id": row.id, "verdict": "perhaps"},
            {"id": "ffff", "verdict": "drop"},
            {"id": row.id, "verdict": "edit", "instruction": "Q?", "output": " "},
            {"id": row.id, "verdict": "edit", "turns": "[{"},
            {"id": row.id, "verdict": "edit", "turns": [{"role": "boss", "content": "x"}]},
            {"id": "", "verdict": "drop"},
            {"id": row.id, "verdict": "keep"},
            {"id": row.id, "verdict": "drop"},
        ],
    )
    told = faults(path, "queue.jsonl", {row.id}).to_pylist()
    assert {line["file"] for line in told} == {"queue.jsonl"}
    assert [(line["place"], line["reason"]) for line in told] == [
        ("line 1", "unknown verdict"),
        ("line 2", "no such row; its text may have changed"),
        ("line 3", "edit without a text"),
        ("line 4", "edit without a text"),
        ("line 5", "edit without a text"),
        ("line 6", "no id"),
        ("line 8", "second verdict on a row"),
    ]
    outcome = apply_review(rows.table([row]), path)
    assert [row.notes for row in rows.each(outcome.rows)] == [{"reviewed": "keep"}]


def test_an_edit_cannot_change_who_speaks(tmp_path):
    row = chat(1, turns=(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")))
    edited = {"id": row.id, "verdict": "edit", "instruction": "Q?", "output": "A."}
    outcome = apply_review(rows.table([row]), write(tmp_path / "queue.jsonl", [edited]))
    assert list(rows.each(outcome.rows)) == [row]
    assert [line["reason"] for line in outcome.ledger.to_pylist()] == ["edit with other roles"]


def test_files_that_are_no_queue(tmp_path):
    with pytest.raises(FtcError, match="no such file"):
        reviewed(tmp_path / "none.jsonl")
    with pytest.raises(FtcError, match="no column 'verdict'"):
        reviewed(write(tmp_path / "other.jsonl", [{"id": "a", "text": "b"}]))
    with pytest.raises(FtcError, match=r"\.jsonl or \.csv"):
        queue([], tmp_path / "queue.xlsx", 5)


def test_a_file_that_was_edited_again_is_read_again(tmp_path):
    row = chat(1)
    path = write(tmp_path / "queue.jsonl", [{"id": row.id, "verdict": "drop"}])
    assert apply_review(rows.table([row]), path).rows.num_rows == 0
    write(path, [{"id": row.id, "verdict": "keep"}])
    assert apply_review(rows.table([row]), path).rows.num_rows == 1
    assert isinstance(apply_review(rows.table([]), path).rows, pa.Table)
