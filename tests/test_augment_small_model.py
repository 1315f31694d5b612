"""`ftc augment` for real: Distilabel's tasks and the small model on this machine, on demo rows."""

import json
import shutil
from pathlib import Path

import pytest

from ftc.augment.augment import augment
from ftc.augment.kinds import KINDS
from ftc.augmentation import CHUNKS
from ftc.recipe import load

ROOT = Path(__file__).resolve().parents[1]
NEEDS = {"translate": 'language = "German"', "restyle": 'tone = "formal"'}
RECIPE = """
name = "small"
model = "Qwen/Qwen2.5-7B-Instruct"
task = "creative"
[hardware]
vram_gb = 24
[augment.models.small]
max_tokens = 120
temperature = 0.0
attempts = 2
[augment.judge]
human_rows = 1
agreement_rows = 1
"""
CHUNK_KINDS = "".join(f'[[augment.make]]\nkind = "{kind}"\nrows = 1\n' for kind in CHUNKS)


def rows(folder: Path, *, changed: bool) -> None:
    """The first demo rows; `changed` is the last of them."""
    found = (ROOT / "recipes/data/instagram-scripts.jsonl").read_text("utf-8").splitlines()[:3]
    told = [json.loads(line) for line in found]
    if changed:
        told[-1]["instruction"] += " Keep it calm."
    text = "".join(json.dumps(row) + "\n" for row in told)
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_every_kind_gives_rows_or_a_counted_refusal(tmp_path, stage):
    rows(tmp_path, changed=False)
    path = tmp_path / "recipe.toml"
    makes = "".join(
        f'[[augment.make]]\nkind = "{kind}"\nrows = 1\n{NEEDS.get(kind, "")}\n'
        for kind in KINDS
        if kind not in CHUNKS and (kind == "preference") == (stage == "dpo")
    )
    path.write_text(
        f'stage = "{stage}"' + RECIPE + '[data]\npath = "rows.jsonl"\neval = 0.0\n' + makes, "utf-8"
    )
    found = augment(load(path), tmp_path)
    for line in found.lines:
        assert line.seeds == 1, line.kind
        assert line.made + line.failed.total() + line.refused.total() == 1, line.kind
        assert line.questions > 0
    again = augment(load(path), tmp_path)
    assert sum(line.paid for line in (*again.lines, again.judging)) == 0
    assert [line.as_dict() for line in again.lines] == [
        line.as_dict() | {"paid": 0} for line in found.lines
    ]


def test_a_changed_row_is_asked_about_alone(tmp_path):
    rows(tmp_path, changed=False)
    path = tmp_path / "recipe.toml"
    make = '[[augment.make]]\nkind = "paraphrase"\n'
    path.write_text(
        RECIPE.split("[augment.judge]")[0] + '[data]\npath = "rows.jsonl"\neval = 0.0\n' + make,
        "utf-8",
    )
    first = augment(load(path), tmp_path)
    assert first.lines[0].questions == 3
    rows(tmp_path, changed=True)
    found = augment(load(path), tmp_path)
    assert found.lines[0].questions == 3
    assert found.calls[0]["attempts"] - first.calls[0]["attempts"] in (1, 2)
    assert found.calls[0]["answered"] + found.calls[0]["failed"] == 4


def test_chunks_are_annotated(tmp_path):
    shutil.copytree(ROOT / "recipes/data/transcripts", tmp_path / "raw")
    path = tmp_path / "recipe.toml"
    text = RECIPE + '[prepare]\nsources = ["raw"]\nskip = ["quality"]\n' + CHUNK_KINDS
    path.write_text(text + '[prepare.annotate.pairs]\nask = ["Producer"]\nanswer = ["Host"]\n')
    found = augment(load(path), tmp_path, limit=1)
    for line in found.lines:
        assert line.seeds == 1
        assert line.made + line.failed.total() + line.refused.total() == 1
