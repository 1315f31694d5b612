"""Makes docs/augment/measured.md: what the small model on this machine makes of the demo's rows.

`python tools/augment_table.py --seeds 6` asks about so many rows and chunks a kind, and takes some
minutes on one core.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc.augment.augment import augment  # noqa: E402 - found by the line above
from ftc.augment.kinds import KINDS  # noqa: E402
from ftc.augment.report import Line, Report, ordered  # noqa: E402
from ftc.augmentation import CHUNKS  # noqa: E402
from ftc.recipe import load  # noqa: E402

PAGE = ROOT / "docs" / "augment" / "measured.md"
NEEDS = {"translate": 'language = "German"', "restyle": 'tone = "formal"'}
HEAD = """\
name = "measured"
model = "{model}"
task = "creative"
[hardware]
device = "cpu"
[augment.models.small]
max_tokens = 250
[augment.judge]
human_rows = {seeds}
agreement_rows = {seeds}
"""
ROWS = '[data]\npath = "instagram-scripts.jsonl"\neval = 0.1\n'
RAW = """\
[prepare]
sources = ["transcripts"]
[prepare.annotate.pairs]
ask = ["Producer", "Mara", "Mara Quill", "Speaker 0"]
answer = ["Host", "Ilse", "Ilse Varga", "Speaker 1"]
"""
TEXT = """\
<!-- Made by `make augment-table`; do not edit. -->

# What the small model makes of the demo's rows

{seeds} rows of recipes/data/instagram-scripts.jsonl for each kind, {seeds} transcripts for
`annotate` and `document-qa` (as a try, which trains on nothing), by SmolLM2-135M-Instruct in 4
bits on one thread, with 250 tokens an answer. The same model judges. `asked` are seeds; of them
came made rows, failures (no answer that can be used after four attempts) and refusals (by a
check of the kind); `filtered` went by judge, gates or stage; `judge` is the mean score from 0
to 1. Tokens are those of prompts and answers, and seconds those of waiting, added up.

{table}

{reasons}

{judge}

The table shows that the path works and that its checks hold. It does not show that such a model
is of use: most of what it writes says the same again, leaves its subject or is scored by
chance. Name a better model in one line ([models](models.md)).
"""


def main() -> None:
    """Run both recipes and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    seeds = parser.parse_args().seeds
    with TemporaryDirectory(prefix="ftc-augment-") as place:
        found = [run(Path(place), of, seeds) for of in ("rows", "pairs", "chunks")]
    lines = [line for report in found for line in report.lines]
    judging = [report.judging for report in found]
    page = TEXT.format(
        seeds=seeds,
        table="\n".join([HEADER, *map(row, lines), *map(judged, judging)]),
        reasons="\n".join(reason for line in lines for reason in reasons(line)),
        judge=opinion(found[0]),
    )
    PAGE.write_text(page, encoding="utf-8")


HEADER = (
    "| kind | asked | made | failed | refused | filtered | kept | judge | tokens | seconds |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def run(place: Path, of: str, seeds: int) -> Report:
    """One recipe in a folder of its own, with the kinds that make rows, pairs or rows of chunks."""
    folder, chunks = place / of, of == "chunks"
    shutil.copytree(ROOT / "recipes" / "data", folder)
    makes = "".join(
        f'[[augment.make]]\nkind = "{kind}"\nrows = {seeds}\n{NEEDS.get(kind, "")}\n'
        for kind in KINDS
        if (kind in CHUNKS) == chunks and (kind == "preference") == (of == "pairs")
    )
    stage = "dpo" if of == "pairs" else "sft"
    text = f'stage = "{stage}"\n' + HEAD.format(
        model=ROOT / "models" / "SmolLM2-135M-Instruct", seeds=seeds
    )
    path = folder / "recipe.toml"
    path.write_text(text + (RAW if chunks else ROWS) + makes, encoding="utf-8")
    say = lambda what, done, total: print(what, done, total, file=sys.stderr)  # noqa: E731
    return augment(load(path), folder, limit=seeds if chunks else None, progress=say)


def row(line: Line) -> str:
    """A kind as a line of the table."""
    counts = (line.seeds, line.made, line.failed.total(), line.refused.total())
    cells = [line.kind, *(f"{it:,}" for it in (*counts, line.filtered.total(), line.kept))]
    cells += ["" if line.score is None else f"{line.score:.2f}"]
    return f"| {' | '.join([*cells, *cost(line)])} |"


def judged(line: Line) -> str:
    """The judge as a line of the table."""
    return f"| judge | {line.questions} | | | | | | | {' | '.join(cost(line))} |"


def cost(line: Line) -> list[str]:
    """Tokens and seconds."""
    return [f"{line.tokens_in + line.tokens_out:,}", f"{line.seconds:,.0f}"]


def reasons(line: Line) -> list[str]:
    """Why rows are missing, a list item each."""
    counts = line.failed + line.refused + line.filtered
    return [f"- {line.kind}: {count} x {reason}" for reason, count in ordered(counts).items()]


def opinion(found: Report) -> str:
    """What the judge said in all."""
    said, twice = found.judge["verdicts"], found.judge["agreement"]
    return (
        f"Mean score of made rows {said['made']['mean']:.2f}, of human rows "
        f"{said['human']['mean']:.2f}; two runs of the judge gave the same score to "
        f"{twice['equal'] or 0:.0%} of {twice['rows']} rows."
    )


if __name__ == "__main__":
    main()
