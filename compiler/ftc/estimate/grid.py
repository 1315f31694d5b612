"""What a run would need at other lengths and micro-batches: powers of two around the plan's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ftc.estimate.report import Report, Tool
from ftc.estimate.verdict import Verdict, judged
from ftc.memory.formula import estimate
from ftc.memory.job import Job

AROUND = 3  # doublings and halvings on either side
SHORTEST = 32


@dataclass(frozen=True)
class Cell:
    """One combination: tokens, rows, GiB on a card and what that means for the budget."""

    length: int
    batch: int
    needed: float
    verdict: Verdict
    planned: bool


@dataclass(frozen=True)
class Grid:
    """Rows of cells, the smallest micro-batch first; lengths grow from left to right."""

    lengths: tuple[int, ...]
    batches: tuple[int, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def fitting(self, budget: float) -> tuple[int, ...]:
        """Of each row, how many lengths need no more than the budget."""
        return tuple(sum(cell.needed <= budget for cell in row) for row in self.rows)


def grid(report: Report, tool: Tool) -> Grid:
    """The cells around the plan; lengths that the model does not know are left out."""
    job = tool.job
    known = report.shape.max_positions
    lengths = tuple(
        it
        for it in _doubled(job.max_length, SHORTEST)
        if it <= max(job.max_length, known) or not known
    )
    batches = _doubled(job.micro_batch, 1)
    return Grid(
        lengths,
        batches,
        tuple(tuple(_cell(report, tool, length, batch) for length in lengths) for batch in batches),
    )


def _doubled(value: int, least: int) -> tuple[int, ...]:
    """`value` halved and doubled, whole numbers of at least `least`; itself in any case."""
    found = {value << step for step in range(AROUND + 1)}
    found |= {value >> step for step in range(AROUND + 1) if value >> step >= least}
    return tuple(sorted(found))


def _cell(report: Report, tool: Tool, length: int, batch: int) -> Cell:
    planned = (length, batch) == (tool.job.max_length, tool.job.micro_batch)
    needed = estimate(report.shape, _job(report, tool.job, length, batch)).needed
    verdict = judged(needed, tool.confidence, report.hardware.vram_gb)
    return Cell(length, batch, needed, verdict, planned)


def _job(report: Report, job: Job, length: int, batch: int) -> Job:
    """The plan's job with as many rows in a step; an evaluation batch that followed the
    micro-batch goes on following it."""
    rows = report.plan.effective_batch // report.plan.gpus
    follows = job.eval_batch == job.micro_batch
    return replace(
        job,
        max_length=length,
        micro_batch=batch,
        gradient_accumulation=max(1, rows // batch),
        eval_batch=batch if follows else job.eval_batch,
    )
