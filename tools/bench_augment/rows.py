"""What every method is given: seed rows, a recipe, and the very questions that the recipe asks."""

from __future__ import annotations

import json
from pathlib import Path

from made import words

from ftc.augment.kinds import aim
from ftc.augment.prompts import Prompts
from ftc.augmentation import Make

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "SmolLM2-135M-Instruct"  # `make model`; its tokenizer counts tokens
ELSE = "HuggingFaceTB/SmolLM2-135M-Instruct"  # without it bytes are counted
SEED = 7
HELD = 500  # rows that are held out
IN_FLIGHT = 50
KIND = "paraphrase"
SOURCES = {
    "data": '[data]\npath = "rows.jsonl"\neval_path = "held.jsonl"\n',
    "prepare": '[data]\neval_path = "held.jsonl"\n[prepare]\nsources = ["rows.jsonl"]\n',
}
RECIPE = """\
name = "bench"
model = "{model}"
task = "qa"
[hardware]
vram_gb = 24
{source}
[augment.models.loopback]
provider = "openai"
model = "m"
url = "{url}"
in_flight = {in_flight}
max_tokens = 128
[[augment.make]]
kind = "{kind}"
"""


def write(folder: Path, count: int) -> None:
    """Files of rows and of questions."""
    asked, answered = words.texts(count, SEED, 12), words.texts(count, SEED + 1, 100)
    _lines(folder / "rows.jsonl", _rows(asked, answered))
    held = words.texts(HELD, SEED + 2, 12), words.texts(HELD, SEED + 3, 100)
    _lines(folder / "held.jsonl", _rows(*held))
    template = Prompts(None).load(KIND)
    values = [values_of(text) for text in asked]
    messages = [template.render(it) for it in values]
    _lines(folder / "values.jsonl", values)
    _lines(folder / "asked.jsonl", [dict(it) for it in messages])
    (folder / "schema.json").write_text(template.schema, encoding="utf-8")


def values_of(text: str) -> dict[str, object]:
    """What the template is filled with, as the kind fills it."""
    make = Make(kind=KIND)
    return aim.values(make) | {"part": "instruction", "text": text, "rest": ""}


def recipe(folder: Path, url: str, source: str) -> Path:
    """A recipe over the rows, in a folder of its own."""
    folder.mkdir()
    for name in ("rows.jsonl", "held.jsonl"):
        (folder / name).symlink_to(folder.parent / name)
    path = folder / "recipe.toml"
    text = RECIPE.format(
        model=MODEL if MODEL.exists() else ELSE,
        source=SOURCES[source],
        url=url,
        in_flight=IN_FLIGHT,
        kind=KIND,
    )
    path.write_text(text, encoding="utf-8")
    return path


def _rows(asked: list[str], answered: list[str]) -> list[dict[str, object]]:
    both = zip(asked, answered, strict=True)
    return [{"instruction": one, "output": other} for one, other in both]


def _lines(path: Path, found: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(it) + "\n" for it in found)
