"""Whose code a process was in: stacks that py-spy sampled, native frames among them, by owner.

A sample belongs to the innermost frame of a library or of ftc: C code of the interpreter and of
libc works for whoever called it. Below ftc's own frames, `re` and the rest of Python's standard
library are counted by themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

OURS, PATTERNS, STANDARD, OTHER = "ftc", "Python's `re`", "Python's standard library", "the rest"
_FRAME = re.compile(r"^(?P<name>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")
_LIBRARY = re.compile(r"/site-packages/(?P<name>[^/]+)")
_STEP = re.compile(r"/compiler/ftc/prep/(?P<name>\w+)")
SHARED = ("runner", "work", "engine", "rows", "ledger", "store", "step", "keys", "result")
ALIASES = {"pyarrow.libs": "pyarrow", "numpy.libs": "numpy", "_yaml": "yaml"}


class Frame(NamedTuple):
    """A frame of a stack; `file` is a path, of a Python file or of a shared library."""

    name: str
    file: str

    @property
    def native(self) -> bool:
        """Whether it is C code or the like."""
        return ".so" in Path(self.file).name


class Sample(NamedTuple):
    """So many samples of one stack, outermost frame first."""

    frames: tuple[Frame, ...]
    count: int


def samples(text: str) -> Iterator[Sample]:
    """What `py-spy record --format raw --full-filenames` wrote."""
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        found = [_FRAME.match(part) for part in stack.split(";")]
        frames = tuple(Frame(one["name"], one["file"]) for one in found if one)
        yield Sample(frames, int(count))


def owner(frames: Iterable[Frame]) -> str:
    """Who a stack belongs to; the frames are in the order of the calls."""
    below = ""
    for frame in reversed(tuple(frames)):
        if library := _LIBRARY.search(frame.file):
            name = library["name"].split(".")[0]
            return ALIASES.get(library["name"], name)
        if "/compiler/ftc/" in frame.file:
            return below or OURS
        if frame.name.startswith(("sre_", "_sre")):
            below = PATTERNS
        elif not below and _standard(frame):
            below = STANDARD
    return below or OTHER


def _standard(frame: Frame) -> bool:
    """Python files of the standard library, and its modules in C with files of their own."""
    if frame.native:
        return "/lib-dynload/" in frame.file
    return "/lib/python3" in frame.file or frame.file.startswith("<frozen")


def step(frames: Iterable[Frame]) -> str:
    """The step of ftc that a stack is in, "" for none: the outermost that it names."""
    for frame in frames:
        found = _STEP.search(frame.file)
        if found and found["name"] not in SHARED:
            return "token statistics" if found["name"] == "lengths" else found["name"]
    return ""


def shares(text: str, inside: str) -> dict[str, Counter[str]]:
    """Samples by step and owner, of stacks below a function of the name `inside`."""
    found: dict[str, Counter[str]] = {}
    for sample in samples(text):
        names = [frame.name for frame in sample.frames]
        if inside in names:
            frames = sample.frames[names.index(inside) + 1 :]
            counts = found.setdefault(step(frames) or "runner and files", Counter())
            counts[owner(frames)] += sample.count
    return found
