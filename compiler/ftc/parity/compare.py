"""Compares what two backends told of builds of one plan. Pure: reads nothing, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ftc.parity import known, losses, values
from ftc.parity.explained import Explainer, Pieces
from ftc.parity.known import Entry
from ftc.parity.records import LEVELS, UNTRAINED, Level, Part, Told
from ftc.parity.report import (
    Counts,
    Curves,
    Neutral,
    Reason,
    Report,
    RowDifference,
    State,
    Tool,
    ValueDifference,
    Verdict,
)
from ftc.parity.rows import PARTS, differences, streams
from ftc.parity.tally import Tally
from ftc.plan import PATHS, Plan

SHOWN = 20  # differences of one kind and reason that are spelt out
Sources = Mapping[Part, Sequence[str]]  # what stands where: sources["train"][0] is row 1's place


def compare(
    plan: Plan,
    told: tuple[Told, Told],
    level: Level,
    pieces: Pieces,
    *,
    sources: Sources | None = None,
    predicted: Told | None = None,
    limit: int | None = None,
    shown: int = SHOWN,
) -> Report:
    """Everything in which two backends differ, up to `level`, with the reasons.

    `pieces` gives the text of each token. `predicted` is LLaMA-Factory's run with losses averaged
    over micro-batches, as a prediction of Axolotl before 0.21.0. `limit` is how many rows of each
    part the backends were given, None for all. FtcError when the rows of a backend are malformed.
    """
    planned = {"train": plan.train_rows, "eval": plan.eval_rows}
    if limit is not None:
        planned = {part: min(count, limit) for part, count in planned.items()}
    entries = known.applying(plan, told)
    work = _Work(plan, told, Tally(shown), entries, planned)
    asked = LEVELS[: LEVELS.index(level) + 1]
    rows, seen = _rows(work, pieces, sources or {})
    curves = losses.curves(told, work.plan.tokens, predicted) if "loss" in asked else None
    found = list(_values(work, asked, curves))
    verdicts = _verdicts(work, asked, found, curves, seen)
    return Report(
        level=level,
        mode=work.plan.tokens,
        plan={name: getattr(plan, name) for name in ("name", "stage", "family", "model", "method")},
        tools=(_tool(told[0]), _tool(told[1])),
        verdicts=verdicts,
        counts=_counts(work, seen),
        groups=tuple(work.tally.groups()),
        rows=tuple(rows),
        values=tuple(found),
        losses=curves,
        unchecked=known.unchecked(plan, asked),
    )


@dataclass(frozen=True)
class _Work:
    plan: Plan
    told: tuple[Told, Told]
    tally: Tally
    entries: tuple[Entry, ...]
    planned: Mapping[str, int]

    @property
    def names(self) -> tuple[str, str]:
        return self.told[0].backend, self.told[1].backend


@dataclass(frozen=True)
class _Seen:
    """What was compared; `bad` differences are not harmless."""

    aligned: int
    tokens: int
    trained: tuple[int, int]
    bad: int
    harmless: int
    planned: bool


def _rows(work: _Work, pieces: Pieces, sources: Sources) -> tuple[list[RowDifference], _Seen]:
    explainer = Explainer(work.plan, work.names, work.entries, pieces, work.plan.tokens)
    spelt: list[RowDifference] = []
    for stream in streams(work.told):
        planned = work.planned[stream.part]
        places = sources.get(stream.part, ())
        for found in differences(stream, planned=planned, max_length=work.plan.max_length):
            reason, found = explainer.reason(found)
            texts = explainer.text(found, 0), explainer.text(found, 1)
            where = f"{found.part} row {found.row}"
            if work.tally.add(found.kind, reason, where, texts if any(texts) else None):
                place = places[found.row - 1] if found.row <= len(places) else ""
                spelt.append(explainer.spelt(found, reason, place))
    bad = work.tally.of(harmless=False, known=True) + work.tally.of(harmless=False, known=False)
    return spelt, _seen(work, bad)


def _seen(work: _Work, bad: int) -> _Seen:
    sides = [[row for part in PARTS for row in it.rows.get(part, ())] for it in work.told]
    trained = [sum(len(row.labels) - row.labels.count(UNTRAINED) for row in rows) for rows in sides]
    each = 2 if work.plan.stage in ("dpo", "orpo") else 1
    train = [len(it.rows.get("train", ())) for it in work.told]
    return _Seen(
        aligned=min(map(len, sides)),
        tokens=min(sum(len(row.ids) for row in rows) for rows in sides),
        trained=(trained[0], trained[1]),
        bad=bad,
        harmless=work.tally.of(harmless=True, known=True),
        planned=train == [work.planned["train"] * each] * 2,
    )


def _values(
    work: _Work, asked: Sequence[Level], curves: Curves | None
) -> Iterator[ValueDifference]:
    apart = [it for level in asked[:2] for it in values.settings(work.plan, work.told, level)]
    one, two = (it.schedule for it in work.told)
    if "steps" in asked and one is not None and two is not None:
        apart += values.schedule(work.plan, work.names, one, two)
    if curves is not None and all(curves.sides):
        apart += _curve(work, curves)
    for it in apart:
        reason = known.value_reason(work.entries, it.what) or _follows(work, it) or _unexplained(it)
        work.tally.add("values", reason, it.what, None)
        yield ValueDifference(it.level, it.what, it.planned, it.sides, it.text, reason)


def _curve(work: _Work, curves: Curves) -> Iterable[values.Apart]:
    counts = len(curves.sides[0]), len(curves.sides[1])
    if curves.between <= curves.tolerance and counts[0] == counts[1]:
        return
    text = f"the losses differ by up to {curves.between:.1e} of the larger"
    if counts[0] != counts[1]:
        text = f"losses of {counts[0]} steps and of {counts[1]}"
    at = min(max(curves.at, 1), *counts) - 1
    yield values.Apart("loss", "losses", None, (curves.sides[0][at], curves.sides[1][at]), text)


def _follows(work: _Work, it: values.Apart) -> Reason | None:
    """The reason of losses that differ because what they are made of differs already."""
    if it.what != "losses" or not work.tally.kinds:
        return None
    return Reason(
        name="follows",
        what="the losses differ because the rows or the steps do",
        why="each difference listed here, a harmless one too, changes the loss",
        neutralise="exact" if work.plan.stage in ("sft", "pretrain") else "never",
        remedy="what stands beside those differences",
    )


def _unexplained(it: values.Apart) -> Reason:
    name = it.what.removeprefix("settings.")
    remedy = "build both folders anew"
    if it.what.startswith("settings.") and name in PATHS:
        remedy = f"write it into the recipe ({PATHS[name]}), and build both folders anew"
    elif it.what == "losses":
        remedy = '[data] tokens = "exact", where the stage is sft or pretrain'
    neutral: Neutral = "never" if it.what == "losses" else "always"
    return Reason(
        name="",
        what=f"unexplained: {it.what}",
        why="ftc writes this into both configs; one was changed by hand or by the recipe's "
        "backend table, or a tool does not do what its config says"
        if it.what != "losses"
        else "not a difference that ftc knows",
        neutralise=neutral,
        remedy=remedy,
    )


def _verdicts(
    work: _Work,
    asked: Sequence[Level],
    found: Sequence[ValueDifference],
    curves: Curves | None,
    seen: _Seen,
) -> tuple[Verdict, ...]:
    made = {
        "tokens": lambda: _tokens(work, seen, found),
        "steps": lambda: _steps(work, found),
        "loss": lambda: _loss(curves, found),
    }
    return tuple(
        made[level]() if level in asked else Verdict(level, "not asked", "", f"--level {level}")
        for level in LEVELS
    )


def _tokens(work: _Work, seen: _Seen, found: Sequence[ValueDifference]) -> Verdict:
    checked = (
        f"{seen.aligned} rows, {seen.tokens} tokens: ids, what is trained on, what is attended to"
    )
    if not seen.aligned:
        return Verdict("tokens", "not told", "no rows", "there was nothing to compare")
    wrong = seen.bad + sum(it.level == "tokens" and not it.reason.harmless for it in found)
    if wrong:
        more = f", and {_plural(seen.harmless, 'harmless one')}" if seen.harmless else ""
        return Verdict("tokens", "different", checked, _plural(wrong, "difference") + more)
    if not seen.planned:
        text = f"not the {work.planned['train']} rows of the plan, but the same in both tools"
        packed = work.plan.packing
        return Verdict("tokens", "equal" if packed else "different", checked, text)
    harmless = f", but for {_plural(seen.harmless, 'harmless one')}" if seen.harmless else ""
    return Verdict("tokens", "equal", checked, f"no differences{harmless}")


def _steps(work: _Work, found: Sequence[ValueDifference]) -> Verdict:
    one, two = (it.schedule for it in work.told)
    if one is None or two is None:
        which = " and ".join(it.backend for it in work.told if it.schedule is None)
        return Verdict("steps", "not told", "", f"{which} told nothing of its steps")
    checked = (
        f"{one.steps} steps, {len(one.rates)} rates, {len(one.trainable)} trained parameters "
        f"({values.parameters(one.trainable)} numbers), {len(one.arguments)} arguments"
    )
    return _verdict("steps", checked, sum(it.level == "steps" for it in found))


def _loss(curves: Curves | None, found: Sequence[ValueDifference]) -> Verdict:
    if curves is None or not all(curves.sides):
        return Verdict("loss", "not told", "", "not both tools told their losses")
    checked = f"{len(curves.sides[0])} steps within {curves.tolerance:g}"
    wrong = [it for it in found if it.level == "loss"]
    if curves.against == "prediction":
        told = "as predicted" if curves.within else "and not as predicted either"
        text = f"{curves.expected}; {told}: largest difference {curves.largest:.1e}"
        return Verdict("loss", "different" if wrong else "equal", checked, text)
    if wrong:
        more = f"; {curves.expected}" if curves.expected else ""
        return Verdict("loss", "different", checked, wrong[0].text + more)
    text = f"largest difference {curves.largest:.1e}, at step {curves.at}"
    return Verdict("loss", "equal", checked, text)


def _verdict(level: Level, checked: str, wrong: int) -> Verdict:
    state: State = "different" if wrong else "equal"
    return Verdict(
        level, state, checked, _plural(wrong, "difference") if wrong else "no differences"
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _tool(it: Told) -> Tool:
    return Tool(it.backend, it.version, dict(it.libraries))


def _counts(work: _Work, seen: _Seen) -> Counts:
    one, two = work.told
    tally = work.tally
    return Counts(
        rows={part: (len(one.rows.get(part, ())), len(two.rows.get(part, ()))) for part in PARTS},
        aligned=seen.aligned,
        tokens=seen.tokens,
        trained=seen.trained,
        differences=dict(tally.kinds),
        harmless=tally.of(harmless=True, known=True),
        known=tally.of(harmless=False, known=True),
        unexplained=tally.of(harmless=False, known=False),
        listed=dict(tally.listed),
    )
