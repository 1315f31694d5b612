"""What is measured: for each step its rows, the methods on both sides and their score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_data import corpus, scores
from bench_data.measured import Result, Score, Side, other, own, result, too_slow


@dataclass(frozen=True)
class Subject:
    """Methods on the same rows, made by `make(rows, folder)`; `most` rows at the most."""

    name: str
    title: str
    words: str  # below the title: which rows, and what the scores are
    make: Callable[[int, Path], None]
    score: Score
    sides: tuple[Side, ...]
    most: int | None = None


def subjects(python: Path) -> tuple[Subject, ...]:
    """All of them; `python` is the peers' interpreter."""
    return (
        Subject(
            "read",
            "Reading JSON lines",
            READ,
            corpus.plain,
            scores.count,
            (own("read", load="path"), other(python, "read", load="path")),
        ),
        Subject(
            "contamination",
            "Rows that hold an eval item",
            CONTAMINATION,
            corpus.contaminated,
            scores.contamination,
            (own("contamination"), other(python, "contamination")),
        ),
    )


READ = """\
A file of {"text": ...} lines. The peers parse it into columns or objects; ours makes finished rows
with ids. Memory holds the rows here."""
CONTAMINATION = """\
5,000 eval items of 5 to 60 words; a tenth of the rows hold one, verbatim, in another case, with
other punctuation, or with 3 % or 10 % of its words edited, at least one. Shares of those rows that
were found, and of clean rows that were flagged."""


def measure(subject: Subject, sizes: Sequence[int]) -> Iterator[Result]:
    """Every method at every size, as they come in; a method's smaller run tells if it goes on."""
    before: dict[str, Result] = {}
    for rows in sorted({min(size, subject.most or size) for size in sizes}):
        with TemporaryDirectory(prefix="ftc-bench-rows-") as folder:
            subject.make(rows, Path(folder))
            for side in subject.sides:
                for method in side.methods():
                    given = min(rows, method.most or rows)
                    known = before.get(method.name)
                    if known and known.rows == given and not known.why:
                        continue  # it has had all that it is given
                    why = too_slow(known, given)
                    if why:
                        now = Result(subject.name, method.name, side.ours, given, why=why)
                    else:
                        now = result(side, method, subject.name, Path(folder), given, subject.score)
                        before[method.name] = now
                    yield now
