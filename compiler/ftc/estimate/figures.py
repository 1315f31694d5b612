"""Works an estimate out: every rendered config of a recipe through the memory formula."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from ftc.backends.memory import job as backend_job
from ftc.build import Compiled, findings, native
from ftc.errors import FtcError
from ftc.estimate.report import Choice, Remedy, Report, Tool
from ftc.estimate.verdict import judged
from ftc.facts.records import Facts
from ftc.memory.cards import named
from ftc.memory.confidence import judge
from ftc.memory.disk import disk
from ftc.memory.formula import estimate
from ftc.memory.measured import Row
from ftc.memory.modules import parameters
from ftc.memory.nearest import nearest
from ftc.memory.phases import Phase, phases
from ftc.memory.shape import Shape
from ftc.memory.speed import timing
from ftc.plan import Plan
from ftc.resolve.changes import cheapest
from ftc.resolve.memory import plan_job

NEAR = 3  # measured runs that are shown
REMEDIES = 3  # changes that are offered where a run does not fit
VRAM_RULE = "vram-budget"  # says less of what this report is about


def report(compiled: Compiled, rows: Sequence[Row] = ()) -> Report:
    """The estimate of a recipe for each of its targets; `rows` are measured runs.

    Raises FtcError when the model's shape is not known: there is nothing to count then.
    """
    facts, plan = compiled.facts, compiled.plan
    shape = facts.model.shape
    if shape is None:
        raise FtcError(
            f"model.id: the sizes of {plan.model} are not known: {facts.model.source}",
            hint="give a local folder with its config.json, or let ftc go online",
        )
    tools = tuple(
        _tool(compiled, shape, backend, version, rows)
        for backend, version in dict.fromkeys(facts.backends)
    )
    return Report(
        plan=plan,
        shape=shape,
        hardware=facts.hardware,
        asked_gib=compiled.recipe.hardware.vram_gb,
        parameters=parameters(shape),
        source=facts.model.source,
        tools=tools,
        choices=choices(plan) if facts.hardware.vram_gb is not None else (),
        remedies=tuple(_remedies(compiled, shape, tools)),
        price_per_hour=compiled.recipe.hardware.price_per_hour,
        findings=tuple(it for it in findings(compiled) if it.rule != VRAM_RULE),
    )


def _remedies(compiled: Compiled, shape: Shape, tools: Sequence[Tool]) -> Iterator[Remedy]:
    """What would make every tool fit: the native keys away where they alone are too much."""
    facts, plan = compiled.facts, compiled.plan
    short = [tool for tool in tools if tool.verdict == "does not fit"]
    budget = facts.hardware.vram_gb
    if not short or budget is None:
        return
    needed = estimate(shape, plan_job(plan)).needed
    if needed > budget:
        yield from (Remedy(*it) for it in cheapest(facts, plan, REMEDIES))
        return
    for tool in short:
        keys = ", ".join(getattr(compiled.recipe.backend, tool.backend))
        if keys:
            yield Remedy(f"leave out what changes it of [backend.{tool.backend}]: {keys}", needed)


def choices(plan: Plan) -> tuple[Choice, ...]:
    """Every setting that the memory budget decided, with what it bought."""
    return tuple(
        Choice(name, getattr(plan, name), origin.text, origin.steps)
        for name, origin in plan.origins.items()
        if origin.kind == "budget"
    )


def _tool(
    compiled: Compiled, shape: Shape, backend: str, version: str, rows: Sequence[Row]
) -> Tool:
    plan, facts = compiled.plan, compiled.facts
    config, _ = native(compiled, backend, version)
    job = backend_job(plan, backend, version, config)
    found = phases(shape, job)
    confidence = judge(shape, job, shape.known)
    reserved = judge(shape, job, shape.known, "reserved")
    return Tool(
        backend=backend,
        version=version,
        job=job,
        phases=found,
        confidence=confidence,
        reserved=reserved,
        verdict=judged(_most(found), confidence, facts.hardware.vram_gb),
        near=tuple(nearest(shape, job, rows, NEAR)),
        timing=timing(
            shape,
            job,
            named(facts.hardware.name),
            steps=plan.max_steps,
            row_tokens=row_tokens(facts, plan),
            eval_rows=_evaluated(plan),
        ),
        disk=disk(shape, job, kept=kept(plan)),
        notes=estimate(shape, job).notes,
    )


def _most(found: Sequence[Phase]) -> float:
    return max(phase.needed for phase in found)


def _evaluated(plan: Plan) -> int:
    """Rows of all evaluations of a run together."""
    return plan.eval_rows * (plan.max_steps // plan.eval_steps) if plan.eval_steps else 0


def row_tokens(facts: Facts, plan: Plan) -> float:
    """Mean tokens of a row that is trained on.

    Documents of pre-training are split into rows, so that none of their tokens is left out.
    """
    train, limit = facts.data.train, plan.max_length
    if plan.stage == "pretrain":
        totals = list(train.total)
    else:
        totals = [min(it, limit) for it in train.total if it <= limit or not train.exact]
    return sum(totals) / max(1, plan.train_rows)


def kept(plan: Plan) -> int:
    """Checkpoints on the disk at once.

    One is saved at the last step too, and the best one is kept beside the last (transformers 5
    `Trainer`: `DefaultFlowCallback.on_step_end`, `rotate_checkpoints`).
    """
    saved = max(1, ceil(plan.max_steps / max(1, plan.save_steps)))
    return min(saved, max(plan.save_total_limit, 2 if plan.load_best else 1))
