"""ftc: the part that asks alone, and `ftc augment` as a whole. The answer counts what came."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import mkdtemp

from bench_data.method import Method

from bench_augment import rows
from ftc.augment.asker import asker
from ftc.augment.augment import augment
from ftc.augment.calls import opened
from ftc.augment.engine import running
from ftc.augment.prompts import Prompts
from ftc.augment.providers import targets
from ftc.augment.question import Reply
from ftc.augmentation import Endpoint, Limits
from ftc.recipe import load

ASKER, WHOLE, PREPARED = "ftc, asking alone", "ftc augment", "ftc augment over ftc prepare"
WHOLES = (WHOLE, PREPARED)


def _asker(folder: Path, _: Path) -> dict[str, int]:
    """All questions at a time, as a Distilabel task is given all rows: the ledger of calls is kept
    and every answer is held against its schema."""
    lines = (folder / "values.jsonl").read_text("utf-8").splitlines()
    values = [json.loads(line) for line in lines]
    url = (folder / "url").read_text("utf-8")
    endpoint = Endpoint(
        provider="openai", model="m", url=url, in_flight=rows.IN_FLIGHT, max_tokens=128
    )
    with (
        opened(_place(folder)) as calls,
        running(targets({"loopback": endpoint}), calls, Limits()) as engine,
    ):
        found = asker(engine, Prompts(None), "loopback")(rows.KIND, values)
    return {"answers": sum(isinstance(it, Reply) for it in found)}


def _whole(folder: Path, source: str) -> dict[str, int]:
    path = rows.recipe(_place(folder) / "run", (folder / "url").read_text("utf-8"), source)
    found = augment(load(path), path.parent, offline=True)
    (line,) = found.lines
    return {
        "answers": line.paid,
        "made": line.made,
        "refused": line.refused.total(),
        "filtered": line.filtered.total(),
        "kept": line.kept,
    }


def _place(folder: Path) -> Path:
    """A folder of one measurement, beside the files of rows."""
    place = Path(mkdtemp(dir=folder))
    for name in ("rows.jsonl", "held.jsonl"):
        (place / name).symlink_to(folder / name)
    return place


METHODS = (
    Method(ASKER, _asker),
    Method(WHOLE, lambda folder, _: _whole(folder, "data")),
)
MANY = (
    Method(WHOLE, lambda folder, _: _whole(folder, "data")),
    Method(PREPARED, lambda folder, _: _whole(folder, "prepare"), detached=True),
)
