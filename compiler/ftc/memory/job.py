"""What a run asks of the memory formula, and what the formula answers: two frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ftc.recipe import Optimizer, Stage

GIB = 2**30
ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
EMBEDDINGS = frozenset(("embed_tokens", "wte", "embed_in"))
Loss = Literal["stock", "fused", "held", "chunked", "legacy"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One card's share of a run. Lengths in tokens, `micro_batch` in rows (pairs for dpo, orpo).

    `master` is the type of trainable weights in full fine-tuning: "bf16" (Axolotl, or
    `pure_bf16`) or "fp32" (LLaMA-Factory with `bf16: true` upcasts them).
    `loss`: "stock" is the cross entropy of transformers, "fused" Liger or cut cross entropy;
    the other three describe published runs: outputs "held" alive by an own training loop,
    "chunked" as in torchtune, "legacy" transformers before 4.46.
    `padding`: batches hold padding or packed rows, so that SDPA is given a mask.
    `saved_dtype`: type of the trained copies of `modules_to_save`: "fp32" (LLaMA-Factory upcasts
    all that is trained, adapter.py), "bf16" (peft leaves them alone, and so does Axolotl).
    `upcast_embeddings`: embeddings, norms and head in fp32 (peft's k-bit preparation, not cast
    back). `expert_adapters`: the experts of a mixture get adapters too. `experts_quantized`: the
    experts of a quantised base are quantised as well (Axolotl's `quantize_moe_experts`,
    transformers before 5); by itself bitsandbytes leaves them alone, they are no linear layers in
    transformers 5 but one tensor (integrations/bitsandbytes.py, `replace_with_bnb_linear`).
    `reduce_bucket`: elements of DeepSpeed's buffer; None: what templates/deepspeed sets.
    `widened` is the formula's own: quantised layers answer as wide as they are asked, so that an
    fp32 norm or activation widens the whole stream (`widths.settled`).
    `liger`: Liger's kernels for norms, rope and the gated MLP; both tools switch them on together
    with its loss, so `loss` is "fused" beside it in sft and pretrain. `lora_kernels`:
    Axolotl's `lora_qkv_kernel`, `lora_o_kernel` and `lora_mlp_kernel`. `eval_batch`: rows in one
    evaluation pass, 0: no evaluation.
    """

    max_length: int
    micro_batch: int = 1
    stage: Stage = "sft"
    method: Literal["full", "lora", "qlora"] = "lora"
    bits: Literal[0, 4, 8] = 0  # of the base weights; 0: not quantised (qlora then means 4)
    double_quant: bool = True
    rank: int = 16
    targets: tuple[str, ...] = ALL_LINEAR
    dropout: float = 0.0
    dora: bool = False
    modules_to_save: tuple[str, ...] = ()
    expert_adapters: bool = False
    experts_quantized: bool = False
    adapter_dtype: Literal["fp32", "bf16"] = "fp32"
    saved_dtype: Literal["fp32", "bf16"] = "bf16"
    dtype: Literal["bf16", "fp16", "fp32"] = "bf16"
    master: Literal["bf16", "fp32"] = "bf16"
    autocast: bool = True
    upcast_embeddings: bool = False
    attention: Literal["sdpa", "flash_attention_2", "eager"] = "sdpa"
    padding: bool = True
    packing: bool = False
    gradient_checkpointing: bool = True
    gradient_accumulation: int = 1
    optimizer: Optimizer = "adamw_torch_fused"
    loss: Loss = "stock"
    liger: bool = False
    lora_kernels: bool = False
    eval_batch: int = 0
    device: Literal["gpu", "cpu"] = "gpu"
    gpus: int = 1
    zero_stage: Literal[0, 1, 2, 3] = 0
    offload_optimizer: bool = False
    reduce_bucket: int | None = None
    widened: bool = False

    @property
    def full(self) -> bool:
        """Whether every weight is trained."""
        return self.method == "full"

    @property
    def base_bits(self) -> Literal[0, 4, 8]:
        """Bits of the frozen base: 0 when it is not quantised."""
        if self.full:
            return 0
        return 4 if self.method == "qlora" and self.bits == 0 else self.bits

    @property
    def mixed(self) -> bool:
        """Whether operations run under autocast; fp32 training has none."""
        return self.autocast and self.dtype != "fp32"

    @property
    def preference(self) -> bool:
        """Whether the loss compares log-probabilities instead of taking a cross entropy."""
        return self.stage in ("dpo", "kto", "orpo")

    @property
    def tokens(self) -> int:
        """T, tokens in one forward pass. dpo and orpo run both answers of a pair together."""
        answers = 2 if self.stage in ("dpo", "orpo") else 1
        return self.micro_batch * self.max_length * answers

    @property
    def base_width(self) -> int:
        """Bytes of a base weight that is not quantised."""
        return 4 if self.dtype == "fp32" else 2

    @property
    def stream_width(self) -> int:
        """Bytes of an element of the residual stream: as wide as the embedding's weight."""
        if self.dtype == "fp32" or self.upcast_embeddings or self.widened:
            return 4
        if self.full:
            return 4 if self.master == "fp32" else 2
        saved = self.saved_dtype == "fp32" and self.modules_to_save
        return 4 if saved and not EMBEDDINGS.isdisjoint(self.saved_names) else 2

    @property
    def saved_names(self) -> frozenset[str]:
        """Last parts of the names in `modules_to_save`."""
        return frozenset(name.rsplit(".", 1)[-1] for name in self.modules_to_save)

    @property
    def inner_width(self) -> int:
        """Bytes of an element inside the MLP: linear layers answer in 16 bit under autocast, but
        quantised ones as wide as they are asked."""
        if self.dtype == "fp32":
            return 4
        return self.stream_width if self.base_bits or not self.mixed else 2

    @property
    def matmul_width(self) -> int:
        """Bytes of an element of q, k, v and the attention output."""
        return 2 if self.mixed else self.stream_width

    @property
    def trained_width(self) -> int:
        """Bytes of a trainable weight and of its gradient; DeepSpeed casts them to bf16."""
        if self.dtype == "fp32":
            return 4
        if self.zero_stage:
            return 2
        return 4 if (self.master if self.full else self.adapter_dtype) == "fp32" else 2


@dataclass(frozen=True)
class Estimate:
    """GiB on the fullest card at the fullest moment.

    `allocated` is what torch's max_memory_allocated would show: weights + reference + adapter +
    optimizer + dynamic + parallel. `gradients` is for show, it is part of `dynamic`.
    All are those of a training step, but `needed` and `peak_at`: `needed`, the test whether a job
    fits, is the largest of train step, evaluation step and load, `peak_at` its moment.
    `reserved` adds idle allocator blocks (max_memory_reserved). They are given back under
    pressure, so `needed` is allocated + 2 % of dynamic + 0.2 + `context`. `notes` says what was
    guessed or could not be counted.
    """

    weights: float
    reference: float
    adapter: float
    optimizer: float
    gradients: float
    dynamic: float
    parallel: float
    context: float
    allocated: float
    reserved: float
    needed: float
    peak_at: str
    notes: tuple[str, ...] = field(default=())
