"""What a run left in its output folder: whole checkpoints, halves of them, and the end result."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

OUTPUT = "output"
_STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_ADAPTER = ("adapter_model.safetensors", "adapter_model.bin")
_MODEL = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True)
class Result:
    """`kind` is "" when no trained weights lie in the folder; steps as the trainer counted them.

    `broken_at` is the first step after which every logged number was none (NaN), 0 for never.
    """

    kind: Literal["adapter", "model", ""]
    steps: int
    max_steps: int
    broken_at: int = 0

    @property
    def complete(self) -> bool:
        """Weights are there and the trainer came to its last step."""
        return self.kind != "" and 0 < self.max_steps <= self.steps


def step_of(checkpoint: Path) -> int:
    """The step in a checkpoint's name, -1 for any other folder."""
    matched = _CHECKPOINT.fullmatch(checkpoint.name)
    return int(matched[1]) if matched else -1


def checkpoints(output: Path) -> list[Path]:
    """All checkpoint folders, oldest step first, whole or not."""
    found = [path for path in output.glob("checkpoint-*") if step_of(path) >= 0]
    return sorted((path for path in found if path.is_dir()), key=step_of)


def complete(output: Path) -> list[Path]:
    """Checkpoints that can be resumed from: the trainer writes its state last."""
    return [path for path in checkpoints(output) if _state(path) and _kind(path)]


def newest(output: Path) -> tuple[Path | None, list[Path]]:
    """The checkpoint to resume from, and the half-written ones that are newer than it."""
    whole = complete(output)
    last = whole[-1] if whole else None
    halves = [path for path in checkpoints(output) if path not in whole]
    return last, [path for path in halves if last is None or step_of(path) > step_of(last)]


def inspect(output: Path) -> Result:
    """What lies in `output` now; the steps come from the trainer's newest state."""
    states = [_state(path) for path in (output, *checkpoints(output))]
    state = max(states, key=lambda state: int(state.get("global_step", 0)))
    steps, total = int(state.get("global_step", 0)), int(state.get("max_steps", 0))
    return Result(_kind(output), steps, total, _broken_at(state))


def _broken_at(state: dict[str, Any]) -> int:
    """Where the lasting NaN began.

    transformers logs a loss of 0.0 for a NaN (`logging_nan_inf_filter`), but the gradient's norm as
    it is. One infinite norm at the end alone proves nothing: fp16 skips such a step.
    """
    history = state.get("log_history", [])
    steps = [entry for entry in history if "loss" in entry and "step" in entry]
    broken = 0
    for entry in reversed(steps):
        if math.isfinite(entry["loss"]) and math.isfinite(entry.get("grad_norm") or 0.0):
            break
        broken = int(entry["step"])
    lasting = len(steps) < 2 or broken != steps[-1]["step"]
    return broken if lasting or (steps and steps[-1]["loss"] == 0.0) else 0


def _kind(folder: Path) -> Literal["adapter", "model", ""]:
    if any((folder / name).is_file() for name in _ADAPTER):
        return "adapter"
    return "model" if any((folder / name).is_file() for name in _MODEL) else ""


def _state(folder: Path) -> dict[str, Any]:
    try:
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
