"""The shape of a decoder model: what its config.json says, in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Sizes in elements; `ftc.memory.modules` derives layers and parameter counts from them.

    `head_dim` is that of queries and keys; values have `v_head_dim` where it is set. With
    `kv_lora_rank` attention is latent (MLA): `head_dim` is qk_nope + qk_rope, of which
    `qk_rope_head_dim` is rotated, and every head has keys and values of its own once they are
    made. In a mixture the first or chosen `dense_layers` blocks have an MLP of `intermediate`,
    all others `experts` of `expert_intermediate` and a shared one of `shared_intermediate`.
    `sliding_layers` blocks see `sliding_window` tokens only. `delta_layers` blocks have a gated
    delta net in place of attention: keys of `delta_keys` and values of `delta_values` in
    `delta_heads` heads behind a convolution over `delta_kernel` tokens. `global_layers` blocks
    (Gemma 4) have attention of other sizes, and no values of their own with `global_shared`.
    `beside` counts parameters that are loaded with the decoder and not trained by text (a vision
    tower and its projector), `rest` those of the decoder that no other field tells of.
    `modules` names the linear layers of a block as torch does, () means Llama's seven.
    `guessed` names the terms that stand on Llama's rules for want of better: "attention", "mlp",
    "norms", "recurrent blocks", "vision"; it is empty for an architecture that is known.
    """

    model_type: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool
    max_positions: int
    mlp: str = "gated"  # gated (SwiGLU, GeGLU) | plain (two matmuls)
    qk_norm: bool = False
    qkv_bias: bool = False
    norms: int = 2  # norms per block
    norm_fp32: bool = True
    softcap: bool = False
    experts: int = 0
    experts_per_token: int = 0
    expert_intermediate: int = 0
    shared_intermediate: int = 0
    quantized: str = ""  # quant_method of a base that is stored quantised (gptq, awq, mxfp4, ...)
    o_bias: bool = False
    mlp_bias: bool = False  # of the dense MLP and of shared experts
    head_bias: bool = False
    norm_weight: bool = True  # False: OLMo's LayerNorm has nothing to learn
    norm_bias: bool = False  # a LayerNorm with bias
    qk_norm_full: bool = False  # the q/k norm has a weight for all heads, not for one head_dim
    sinks: bool = False  # a learned sink per head (gpt-oss)
    positions: int = 0  # rows of a learned position embedding
    activation: str = "silu"  # as transformers names it: silu, gelu, relu2, xielu, ...
    activation_parameters: int = 0  # learned by the activation of a block (xIELU: 2)
    v_head_dim: int = 0  # 0: head_dim
    q_lora_rank: int = 0  # 0: queries are made by one layer
    kv_lora_rank: int = 0  # 0: no latent attention
    qk_rope_head_dim: int = 0
    dense_layers: int = 0
    shared_gate: bool = False  # weighs the shared expert by one number a token
    router_bias: bool = False
    expert_bias: bool = False
    sliding_window: int = 0
    sliding_layers: int = 0
    output_gate: bool = False  # queries come with a gate for the attention's output
    delta_layers: int = 0
    delta_keys: int = 0
    delta_values: int = 0
    delta_heads: int = 0
    delta_kernel: int = 0
    global_layers: int = 0
    global_head_dim: int = 0
    global_kv_heads: int = 0
    global_shared: bool = False
    dropped: int = 0  # results of a block that the config itself drops out
    beside: int = 0
    rest: int = 0
    modules: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether every term comes from the table of architectures."""
        return not self.guessed

    @property
    def other_layers(self) -> int:
        """Blocks whose attention is not that of the sizes above."""
        return self.delta_layers + self.global_layers
