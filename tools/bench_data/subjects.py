"""What is measured: for each step its rows, the methods on both sides and their score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_data import corpus, scores
from bench_data.measured import Result, Score, Side, other, own, result, too_slow


@dataclass(frozen=True)
class Subject:
    """Methods on the same rows, made by `make(rows, folder)`.

    They get one row for `every` that are asked for, and `most` rows at the most.
    """

    name: str
    title: str
    words: str  # below the title: which rows, and what the scores are
    make: Callable[[int, Path], None]
    score: Score
    sides: tuple[Side, ...]
    every: int = 1
    most: int | None = None
    after: Callable[[Result, Sequence[Result]], Result] | None = None  # told of those before it


def subjects(python: Path) -> tuple[Subject, ...]:
    """All of them; `python` is the peers' interpreter."""
    return (
        Subject(
            "read",
            "Reading JSON lines",
            READ,
            corpus.plain,
            scores.read,
            (own("read", load="path"), other(python, "read", load="path")),
        ),
        Subject(
            "exact",
            "Equal rows",
            EXACT,
            corpus.duplicated,
            scores.exact,
            (own("exact"), other(python, "exact")),
        ),
        Subject(
            "near",
            "Near duplicates",
            NEAR,
            corpus.duplicated,
            scores.near,
            (own("near"), other(python, "near")),
        ),
        Subject(
            "contamination",
            "Rows that hold an eval item",
            CONTAMINATION,
            corpus.contaminated,
            scores.contamination,
            (own("contamination"), other(python, "contamination")),
        ),
        Subject(
            "pii",
            "Personal data and secrets with a structure",
            PII,
            corpus.personal,
            scores.spans,
            (own("pii"), other(python, "pii")),
        ),
        Subject(
            "sparse",
            "Personal data in one row of ten",
            SPARSE,
            corpus.sparse,
            scores.spans,
            (own("pii"), other(python, "pii")),
        ),
        Subject(
            "names",
            "People's names",
            NAMES,
            corpus.named,
            scores.spans,
            (own("names"), other(python, "pii", "NAMES")),
            every=20,
            most=2_000,
        ),
        Subject(
            "mojibake",
            "Broken encodings",
            MOJIBAKE,
            corpus.garbled,
            scores.mojibake,
            (own("mojibake"), other(python, "mojibake")),
        ),
        Subject(
            "tokens",
            "Lengths in tokens",
            TOKENS,
            corpus.plain,
            scores.lengths,
            (own("tokens", load="folder"), other(python, "tokens")),
            after=against_full,
        ),
        Subject(
            "engine",
            "What the runner costs",
            ENGINE,
            corpus.collected,
            scores.count,
            (own("engine", load="folder"),),
            after=against_plain,
        ),
    )


READ = """\
A file of {"text": ...} lines. The peers parse it into columns or objects; ours makes finished rows
with ids. The goal was set on rows of 674 bytes, and these have 962: it is judged by the bytes."""
EXACT = """\
5 % of the rows are equal to another one, 5 % but for case, white space or punctuation; more are
near duplicates. Recall of the equal ones and of those in another spelling; precision by whether
another row has the same letters and digits. Ours hashes, decides which copy is the best one and
writes a ledger line for every row that goes."""
NEAR = """\
The same rows: 12 % are copies with one to nine words changed, 4 % have their parts in another
order, 4 % fill templates of 200 rows that differ in two to seven words. Recall of the planted pairs
whose true Jaccard over word 3-grams is 0.8 or more, by whether both end in one cluster; of pairs
within templates likewise. Precision: rows of clusters that truly reach 0.8 with another row there,
punctuation counted or not.
Ours verifies every pair and chooses the best row of a cluster; the peers only link."""
CONTAMINATION = """\
5,000 eval items of 5 to 60 words; a tenth of the rows hold one, verbatim, in another case, with
other punctuation, or with 3 % or 10 % of its words edited, at least one. Shares of those rows that
were found, and of clean rows that were flagged."""

PII = """\
Three rows of five are documents with one to three pieces of personal data and one to three near
misses each (order numbers, versions, dates, hashes, wrong check digits), from fourteen locales; 1.2
pieces a row. Recall by kind, over all kinds, and of the worst kind; precision over all spans and of
the worst kind. A kind that a peer does not know counts as not found. Our step replaces what it
finds, numbers it and writes its ledger; the spans of its search are scored by themselves."""
SPARSE = """\
The same documents as one row of ten, plain texts between them: what a search costs that finds
nothing."""
MOJIBAKE = """\
A tenth of the rows was read as cp1252, as latin1, twice as one of these, or as mac_roman, in 23
languages and sets of signs; a tenth is sound text of the same languages, the rest English. Shares
of damaged rows that read again as they did, and of sound rows that were changed."""
NAMES = """\
Documents with one to three sentences that name somebody, from fourteen locales, and as many with
capitalised words that name nobody. All use spaCy's small English model."""
TOKENS = """\
SmolLM2's tokenizer. Ours reads the rows from Parquet files as it goes, splits prompt from answer
and counts the end of the text; p99 is beside that of our full count."""
ENGINE = """\
The clean step from the same Parquet files to Parquet files of rows and ledger: in a loop of 10
lines, in as many such loops at once as there are cores, and through our runner in one process, on
all cores with Daft, and on a Ray that is started for it. CPU seconds of all processes, their start
included, which is the same for any number of rows; memory of the first process alone. A run hashes
its sources once for all steps, before any clock starts here. `ratio` is to the loop, `each` to the
loops at once."""


def against_plain(found: Result, before: Sequence[Result]) -> Result:
    """With its CPU seconds over those of the plain loop and of as many loops as there are cores,
    and its seconds beyond twice those of the first."""
    plain = before[0]
    if found.why or plain.why:
        return found
    more = {"ratio": found.cpu / plain.cpu, "beyond": max(0.0, found.cpu - 2 * plain.cpu)}
    each = next((it for it in before if "each core" in it.method and not it.why), None)
    if each:
        more["each"] = found.cpu / each.cpu
    return replace(found, scores=found.scores | more)


def against_full(found: Result, before: Sequence[Result]) -> Result:
    """With the share by which its p99 is off, for methods of ours."""
    full = before[0]
    if found.why or full.why or not found.ours:
        return found
    off = abs(found.scores["p99"] / full.scores["p99"] - 1)
    return replace(found, scores=found.scores | {"p99 off": off})


def measure(subject: Subject, sizes: Sequence[int]) -> Iterator[Result]:
    """Every method at every size, as they come in; a method's smaller run tells if it goes on."""
    before: dict[str, Result] = {}
    for rows in sorted({min(size // subject.every, subject.most or size) for size in sizes}):
        done: list[Result] = []
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
                    done.append(now)
                    yield subject.after(now, done) if subject.after else now
