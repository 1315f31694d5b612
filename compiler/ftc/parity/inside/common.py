"""What both inside scripts share: writing what is told, and watching a Trainer plan and train.

Runs inside a backend's interpreter; the scripts beside it import it by its bare name, ftc never
does. The tool's own code builds the trainer: `scheduled` ends it when it begins to train, `trained`
after some optimizer steps. An adapter to start from would hide the tool's own LoRA settings, so a
script calls `scheduled` without it, and `trained` with it.
"""

import json
import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found]
from transformers import (  # type: ignore[import-not-found]
    AutoConfig,
    AutoModelForCausalLM,
    Trainer,
    TrainerCallback,
)

UNTRAINED = -100
LIBRARIES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "tokenizers")
TOKENS, MICRO_BATCHES = "tokens", "micro-batches"
_WRAPPERS = re.compile(
    r"(^|\.)(base_model\.model|_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)


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


def schedule(trainer: Any, real_config: str | None) -> dict[str, Any]:
    """The fields of `ftc.parity.records.Schedule`, of a trainer whose optimizer is there."""
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)  # accelerate wraps it
    steps = int(trainer.state.max_steps)
    return {
        "steps": steps,
        "rates": rates(trainer.lr_scheduler, steps),
        "groups": groups(trainer.model, optimizer),
        "trainable": trainable(trainer.model, real_config),
        "arguments": arguments(trainer, optimizer, steps),
        "adapter": adapter(trainer.model),
    }


def rates(scheduler: Any, steps: int) -> list[float]:
    """Learning rate of the first group at each optimizer step; the scheduler is put back after."""
    scheduler = getattr(scheduler, "scheduler", scheduler)
    optimizer = scheduler.optimizer
    first = next(i for i, group in enumerate(optimizer.param_groups) if group["params"])
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        return [float(optimizer.param_groups[first]["lr"])] * steps  # only an evaluation knows more
    before, was = scheduler.state_dict(), [group["lr"] for group in optimizer.param_groups]
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer has not stepped yet
        for _ in range(steps):
            found.append(float(optimizer.param_groups[first]["lr"]))
            scheduler.step()
    scheduler.load_state_dict(before)
    for group, rate in zip(optimizer.param_groups, was, strict=True):
        group["lr"] = rate
    return found


def groups(model: Any, optimizer: Any) -> list[dict[str, Any]]:
    """Groups by weight decay and rate, without empty ones; names of the (shadow) model."""
    names = {id(parameter): plain(name) for name, parameter in model.named_parameters()}
    found: dict[tuple[float, float], list[str]] = {}
    for group in optimizer.param_groups:
        key = (float(group["weight_decay"]), float(group.get("initial_lr", group["lr"])))
        found.setdefault(key, []).extend(names[id(one)] for one in group["params"])
    return [
        {"weight_decay": decay, "rate": rate, "names": sorted(held)}
        for (decay, rate), held in sorted(found.items())
        if held
    ]


def trainable(model: Any, real_config: str | None) -> dict[str, list[int]]:
    """Name -> shape of what is trained, of the real model when its config is there.

    An adapter is put on an empty real model by PEFT with the tool's own configuration. Otherwise
    a parameter of the real model is trained when one of that name, in any layer, is in `model`.
    """
    own = {plain(name): list(one.shape) for name, one in model.named_parameters() if _grad(one)}
    if real_config is None:
        return own
    real = skeleton(real_config)
    if hasattr(model, "peft_config"):
        from peft import get_peft_model  # type: ignore[import-not-found]  # noqa: PLC0415 - slow

        real = get_peft_model(real, deepcopy(next(iter(model.peft_config.values()))))
        return {plain(name): list(one.shape) for name, one in real.named_parameters() if _grad(one)}
    kinds = {_any_layer(name) for name in own}
    named = ((plain(name), one) for name, one in real.named_parameters())
    return {name: list(one.shape) for name, one in named if _any_layer(name) in kinds}


def skeleton(config: str) -> Any:
    """The model of a config.json without any weights in memory."""
    made = AutoConfig.from_pretrained(config)
    if getattr(made, "quantization_config", None) is not None:
        del made.quantization_config
    text = made.get_text_config()
    if (getattr(text, "pad_token_id", None) or 0) >= text.vocab_size:
        text.pad_token_id = None  # a default of the class; torch refuses it
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(made)


def plain(name: str) -> str:
    """A parameter's name without what PEFT, torch.compile and other wrappers put around it."""
    while (shorter := _WRAPPERS.sub(r"\1", name)) != name:
        name = shorter
    return name.replace(".base_layer.", ".").replace(".default", "")


def _any_layer(name: str) -> str:
    return re.sub(r"\.\d+\.", ".*.", name)


def _grad(parameter: Any) -> bool:
    return bool(parameter.requires_grad)


def arguments(trainer: Any, optimizer: Any, steps: int) -> dict[str, Any]:
    """What the trainer and its optimizer go by; the optimizer's own numbers where it has them."""
    args, defaults = trainer.args, optimizer.defaults
    beta1, beta2 = defaults.get("betas", (args.adam_beta1, args.adam_beta2))
    micro = int(args.per_device_train_batch_size)
    accumulation = int(args.gradient_accumulation_steps)
    updates = max(1, math.ceil(len(trainer.get_train_dataloader()) / accumulation))
    tokens = bool(trainer.model_accepts_loss_kwargs or trainer.compute_loss_func is not None)
    found = {
        "max_steps": steps,
        "epochs": steps / updates,
        "micro_batch": micro,
        "gradient_accumulation": accumulation,
        "effective_batch": micro * accumulation * int(args.world_size),
        "warmup_steps": int(args.get_warmup_steps(steps)),
        "lr_scheduler": _word(args.lr_scheduler_type),
        "optimizer": _word(args.optim),
        "optimizer_class": type(optimizer).__name__,
        "adam_beta1": float(beta1),
        "adam_beta2": float(beta2),
        "adam_epsilon": float(defaults.get("eps", args.adam_epsilon)),
        "weight_decay": float(args.weight_decay),
        "max_grad_norm": float(args.max_grad_norm or 0.0),
        "neftune_alpha": args.neftune_noise_alpha,
        "label_smoothing": float(args.label_smoothing_factor),
        "seed": int(args.seed),
        "loss_average": TOKENS if tokens else MICRO_BATCHES,
    }
    return found | preference(trainer)


def preference(trainer: Any) -> dict[str, Any]:
    """What a preference trainer weighs by, under ftc's names; {} for another trainer.

    TRL's trainers and LLaMA-Factory's, which inherit from them, keep it in these attributes.
    """
    if not hasattr(trainer, "beta"):
        return {}
    # TRL 1.x names those of DPO in the plural.
    loss = getattr(trainer, "loss_type", None) or getattr(trainer, "loss_types", None)
    found: dict[str, Any] = {"preference_beta": float(trainer.beta)}
    if loss is not None:
        found["preference_loss"] = loss[0] if isinstance(loss, list) and len(loss) == 1 else loss
    for name in ("desirable_weight", "undesirable_weight"):
        if hasattr(trainer, name):
            found[name] = float(getattr(trainer, name))
    return found


def adapter(model: Any) -> dict[str, Any]:
    """What PEFT's config of the adapter says; {} when there is none."""
    config = next(iter(getattr(model, "peft_config", {}).values()), None)
    if config is None:
        return {}
    targets = config.target_modules
    return {
        "rank": int(config.r),
        "alpha": float(config.lora_alpha),
        "dropout": float(config.lora_dropout),
        "dora": bool(config.use_dora),
        "rslora": bool(config.use_rslora),
        "targets": [targets] if isinstance(targets, str) else sorted(targets or ()),
        "modules_to_save": sorted(config.modules_to_save or ()),
    }


def _word(value: Any) -> str:
    """An enumeration's own word, or the text itself."""
    return str(getattr(value, "value", value))
