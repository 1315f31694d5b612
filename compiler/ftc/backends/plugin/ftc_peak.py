"""Measures the memory of a training process, part by part of the run, and writes it to a file.

Runs inside a backend's interpreter and imports nothing of ftc. `ftc run` lays it beside the config;
Axolotl gets the callback from ftc's plugin, LLaMA-Factory from `ftc_llamafactory.py`.

FTC_PEAK=FOLDER  where the files go, one a process and start: rank0-4711.json, sizes in bytes

Nothing that goes wrong in here may end a run: it ends the measuring.
"""

import atexit
import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Neither is installed where ftc is checked.
import torch  # type: ignore[import-not-found]
from transformers import TrainerCallback  # type: ignore[import-not-found]

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
LOAD, FIRST, STEP, EVALUATION = "load", "first step", "train step", "evaluation step"
SAVE, END = "save", "end"
MALLOC = "MALLOC_MMAP_THRESHOLD_"
SMALLEST = 2**20  # bytes by which a peak must grow to be written again


def quietly(act: Callable[..., None]) -> Callable[..., None]:
    """A function that goes without what it cannot do."""

    @functools.wraps(act)
    def attempt(*arguments: Any, **named: Any) -> None:
        try:
            act(*arguments, **named)
        except Exception as error:
            print(f"ftc: memory is not measured here: {error!r}", flush=True)

    return attempt


class Peak(TrainerCallback):  # type: ignore[misc]
    """The highest memory of each part of a run, in this process.

    torch's counters are set back where a part begins, but never before the trainer's own log has
    read them: Axolotl logs them, and sets them back, too. `highest` outlives every setting back.
    """

    def __init__(self, folder: Path) -> None:
        rank = os.environ.get("RANK", "0")
        self.pid = os.getpid()
        self.path = folder / f"rank{rank}-{self.pid}.json"
        self.said: dict[str, Any] = {
            "rank": int(rank),
            "device": os.environ.get("FTC_DEVICE", ""),
            "mmap_threshold": os.environ.get(MALLOC),  # glibc's allocator, see docs/memory.md
        }
        self.parts: dict[str, dict[str, int]] = {}
        self.highest: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self.before = 0  # resident bytes before the model
        self.part = LOAD  # what the memory is used for just now
        self.fresh = True  # the counters were set back after the last training step
        self.frees = True  # the kernel's counter can be set back
        atexit.register(self.closed)

    @quietly
    def begun(self) -> None:
        """The model comes next: what is resident now is the libraries' share."""
        self.before = _status("VmRSS")
        self._set_back()

    @quietly
    def take(self, part: str) -> None:
        """Notes the highest since the counters were set back, under the name of a part."""
        self._take(part)

    def _take(self, part: str) -> None:
        self.part = part
        now = _cards() | {"resident": _status("VmHWM" if self.frees else "VmRSS")}
        for known in (self.parts.setdefault(part, {}), self.highest):
            known.update({name: max(size, known.get(name, 0)) for name, size in now.items()})
        self.highest["resident"] = max(self.highest["resident"], _status("VmHWM"))
        if any(size > self.written.get(name, 0) + SMALLEST for name, size in self.highest.items()):
            self._write()

    def _set_back(self) -> None:
        if torch.cuda.is_initialized():
            for card in _own_cards():
                torch.cuda.reset_peak_memory_stats(card)
        if self.frees:
            try:
                CLEAR.write_text("5")  # VmHWM := VmRSS, see proc_pid_clear_refs(5)
            except OSError:
                self.frees = False
        self.fresh = True

    def _write(self) -> None:
        content = {
            **self.said,
            "before": self.before,
            "highest": self.highest,
            "parts": self.parts,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
        beside.replace(self.path)
        self.written = dict(self.highest)

    @quietly
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The model is loaded: what it is, and what loading it took."""
        self.said |= _described(kwargs.get("model"))
        self._take(LOAD)
        self._write()
        self._set_back()

    @quietly
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An optimizer step: the first one makes the optimizer's state at its end."""
        self._take(STEP if FIRST in self.parts else FIRST)
        self.fresh = False
        if (control.should_evaluate or control.should_save) and not control.should_log:
            self._set_back()

    @quietly
    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The trainer has read what it wanted."""
        self._take(self.part)
        self._set_back()

    @quietly
    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A batch of an evaluation; read each time, since Axolotl sets back before its end."""
        if self.fresh:
            self._take(EVALUATION)
        else:
            self._take(self.part)
            self._set_back()

    @quietly
    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The next thing is a step or a checkpoint."""
        self._take(self.part)
        self._set_back()

    @quietly
    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A checkpoint was written."""
        self._take(SAVE if self.fresh else self.part)
        self._set_back()

    @quietly
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The best checkpoint may have been loaded again."""
        self._take(END)
        self._write()

    @quietly
    def closed(self) -> None:
        """The process ends: the trained weights were written since. Not the end of a fork of it."""
        if os.getpid() == self.pid:
            self._take(END)
            self._write()


@functools.cache
def peak() -> Peak | None:
    """This process's measure; None where FTC_PEAK asks for none."""
    folder = os.environ.get("FTC_PEAK")
    return Peak(Path(folder).absolute()) if folder else None


def _status(name: str) -> int:
    """Bytes of one line of /proc/self/status."""
    for line in STATUS.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _own_cards() -> list[int]:
    """Under torchrun the one that the process works on, else all."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return [torch.cuda.current_device()]
    return list(range(torch.cuda.device_count()))


def _cards() -> dict[str, int]:
    """torch's counters on the fullest card of the process; nothing where there is none."""
    if not torch.cuda.is_initialized():
        return {}
    cards = _own_cards()
    return {
        "allocated": max(torch.cuda.max_memory_allocated(card) for card in cards),
        "reserved": max(torch.cuda.max_memory_reserved(card) for card in cards),
    }


def _described(model: Any) -> dict[str, Any]:
    """The model that is trained: its config, and its weights by type. No names, no paths."""
    if model is None:
        return {}
    config = model.config.to_dict()
    weights: dict[str, int] = {}
    trained: dict[str, int] = {}
    for weight in model.parameters():
        kind = str(weight.dtype).removeprefix("torch.")
        size = getattr(weight, "ds_numel", None) or weight.numel()  # 0 here under ZeRO-3
        weights[kind] = weights.get(kind, 0) + size
        if weight.requires_grad:
            trained[kind] = trained.get(kind, 0) + size
    return {
        "config": {key: value for key, value in config.items() if key != "_name_or_path"},
        "attention": str(getattr(model.config, "_attn_implementation", "")),
        "weights": weights,
        "trained": trained,
        "torch": torch.__version__,
        "cards": [torch.cuda.get_device_name(card) for card in _own_cards()]
        if torch.cuda.is_initialized()
        else [],
    }
