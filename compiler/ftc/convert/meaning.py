"""What passes between the dialects: concepts with their values, and which key said or holds which.

A concept is one thing that a person can decide about a run. Its name is that of the plan's setting
where there is one ("learning_rate"), else that of `ftc.backends.fields`, or one of the data
("data.train[0].split"). A path names a key of a config: "datasets[0].type", "fsdp_config.version".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Class = Literal["exact", "converted", "approximate", "untranslatable", "ignored", "site"]
Native = Mapping[str, Any]  # plain YAML or JSON values


class Note(NamedTuple):
    """What is to be said of a key or a concept. `training`: losing it changes what is trained."""

    kind: Class
    why: str
    training: bool = False


@dataclass
class Reading:
    """What a config says: `values` by concept, `heard` which concepts each key tells of, `settled`
    what there is to say of keys that tell of none."""

    values: dict[str, Any] = field(default_factory=dict)
    heard: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settled: dict[str, Note] = field(default_factory=dict)

    def add(self, other: Reading) -> None:
        """Take over what another reading of the same config has found beside this one."""
        self.values |= other.values
        self.settled = other.settled | self.settled
        for path, concepts in other.heard.items():
            self.heard[path] = tuple(dict.fromkeys((*self.heard.get(path, ()), *concepts)))


@dataclass
class Writing:
    """A config made of concepts: `held` says which keys hold each, `lost` why others, or parts of
    them, are in none; `kept` names keys of the source that stand in a recipe as they were, and what
    there is to say of it; `files` stand beside the config."""

    native: dict[str, Any] = field(default_factory=dict)
    held: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lost: dict[str, Note] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def add(self, other: Writing) -> None:
        """Take over what another part has written."""
        self.native |= other.native
        self.held |= other.held
        self.lost |= other.lost
        self.kept |= other.kept
        self.files |= other.files


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All keys that are set, nested ones by their path; plain lists and empty tables are values."""
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif _tables(value):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


def top(path: str) -> str:
    """The key at the top that a path begins with."""
    return path.partition(".")[0].partition("[")[0]


def _tables(value: Any) -> bool:
    plain = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    return plain and bool(value) and all(isinstance(item, Mapping) for item in value)
