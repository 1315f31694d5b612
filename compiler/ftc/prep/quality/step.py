"""The step that looks for faults, gives each row a quality, and drops what is not worth keeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ftc.errors import FtcError
from ftc.prep.diversity.dialogue import FORMS
from ftc.prep.ledger import Ledger
from ftc.prep.quality import norms, reviewing, survey
from ftc.prep.quality.table import CHECKS, FLAGS, JUDGE, WEIGHTS
from ftc.prep.quality.toxicity import listed, words_path
from ftc.prep.quality.view import Found, View, view
from ftc.prep.rows import dumped, texts, with_column
from ftc.prep.step import Inputs, Outcome, Step
from ftc.preparation.quality import Quality

LOW = "low quality"
KEPT = "reviewed"  # the note of a row that a person kept or edited
NOTHING_TO_LEARN = ("missing field", "empty answer")
Faults = dict[str, Found]  # of one row, by flag, in the order of the table


def gather(rows: pa.Table, inputs: Inputs, out: Path) -> None:
    """Keep what is needed of a batch to compare its rows with all others."""
    check_settings(inputs)
    looked = reviewing.looked_through(rows, inputs)
    survey.gather(looked.rows, inputs, out, gone=looked.gone)


def apply(rows: pa.Table, inputs: Inputs) -> Outcome:
    """Flag, score and drop the rows of a batch; rows of other forms go on as they are.

    What a person decided about a row comes first: an edited one is judged as it is now.
    """
    settings: Quality = inputs.settings
    looked = reviewing.looked_through(rows, inputs)
    rows = looked.rows
    decision = norms.read(inputs.decision, inputs.shard) if inputs.decision else None
    seen = view(rows, inputs, decision)
    faults = found(seen)
    weights = WEIGHTS | settings.weights
    scored = [form in FORMS for form in seen.forms]
    scores = [_scores(its) for its in faults]
    marks = [
        1.0 if score is _CLEAN and JUDGE not in notes else quality(score, weights, notes.get(JUDGE))
        for score, notes in zip(scores, seen.notes, strict=True)
    ]
    reasons = [
        _reason(its, mark, settings, KEPT in notes) if form else ("", "")
        for its, mark, form, notes in zip(faults, marks, scored, seen.notes, strict=True)
    ]
    notes_after = [
        dumped(notes | {"scores": score, "quality": mark} if form else notes)
        for notes, score, mark, form in zip(seen.notes, scores, marks, scored, strict=True)
    ]
    marked = _flagged(with_column(rows, "notes", notes_after), faults)
    lines = pa.concat_tables([looked.ledger, _ledger(rows, faults, reasons)]).combine_chunks()
    figures = looked.figures | _figures(faults, marks, scored)
    kept = pa.array([not reason for reason, _ in reasons], pa.bool_())
    return Outcome(marked.filter(kept).combine_chunks(), lines, figures)


def found(seen: View) -> list[Faults]:
    """By row, its faults: of each check the worst finding."""
    faults: list[Faults] = [{} for _ in range(seen.rows.num_rows)]
    for check in CHECKS:
        if check.flag in seen.settings.off:
            continue
        for fault in check.find(seen):
            before = faults[fault.row].get(check.flag)
            if before is None or fault.severity > before.severity:
                faults[fault.row][check.flag] = fault
    return faults


def quality(scores: Mapping[str, float], weights: Mapping[str, float], judge: object) -> float:
    """0 to 1: each group takes away its weight times what its score lacks of 1.

    One fault of weight 0.6 leaves 0.4, a second one of weight 0.5 leaves 0.2. A judge's score is
    one group more.
    """
    said = dict(scores)
    if isinstance(judge, int | float):
        said[JUDGE] = min(max(float(judge), 0.0), 1.0)
    left = 1.0
    for group, score in said.items():
        left *= 1 - weights[group] * (1 - score)
    return round(left, 4)


_GROUPS = {check.flag: check.group for check in CHECKS}
_CLEAN = {group: 1.0 for group in WEIGHTS if group != JUDGE}


def _scores(faults: Faults) -> dict[str, float]:
    if not faults:
        return _CLEAN
    scores = dict(_CLEAN)
    for flag, fault in faults.items():
        group = _GROUPS[flag]
        scores[group] = min(scores[group], round(1 - fault.severity, 3))
    return scores


def _reason(faults: Faults, mark: float, settings: Quality, kept: bool) -> tuple[str, str]:
    """Why a row is dropped, and what shows it; two empty texts for one that stays.

    A row that a person kept stays, unless it has nothing to learn from.
    """
    for flag, fault in faults.items():
        if flag in settings.drop and (not kept or flag in NOTHING_TO_LEARN):
            return flag, fault.detail
    if not kept and mark < settings.min_quality:
        return LOW, f"{mark:.2f}: {', '.join(faults)}" if faults else f"{mark:.2f}"
    return "", ""


def _flagged(rows: pa.Table, faults: Sequence[Faults]) -> pa.Table:
    if not any(faults):
        return rows
    old = rows["flags"].to_pylist()
    both = [
        [*flags, *(flag for flag in its if flag not in flags)] if its else flags
        for flags, its in zip(old, faults, strict=True)
    ]
    return with_column(rows, "flags", both)


def _ledger(
    rows: pa.Table, faults: Sequence[Faults], reasons: Sequence[tuple[str, str]]
) -> pa.Table:
    """A line for each dropped row, with its text, and for each flag of the others."""
    lines = Ledger()
    told = [i for i, its in enumerate(faults) if its or reasons[i][0]]
    some = rows.take(pa.array(told, pa.int64()))
    places = zip(
        some["id"].to_pylist(),
        some["file"].to_pylist(),
        some["place"].to_pylist(),
        texts(some),
        strict=True,
    )
    for i, (row, file, place, text) in zip(told, places, strict=True):
        reason, detail = reasons[i]
        if reason:
            lines.add("dropped", row, reason, detail=detail, file=file, place=place, before=text)
            continue
        for flag, fault in faults[i].items():
            lines.add("flagged", row, flag, detail=fault.detail, file=file, place=place)
    return lines.table()


def _figures(
    faults: Sequence[Faults], marks: Sequence[float], scored: Sequence[bool]
) -> dict[str, float]:
    """Rows looked at, the sum of their qualities, and how many have each flag."""
    counts = Counter(flag for its in faults for flag in its)
    total = sum(mark for mark, form in zip(marks, scored, strict=True) if form)
    figures: dict[str, float] = {"quality.rows": float(sum(scored)), "quality.sum": round(total, 4)}
    return figures | {f"quality.flag.{flag}": float(counts[flag]) for flag in FLAGS if counts[flag]}


def files(inputs: Inputs) -> list[Path]:
    """Files of the recipe that the step reads."""
    settings: Quality = inputs.settings
    return [inputs.folder / name for name in (settings.words_file, settings.review) if name]


def check_settings(inputs: Inputs) -> None:
    """FtcError for a name that no check or group has, or a file of words that cannot be read."""
    settings: Quality = inputs.settings
    for key, names, known in (
        ("drop", settings.drop, FLAGS),
        ("off", settings.off, FLAGS),
        ("weights", list(settings.weights), tuple(WEIGHTS)),
    ):
        for name in names:
            if name not in known:
                raise FtcError(
                    f"prepare.quality.{key}: there is no {name!r}",
                    hint=f"one of: {', '.join(known)}",
                )
    listed(words_path(inputs))
    reviewing.path(inputs)


STEP = Step(
    "quality",
    apply,
    (
        "ftc.prep.quality",
        "ftc.prep.diversity",
        "ftc.prep.review",
        "ftc.prep.annotate",
        "ftc.preparation.quality",
    ),
    ("numpy", "pyarrow"),
    files=files,
    gather=gather,
    decide=survey.decide,
)
