"""What a Trainer that is about to train goes by: the fields of `ftc.parity.records.Schedule`.

Runs inside a backend's interpreter; `common` beside it imports it by its bare name.
"""

import math
import re
import warnings
from copy import deepcopy
from typing import Any

import torch  # type: ignore[import-not-found]
from transformers import AutoConfig, AutoModelForCausalLM  # type: ignore[import-not-found]

TOKENS, MICRO_BATCHES = "tokens", "micro-batches"
_WRAPPERS = re.compile(
    r"(^|\.)(base_model\.model|_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)


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
        "init": str(config.init_lora_weights),
    }


def _word(value: Any) -> str:
    """An enumeration's own word, or the text itself."""
    return str(getattr(value, "value", value))
