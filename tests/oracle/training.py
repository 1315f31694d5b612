"""One optimizer step and one evaluation step as transformers' Trainer takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate.utils import convert_outputs_to_fp32
from lifetimes import Lifetimes
from torch import nn

ADAM_8BIT_BLOCK = 256  # bitsandbytes: values of an 8-bit moment that share an absmax


class EightBit:
    """Stands for bitsandbytes' AdamW: a byte and a share of an absmax a value and moment, in place.

    transformers keeps the moments of embeddings in 32 bits (`Trainer.create_optimizer`).
    """

    def __init__(self, model: nn.Module, trained: list[nn.Parameter]) -> None:
        tables = [layer for layer in model.modules() if isinstance(layer, nn.Embedding)]
        wide = {id(table.weight) for table in tables}
        self.trained = trained
        self.state = []
        for parameter in trained:
            size = parameter.numel()
            for _ in range(2):
                if id(parameter) in wide:
                    self.state.append(torch.empty(size))
                else:
                    self.state.append(torch.empty(size, dtype=torch.uint8))
                    self.state.append(torch.empty(-(-size // ADAM_8BIT_BLOCK)))

    def step(self) -> None:
        """Updates in place."""


def optimizer(model: nn.Module, name: str, count: Callable[[torch.Tensor], None]) -> Any:
    """The optimizer with its state made, as after the first step."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name in ("adamw_bnb_8bit", "paged_adamw_8bit"):
        made = EightBit(model, trained)
        for state in made.state:
            count(state)
        return made
    made = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    for parameter in trained:
        state = made.state[parameter]
        state["step"] = torch.zeros(())
        for moment in ("exp_avg", "exp_avg_sq"):
            state[moment] = torch.empty_like(parameter)
            count(state[moment])
    return made


def forward(model: nn.Module, mixed: bool) -> Callable[..., Any]:
    """The forward pass as accelerate wraps it: autocast, and outputs in fp32."""
    if not mixed:
        return model.forward
    return convert_outputs_to_fp32(torch.autocast("cpu", dtype=torch.bfloat16)(model.forward))


def train(
    run: Callable[..., Any], model: nn.Module, made: Any, batch: dict[str, Any], passes: int,
    trace: Lifetimes,
) -> None:  # fmt: skip
    """`passes` forward and backward passes, clipping, and the optimizer's step."""
    items = torch.ones((), dtype=torch.int64)

    def loss() -> torch.Tensor:
        return run(**batch, num_items_in_batch=items)["loss"]  # outputs end here, as in Trainer

    for _ in range(passes):
        trace.phase = "forward"
        found = loss()
        trace.phase = "backward"
        _backward(found)
        del found
    trace.phase = "optimizer"
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    made.step()
    model.zero_grad()


def _backward(loss: torch.Tensor) -> None:
    """`loss.backward()` by the engine itself: torch's own functions leave CudaAutocast for it, and
    recomputed blocks would run without."""
    run = torch.autograd.Variable._execution_engine.run_backward
    run((loss,), (torch.ones_like(loss),), False, False, (), True, accumulate_grad=True)


def evaluate(
    run: Callable[..., Any], model: nn.Module, batch: dict[str, Any], trace: Lifetimes
) -> None:
    """`Trainer.prediction_step`: no gradients; the outputs live until it returns."""
    model.eval()
    trace.phase = "evaluation"
    with torch.no_grad():
        outputs = run(**batch, num_items_in_batch=torch.ones((), dtype=torch.int64))
        outputs["loss"].detach().mean()
