"""Axolotl's own LoRA kernels on fake tensors: its autograd functions run as they are, its triton
operators by the fakes that it registers; only its NF4 dequantisation is stood in for."""

from __future__ import annotations

import torch
from standins import Linear4
from torch import nn


def apply(model: nn.Module) -> None:
    """Patch a model with adapters as Axolotl does with `lora_qkv_kernel`, `_o_` and `_mlp_`."""
    from axolotl.kernels import lora  # noqa: PLC0415 - optional
    from axolotl.monkeypatch import lora_kernels  # noqa: PLC0415 - optional
    from axolotl.utils.dict import DictDefault  # noqa: PLC0415 - optional

    attention = next(type(part) for name, part in model.named_modules() if name.endswith("attn"))
    lora_kernels.get_attention_cls_from_config = lambda cfg: attention
    lora.dequantize = _dequantize
    for part in model.modules():
        if isinstance(part, Linear4):
            part.weight.quant_state = (part.out_features, part.in_features)
    names = ("lora_qkv_kernel", "lora_o_kernel", "lora_mlp_kernel")
    cfg = DictDefault(dict.fromkeys(names, True))
    lora_kernels.patch_self_attn_lora(cfg)
    lora_kernels.apply_lora_kernel_patches(model, cfg)


def _dequantize(packed: torch.Tensor, shape: tuple[int, int] | None = None) -> torch.Tensor:
    """The weight in 16 bit, and transposed where the packed one was."""
    if shape is None:
        return packed
    weight = torch.empty(shape, dtype=torch.bfloat16)
    return weight.t() if packed.shape[0] == 1 else weight
