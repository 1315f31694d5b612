"""Faults of the adapter: its scale, its rank, and which modules it reaches."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ftc.diagnostics import nearest
from ftc.memory.formula import lora_parameters
from ftc.rules.case import Case, Fault, path

ATTENTION = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"})
OUTSIDE_BLOCKS = frozenset({"embed_tokens", "lm_head"})
SCALE = (0.25, 4.0)
# `model_type` of checkpoints with a vision or audio tower beside the language model.
MULTIMODAL = frozenset(
    {
        "aya_vision",
        "gemma3",
        "gemma3n",
        "gemma4",
        "glm4v",
        "glm4v_moe",
        "idefics2",
        "idefics3",
        "internvl",
        "janus",
        "kimi_vl",
        "llama4",
        "llava",
        "llava_next",
        "llava_onevision",
        "minicpmv",
        "minicpmo",
        "mistral3",
        "mllama",
        "paligemma",
        "pixtral",
        "qwen2_audio",
        "qwen2_vl",
        "qwen2_5_vl",
        "qwen2_5_omni",
        "qwen3_vl",
        "qwen3_vl_moe",
        "qwen3_5",
        "qwen3_5_moe",
        "smolvlm",
        "video_llava",
    }
)


def alpha_rank_ratio(case: Case) -> Iterator[Fault]:
    """LoRA alpha and rank give a scale that hardly learns, or that is unstable.

    An adapter's update is multiplied by alpha / rank, or by alpha / sqrt(rank) with rsLoRA. Below
    0.25 it learns next to nothing at usual rates, above 4 it tends to diverge. With rsLoRA a rank
    of 64 or more and an alpha as large as the rank means a scale of 8 and more.

    Source: Unsloth's LoRA hyperparameters guide and Raschka 2023 (alpha = r to 2r); the guide
    (alpha 2-4 times r); rsLoRA, arXiv 2312.03732.
    """
    rank, alpha = case.plan.lora_rank, case.plan.lora_alpha
    if not case.adapter or rank is None or alpha is None:
        return
    if case.plan.lora_rslora:
        scale = alpha / math.sqrt(rank)
        if rank >= 64 and alpha >= rank:
            remedy = f"with rslora set alpha near {math.sqrt(rank):.0f}, or turn rslora off"
            text = f"alpha {alpha:g} with rsLoRA and rank {rank} scales updates by {scale:.3g}"
            yield Fault(path("lora_alpha"), text, remedy)
        return
    scale = alpha / rank
    if not SCALE[0] <= scale <= SCALE[1]:
        text = f"alpha {alpha:g} over rank {rank} scales updates by {scale:.3g}, outside 0.25 to 4"
        yield Fault(path("lora_alpha"), text, f"set alpha between {rank} and {2 * rank}")


def rank_vs_data(case: Case) -> Iterator[Fault]:
    """The adapter has fewer parameters than the data has answer tokens.

    Then the data may hold more than the adapter can take up. A very rough relation: large data
    wants a higher rank, or full fine-tuning.

    Source: Tinker LoRA primer ("LoRA parameters >= completion tokens, very rough").
    """
    shape, rank = case.facts.model.shape, case.plan.lora_rank
    if not case.adapter or shape is None or rank is None or case.preference:
        return
    size = lora_parameters(shape, rank, case.plan.lora_targets)
    answers = case.facts.data.train.answer
    tokens = sum(answers[i] for i in case.fitting)
    if 0 < size < tokens:
        higher = rank * 2 ** math.ceil(math.log2(tokens / size))
        text = f"rank {rank} gives {size:,} parameters for {tokens:,} answer tokens"
        yield Fault(path("lora_rank"), text, f"raise rank towards {min(higher, 256)}")


def attn_only_targets(case: Case) -> Iterator[Fault]:
    """LoRA reaches the attention projections only.

    Attention-only LoRA stays behind at any rank, even with as many parameters: the MLP layers are
    where most of the learning happens.

    Source: LoRA Without Regret (Thinking Machines 2025); LoRA Learns Less and Forgets Less, arXiv
    2405.09673 ("All > MLP > Attention"); QLoRA ablation, arXiv 2305.14314.
    """
    targets = set(case.plan.lora_targets)
    if case.adapter and targets and targets <= ATTENTION:
        text = f"only attention modules are trained: {', '.join(sorted(targets))}"
        yield Fault(path("lora_targets"), text, "leave targets out, so that all linear layers are")


def target_not_found(case: Case) -> Iterator[Fault]:
    """A LoRA target is the name of no linear layer of this model.

    PEFT stops when no target is found, and says nothing when only some are: the adapter is then
    smaller than it was meant to be.

    Source: axolotl#2834, LLaMA-Factory#8075 (module names that changed between models).
    """
    known = case.facts.model.linear_modules
    if not case.adapter or not known:
        return
    for target in case.plan.lora_targets:
        name = target.rpartition(".")[2]
        if name not in known and name not in OUTSIDE_BLOCKS:
            guess = nearest(name, known)
            meant = f"did you mean {guess}?" if guess else f"this model has: {', '.join(known)}"
            yield Fault(path("lora_targets"), f"{target} is no linear layer of this model", meant)


def moe_experts_frozen(case: Case) -> Iterator[Fault]:
    """The experts of a mixture-of-experts model stay frozen under LoRA.

    Since transformers 5 the experts are three-dimensional parameters, not linear layers, so that
    "all linear layers" no longer covers them; most of the model's weights are then not trained.

    Source: unsloth#4476 (27M trainable parameters in place of 888M); ms-swift#8093.
    """
    shape = case.facts.model.shape
    if case.adapter and shape is not None and shape.experts > 0:
        text = f"LoRA does not reach the {shape.experts} experts of each layer"
        remedy = "expect attention-only learning; take a dense model to train the MLP layers"
        yield Fault(path("lora_targets"), text, remedy)


def vision_tower_targets(case: Case) -> Iterator[Fault]:
    """LoRA target names of a multimodal model also match its vision tower in one tool.

    Axolotl puts adapters into the vision tower wherever a module name matches, LLaMA-Factory keeps
    the tower frozen. The same plan then trains different modules.

    Source: Axolotl `loaders/adapter.py::find_all_linear_names`, LLaMA-Factory
    `model_utils/misc.py::find_all_linear_modules`.
    """
    if case.adapter and case.plan.model_type in MULTIMODAL and case.version("axolotl"):
        text = f"{case.plan.model_type} has a vision or audio tower, whose layers Axolotl may train"
        yield Fault(path("lora_targets"), text, "use the text-only checkpoint of this model")


def tied_embeddings(case: Case) -> Iterator[Fault]:
    """Only one of two tied matrices is trained in full.

    This model uses one matrix as embedding and as output head. Training a copy of one of them
    unties them: a merged model loses the trained one, or a server loads the wrong one.

    Source: peft#2018, peft#2777, transformers#45127.
    """
    shape, extra = case.facts.model.shape, set(case.plan.lora_modules_to_save)
    if shape is None or not shape.tied or len(extra & OUTSIDE_BLOCKS) != 1:
        return
    (named,) = extra & OUTSIDE_BLOCKS
    (other,) = OUTSIDE_BLOCKS - extra
    text = f"{named} is trained in full and is tied to {other}, which is not"
    yield Fault(path("lora_modules_to_save"), text, f"name {other} too, or neither")


def modules_to_save_serving(case: Case) -> Iterator[Fault]:
    """An adapter with fully trained modules cannot be served beside its base.

    Servers such as vLLM load plain adapters only; one with `modules_to_save` has to be merged
    first. A remark and no warning, because a recipe does not say how the result will be served.

    Source: LLaMA-Factory#7997.
    """
    extra = case.plan.lora_modules_to_save
    if case.adapter and extra:
        text = f"an adapter with full copies of {', '.join(extra)} must be merged before serving"
        yield Fault(path("lora_modules_to_save"), text, "merge it into the base, or leave them out")


def loraplus_weight_decay(case: Case) -> Iterator[Fault]:
    """LoRA+ with weight decay is regularised in one tool and not in the other.

    Axolotl's LoRA+ optimizer ignores weight decay, LLaMA-Factory's applies it.

    Source: Axolotl `core/trainers/mixins/optimizer.py::OptimizerMixin`, LLaMA-Factory
    `train/trainer_utils.py::_create_loraplus_optimizer`.
    """
    if case.plan.loraplus_lr_ratio is not None and case.plan.weight_decay > 0:
        text = f"LoRA+ in Axolotl ignores weight_decay {case.plan.weight_decay:g}"
        yield Fault(path("weight_decay"), text, "set weight_decay = 0 with LoRA+")
