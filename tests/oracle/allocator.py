"""torch's caching allocator for CUDA, as far as it decides how much memory is reserved.

Source: c10/cuda/CUDACachingAllocator.cpp: best fit, splitting, merging of neighbours, a pool for
tensors of up to 1 MiB and one for larger ones; segments of 2 and 20 MiB, from 10 MiB on of the
tensor's own size. With `expandable` a pool is one segment that grows at its end. Nothing is given
back to the driver.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

MIB = 2**20
GRAIN = 512
SMALL = MIB  # the largest tensor of the small pool, and the rest that a large block keeps
SMALL_SEGMENT, LARGE_SEGMENT, OWN_SEGMENT, OWN_GRAIN = 2 * MIB, 20 * MIB, 10 * MIB, 2 * MIB


@dataclass(eq=False)
class Block:
    """A piece of a segment, between its neighbours."""

    place: int
    size: int
    free: bool = True
    before: Block | None = None
    after: Block | None = None


class Pool:
    """Blocks of one of the two kinds of tensors."""

    def __init__(self, small: bool, expandable: bool) -> None:
        self.small, self.expandable = small, expandable
        self.idle: list[tuple[int, int, Block]] = []  # by size, then by place
        self.reserved = 0
        self.top = 0
        self.last: Block | None = None

    def take(self, size: int) -> Block:
        """A block of at least `size` bytes."""
        at = bisect.bisect_left(self.idle, (size, -1))
        block = self.idle.pop(at)[2] if at < len(self.idle) else self._grown(size)
        rest = block.size - size
        if rest > SMALL or (rest and (self.small or self.expandable)):
            behind = Block(block.place + size, rest, before=block, after=block.after)
            if behind.after:
                behind.after.before = behind
            block.after, block.size = behind, size
            if self.last is block:
                self.last = behind
            self._put(behind)
        block.free = False
        return block

    def give(self, block: Block) -> None:
        """The block is idle again, and one with idle neighbours."""
        block.free = True
        if block.after and block.after.free:
            self._drop(block.after)
            self._join(block, block.after)
        if block.before and block.before.free:
            self._drop(block.before)
            block = self._join(block.before, block)
        self._put(block)

    def _grown(self, size: int) -> Block:
        if self.expandable:
            grain = SMALL_SEGMENT if self.small else LARGE_SEGMENT
            block = self.last
            if block is None or not block.free:
                block = Block(self.top, 0, before=self.last)
                if self.last:
                    self.last.after = block
                self.last = block
            else:
                self._drop(block)
            more = -(-(size - block.size) // grain) * grain
            block.size += more
            self.top += more
        else:
            if self.small:
                more = SMALL_SEGMENT
            else:
                own = -(-size // OWN_GRAIN) * OWN_GRAIN
                more = LARGE_SEGMENT if size < OWN_SEGMENT else own
            block = Block(self.top, more)
            self.top += more
        self.reserved += more
        return block

    def _join(self, first: Block, second: Block) -> Block:
        first.size += second.size
        first.after = second.after
        if first.after:
            first.after.before = first
        if self.last is second:
            self.last = first
        return first

    def _put(self, block: Block) -> None:
        bisect.insort(self.idle, (block.size, block.place, block), key=lambda entry: entry[:2])

    def _drop(self, block: Block) -> None:
        del self.idle[bisect.bisect_left(self.idle, (block.size, block.place))]


class Allocator:
    """Both pools of a card: what is allocated at most, and what is reserved."""

    def __init__(self, expandable: bool) -> None:
        self.pools = {small: Pool(small, expandable) for small in (True, False)}
        self.allocated = self.peak = 0

    @property
    def reserved(self) -> int:
        """Bytes that the driver gave."""
        return sum(pool.reserved for pool in self.pools.values())

    def take(self, size: int) -> tuple[Pool, Block]:
        """Memory for a tensor of `size` bytes."""
        size = max(GRAIN, -(-size // GRAIN) * GRAIN)
        pool = self.pools[size <= SMALL]
        block = pool.take(size)
        self.allocated += block.size
        self.peak = max(self.peak, self.allocated)
        return pool, block

    def give(self, taken: tuple[Pool, Block]) -> None:
        """The tensor is gone."""
        pool, block = taken
        self.allocated -= block.size
        pool.give(block)
