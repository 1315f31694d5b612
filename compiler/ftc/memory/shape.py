"""The shape of a decoder model: what its config.json says, in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Sizes in elements; parameter counts are derived from them by `ftc.memory.formula`."""

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
