"""What both inside scripts share: writing what is told, and watching a Trainer plan and train.

Runs inside a backend's interpreter; the scripts beside it import it by its bare name, ftc never
does. The tool's own code builds the trainer: `scheduled` ends it when it begins to train, `trained`
after some optimizer steps. An adapter to start from would hide the tool's own LoRA settings, so a
script calls `scheduled` without it, and `trained` with it.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from planned import MICRO_BATCHES, schedule  # type: ignore[import-not-found]
from transformers import Trainer, TrainerCallback  # type: ignore[import-not-found]

UNTRAINED = -100
LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "tokenizers")


class Finished(BaseException):
    """Ends the tool's own path once all is told; no `except Exception` of a tool may swallow it."""


@dataclass
class Out:
    """The folder that a script writes to: rows, progress, and at the end told.json."""

    folder: Path

    def progress(self, what: str, done: int = 0, total: int = 0) -> None:
        """One line for ftc to show."""
        line = json.dumps({"what": what, "done": done, "total": total})
        with (self.folder / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def rows(self, part: str, rows: Iterable[dict[str, Any]]) -> None:
        """`train.jsonl` or `eval.jsonl`, from what `row` made, in order."""
        with (self.folder / f"{part}.jsonl").open("w", encoding="utf-8") as file:
            for one in rows:
                file.write(json.dumps(one) + "\n")

    def told(self, schedule: dict[str, Any] | None = None, losses: Iterable[float] = ()) -> None:
        """`told.json`; its being there says that the script came to its end."""
        content = {"libraries": libraries(), "schedule": schedule, "losses": list(losses)}
        (self.folder / "told.json").write_text(json.dumps(content), encoding="utf-8")


def row(ids: Iterable[int], labels: Iterable[int], mask: Any = None, role: str = "") -> Any:
    """One Row of `ftc.parity.records`; without a mask all ones. bool and numpy become int."""
    numbers = [int(one) for one in ids]
    seen = [1] * len(numbers) if mask is None else [int(one) for one in mask]
    return {"ids": numbers, "labels": [int(one) for one in labels], "mask": seen, "role": role}


def libraries() -> dict[str, str]:
    """Distribution -> version, of those that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@dataclass
class Planned:
    """A trainer that was about to train, and what it said; `schedule` is that of told.json."""

    trainer: Any
    schedule: dict[str, Any]


def scheduled(run: Callable[[], object], real_config: str | None) -> Planned:
    """Calls `run` until a Trainer begins to train. `real_config`: whose parameters are named."""
    planned: list[Planned] = []

    class Watcher(TrainerCallback):  # type: ignore[misc]
        trainer: Any = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            planned.append(Planned(self.trainer, schedule(self.trainer, real_config)))
            raise Finished

    _until_finished(run, Watcher)
    if not planned:
        raise RuntimeError("the tool came to its end without training anything")
    return planned[0]


def trained(
    run: Callable[[], object],
    steps: int,
    *,
    averaging: str | None = None,
    heard: Callable[[int], None] = lambda done: None,
) -> list[float]:
    """Calls `run` until `steps` optimizer steps are done, or all; the loss of each, unrounded.

    The loss of a step is the sum of what `Trainer.training_step` returned for its micro-batches,
    which transformers has scaled already. `averaging` "micro-batches" makes the trainer average
    the means of the micro-batches instead of all tokens.
    """
    parts: list[float] = []
    losses: list[float] = []

    class Watcher(TrainerCallback):  # type: ignore[misc]
        trainer: Any = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if averaging == MICRO_BATCHES:
                self.trainer.model_accepts_loss_kwargs = False

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            losses.append(math.fsum(parts))
            parts.clear()
            heard(len(losses))
            if len(losses) >= steps:
                raise Finished

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            raise Finished  # before the model is saved

    with _recorded(parts):
        _until_finished(run, Watcher)
    return losses


def _until_finished(run: Callable[[], object], watcher: type) -> None:
    """Calls `run` with a watcher, which knows its trainer, added to each Trainer that trains."""
    original = Trainer.train

    def train(self: Any, *args: Any, **kwargs: Any) -> Any:
        one = watcher()
        one.trainer = self
        self.add_callback(one)
        return original(self, *args, **kwargs)

    Trainer.train = train
    try:
        run()
    except Finished:
        return
    finally:
        Trainer.train = original


@contextmanager
def _recorded(parts: list[float]) -> Iterator[None]:
    original = Trainer.training_step

    def training_step(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = original(self, *args, **kwargs)
        parts.append(loss.detach().double().item())
        return loss

    Trainer.training_step = training_step
    try:
        yield
    finally:
        Trainer.training_step = original
