"""What a card has and a CPU has not: NF4 layers, bool dropout masks, FlashAttention, its autocast.

Each one allocates what the real one allocates; no result is computed, tensors are fake.
"""

from __future__ import annotations

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import nn
from torch.overrides import TorchFunctionMode
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

NF4_BLOCK, SECOND_BLOCK = 64, 256  # bitsandbytes: weights, and absmax values, that share a scale
FREE = "unmasked"  # the attention that stands for FlashAttention, and for SDPA without a mask


class _Flash(torch.autograd.Function):
    """FlashAttention 2: saves q, k, v, output and log-sum-exp; backward sums keys' and values'
    gradients over the queries' heads and gathers those of queries in fp32 (flash_api.cpp)."""

    @staticmethod
    def forward(ctx, query, key, value):
        rows, heads, length, _ = query.shape
        made = query.new_empty(rows, length, heads, value.shape[-1])
        ctx.save_for_backward(query, key, value, made, torch.empty(rows, heads, length))
        return made

    @staticmethod
    def backward(ctx, gradient):
        query, key, value, _, sums = ctx.saved_tensors
        gathered = torch.empty(query.shape, dtype=torch.float32), torch.empty_like(sums)
        found = torch.empty_like(query)
        spread = [torch.empty(query.shape, dtype=query.dtype) for _ in range(2)]
        del gathered
        if key.shape[1] == query.shape[1]:
            return found, *spread
        return found, torch.empty_like(key), torch.empty_like(value)


def unmasked(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **kwargs):
    """Causal attention that saves what FlashAttention 2 saves; in fp32 a CPU's own kernel."""
    if torch.is_autocast_enabled("cpu") or query.dtype != torch.float32:
        query, key, value = (part.to(torch.bfloat16) for part in (query, key, value))
        return _Flash.apply(query, key, value), None
    grouped = key.shape[1] != query.shape[1]
    made = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=scaling, enable_gqa=grouped
    )
    return made.transpose(1, 2).contiguous(), None


AttentionInterface.register(FREE, unmasked)
AttentionMaskInterface.register(FREE, lambda *args, **kwargs: None)


class _Multiply(torch.autograd.Function):
    """bitsandbytes `MatMul4Bit`: the weight in 16 bit, and its absmax in fp32, made anew in both
    directions (0.50 `_functions.py`; its CUDA `gemm_4bit` multiplies packed only for few rows)."""

    @staticmethod
    def forward(ctx, x, packed, shape, bias):
        weight = _dequantised(shape, x.dtype)
        ctx.packed, ctx.shape = packed, shape
        return torch.nn.functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient):
        weight = _dequantised(ctx.shape, gradient.dtype)
        return torch.matmul(gradient, weight), None, None, None


def _dequantised(shape, dtype):
    scales = torch.empty(shape[0] * shape[1] // NF4_BLOCK, dtype=torch.float32)
    weight = torch.empty(shape, dtype=dtype)
    del scales
    return weight


class Linear4(nn.Linear):
    """bitsandbytes `Linear4bit`: packed weight, absmax quantised once more or in fp32."""

    def __init__(self, linear: nn.Linear, double_quant: bool) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        size = linear.in_features * linear.out_features
        packed = torch.empty(size // 2, 1, dtype=torch.uint8)
        self.weight = nn.Parameter(packed, requires_grad=False)
        blocks = size // NF4_BLOCK
        self.absmax = torch.empty(blocks, dtype=torch.uint8 if double_quant else torch.float32)
        self.second = torch.empty(blocks // SECOND_BLOCK if double_quant else 0)
        self.bias = linear.bias

    def forward(self, x):
        """`Linear4bit.forward`: compute in bf16, answer in the type of the input."""
        bias = None if self.bias is None else self.bias.to(torch.bfloat16)
        shape = (self.out_features, self.in_features)
        with torch.autocast("cpu", enabled=False):
            made = _Multiply.apply(x.to(torch.bfloat16), self.weight, shape, bias)
        return made.to(x.dtype)


class LoraLinear4(LoraLinear):
    """peft's adapter on a quantised layer (tuners/lora/bnb.py, `Linear4bit.forward`): it clones the
    result, and leaves the input alone under autocast."""

    def forward(self, x, *args, **kwargs):
        """The base result plus the adapters'."""
        result = self.base_layer(x).clone()
        for name in self.active_adapters:
            down, up = self.lora_A[name], self.lora_B[name]
            convert = not torch.is_autocast_enabled("cpu")
            if convert:
                expected, x = result.dtype, self._cast_input_dtype(x, down.weight.dtype)
            made = up(down(self.lora_dropout[name](x))) * self.scaling[name]
            result = result + (made.to(expected) if convert else made)
        return result


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        mask = torch.empty(x.shape, dtype=torch.bool)
        ctx.save_for_backward(mask)
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0]


class Dropout(nn.Dropout):
    """CUDA's `native_dropout`: the output and a bool mask (a CPU keeps a mask in floats)."""

    def forward(self, x):
        """The input with some of it dropped."""
        return _Drop.apply(x) if self.training else x


# Functions that CUDA's autocast runs in fp32 and a CPU's does not; KEPT: not where a type is given
# (`square` is none of them, but it calls `pow`)
# (docs.pytorch.org/docs/stable/amp.html, "CUDA Ops that can autocast to float32").
NAMES = (
    "acos asin cosh erfinv exp expm1 log log10 log1p log2 pow reciprocal rsqrt sinh tan cumprod "
    "cumsum dist norm prod softmax log_softmax sum square"
)
IN_FP32 = {getattr(home, name) for home in (torch, torch.Tensor) for name in NAMES.split()}
IN_FP32 |= {
    torch.Tensor.__pow__,
    torch.Tensor.__rpow__,
    torch.nn.functional.layer_norm,
    torch.nn.functional.normalize,
    torch.nn.functional.softplus,
    torch.layer_norm,
}
KEPT = {torch.softmax, torch.Tensor.softmax, torch.sum, torch.Tensor.sum, torch.cumsum, torch.prod}


class CudaAutocast(TorchFunctionMode):
    """Casts 16-bit arguments of those functions to fp32 while autocast is on; dropout as above."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Run one function."""
        if func is torch.nn.functional.dropout:
            x, p, training = _dropout(*args, **(kwargs or {}))
            return _Drop.apply(x) if training and p > 0 else x
        told = func in KEPT and (kwargs or {}).get("dtype") is not None
        if func in IN_FP32 and not told and torch.is_autocast_enabled("cpu"):
            args = tuple(_wide(value) for value in args)
        return func(*args, **(kwargs or {}))


def _dropout(x, p=0.5, training=True, inplace=False):
    return x, p, training


def _wide(value):
    half = isinstance(value, torch.Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if half else value
