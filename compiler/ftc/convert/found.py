"""What one syntax gives of a config's text: its values, the line of every key, its comments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

from ftc.errors import FtcError

MOST_DEPTH = 50  # tables in tables: real configs have six at most, and Python's stack has an end
MOST_NODES = 100_000  # keys and values, aliases counted as often as they are used

MOST_SHOWN = 200  # of a key or a value that may be as long as the file


class Found(NamedTuple):
    """Any: what stands at the top may be no table. `lines` and `comments` are by path."""

    values: Any
    lines: dict[str, int]
    comments: dict[str, str]


class Fault(NamedTuple):
    """What is wrong with a text, at a line (0: with all of it), and what to try."""

    line: int
    what: str
    hint: str = ""

    def error(self, name: str) -> FtcError:
        """As it is shown, on one line; `name` is that of the file."""
        place = f"{name}:{self.line}" if self.line else name
        what = " ".join(self.what.split())
        short = what if len(what) <= MOST_SHOWN else f"{what[:MOST_SHOWN]}..."
        return FtcError(f"{place}: {short}", hint=self.hint)


class Refused(Exception):
    """A text that is no config; its one argument is the Fault."""

    @property
    def fault(self) -> Fault:
        return self.args[0]  # type: ignore[no-any-return]


def refuse(line: int, what: str, hint: str = "") -> NoReturn:
    raise Refused(Fault(line, what, hint))


def join(path: str, key: str) -> str:
    """The path of a key in the table at `path`, as `meaning.leaves` has it."""
    return f"{path}.{key}" if path else key


def twice(key: str, first: int, second: int) -> NoReturn:
    refuse(
        second,
        f"the key {key} stands twice: lines {first} and {second}",
        "keep one of them: which one counts depends on the tool",
    )


def too_deep(line: int) -> NoReturn:
    refuse(line, f"tables lie in tables more than {MOST_DEPTH} deep", "no config of a run does so")


def comment(lines: Iterable[str]) -> str:
    """The text of comment lines. `### model` heads a section, and is no comment on a key."""
    plain = [line.strip() for line in lines]
    kept = [line.lstrip("#").strip() for line in plain if not line.startswith("###")]
    return "\n".join(line for line in kept if line)


def above(text: str, start: int, allowed: Callable[[str], bool], solid: int = 0) -> list[str]:
    """The comment lines directly above the key at `start`, where `allowed` takes what stands
    before it on its line. Nothing before `solid` is one: it is inside of a value."""
    begin = text.rfind("\n", 0, start) + 1
    if not allowed(text[begin:start]):
        return []
    found: list[str] = []
    while begin > solid:
        before = text.rfind("\n", 0, begin - 1) + 1
        line = text[before : begin - 1].strip()
        if before < solid or not line.startswith("#"):
            break
        found.append(line)
        begin = before
    return found[::-1]
