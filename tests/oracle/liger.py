"""Liger's kernels on fake tensors: its own Python allocates and saves, launches do nothing.

Liger asks its tensors whether they are on a card where it can do better there; those questions
are answered as a card of compute capability 9 would. Needs `liger_kernel` and triton.
"""

from __future__ import annotations

import inspect
from functools import cache

CARD = {
    '.device.type == "cuda"': '.device.type == "cpu"',
    '_input.device.type != "cuda"': '_input.device.type != "cpu"',
    "torch.cuda.get_device_capability(grad_weight.device)[0] >= 8": "True",
    "torch.equal(grad_output, torch.tensor(1.0, device=grad_output.device))": "False",
    "torch.is_autocast_enabled()": 'torch.is_autocast_enabled("cpu")',
    "target_mask.sum().item()": "target_mask.numel()",  # fake tensors hold no numbers
    'torch.get_autocast_dtype("cuda")': 'torch.get_autocast_dtype("cpu")',
}
NAMES = (
    "_can_use_mm_out",
    "fused_linear_cross_entropy_forward",
    "fused_linear_cross_entropy_backward",
)


@cache
def prepare() -> None:
    """Make every launch of a triton kernel do nothing, and the loss believe in a card."""
    from liger_kernel.ops import fused_linear_cross_entropy as loss  # noqa: PLC0415 - optional
    from triton.runtime.jit import KernelInterface  # noqa: PLC0415 - optional

    KernelInterface.__getitem__ = lambda self, grid: lambda *args, **kwargs: None
    for name in NAMES:
        source = inspect.getsource(getattr(loss, name))
        for asked, answer in CARD.items():
            source = source.replace(asked, answer)
        exec(source, vars(loss))


def apply(model_type: str) -> None:
    """Put Liger into the modules of a model type, as both tools do before they load a model."""
    prepare()
    from liger_kernel.transformers import monkey_patch  # noqa: PLC0415 - optional

    monkey_patch.MODEL_TYPE_TO_APPLY_LIGER_FN[model_type]()
