"""How long a run takes: a roofline of its matrix products, its other kernels, the host's share and
communication. docs/speed.md compares it with published runs; what it takes for granted stands in
speed.toml with sources.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from ftc import kept
from ftc.memory.cards import Card
from ftc.memory.job import Job
from ftc.memory.shape import Shape
from ftc.memory.work import Work, adapter, passes, sizes, trained, work

TABLE = Path(__file__).with_name("speed.toml")
PCIE = 16.0  # 1e9 B/s one way, for cards whose link is not known and for main memory
CPU_ADAM = 1e9  # weights that DeepSpeed's Adam on the host updates in a second; judgement
CARDS_OF_A_NODE = 8
LORA_HOST = 0.1  # of a block's host time that each adapter adds; counted: six more kernels of 60
# Rates of an A100, for a ranking when no card is named.
NO_CARD = Card("", 80, 80.0, (8, 0), True, True, (), "", 2039.0, 311.9, 19.5, 300.0)


class Rates(NamedTuple):
    """Shares of a card's figures that a run reaches; `host` in seconds a block and pass."""

    matmul: float
    mixture: float
    traffic: float
    dequantise: float
    host: float
    link: float
    exposed: float


class Timing(NamedTuple):
    """A run in time. `tokens` and `flops` are of all cards and steps; `hours`, a fast and a slow
    run, and `tokens_per_second` of all cards are None without a card. `utilisation`: the share of
    the cards' dense rate that these hours mean, recomputation counted as work."""

    tokens: int
    steps: int
    flops: float
    hours: tuple[float, float] | None
    tokens_per_second: tuple[float, float] | None
    utilisation: tuple[float, float]
    notes: tuple[str, ...]


@cache
def rates() -> tuple[Rates, Rates, Rates]:
    """Of a slow run, one between, and a fast one."""
    table = kept.table(TABLE)

    def of(end: str) -> Rates:
        values = {name: float(table[name][end]) for name in Rates._fields}
        values["host"] /= 1000
        return Rates(**values)

    slow, fast = of("low"), of("high")
    between = Rates(*((low * high) ** 0.5 for low, high in zip(slow, fast, strict=True)))
    return slow, between, fast


def seconds_per_step(shape: Shape, job: Job, card: Card | None) -> float:
    """Seconds of one optimizer step of full rows on `card`, in the middle of the range.

    Without a card the figures of an A100 stand in: good for a ranking only. More tokens never
    take less time.
    """
    tokens = float(job.tokens)
    return _step(shape, job, card or NO_CARD, rates()[1], tokens, float(job.max_length))


def timing(shape: Shape, job: Job, card: Card | None, *, steps: int, row_tokens: float) -> Timing:
    """Tokens, operations and hours of `steps` optimizer steps.

    `row_tokens`: mean tokens of a data row (of one answer with its prompt in preference stages).
    With packing every row of a batch is full, and attention sees `row_tokens` of it.
    """
    steps = max(0, steps)
    length = min(max(1.0, row_tokens), float(job.max_length))
    micro = job.tokens * (1.0 if job.packing else length / job.max_length)
    every = micro * max(1, job.gradient_accumulation) * max(1, job.gpus)
    once = work(shape, job, length)
    tokens, flops = round(every * steps), once.flops * every * steps
    if card is None or not card.tflops or job.device == "cpu":
        return Timing(tokens, steps, flops, None, None, (0.0, 0.0), _notes(shape, job, card))
    slow, _, fast = rates()
    seconds = tuple(_step(shape, job, card, rate, micro, length) for rate in (fast, slow))
    peak = peak_flops(job, card) * max(1, job.gpus)
    return Timing(
        tokens=tokens,
        steps=steps,
        flops=flops,
        hours=(seconds[0] * steps / 3600, seconds[1] * steps / 3600),
        tokens_per_second=(every / seconds[1], every / seconds[0]),
        utilisation=tuple(once.flops * every / (peak * took) for took in reversed(seconds)),  # type: ignore[arg-type]
        notes=_notes(shape, job, card),
    )


def peak_flops(job: Job, card: Card) -> float:
    """Dense operations a second of the number type that the products run in."""
    wide = job.dtype == "fp32" or (job.dtype == "bf16" and not card.bf16)
    return 1e12 * (card.tflops_fp32 or card.tflops / 8 if wide else card.tflops)


def _step(shape: Shape, job: Job, card: Card, rate: Rates, tokens: float, length: float) -> float:
    micro = max(_device_seconds(shape, job, card, rate, tokens, length), _host(shape, job, rate))
    every = max(1, job.gradient_accumulation)
    link = _exchange(shape, job, card, rate, every)
    return every * micro + _update(shape, job, card, rate) + link


def _device_seconds(
    shape: Shape, job: Job, card: Card, rate: Rates, tokens: float, length: float
) -> float:
    """One micro-step: products or reading the weights, whichever is longer in a pass, then what
    is neither."""
    size, did = sizes(shape), work(shape, job, length)
    peak = peak_flops(job, card) * _matmul_share(shape, rate)
    bandwidth = 1e9 * card.bandwidth * rate.traffic
    read = (size.stored + size.head) * (job.trained_width if job.full else job.base_width)
    reading = read / bandwidth
    seconds = sum(max(flops * tokens / peak, reading) for flops in _passes(job, did))
    seconds += did.bytes * tokens / bandwidth
    if job.base_bits:
        packed = 2 + job.base_bits / 8
        unpack = size.stored * packed / (1e9 * card.bandwidth * rate.dequantise)
        seconds += passes(job) * unpack
    return seconds


def _passes(job: Job, did: Work) -> tuple[float, ...]:
    extra = passes(job) - 2 - (1 if job.gradient_checkpointing else 0)
    again = (did.again,) if job.gradient_checkpointing else ()
    return (did.forward, did.backward, *again, *((did.extra / extra,) * extra if extra else ()))


def _matmul_share(shape: Shape, rate: Rates) -> float:
    """Experts get few tokens each, so their products are slower."""
    size = sizes(shape)
    routed = size.routed / (size.active + size.head)
    return rate.matmul / (1 - routed + routed / rate.mixture)


def _host(shape: Shape, job: Job, rate: Rates) -> float:
    """The least that a micro-step takes, however few tokens: launching its kernels."""
    targets = adapter(shape, job)[3]
    return rate.host * shape.layers * passes(job) * (1 + LORA_HOST * targets)


def _update(shape: Shape, job: Job, card: Card, rate: Rates) -> float:
    """The optimizer reads gradient, weight and two moments and writes the last three."""
    count = trained(shape, job)
    if job.zero_stage:
        count //= max(1, job.gpus)
    if job.zero_stage and job.offload_optimizer:
        return count * (4 / (1e9 * PCIE) + 1 / CPU_ADAM)
    width = 4 if job.zero_stage else job.trained_width
    moments = 4 if job.optimizer in ("adamw_bnb_8bit", "paged_adamw_8bit") else 4 * width
    return count * (3 * width + moments) / (1e9 * card.bandwidth * rate.traffic)


def _exchange(shape: Shape, job: Job, card: Card, rate: Rates, every: int) -> float:
    """Gradients once a step (each micro-step under ZeRO-2 and 3); weights in every pass (3)."""
    if job.gpus <= 1:
        return 0.0
    share = (job.gpus - 1) / job.gpus
    gradients = 2 * share * trained(shape, job) * job.trained_width
    moved = gradients * (every if job.zero_stage >= 2 else 1)
    if job.zero_stage >= 3:
        size = sizes(shape)
        width = job.base_bits / 8 if job.base_bits else job.base_width
        gathers = min(3, passes(job)) + (passes(job) - 3 if job.preference else 0)
        moved += max(2, gathers) * share * (size.stored + size.head) * width * every
    return rate.exposed * moved / (1e9 * (card.link or PCIE) * rate.link)


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
