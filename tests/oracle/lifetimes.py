"""Follows the storages of a computation on fake tensors: how many bytes live, at most and when."""

from __future__ import annotations

import sys
import weakref
from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROUND = 512  # bytes: the grain of CUDA's caching allocator


class Lifetimes(TorchDispatchMode):
    """Counts every storage from the operation that makes it until nothing refers to it.

    `peaks` holds the largest number of bytes alive in each phase; a phase begins by setting
    `phase`. With `watch`, the index of an event, `seen` says what is alive there, by size.
    """

    def __init__(self, watch: int | None = None) -> None:
        super().__init__()
        self.live: dict[int, tuple[int, str, weakref.ref]] = {}
        self.total = 0
        self.events = 0
        self.phase = "start"
        self.peaks: dict[str, tuple[int, int]] = {}
        self.watch, self.explain = watch, watch is not None
        self.seen: list[tuple[str, int, int]] = []

    def add(self, tensor: torch.Tensor, label: str = "") -> None:
        """Count a tensor's storage if it is new."""
        storage = tensor.untyped_storage()
        key, size = id(storage), -(-storage.size() // ROUND) * ROUND
        if key in self.live or size == 0:
            return
        if self.explain and not label:
            label = f"{self.phase}: {tuple(tensor.shape)} {tensor.dtype} {self._place()}"

        def gone(_: weakref.ref) -> None:
            self.total -= self.live.pop(key)[0]
            self.events += 1

        self.live[key] = (size, label, weakref.ref(storage, gone))
        self.total += size
        self.events += 1
        if self.total > self.peaks.get(self.phase, (0, 0))[0]:
            self.peaks[self.phase] = (self.total, self.events)
        if self.events == self.watch:
            self._look()

    def _look(self) -> None:
        sizes, counts = Counter(), Counter()
        for size, label, _ in self.live.values():
            sizes[label] += size
            counts[label] += 1
        self.seen = [(label, counts[label], size) for label, size in sizes.most_common()]

    def _place(self) -> str:
        frame, found = sys._getframe(3), []
        while frame is not None and len(found) < 4:
            path = frame.f_code.co_filename
            if not path.endswith(("lifetimes.py", "_python_dispatch.py", "_ops.py")) and (
                "transformers" in path or "peft" in path or "oracle" in path or "liger" in path
            ):
                found.append(f"{path.rsplit('/', 1)[-1]}:{frame.f_lineno}")
            frame = frame.f_back
        return " ".join(found)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run the operation and count what it makes."""
        if self.phase == "backward" and func is torch.ops.aten.add.Tensor and _accumulates(*args):
            return args[0].add_(args[1])
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return made


def _accumulates(old: torch.Tensor, new: object, *more: object) -> bool:
    """Whether autograd's engine would add into `old`. It does where it holds the last reference to
    a dense plain tensor (torch csrc/autograd/input_buffer.cpp, `can_accumulate_inplace`), but
    takes a fake tensor for no plain one. A view keeps its base, so it is never one. Recomputation
    runs with gradients on, backward without.
    """
    if torch.is_grad_enabled() or not isinstance(new, torch.Tensor):
        return False
    if old.shape != new.shape or old.dtype != new.dtype:
        return False
    storage = old.untyped_storage()
    if old.numel() * old.element_size() != storage.size():
        return False
    return torch._C._storage_Use_Count(storage._cdata) == 2  # the tensor's, and `storage` here
