"""What an estimate says: frozen records, and the one JSON document that they make.

Sizes are GiB on one card. Every number of the document has its unit in the name of its key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftc.diagnostics import Finding
from ftc.estimate.verdict import VERDICTS, Verdict
from ftc.facts.records import Hardware
from ftc.memory.confidence import Confidence
from ftc.memory.disk import Disk
from ftc.memory.job import Job
from ftc.memory.nearest import Near
from ftc.memory.phases import Phase
from ftc.memory.shape import Shape
from ftc.memory.speed import Timing
from ftc.plan import Plan

FIGURES = ("allocated", "reserved", "device", "needed")  # of a phase, as `Phase` calls them
SHOWN = (
    "stage",
    "method",
    "quant_bits",
    "lora_rank",
    "dtype",
    "attention",
    "gradient_checkpointing",
    "liger_kernel",
    "optimizer",
    "zero_stage",
    "offload_optimizer",
    "packing",
)


@dataclass(frozen=True)
class Tool:
    """One rendered config: what a backend would hold on one card, and how long it would take.

    `confidence` is that of what is needed; `reserved` that of what the allocator holds.
    """

    backend: str
    version: str
    job: Job
    phases: tuple[Phase, ...]
    confidence: Confidence
    reserved: Confidence
    verdict: Verdict
    near: tuple[Near, ...]
    timing: Timing
    disk: Disk
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """`axolotl 0.21.0`."""
        return f"{self.backend} {self.version}"

    @property
    def fullest(self) -> Phase:
        """The phase that decides whether the run fits."""
        return max(self.phases, key=lambda phase: phase.needed)

    def span(self, phase: Phase, figure: str = "needed") -> tuple[float, float]:
        """The range around a figure of a phase, GiB: the estimate times its factors."""
        sure = self.reserved if figure in ("reserved", "device") else self.confidence
        gib: float = getattr(phase, figure)
        return gib * sure.low, gib * sure.high


@dataclass(frozen=True)
class Choice:
    """A setting that was chosen for the memory budget, with what it bought."""

    setting: str
    value: Any
    text: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Remedy:
    """A change of the recipe, and what the run would need then, in GiB."""

    text: str
    needed: float


@dataclass(frozen=True)
class Report:
    """All that is told about one recipe."""

    plan: Plan
    shape: Shape
    hardware: Hardware
    asked_gib: float | None  # the budget that was asked for; a card may have less
    parameters: int
    source: str  # where the model's shape comes from
    tools: tuple[Tool, ...]
    choices: tuple[Choice, ...]
    remedies: tuple[Remedy, ...]
    price_per_hour: float | None
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the tools'."""
        return max((tool.verdict for tool in self.tools), key=VERDICTS.index)

    @property
    def fits(self) -> bool:
        """False only where a tool does not fit."""
        return self.verdict != "does not fit"

    def price(self, tool: Tool) -> tuple[float, float] | None:
        """Price of a run, least and most, in the currency of the rate; None without one."""
        if self.price_per_hour is None or tool.timing.hours is None:
            return None
        rate = self.price_per_hour * self.plan.gpus
        return tool.timing.hours[0] * rate, tool.timing.hours[1] * rate

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `--format json`; docs/estimate.md lists the keys."""
        plan, hardware = self.plan, self.hardware
        return {
            "name": plan.name,
            "verdict": self.verdict,
            "model": {"id": plan.model, "parameters": self.parameters, "source": self.source},
            "hardware": {
                "device": hardware.device,
                "gpu": hardware.name or None,
                "gpus": hardware.gpus,
                "budget_gib": hardware.vram_gb,
                "source": hardware.source,
            },
            "plan": {name: getattr(plan, name) for name in SHOWN}
            | {
                "max_length_tokens": plan.max_length,
                "micro_batch_rows": plan.micro_batch,
                "eval_batch_rows": plan.eval_batch if plan.eval_steps else 0,
                "gradient_accumulation_passes": plan.gradient_accumulation,
                "effective_batch_rows": plan.effective_batch,
                "train_rows": plan.train_rows,
                "steps": plan.max_steps,
            },
            "backends": [self._tool(tool) for tool in self.tools],
            "choices": [
                {"setting": it.setting, "value": it.value, "text": it.text, "steps": it.steps}
                for it in self.choices
            ],
            "changes": [
                {"text": it.text, "needed_gib": rounded(it.needed)} for it in self.remedies
            ],
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def _tool(self, tool: Tool) -> dict[str, Any]:
        price = self.price(tool)
        return {
            "backend": tool.backend,
            "version": tool.version,
            "verdict": tool.verdict,
            "fullest": tool.fullest.name,
            **_figures(tool, tool.fullest),
            "confidence": _confidence(tool.confidence),
            "confidence_reserved": _confidence(tool.reserved),
            "phases": [
                {"name": phase.name, "peak_at": phase.peak_at}
                | _figures(tool, phase)
                | {"parts_gib": {name: rounded(size) for name, size in phase.parts.items()}}
                for phase in tool.phases
            ],
            "nearest": [_near(near) for near in tool.near],
            "time": _time(tool.timing),
            "price": None
            if price is None
            else {"low": rounded(price[0]), "high": rounded(price[1])},
            "disk": _disk(tool.disk),
            "notes": tool.notes,
        }


def rounded(value: float) -> float:
    """Four decimals: a tenth of a MiB, less than any of it is known to."""
    return round(value, 4)


def _confidence(it: Confidence) -> dict[str, Any]:
    factors = {"low_factor": rounded(it.low), "high_factor": rounded(it.high)}
    return {"level": it.level, **factors, "reasons": it.reasons}


def _figures(tool: Tool, phase: Phase) -> dict[str, Any]:
    found = {}
    for name in FIGURES:
        gib = getattr(phase, name)
        low, high = tool.span(phase, name)
        found[name] = {"gib": rounded(gib), "low_gib": rounded(low), "high_gib": rounded(high)}
    return found


def _near(near: Near) -> dict[str, Any]:
    row = near.row
    return {
        "id": row.id,
        "model": row.name,
        "group": row.group,
        "metric": row.metric,
        "measured_gib": rounded(row.gib),
        "predicted_gib": rounded(near.predicted),
        "distance": rounded(near.distance),
        "source": row.source,
    }


def _time(timing: Timing) -> dict[str, Any]:
    return {
        "tokens": timing.tokens,
        "steps": timing.steps,
        "flops": timing.flops,
        "hours": _pair(timing.hours),
        "tokens_per_second": _pair(timing.tokens_per_second),
        "utilisation_share": _pair(timing.utilisation if timing.hours else None),
        "notes": timing.notes,
    }


def _pair(pair: tuple[float, float] | None) -> dict[str, float] | None:
    return None if pair is None else {"low": rounded(pair[0]), "high": rounded(pair[1])}


def _disk(disk: Disk) -> dict[str, Any]:
    return {
        "total_gib": rounded(disk.total),
        "checkpoint_gib": rounded(disk.checkpoint),
        "checkpoints_kept": disk.kept,
        "model_gib": rounded(disk.model),
        "optimizer_gib": rounded(disk.optimizer),
        "merged_gib": rounded(disk.merged),
    }
