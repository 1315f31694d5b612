"""Native keys that undo what ftc did about method, schedule and memory."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import Case, Fault
from ftc.rules.lora import OUTSIDE_BLOCKS
from ftc.rules.native_data import where

NEW_TOKENS = {
    "axolotl": ("tokens", "special_tokens", "added_tokens_overrides"),
    "llamafactory": ("add_tokens", "add_special_tokens", "new_special_tokens_config"),
}
CLEARED = {
    "axolotl": ("lora_r", "lora_alpha", "lora_target_modules"),
    "llamafactory": ("lora_rank", "lora_alpha", "lora_target"),
}
WARMUPS = {"axolotl": "warmup_ratio", "llamafactory": "warmup_ratio"}


def native_lora_4bit(case: Case) -> Iterator[Fault]:
    """`load_in_4bit` with `adapter: lora` quantises nothing.

    Axolotl reads the key for `adapter: qlora` only; the weights stay in 16 bits and the run is out
    of memory.

    Source: Axolotl `loaders/model.py::_set_quantization_config`; axolotl#1095.
    """
    native = case.native("axolotl")
    if not native.get("load_in_4bit"):
        return
    adapter = native.get("adapter", "qlora" if case.plan.quant_bits == 4 else case.plan.method)
    if adapter != "qlora":
        text = f"load_in_4bit with adapter {adapter} quantises nothing"
        yield Fault(where("axolotl", "load_in_4bit"), text, "set method = 'qlora' in the recipe")


def native_finetuning_type(case: Case) -> Iterator[Fault]:
    """`finetuning_type: qlora` is no method of LLaMA-Factory.

    Source: LLaMA-Factory `hparams/finetuning_args.py`: QLoRA is lora with `quantization_bit: 4`.
    """
    if case.native("llamafactory").get("finetuning_type") == "qlora":
        text = "LLaMA-Factory has no finetuning_type qlora"
        yield Fault(where("llamafactory", "finetuning_type"), text, "set method = 'qlora'")


def native_lora_cleared(case: Case) -> Iterator[Fault]:
    """A LoRA key is set to nothing.

    Rank, alpha or targets of zero or empty fail late in PEFT; an alpha of 0 means twice the rank in
    LLaMA-Factory.

    Source: LLaMA-Factory `hparams/finetuning_args.py` (`lora_alpha or lora_rank * 2`); Axolotl
    checks none of them.
    """
    for backend, keys in CLEARED.items():
        native = case.native(backend)
        for key in keys:
            if key in native and not native[key] and case.adapter:
                text = f"{key} is {native[key]!r}: the tool takes its own value, or fails"
                yield Fault(where(backend, key), text, "remove the key, or set it under [lora]")


def native_resize_vocab(case: Case) -> Iterator[Fault]:
    """The vocabulary is resized while the base is quantised.

    Source: LLaMA-Factory `hparams/parser.py` refuses it.
    """
    if case.native("llamafactory").get("resize_vocab") and case.plan.quant_bits:
        text = f"resize_vocab on a base of {case.plan.quant_bits} bits"
        yield Fault(where("llamafactory", "resize_vocab"), text, "set method = 'lora'")


def native_pissa_quantised(case: Case) -> Iterator[Fault]:
    """PiSSA on a quantised base or under ZeRO-3.

    PiSSA takes the adapter out of the weights themselves, which are not there in full.

    Source: LLaMA-Factory `hparams/parser.py` refuses both.
    """
    hindered = case.plan.quant_bits or case.plan.zero_stage == 3
    what = f"a base of {case.plan.quant_bits} bits" if case.plan.quant_bits else "ZeRO-3"
    init = str(case.native("axolotl").get("peft_init_lora_weights", ""))
    for backend, key, on in (
        ("axolotl", "peft_init_lora_weights", init.startswith("pissa")),
        ("llamafactory", "pissa_init", bool(case.native("llamafactory").get("pissa_init"))),
    ):
        if on and hindered:
            yield Fault(where(backend, key), f"PiSSA with {what}", "use method = 'lora'")


def native_new_tokens(case: Case) -> Iterator[Fault]:
    """New tokens are added, and LoRA cannot train them.

    A new token's embedding is random; without full copies of the embedding and the head it stays
    noise.

    Source: axolotl PR#787, #1074; LLaMA-Factory#6749.
    """
    if not case.adapter or set(case.plan.lora_modules_to_save) >= OUTSIDE_BLOCKS:
        return
    for backend, keys in NEW_TOKENS.items():
        for key in keys:
            if case.native(backend).get(key):
                text = f"{key} adds tokens whose embeddings are not trained"
                remedy = "set lora.modules_to_save = ['embed_tokens', 'lm_head']"
                yield Fault(where(backend, key), text, remedy)


def native_fsdp_quantised(case: Case) -> Iterator[Fault]:
    """FSDP over a bitsandbytes base.

    It needs 4 bits, and weights that are stored in the compute type; other combinations fail or
    mix types. ftc shards with ZeRO.

    Source: LLaMA-Factory#5595; LLaMA-Factory's own check.
    """
    for backend, key in (
        ("axolotl", "fsdp"),
        ("axolotl", "fsdp_config"),
        ("llamafactory", "fsdp"),
        ("llamafactory", "fsdp_config"),
    ):
        if case.native(backend).get(key) and case.plan.quant_bits:
            text = f"FSDP over a base of {case.plan.quant_bits} bits"
            yield Fault(where(backend, key), text, "set training.zero_stage = 2")


def native_evals_per_epoch(case: Case) -> Iterator[Fault]:
    """`evals_per_epoch` or `saves_per_epoch` in place of whole steps.

    Axolotl turns them into fractions of the run: with one evaluation in one epoch it never
    evaluates, and the best checkpoint is switched off by a remainder of fractions. Beside the steps
    that ftc writes it refuses them.

    Source: Axolotl `utils/config/__init__.py::normalize_config`; axolotl#1225, #1279.
    """
    native = case.native("axolotl")
    for key, ours in (("evals_per_epoch", "eval_steps"), ("saves_per_epoch", "save_steps")):
        if native.get(key):
            times = native[key] * case.plan.epochs if isinstance(native[key], int | float) else 0
            never = ": Axolotl then never evaluates" if times == 1 and ours == "eval_steps" else ""
            text = f"{key} beside the {ours} that ftc writes{never}"
            yield Fault(where("axolotl", key), text, f"set training.{ours}")


def native_warmup(case: Case) -> Iterator[Fault]:
    """A native warm-up ratio, or a fraction of a step.

    ftc writes whole warm-up steps. Beside them Axolotl refuses a ratio, and LLaMA-Factory lets
    either win by its version of transformers; `warmup_steps: 0.1` is a tenth of one step in one
    version and a tenth of the run in the next.

    Source: Axolotl's schema; LLaMA-Factory#4811, #3798.
    """
    for backend, key in WARMUPS.items():
        native = case.native(backend)
        if native.get(key):
            text = f"{key} beside the {case.plan.warmup_steps} warmup_steps that ftc writes"
            yield Fault(where(backend, key), text, "set training.warmup_steps")
        steps = native.get("warmup_steps")
        if isinstance(steps, float) and 0 < steps < 1:
            text = f"warmup_steps {steps:g} is a part of one step in some versions"
            yield Fault(where(backend, "warmup_steps"), text, "set training.warmup_steps")


def native_naive_packing(case: Case) -> Iterator[Fault]:
    """Packing without walls between the rows.

    LLaMA-Factory's `packing` alone lets packed rows attend to each other.

    Source: functionary#265 (loss 37.55 in place of 44.14); LLaMA-Factory PR#4224.
    """
    native = case.native("llamafactory")
    neat = native.get("neat_packing", case.plan.packing)
    if native.get("packing") and not neat and case.plan.stage == "sft":
        text = "packing without neat_packing: rows attend to each other"
        yield Fault(where("llamafactory", "packing"), text, "set training.packing = true")
    if native.get("neat_packing") is False and case.plan.packing:
        text = "neat_packing is off: packed rows attend to each other"
        yield Fault(where("llamafactory", "neat_packing"), text, "remove the key")


def native_muon_deepspeed(case: Case) -> Iterator[Fault]:
    """Muon under DeepSpeed.

    Source: Axolotl's schema refuses it when it starts.
    """
    name = case.native("axolotl").get("optimizer")
    if name in ("muon", "muon_8bit") and case.plan.zero_stage:
        text = f"{name} does not work with DeepSpeed"
        yield Fault(where("axolotl", "optimizer"), text, "set training.optimizer = 'adamw_torch'")


def native_reentrant(case: Case) -> Iterator[Fault]:
    """Reentrant checkpointing over several cards.

    With unused parameters it stops with "marked as ready twice". ftc writes the other kind.

    Source: peft#313, peft#663; LLaMA-Factory#2681; axolotl PR#2420.
    """
    kwargs = case.native("axolotl").get("gradient_checkpointing_kwargs")
    for backend, key, on in (
        ("llamafactory", "use_reentrant_gc", case.native("llamafactory").get("use_reentrant_gc")),
        (
            "axolotl",
            "gradient_checkpointing_kwargs.use_reentrant",
            isinstance(kwargs, dict) and kwargs.get("use_reentrant"),
        ),
    ):
        if on and case.plan.gpus > 1:
            text = f"reentrant checkpointing over {case.plan.gpus} cards"
            yield Fault(where(backend, key), text, "remove the key")


def native_rope_scaling(case: Case) -> Iterator[Fault]:
    """RoPE scaling that is not applied.

    LLaMA-Factory ignores `rope_scaling` unless the length is over the model's context; Axolotl has
    no such key any more.

    Source: LLaMA-Factory `model/model_utils/rope.py`; LLaMA-Factory#6199.
    """
    shape = case.facts.model.shape
    if case.native("axolotl").get("rope_scaling"):
        text = "Axolotl refuses rope_scaling"
        remedy = "put it under overrides_of_model_config"
        yield Fault(where("axolotl", "rope_scaling"), text, remedy, "error")
    scaled = case.native("llamafactory").get("rope_scaling")
    if scaled and shape is not None and case.plan.max_length <= shape.max_positions:
        text = f"rope_scaling is ignored up to the model's {shape.max_positions:,} positions"
        yield Fault(where("llamafactory", "rope_scaling"), text, "remove the key")


def native_predict_zero3(case: Case) -> Iterator[Fault]:
    """Generating while evaluating, under ZeRO-3.

    Source: LLaMA-Factory `hparams/parser.py` refuses `predict_with_generate` with ZeRO-3.
    """
    if case.native("llamafactory").get("predict_with_generate") and case.plan.zero_stage == 3:
        text = "predict_with_generate does not work with ZeRO-3"
        yield Fault(where("llamafactory", "predict_with_generate"), text, "set zero_stage = 2")
