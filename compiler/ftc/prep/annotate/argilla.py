"""Chunks as an Argilla 2 dataset on disk, and the responses of people read back from its export.

The folder is what `Dataset.to_disk` of argilla 2.8 writes and `Dataset.from_disk` reads, made
without that package: `.argilla/settings.json`, `.argilla/dataset.json` and `records.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from ftc.data.read import read
from ftc.errors import FtcError
from ftc.prep.annotate.sheet import Filled, Refused, checked, chunks, text

RECORDS = "records.json"
QUESTIONS = {
    "instruction": "Instruction: what a user asks",
    "input": "Input: the material that the question is about, if any",
    "output": "Output: the answer to learn",
}
FIELDS = {"text": "Text", "title": "Title"}
METADATA = ("file", "place")
GUIDELINES = (
    "Read the text. Write what a user would ask, and the answer that the model should learn, "
    "supported by the text alone. Discard a text that nothing can be learned from."
)
Json = dict[str, Any]


def export(tables: Iterable[pa.Table], folder: Path, name: str) -> int:
    """Write the chunks as a dataset that `rg.Dataset.from_disk(folder)` loads; how many.

    FtcError when the folder holds something already.
    """
    records = [
        {
            "id": row.id,
            "fields": {"text": row.turns[0][1], "title": row.title},
            "metadata": {"file": row.file, "place": row.place},
            "suggestions": {},
            "responses": {},
            "vectors": {},
            "status": "pending",
            "_server_id": None,
        }
        for row in chunks(tables)
    ]
    parts = {
        RECORDS: records,
        ".argilla/settings.json": _settings(),
        ".argilla/dataset.json": _dataset(name),
    }
    try:
        (folder / ".argilla").mkdir(parents=True)
        for part, value in parts.items():
            (folder / part).write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    except FileExistsError as error:
        raise FtcError(
            f"{folder}: holds a dataset already", hint="give the name of a new folder"
        ) from error
    except OSError as error:
        raise FtcError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return len(records)


def filled(path: Path) -> tuple[list[Filled], list[Refused]]:
    """Each person's responses to each record, and those that are half given.

    `path` is a folder that holds `records.json`, the file that `records.to_json` writes, or the
    flat rows of `records.to_datasets()`. Only flat rows tell drafts and discarded responses from
    submitted ones; those two are left out. The line is the number of the record.
    """
    file = path / RECORDS if path.is_dir() else path
    table = read(file)
    taken: list[Filled] = []
    refused = [Refused(bad.line, "", "unreadable record", bad.reason) for bad in table.rejected]
    for line, record in table.rows:
        if "fields" not in record and not any(f"{name}.responses" in record for name in QUESTIONS):
            refused.append(Refused(line, "", "no record of Argilla", ", ".join(record)[:80]))
            continue
        for cells in _people(record):
            found = checked(line, cells)
            if isinstance(found, Filled):
                taken.append(found)
            elif found is not None:
                refused.append(found)
    return taken, refused


def _people(record: Json) -> list[dict[str, str]]:
    """The cells of a sheet for each person who responded, in the order of the export."""
    fields = record.get("fields")
    source = fields if isinstance(fields, dict) else record
    start = {"id": text(record.get("id")), "text": text(source.get("text"))}
    people: dict[str, dict[str, str]] = {}
    for name in QUESTIONS:
        for user, value in _responses(record, name):
            cells = people.setdefault(user, start | dict.fromkeys(QUESTIONS, ""))
            cells[name] = text(value)
    return list(people.values())


def _responses(record: Json, question: str) -> list[tuple[str, Any]]:
    """(person, value) for one question."""
    nested = record.get("responses")
    if isinstance(nested, dict):
        found = nested.get(question)
        answers = [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []
        return [
            (text(it.get("user_id")), it.get("value"))
            for it in answers
            if it.get("status") not in ("draft", "discarded")
        ]
    key = f"{question}.responses"
    values = record.get(key) or []
    users = record.get(f"{key}.users") or [""] * len(values)
    states = record.get(f"{key}.status") or ["submitted"] * len(values)
    return [
        (text(user), value)
        for user, value, state in zip(users, values, states, strict=False)
        if state not in ("draft", "discarded")
    ]


def _settings() -> Json:
    plain = {"type": "text", "use_markdown": False}
    return {
        "guidelines": GUIDELINES,
        "questions": [
            _named(name, title) | {"settings": plain, "required": name != "input", "type": "text"}
            for name, title in QUESTIONS.items()
        ],
        "fields": [
            _named(name, title) | {"settings": plain, "required": name == "text", "type": "text"}
            for name, title in FIELDS.items()
        ],
        "vectors": [],
        "metadata": [
            {
                "name": name,
                "title": name,
                "settings": {"type": "terms", "values": None, "visible_for_annotators": True},
                "visible_for_annotators": True,
            }
            for name in METADATA
        ],
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _named(name: str, title: str) -> Json:
    return {"name": name, "title": title, "description": None}


def _dataset(name: str) -> Json:
    return {
        "name": name,
        "status": "draft",
        "guidelines": GUIDELINES,
        "allow_extra_metadata": False,
    }
