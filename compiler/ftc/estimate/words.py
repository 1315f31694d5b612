"""An estimate in words and numbers, one line a subject, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.estimate.report import FIGURES, Report, Tool
from ftc.memory.disk import Disk
from ftc.memory.nearest import Near
from ftc.memory.phases import Phase
from ftc.memory.speed import Timing

LEAST = 0.005  # GiB: smaller parts are not listed, since they would read 0.00


def figure_labels(tool: Tool) -> dict[str, str]:
    """The figures of a phase, in words."""
    names = ("allocated", "reserved", "driver shows", "needed to fit")
    if tool.job.device == "cpu":
        names = ("allocated", "reserved", "process holds", "needed")
    return dict(zip(FIGURES, names, strict=True))


def gib(size: float) -> str:
    """Three figures that mean something, and no more digits than help."""
    if size >= 1000:
        return f"{size:,.0f}"
    return f"{size:.1f}" if size >= 100 else f"{size:.2f}"


def between(low: float, high: float) -> str:
    """A range, as short as it can be."""
    figures = 0 if high >= 100 else 1
    return f"{low:,.{figures}f}-{high:,.{figures}f}"


def figure(tool: Tool, phase: Phase, name: str) -> str:
    """A size of a phase with its range: `13.06 (12.8-14.7)`."""
    return f"{gib(getattr(phase, name))} ({between(*tool.span(phase, name))})"


def reasons(tool: Tool) -> Iterator[tuple[str, str]]:
    """Label and text: why the estimate is as sure as it is, and the reserved memory where less."""
    for number, reason in enumerate(tool.confidence.reasons):
        yield f"{tool.confidence.level} confidence" if number == 0 else "", reason
    for reason in tool.reserved.reasons:
        if reason not in tool.confidence.reasons:
            yield "", reason


def count(number: int, what: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Text without control characters: they are written as escapes."""
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in text)


def short(number: float) -> str:
    """A large number with its word: `8.03 billion`."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:.3g} {word}"
    return f"{number:,.0f}"


def model_line(report: Report) -> str:
    """The model, its size and where that is known from."""
    return f"{report.plan.model}, {short(report.parameters)} parameters ({report.source})"


def run_line(report: Report) -> str:
    """What is trained, and how much of it at once."""
    plan = report.plan
    method = str(plan.method)
    if plan.method == "qlora":
        method = f"{plan.method} of {plan.quant_bits} bits"
    if plan.lora_rank:
        method += f", rank {plan.lora_rank}"
    on = [
        word
        for word, applies in (
            ("checkpointing", plan.gradient_checkpointing),
            ("Liger kernels", plan.liger_kernel),
            ("packing", plan.packing),
            (f"ZeRO {plan.zero_stage}", plan.zero_stage > 0),
        )
        if applies
    ]
    rows = count(plan.micro_batch, "pair" if plan.stage in ("dpo", "orpo") else "row")
    passes = count(plan.gradient_accumulation, "pass").replace("passs", "passes")
    return (
        f"{plan.stage}, {method}; {rows} of {plan.max_length:,} tokens a pass, {passes} a step; "
        + ", ".join([plan.optimizer, *on])
    )


def headline(report: Report) -> str:
    """The hardware and the budget, or why there is no verdict."""
    hardware = report.hardware
    if hardware.device == "cpu":
        return "on the CPU: figures are main memory, and there is no budget to judge them by"
    cards = f"{hardware.gpus} x {hardware.name or 'a card without a name'}"
    if hardware.vram_gb is None:
        return "no card and no budget, so no verdict: give --gpu NAME or --vram GIB"
    text = f"{cards}, a budget of {gib(hardware.vram_gb)} GiB a card"
    if report.asked_gib is not None and report.asked_gib > hardware.vram_gb:
        text += f": all that it has, not the {report.asked_gib:g} asked for"
    return text


def near_cells(near: Near) -> tuple[str, str, str, str, str]:
    """Run, measured, predicted, error and source of a measured row."""
    row = near.row
    error = near.predicted / row.gib - 1
    what = f"{row.name} {row.job.method} {row.job.micro_batch}x{row.job.max_length}"
    source = (
        f"{row.metric}; {row.group}: {row.source}" if row.group else f"{row.metric}; {row.source}"
    )
    return what, gib(row.gib), gib(near.predicted), f"{error:+.1%}", source


def time_lines(timing: Timing, card: str) -> Iterator[tuple[str, str]]:
    """Label and text: the work, the hours, and what they leave out."""
    work = f"{timing.tokens:,} tokens in {count(timing.steps, 'optimizer step')}"
    yield "work", f"{work}, {timing.flops:.2e} FLOPs"
    notes = list(timing.notes)
    if timing.hours is None:
        yield "time", "; ".join(notes) or "not known"
        return
    low, high = timing.utilisation
    text = f"{spell(*timing.hours)} on {card}, loading and saving left out; "
    text += f"{low:.0%} to {high:.0%} of its peak used"
    if timing.tokens_per_second is not None:
        slow, fast = timing.tokens_per_second
        text += f" ({slow:,.0f} to {fast:,.0f} tokens/s)"
    yield "time", "; ".join([text, *notes])


def spell(least: float, most: float) -> str:
    """A range of hours in the unit that suits it."""
    for each, unit in ((24.0, "days"), (1.0, "hours"), (1 / 60, "minutes")):
        if most >= 2 * each:
            return f"{_few(least / each)} to {_few(most / each)} {unit}"
    return f"{_few(least * 3600)} to {_few(most * 3600)} seconds"


def _few(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def price_line(report: Report, tool: Tool) -> Iterator[tuple[str, str]]:
    """What the hours cost, where the recipe gives a rate."""
    price = report.price(tool)
    if price is not None:
        rate = f"{report.price_per_hour:g} a card and hour"
        yield "price", f"{_money(price[0])} to {_money(price[1])}, at {rate}"


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 0.1 else f"{amount:.2g}"


def disk_line(disk: Disk) -> str:
    """What the run writes."""
    each = f"{count(disk.kept, 'checkpoint')} of {gib(disk.checkpoint)} GiB"
    said = f"{gib(disk.total)} GiB: {each}, the result {gib(disk.model)}"
    return said + (f"; merged into its base {gib(disk.merged)} more" if disk.merged else "")
