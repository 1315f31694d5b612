"""A run of `ftc augment`, or what one would cost, as text for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from textwrap import shorten

from ftc.augment.estimate import Figures, added
from ftc.augment.forecast import Forecast
from ftc.augment.report import Line, Report, ordered
from ftc.augmentation import Augment
from ftc.views import table

WIDTH = 100  # characters of a line
REASONS = 6  # of a kind that are shown one by one
HEAD = ("kind", "asked", "made", "failed", "refused", "filtered", "kept", "judge", "tokens", "s")


def report(found: Report) -> str:
    """A line a kind, reasons below, then the judge, shares and what it cost."""
    lines = [table([HEAD, *(_row(line) for line in found.lines), *_judging(found.judging)])]
    told = [text for line in found.lines for text in _reasons(line)]
    if told:
        lines += ["", "left out", *told]
    lines += ["", *_tried(found), *_judge(found), _rows(found), *_calls(found), *found.notes]
    if found.stopped:
        lines.append(f"stopped: {found.stopped}")
    return "\n".join(lines)


def forecast(said: Forecast, settings: Augment) -> str:
    """A line a prompt, the sums, the limit that would end the run, and what is known already."""
    found, earlier = said.estimate, said.earlier
    rows = [("kind", "prompt", "model", "questions", "tokens in", "tokens out", "cost", "at most")]
    for it in found.lines:
        prompt = it.prompt if it.reached else f"{it.prompt} (a guess)"
        rows.append((it.what, prompt, it.endpoint, *_figures(it.likely), f"{it.most.questions:,}"))
    rows.append(("in all", "", "", *_figures(found.likely), f"{found.most.questions:,}"))
    lines = [table(rows), f"about {found.rows:,} rows, if nothing fails or is refused"]
    for part in found.parts:
        if part.seeds and not part.complete:
            lines.append(f"{part.what}: no seed came to its end in the rehearsal: a guess")
    if not all(it.counted for it in found.lines):
        lines.append("tokens are estimated from characters")
    if found.most.cost:
        lines.append(f"cost at most {found.most.cost:.4g}, if every question is asked to the end")
    spent = added(Figures(it.attempts, it.tokens_in, it.tokens_out, it.cost) for it in earlier)
    if stop := found.limit(settings.limits, spent):
        lines.append(f"limits.{stop.limit} would end it after about {stop.share:.0%}")
    for name, seconds in found.seconds(settings.models, earlier).items():
        if seconds is not None:
            lines.append(
                f"about {_lasting(seconds)} of model {name}: its speed so far, or per_minute"
            )
    if answers := sum(it.answered for it in earlier):
        lines.append(f"{answers:,} answers of earlier runs are kept: they are not asked for again")
    return "\n".join([*lines, *said.notes])


def _lasting(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 100 else f"{seconds:,.0f} s"


def _figures(it: Figures) -> tuple[str, str, str, str]:
    cost = f"{it.cost:.4g}" if it.cost else ""
    return f"{it.questions:,}", f"{it.tokens_in:,}", f"{it.tokens_out:,}", cost


def _row(line: Line) -> tuple[str, ...]:
    counts = (line.seeds, line.made, line.failed.total(), line.refused.total())
    return (
        line.kind,
        *(f"{count:,}" for count in (*counts, line.filtered.total(), line.kept)),
        "" if line.score is None else f"{line.score:.2f}",
        f"{line.tokens_in + line.tokens_out:,}",
        f"{line.seconds:,.1f}",
    )


def _judging(line: Line) -> Iterator[tuple[str, ...]]:
    if line.questions:
        tokens = f"{line.tokens_in + line.tokens_out:,}"
        yield (line.kind, f"{line.questions:,}", *[""] * 6, tokens, f"{line.seconds:,.1f}")


def _reasons(line: Line) -> Iterator[str]:
    groups: tuple[tuple[str, Counter[str]], ...] = (
        ("failed", line.failed),
        ("refused", line.refused),
        ("filtered", line.filtered),
        ("no seed", line.other),
    )
    for what, counts in groups:
        found = list(ordered(counts).items())
        for reason, count in found[:REASONS]:
            yield f"  {line.kind:<14}{what:<10}{count:>7,}  {reason}"
        if rest := found[REASONS:]:
            number = sum(count for _, count in rest)
            text = f"for {len(rest)} other reasons (--format json)"
            yield f"  {line.kind:<14}{what:<10}{number:>7,}  {text}"


def _tried(found: Report) -> Iterator[str]:
    """The first row that each kind has made in a try."""
    seen: set[str] = set()
    for row in found.tried:
        kind = row["augment"]["kind"]
        if kind not in seen:
            seen.add(kind)
            yield f"{kind} made, among others:"
            for role in ("messages", "prompt", "chosen", "rejected", "completion"):
                for turn in row.get(role, ()):
                    said = turn["role"] if role in ("messages", "prompt") else role
                    yield shorten(f"{said}: {turn['content']}", WIDTH - 2, initial_indent="  ")
            if "text" in row:
                yield shorten(row["text"], WIDTH - 2, initial_indent="  ")
    if seen:
        yield ""


def _judge(found: Report) -> Iterator[str]:
    if not found.judge:
        return
    said, twice = found.judge["verdicts"], found.judge["agreement"]
    parts = [f"made rows {said['made']['mean']:.2f}"] if said["made"]["judged"] else []
    parts += [f"rows of yours {said['human']['mean']:.2f}"] if said["human"]["judged"] else []
    if twice["equal"] is not None:
        parts.append(f"two runs say the same of {twice['equal']:.0%} of {twice['rows']} rows")
    if parts:
        yield f"judge ({said['method']}, {found.judge['model']}): {', '.join(parts)}"
    yield from (f"  beware: {warning}" for warning in found.judge["warnings"])


def _rows(found: Report) -> str:
    """Shares are of the rows that are trained on."""
    if not found.written:
        return f"a try: {found.kept:,} rows would be kept; no file to train on was written"
    return (
        f"{found.human:,} rows of yours, {found.kept:,} made ones ({found.share:.0%} of the rows, "
        f"{found.token_share:.0%} of the {found.counted}), {found.held_out:,} held out: "
        f"{found.folder}"
    )


def _calls(found: Report) -> Iterator[str]:
    yield f"{found.paid:,} calls answered in this run; in all runs:"
    for it in found.calls:
        about = "about " if it["estimated"] else ""
        cost = f", cost {it['cost']:.4g}" if it["cost"] else ""
        yield (
            f"  {it['endpoint']} ({it['model']}): {it['answered']:,} answers, "
            f"{about}{it['tokens_in']:,} tokens in, {it['tokens_out']:,} out{cost}"
        )
