"""Faults of memory, by the closed formula: what does not fit, and what room is left unused."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.memory.cards import named
from ftc.memory.formula import Estimate, estimate
from ftc.memory.shape import Shape
from ftc.plan import Plan
from ftc.resolve.changes import cheapest
from ftc.resolve.memory import plan_job
from ftc.rules.case import Case, Fault, path

LOSS_BYTES = 12  # per vocabulary entry and token: log-softmax and two gradients in fp32


def vram_budget(case: Case) -> Iterator[Fault]:
    """The run needs more memory than the budget.

    The need is that of the closed formula: weights, adapter, gradients, optimizer, activations,
    logits, the CUDA context and some slack. docs/memory.md says how far it was off on runs that
    others measured, and where it fails.

    Source: the memory formula; axolotl#848, LLaMA-Factory#3825.
    """
    shape, budget = case.facts.model.shape, case.facts.hardware.vram_gb
    if shape is None or budget is None or case.plan.device == "cpu":
        return
    need = estimate(shape, plan_job(case.plan))
    if need.needed > budget:
        text = f"needs about {need.needed:.1f} of {budget:g} GiB a card ({_parts(need)})"
        where = path("micro_batch") if case.plan.micro_batch > 1 else "hardware.vram_gb"
        yield Fault(where, text, _remedy(case))


def logits_peak(case: Case) -> Iterator[Fault]:
    """The logits take more than half of the memory budget.

    With a large vocabulary the loss holds 12 bytes per token and vocabulary entry; a smaller micro
    batch with more accumulation trains the same and needs less.

    Source: the memory formula (stock cross entropy of transformers); transformers#17089.
    """
    shape, budget, plan = case.facts.model.shape, case.facts.hardware.vram_gb, case.plan
    if shape is None or budget is None or plan.device == "cpu" or case.preference:
        return
    if plan.liger_kernel:
        return
    size = LOSS_BYTES * shape.vocab * plan.micro_batch * plan.max_length / 2**30
    if size > 0.5 * budget:
        tokens = f"{plan.micro_batch} x {plan.max_length:,}"
        text = f"logits of {tokens} tokens and {shape.vocab:,} entries take {size:.1f} GiB"
        remedy = "a smaller micro_batch" if plan.micro_batch > 1 else "a smaller max_length"
        yield Fault(path("micro_batch"), text, f"set {remedy}")


def micro_batch_small(case: Case) -> Iterator[Fault]:
    """Accumulation is used although larger micro batches would fit.

    The steps are the same and take longer. Only where the recipe itself sets one of the two.

    Source: the memory formula; the guide, factors: more accumulation where memory is short.
    """
    shape, budget, plan = case.facts.model.shape, case.facts.hardware.vram_gb, case.plan
    if shape is None or budget is None or plan.device == "cpu" or plan.gradient_accumulation < 2:
        return
    if not (case.said("micro_batch") or case.said("gradient_accumulation")):
        return
    larger = [m for m in _micro_batches(plan) if m > plan.micro_batch]
    fits = [m for m in larger if _need(shape, plan, m) <= 0.9 * budget]
    if fits:
        text = f"micro_batch {fits[-1]} would fit, with fewer passes for each step"
        each = plan.effective_batch // plan.gpus // fits[-1]
        remedy = f"set micro_batch = {fits[-1]} and gradient_accumulation = {each}"
        yield Fault(path("micro_batch"), text, remedy)


def qlora_experts(case: Case) -> Iterator[Fault]:
    """QLoRA leaves the experts of a mixture in 16 bit.

    transformers 5 keeps all experts of a block in one tensor, and bitsandbytes quantises linear
    layers only: the run needs about as much memory as with LoRA. Axolotl can quantise them itself.

    Source: transformers 5.6 and 5.20 model classes of mixtures; Axolotl 0.21.0
    `quantize_moe_experts`.
    """
    shape = case.facts.model.shape
    if shape is None or not shape.experts or case.plan.method != "qlora":
        return
    if case.native("axolotl").get("quantize_moe_experts") and not case.version("llamafactory"):
        return
    text = f"the {shape.experts} experts of a block stay in 16 bit under QLoRA"
    remedy = "set method = 'lora', or with Axolotl [backend.axolotl] quantize_moe_experts = true"
    yield Fault(path("method"), text, remedy)


def dpo_two_models(case: Case) -> Iterator[Fault]:
    """Full preference training holds two models.

    Beside the model that is trained stands the one it started from; with LoRA the base itself
    serves, with the adapter switched off.

    Source: DPO, arXiv 2305.18290; the memory formula counts both.
    """
    if case.plan.method == "full" and case.plan.stage in ("dpo", "kto"):
        text = f"{case.plan.stage} with full fine-tuning holds the model twice"
        yield Fault(path("method"), text, "set method = 'lora'")


def memory_unchecked(case: Case) -> Iterator[Fault]:
    """Nothing was checked against memory, because the budget or the model's shape is not known.

    The micro batch is then 1, the smallest.

    Source: the memory formula needs both.
    """
    if case.plan.device == "cpu":
        return
    if case.facts.hardware.vram_gb is None:
        text = "no card and no budget are given: nothing was checked against memory"
        yield Fault("hardware.vram_gb", text, "name the card under hardware.gpu, or set vram_gb")
    elif case.facts.model.shape is None:
        text = "the model's shape is not known: nothing was checked against memory"
        yield Fault("model.id", text, "give a local model folder, or let ftc go online")


def budget_over_card(case: Case) -> Iterator[Fault]:
    """The memory budget is larger than the card that is named.

    Source: the list of cards in `ftc.memory.cards`.
    """
    said, name = case.recipe.hardware, case.facts.hardware.name
    card = named(name)
    if card is not None and said.vram_gb is not None and said.vram_gb > card.memory_gb:
        text = f"{said.vram_gb:g} GiB of budget, but a {card.name} has {card.memory_gb} GB"
        yield Fault("hardware.vram_gb", text, "leave vram_gb out, or name another card")


def _parts(need: Estimate) -> str:
    parts = {
        "weights": need.weights + need.reference,
        "adapter": need.adapter,
        "optimizer": need.optimizer,
        "activations, gradients and loss": need.dynamic,
        "sharding": need.parallel,
    }
    return ", ".join(f"{name} {size:.1f}" for name, size in parts.items() if size >= 0.05)


def _micro_batches(plan: Plan) -> list[int]:
    """Micro batches that divide the effective batch over the cards, smallest first."""
    rows = max(plan.effective_batch // plan.gpus, 1)
    return [size for size in range(1, rows + 1) if rows % size == 0]


def _need(shape: Shape, plan: Plan, micro_batch: int) -> float:
    each = max(plan.effective_batch // plan.gpus // micro_batch, 1)
    larger = plan_job(plan, micro_batch=micro_batch, gradient_accumulation=each)
    return estimate(shape, larger).needed


def _remedy(case: Case) -> str:
    """The cheapest changes that would do, each with what the run needs then."""
    found = cheapest(case.facts, case.plan)
    if not found:
        return "take a smaller model"
    return "one of: " + "; ".join(f"{it.text} (needs {it.needed:.1f} GiB)" for it in found)
