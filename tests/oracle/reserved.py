"""What torch's allocator would reserve for a job; runs inside a backend's interpreter.

python reserved.py CASES.json ANSWERS.json: two optimizer steps of every case. With "vocab" in a
case the head is that large in memory but narrow in the trace, and so are its logits: a fused loss.
"""

from __future__ import annotations

import gc
import json
import sys
import weakref
from pathlib import Path
from typing import Any

import building
import torch
import training
from allocator import Allocator
from lifetimes import Lifetimes
from main import _batch
from standins import CudaAutocast
from torch._subclasses.fake_tensor import FakeTensorMode

STEPS = 2


class Reserved(Lifetimes):
    """Hands every storage's life to allocators."""

    def __init__(self, narrow: int, vocab: int) -> None:
        super().__init__()
        self.narrow, self.vocab = narrow, vocab
        self.allocators = {"plain": Allocator(False), "expandable": Allocator(True)}

    def add(self, tensor: torch.Tensor, label: str = "") -> None:
        """Take memory for a tensor's storage if it is new, until nothing refers to it."""
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.size()
        if key in self.live or size == 0:
            return
        if label == "model" and tensor.dim() == 2 and tensor.shape[0] == self.narrow:
            size = size // self.narrow * self.vocab
        taken = [(each, each.take(size)) for each in self.allocators.values()]

        def gone(_: weakref.ref) -> None:
            del self.live[key]
            for each, block in taken:
                each.give(block)

        self.live[key] = (size, label, weakref.ref(storage, gone))


def measure(case: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Bytes allocated at most and reserved, without and with expandable segments."""
    job, config = case["job"], case["config"]
    model = building.model(case)
    trace = Reserved(config["vocab_size"], case.get("vocab", config["vocab_size"]))
    with FakeTensorMode(allow_non_fake_inputs=True), CudaAutocast():
        for tensor in building.materialise(model):
            trace.add(tensor, "model")
        made = training.optimizer(model, job["optimizer"], lambda new: trace.add(new, "optimizer"))
        run = training.forward(model, job["autocast"] and job["dtype"] != "fp32")
        with trace:
            for _ in range(STEPS):
                batch = _batch(case, job["micro_batch"])
                training.train(run, model, made, batch, job["gradient_accumulation"], trace)
    return {
        name: {"allocated": each.peak, "reserved": each.reserved}
        for name, each in trace.allocators.items()
    }


def main(cases: Path, answers: Path) -> None:
    """Measure every case."""
    found = {}
    for case in json.loads(cases.read_text("utf-8")):
        found[case["name"]] = measure(case)
        gc.collect()
    answers.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
