"""How long a run takes: a roofline of its matrix products, its other kernels, unpacking, the
host's share, the optimizer and communication. What it takes for granted stands in speed.toml with
sources; docs/speed.md compares it with published runs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from ftc import kept
from ftc.memory.cards import Card
from ftc.memory.job import Job
from ftc.memory.shape import Shape
from ftc.memory.work import Model, Work, model, passes, trained, work

TABLE = Path(__file__).with_name("speed.toml")
PCIE = 16.0  # 1e9 B/s one way, for cards whose link is not known and for main memory
CPU_ADAM = 1e9  # weights that DeepSpeed's Adam on the host updates in a second; judgement
CARDS_OF_A_NODE = 8
LORA_HOST = 0.1  # of a block's host time that each adapter adds; counted: six more kernels of 60
# Bytes that torch's AdamW without `fused` moves for a bf16 weight, over the 14 of one kernel:
# counted, twelve operations on lists of tensors. Measured 54 in all (peft's full fine-tuning).
FOREACH = 34 / 14
# Rates of an A100, for a ranking when no card is named.
NO_CARD = Card(
    "", 80, 80.0, (8, 0), True, True, (), "", 2039.0, 312.0, 19.5, link=300.0, reach=0.869
)


class Rates(NamedTuple):
    """What a run reaches, speed.toml explains each; `host` in milliseconds a block and pass."""

    reach_nvidia: float
    reach_amd: float
    shapes: float
    experts: float
    traffic: float
    unpacking: float
    host: float
    gathering: float
    link: float
    exposed: float


class Timing(NamedTuple):
    """A run in time. `tokens` (trained on) and `flops` are of all cards and steps. `hours`, a fast
    and a slow run, and `tokens_per_second` of all cards are None without a card. `utilisation`:
    the share of the cards' dense rate that these hours mean, recomputation counted as work (HFU,
    not MFU); 0 without a card."""

    tokens: int
    steps: int
    flops: float
    hours: tuple[float, float] | None
    tokens_per_second: tuple[float, float] | None
    utilisation: tuple[float, float]
    notes: tuple[str, ...]


class Batch(NamedTuple):
    """What one pass over a micro-batch sees: tokens, and the tokens of one row for attention."""

    tokens: float
    length: float


@cache
def rates() -> tuple[Rates, Rates, Rates]:
    """Of a slow run, one between, and a fast one."""
    table = kept.table(TABLE)
    slow, fast = (
        Rates(*(float(table[name][end]) for name in Rates._fields)) for end in ("slow", "fast")
    )
    between = Rates(*((one * other) ** 0.5 for one, other in zip(slow, fast, strict=True)))
    return slow, between, fast


def seconds_per_step(shape: Shape, job: Job, card: Card | None) -> float:
    """Seconds of one optimizer step of full rows on `card`, in the middle of the range.

    Without a card the figures of an A100 stand in: good for a ranking only. More tokens never
    take less time.
    """
    batch = Batch(float(job.tokens), float(job.max_length))
    known = card is not None and card.tflops > 0 and card.bandwidth > 0
    return _step(model(shape, job), card if card and known else NO_CARD, rates()[1], batch)


def timing(
    shape: Shape,
    job: Job,
    card: Card | None,
    *,
    steps: int,
    row_tokens: float,
    eval_rows: int = 0,
) -> Timing:
    """Tokens, operations and hours of `steps` optimizer steps and of `eval_rows` rows evaluated.

    `row_tokens`: mean tokens of a data row (of one answer with its prompt in preference stages).
    With packing every row of a batch is full, and attention sees `row_tokens` of it. `eval_rows`:
    of all evaluations of the run together.
    """
    steps, rows = max(0, steps), max(0, eval_rows)
    length = min(max(1.0, row_tokens), float(job.max_length))
    batch = Batch(job.tokens * (1.0 if job.packing else length / job.max_length), length)
    cards = max(1, job.gpus)
    every = batch.tokens * max(1, job.gradient_accumulation) * cards
    of = model(shape, job)
    did = work(of, length)
    seen = rows * length * (2 if job.stage in ("dpo", "orpo") else 1)
    flops = did.flops * every * steps + did.forward * seen
    notes = _notes(shape, job, card)
    if card is None or not card.tflops or job.device == "cpu":
        return Timing(round(every * steps), steps, flops, None, None, (0.0, 0.0), notes)
    slow, _, fast = rates()
    ends = [_run(of, card, rate, batch, steps=steps, seen=seen) for rate in (fast, slow)]
    peak = peak_flops(job, card) * cards
    return Timing(
        tokens=round(every * steps),
        steps=steps,
        flops=flops,
        hours=(ends[0] / 3600, ends[1] / 3600),
        tokens_per_second=_rate(every * steps, ends),
        utilisation=_rate(flops / peak, ends) or (0.0, 0.0),
        notes=notes,
    )


def _rate(amount: float, seconds: list[float]) -> tuple[float, float] | None:
    """A second of the slow and of the fast run; None when there is nothing to do."""
    fast, slow = seconds
    return (amount / slow, amount / fast) if fast else None


def _run(of: Model, card: Card, rate: Rates, batch: Batch, *, steps: int, seen: float) -> float:
    """Seconds of all steps, and of evaluation as long as forward passes of as many tokens."""
    share = _product_share(of, card, rate) * peak_flops(of.job, card)
    evaluated = seen / max(1, of.job.gpus) * work(of, batch.length).forward / share
    return steps * _step(of, card, rate, batch) + evaluated


def peak_flops(job: Job, card: Card) -> float:
    """Dense operations a second of the number type that the products run in."""
    wide = job.dtype == "fp32" or (job.dtype == "bf16" and not card.bf16)
    return 1e12 * (card.tflops_fp32 or card.tflops / 8 if wide else card.tflops)


def _step(of: Model, card: Card, rate: Rates, batch: Batch) -> float:
    micro = max(_device(of, card, rate, batch), _host(of, rate))
    every = max(1, of.job.gradient_accumulation)
    shared = _exchange(of, card, rate) + _update(of, card, rate)
    return every * micro + shared


def _device(of: Model, card: Card, rate: Rates, batch: Batch) -> float:
    """One micro-step on the card: in every pass the products or reading the weights, whichever
    takes longer; then the kernels that are neither."""
    job, size, did = of.job, of.size, work(of, batch.length)
    peak = peak_flops(job, card) * _product_share(of, card, rate)
    bandwidth = 1e9 * card.bandwidth
    width = job.trained_width if job.full else job.base_width
    reading = (size.stored + size.head) * width / (bandwidth * rate.traffic)
    seconds = did.bytes * batch.tokens / (bandwidth * rate.traffic)
    for flops in _passes(job, did):
        seconds += max(flops * batch.tokens / peak, reading)
    if job.base_bits:
        unpacked = passes(job) * size.stored * (2 + job.base_bits / 8)
        seconds += unpacked / (bandwidth * rate.unpacking)
    return seconds


def _passes(job: Job, did: Work) -> tuple[float, ...]:
    extra = passes(job) - 2 - (1 if job.gradient_checkpointing else 0)
    again = (did.again,) if job.gradient_checkpointing else ()
    return (did.forward, did.backward, *again, *((did.extra / extra,) * extra if extra else ()))


def _product_share(of: Model, card: Card, rate: Rates) -> float:
    """Of the data sheet's rate. Experts get few tokens each, so their products are slower."""
    reach = card.reach or (rate.reach_amd if card.capability is None else rate.reach_nvidia)
    routed = of.size.routed / (of.size.active + of.size.head)
    return reach * rate.shapes / (1 - routed + routed / rate.experts)


def _host(of: Model, rate: Rates) -> float:
    """The least that a micro-step takes, however few tokens: launching its kernels."""
    block = rate.host / 1000 * (1 + LORA_HOST * of.added.targets)
    gathering = rate.gathering if of.job.zero_stage >= 3 else 1.0
    return gathering * block * of.shape.layers * passes(of.job)


def _update(of: Model, card: Card, rate: Rates) -> float:
    """The optimizer reads gradient, weight and two moments and writes the last three.

    Moments of 8 bits move fewer bytes, but with a kernel a tensor: they count as no gain, by
    judgement.
    """
    job, count = of.job, trained(of)
    if job.zero_stage:
        count //= max(1, job.gpus)
    if job.zero_stage and job.offload_optimizer:
        return count * (4 / (1e9 * PCIE) + 1 / CPU_ADAM)
    moved = 7.0 * (4 if job.zero_stage else job.trained_width) * count
    if job.optimizer == "adamw_torch" and not job.zero_stage:
        moved *= 1 + FOREACH
    return moved / (1e9 * card.bandwidth * rate.traffic)


def _exchange(of: Model, card: Card, rate: Rates) -> float:
    """Gradients once a step, or in each micro-step (ZeRO-2 and 3); weights in every pass (3)."""
    job, size = of.job, of.size
    if job.gpus <= 1:
        return 0.0
    every = max(1, job.gradient_accumulation)
    moved: float = 2 * trained(of) * job.trained_width * (every if job.zero_stage >= 2 else 1)
    if job.zero_stage >= 3:
        width = job.base_bits / 8 if job.base_bits else job.base_width
        moved += passes(job) * every * (size.stored * width + size.head * job.base_width)
    share = (job.gpus - 1) / job.gpus
    return rate.exposed * share * moved / (1e9 * (card.link or PCIE) * rate.link)


def _notes(shape: Shape, job: Job, card: Card | None) -> tuple[str, ...]:
    remarks = {
        "no card is named: no hours": card is None and job.device == "gpu",
        "no hours for a CPU: nothing was compared": job.device == "cpu",
        "the card's speed is not known": card is not None and not card.tflops,
        "padding of shorter rows in a batch is not counted": not job.packing
        and job.micro_batch > 1,
        "communication between cards is a rough guess": job.gpus > 1,
        "cards of several machines: their network is not counted": job.gpus > CARDS_OF_A_NODE,
        "mixture: the speed of experts is a rough guess": shape.experts > 0,
        "the card has no bf16: products in fp32": card is not None
        and job.dtype == "bf16"
        and not card.bf16,
    }
    return tuple(text for text, applies in remarks.items() if applies)
