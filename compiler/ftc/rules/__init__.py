"""The rules: one literal table, and the function that runs it over a case.

A rule is a function over a `Case` that yields faults and never raises; its docstring is its page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ftc.diagnostics import Finding, Severity, nearest, ordered
from ftc.errors import FtcError
from ftc.rules import (
    augment,
    chat,
    data,
    dead,
    evaluation,
    exact,
    guide,
    hardware,
    lora,
    model,
    native_data,
    native_keys,
    native_method,
    packing,
    precision,
    preference,
    rates,
    schedule,
    sharding,
    versions,
    vram,
)
from ftc.rules.case import Case, Check, Fault, NotKnown


class Rule(NamedTuple):
    """`code` is an address: never reused, never renumbered. `name` is the fault.

    `research` holds the ids that the catalogue of faults gives it; "" for a rule of ftc's own.
    """

    code: str
    name: str
    severity: Severity
    function: Check
    research: str = ""


RULES: tuple[Rule, ...] = (
    Rule("KEY01", "dead-key", "warning", dead.dead_key, "A05"),
    Rule("LORA01", "alpha-rank-ratio", "warning", lora.alpha_rank_ratio, "B05"),
    Rule("LORA02", "rank-vs-data", "warning", lora.rank_vs_data, "B06"),
    Rule("LORA03", "attn-only-targets", "warning", lora.attn_only_targets, "B07"),
    Rule("LORA04", "target-not-found", "error", lora.target_not_found, "B08"),
    Rule("LORA05", "moe-experts-frozen", "warning", lora.moe_experts_frozen, "B09"),
    Rule("LORA06", "vision-tower-targets", "warning", lora.vision_tower_targets, "B10"),
    Rule("LORA07", "tied-embeddings", "warning", lora.tied_embeddings, "B19"),
    Rule("LORA08", "modules-to-save-serving", "info", lora.modules_to_save_serving, "B20"),
    Rule("LORA09", "loraplus-weight-decay", "warning", lora.loraplus_weight_decay, "B25"),
    Rule("RATE01", "full-ft-lr-high", "warning", rates.full_ft_lr_high, "B11"),
    Rule("RATE02", "lora-lr-low", "warning", rates.lora_lr_low, "B12"),
    Rule("RATE03", "lora-lr-high", "warning", rates.lora_lr_high, "B13"),
    Rule("STEP01", "warmup-ge-total", "error", schedule.warmup_ge_total, "A08"),
    Rule("STEP02", "warmup-one-step", "info", schedule.warmup_one_step, "A10"),
    Rule("STEP03", "gpu-count-batch", "error", schedule.gpu_count_batch, "A13"),
    Rule("STEP04", "too-few-steps", "warning", schedule.too_few_steps, "D21"),
    Rule("STEP05", "too-many-epochs", "warning", schedule.too_many_epochs, "D22"),
    Rule("STEP06", "lora-batch-large", "warning", schedule.lora_batch_large),
    Rule("TABLE01", "outside-typical-range", "warning", guide.outside_typical_range),
    Rule("DATA01", "over-length", "warning", data.over_length, "D07"),
    Rule("DATA02", "no-rows-left", "error", data.no_rows_left),
    Rule("DATA03", "prompt-eats-window", "warning", data.prompt_eats_window, "D08"),
    Rule("DATA04", "length-oversized", "info", data.length_oversized, "D10"),
    Rule("DATA05", "empty-turn", "error", data.empty_turn, "D11"),
    Rule("DATA06", "duplicates", "warning", data.duplicates, "D12"),
    Rule("DATA07", "train-eval-overlap", "error", data.train_eval_overlap, "D13"),
    Rule("DATA08", "too-few-rows", "warning", data.too_few_rows, "D20"),
    Rule("DATA09", "zero-trainable-row", "warning", data.zero_trainable_row, "C11"),
    Rule("DATA10", "samples-missing", "warning", data.samples_missing),
    Rule("DATA11", "rejected-rows", "warning", data.rejected_rows),
    Rule("DATA12", "lengths-estimated", "warning", data.lengths_estimated),
    Rule("DATA13", "exact-preference", "error", exact.exact_preference),
    Rule("DATA14", "exact-without-tokenizer", "error", exact.exact_without_tokenizer),
    Rule("AUG01", "judge-is-maker", "warning", augment.judge_is_maker),
    Rule("CHAT01", "template-missing", "error", chat.template_missing, "C02"),
    Rule("CHAT02", "template-family", "error", chat.template_family, "C03"),
    Rule("CHAT03", "terminator-untrained", "error", chat.terminator_untrained, "C01"),
    Rule("CHAT04", "base-vs-instruct-template", "warning", chat.base_vs_instruct_template, "B23"),
    Rule("CHAT05", "reasoning-think-block", "warning", chat.reasoning_think_block, "C10"),
    Rule("CHAT06", "system-default", "warning", chat.system_default, "C16"),
    Rule("CHAT07", "tools-not-in-template", "error", chat.tools_not_in_template),
    Rule("CHAT08", "system-folded", "info", chat.system_folded),
    Rule("CHAT09", "system-empty", "info", chat.system_empty),
    Rule("PACK01", "rl-packing", "error", packing.rl_packing, "G06"),
    Rule("PACK02", "packing-needs-varlen", "warning", packing.packing_needs_varlen, "E02"),
    Rule("PACK03", "packing-too-little-data", "warning", packing.packing_too_little_data, "E03"),
    Rule("PACK04", "packing-batch-meaning", "warning", packing.packing_batch_meaning, "E05"),
    Rule("PACK05", "packing-micro-batch", "error", packing.packing_micro_batch),
    Rule("PREC01", "bf16-old-gpu", "error", precision.bf16_old_gpu, "E07"),
    Rule("PREC02", "flash-attention-gpu", "error", precision.flash_attention_gpu, "E08"),
    Rule("PREC03", "fp16-full-ft", "error", precision.fp16_full_ft, "E09"),
    Rule("PREC04", "no-amp", "warning", precision.no_amp, "E10"),
    Rule("PREC05", "awq-gptq-dtype", "warning", precision.awq_gptq_dtype, "B17"),
    Rule("PREC06", "fp32-master", "warning", precision.fp32_master, "E11"),
    Rule("PREC07", "liger-unsupported", "error", precision.liger_unsupported),
    Rule("VRAM01", "vram-budget", "error", vram.vram_budget, "E12"),
    Rule("VRAM02", "logits-peak", "warning", vram.logits_peak, "E13"),
    Rule("VRAM03", "micro-batch-small", "info", vram.micro_batch_small),
    Rule("VRAM04", "dpo-two-models", "warning", vram.dpo_two_models, "G03"),
    Rule("VRAM05", "budget-over-card", "warning", vram.budget_over_card),
    Rule("VRAM06", "memory-unchecked", "info", vram.memory_unchecked),
    Rule("VRAM07", "qlora-experts", "warning", vram.qlora_experts),
    Rule("ZERO01", "qlora-zero3", "warning", sharding.qlora_zero3, "B14"),
    Rule("ZERO02", "ptq-zero3", "error", sharding.ptq_zero3, "B16"),
    Rule("ZERO03", "offload-optimizer-bnb", "error", sharding.offload_optimizer_bnb, "E23"),
    Rule("ZERO04", "offload-without-zero", "warning", sharding.offload_without_zero),
    Rule("HARD01", "cpu-device", "error", hardware.cpu_device),
    Rule("HARD02", "cpu-bitsandbytes", "warning", hardware.cpu_bitsandbytes),
    Rule("HARD03", "path-with-space", "error", hardware.path_with_space, "A14"),
    Rule("HARD04", "cross-device-average", "warning", hardware.cross_device_average, "E17"),
    Rule("MODEL01", "seq-over-max-pos", "error", model.seq_over_max_pos, "E21"),
    Rule("MODEL02", "quantised-full-ft", "error", model.quantised_full_ft),
    Rule("MODEL03", "model-not-pinned", "info", model.model_not_pinned, "A17"),
    Rule("MODEL04", "moe-full-memory", "warning", model.moe_full_memory),
    Rule("EVAL01", "val-too-small", "warning", evaluation.val_too_small, "D24"),
    Rule("EVAL02", "no-holdout", "warning", evaluation.no_holdout, "F09"),
    Rule("EVAL03", "eval-beyond-end", "warning", evaluation.eval_beyond_end, "F05"),
    Rule("EVAL04", "save-beyond-end", "warning", evaluation.save_beyond_end),
    Rule("EVAL05", "save-eval-mismatch", "error", evaluation.save_eval_mismatch, "F04"),
    Rule("EVAL06", "save-limit-vs-best", "info", evaluation.save_limit_vs_best, "F12"),
    Rule("EVAL07", "loss-is-not-quality", "info", evaluation.loss_is_not_quality, "F10"),
    Rule("EVAL08", "eval-batch", "warning", evaluation.eval_batch, "E14"),
    Rule("EVAL09", "eval-on-start", "info", evaluation.eval_on_start, "E15"),
    Rule("PREF01", "dpo-beta-zero", "error", preference.dpo_beta_zero, "G01"),
    Rule("PREF02", "dpo-lr", "warning", preference.dpo_lr, "G02"),
    Rule("PREF03", "dpo-epochs", "warning", preference.dpo_epochs),
    Rule("PREF04", "same-pair", "error", preference.same_pair, "G04"),
    Rule("VERS01", "backend-version-gate", "error", versions.backend_version_gate, "A12"),
    Rule("VERS02", "ga-normalisation", "warning", versions.ga_normalisation, "E16"),
    Rule("VERS03", "processor-loss", "warning", versions.processor_loss, "E18"),
    Rule("NATIVE01", "native-unknown-key", "error", native_keys.native_unknown_key, "A02"),
    Rule("NATIVE02", "native-wrong-value", "error", native_keys.native_wrong_value),
    Rule("NATIVE03", "native-owned-key", "warning", native_data.native_owned_key),
    Rule("NATIVE04", "native-stale-cache", "error", native_data.native_stale_cache),
    Rule("NATIVE05", "native-length", "error", native_data.native_length),
    Rule("NATIVE06", "native-val-split", "error", native_data.native_val_split),
    Rule("NATIVE07", "native-max-samples", "error", native_data.native_max_samples),
    Rule("NATIVE08", "native-openai-format", "error", native_data.native_openai_format),
    Rule("NATIVE09", "native-template", "error", native_data.native_template),
    Rule("NATIVE10", "native-mask-history", "warning", native_data.native_mask_history),
    Rule("NATIVE11", "native-dollar-brace", "error", native_data.native_dollar_brace, "A20"),
    Rule("NATIVE12", "native-lora-4bit", "error", native_method.native_lora_4bit),
    Rule("NATIVE13", "native-finetuning-type", "error", native_method.native_finetuning_type),
    Rule("NATIVE14", "native-lora-cleared", "error", native_method.native_lora_cleared),
    Rule("NATIVE15", "native-resize-vocab", "error", native_method.native_resize_vocab),
    Rule("NATIVE16", "native-pissa-quantised", "error", native_method.native_pissa_quantised),
    Rule("NATIVE17", "native-new-tokens", "error", native_method.native_new_tokens),
    Rule("NATIVE18", "native-fsdp-quantised", "error", native_method.native_fsdp_quantised),
    Rule("NATIVE19", "native-evals-per-epoch", "error", native_method.native_evals_per_epoch),
    Rule("NATIVE20", "native-warmup", "error", native_method.native_warmup),
    Rule("NATIVE21", "native-naive-packing", "error", native_method.native_naive_packing),
    Rule("NATIVE22", "native-muon-deepspeed", "error", native_method.native_muon_deepspeed),
    Rule("NATIVE23", "native-reentrant", "warning", native_method.native_reentrant),
    Rule("NATIVE24", "native-rope-scaling", "warning", native_method.native_rope_scaling),
    Rule("NATIVE25", "native-predict-zero3", "error", native_method.native_predict_zero3),
)


class Checked(NamedTuple):
    """All findings, worst first, and the names of rules that lacked what they look at."""

    findings: list[Finding]
    unchecked: list[str]


def check(case: Case, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> list[Finding]:
    """Every finding of the chosen rules, worst first.

    `select` and `ignore` hold names, codes or the beginning of either (`native`, `LORA`); without
    `select` all rules run. FtcError when one of them matches no rule.
    """
    return checked(case, select, ignore).findings


def checked(case: Case, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> Checked:
    """As `check`, for a case of which not everything is known."""
    chosen, left_out = _matching(select), _matching(ignore)
    found: list[Finding] = []
    unchecked: list[str] = []
    for rule in RULES:
        if (chosen and rule not in chosen) or rule in left_out:
            continue
        try:
            found += [_finding(rule, fault) for fault in rule.function(case)]
        except NotKnown:
            unchecked.append(rule.name)
    return Checked(ordered(found), unchecked)


def _finding(rule: Rule, fault: Fault) -> Finding:
    return Finding(
        rule=rule.name,
        severity=fault.severity or rule.severity,
        where=fault.where,
        message=fault.message,
        remedy=fault.remedy,
        code=rule.code,
    )


def _matching(wanted: Iterable[str]) -> set[Rule]:
    """The rules that each text means: a name or code, else the beginning of codes, of names."""
    found: set[Rule] = set()
    for text in wanted:
        begin = text.lower() or "?"
        meant = (
            {rule for rule in RULES if begin in (rule.name, rule.code.lower())}
            or {rule for rule in RULES if rule.code.lower().startswith(begin)}
            or {rule for rule in RULES if rule.name.startswith(begin)}
        )
        if not meant:
            guess = nearest(text, [rule.name for rule in RULES])
            hint = f"did you mean {guess}?" if guess else "ftc rules lists them all"
            raise FtcError(f"unknown rule {text!r}", hint=hint)
        found |= meant
    return found
