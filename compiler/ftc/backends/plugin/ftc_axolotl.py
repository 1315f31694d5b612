"""The plugin that ftc gives to Axolotl: seeds the adapter, allows bf16 on a CPU, writes metrics.

Runs inside Axolotl's interpreter (0.19.0 and 0.21.0) and imports nothing of ftc. A config names it:
`plugins: [ftc_axolotl.FtcPlugin]`.

FTC_DEVICE=cpu    trains on the CPU even where the config says bf16
FTC_METRICS=PATH  where the metrics go, one JSON object a line (default metrics.jsonl)
FTC_PEAK=FOLDER   where the peaks of memory go, if `ftc_peak.py` lies beside the config
"""

import json
import math
import os
import time
from pathlib import Path
from typing import Any

# Neither is installed where ftc is checked.
from axolotl.integrations.base import BasePlugin  # type: ignore[import-not-found]
from transformers import TrainerCallback, set_seed  # type: ignore[import-not-found]


class FtcPlugin(BasePlugin):  # type: ignore[misc]
    """What Axolotl has no key for."""

    def pre_model_load(self, cfg: Any) -> None:
        """Seeds before the adapter is made: Axolotl makes LoRA's A before anything is seeded."""
        if cfg.seed is not None:
            set_seed(cfg.seed)
        if measure := _measure():
            measure.begun()

    def post_model_build(self, cfg: Any, model: Any) -> None:
        """Axolotl logs the memory of loading next, and sets the counters back."""
        if measure := _measure():
            measure.take("load")

    def post_model_load(self, cfg: Any, model: Any) -> None:
        """The adapter is in place."""
        if measure := _measure():
            measure.take("load")

    def get_training_args(self, cfg: Any) -> dict[str, Any]:
        """Training arguments that no config key reaches.

        Axolotl's builder for preference training never reads `load_best_model_at_end`.
        """
        arguments = {"use_cpu": True} if os.environ.get("FTC_DEVICE") == "cpu" else {}
        if cfg.rl:
            arguments["load_best_model_at_end"] = bool(cfg.load_best_model_at_end)
        return arguments

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[Any]:
        """The callbacks that write metrics and peaks."""
        metrics = Metrics(Path(os.environ.get("FTC_METRICS") or "metrics.jsonl").absolute())
        measure = _measure()
        return [metrics, measure] if measure else [metrics]


def _measure() -> Any:
    """ftc's measure of memory; None for a build that is started without `ftc run`."""
    if not os.environ.get("FTC_PEAK"):
        return None
    try:
        # Not above: it lies in a run folder only.
        from ftc_peak import peak  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:
        return None
    return peak()


class Metrics(TrainerCallback):  # type: ignore[misc]
    """Appends a line for each log or evaluation; a resumed run goes on in the same file.

    Every number that the trainer logs is kept (`loss`, `eval_loss`, `learning_rate`, `epoch`,
    `grad_norm` and so on); `step`, `total_steps` and `elapsed` (seconds) come on top. A number
    that is not finite is written as null, because JSON has no word for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Time counts from here: loading is not training."""
        self.start = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Writes one line, from the first process only."""
        if not state.is_world_process_zero:
            return
        line = {key: _number(value) for key, value in (logs or {}).items() if _countable(value)}
        line |= {
            "step": state.global_step,
            "total_steps": state.max_steps,
            "elapsed": round(time.monotonic() - self.start, 3),
        }
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


def _countable(value: Any) -> bool:
    return not isinstance(value, bool) and (
        isinstance(value, int | float) or hasattr(value, "item")
    )


def _number(value: Any) -> float | int | None:
    plain = value if isinstance(value, int | float) else value.item()
    return plain if math.isfinite(plain) else None
