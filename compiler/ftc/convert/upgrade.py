"""What another version of its tool makes of a config, and the rewrite that keeps the run as it was.

The changes are data (`changes.toml`); beside them the version's schema is asked. Files are left to
`ftc.convert.upgrade_files`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

import yaml

from ftc.backends import schemas, versions
from ftc.convert import changes, edit
from ftc.convert.changes import Change
from ftc.convert.draft import Draft
from ftc.convert.edit import Cannot
from ftc.convert.source import Source
from ftc.errors import FtcError


@dataclass(frozen=True)
class Finding:
    """One key that a version takes otherwise: `new` are the lines that stand for `old` where it is
    `rewritten`, else `todo` is what a person has to do (nothing, where that is empty)."""

    path: str
    line: int
    kind: str
    version: str
    old: str
    new: tuple[str, ...]
    rewritten: bool
    breaks: bool
    training: bool
    why: str
    todo: str
    source: str


@dataclass(frozen=True)
class Upgrade:
    """A config for one version. `text` is what it was, with every rewrite that is safe."""

    source: Source
    findings: tuple[Finding, ...]
    text: str

    @property
    def loads(self) -> bool:
        """Whether the version takes the config as it is."""
        return not any(it.breaks for it in self.findings)

    @property
    def mended(self) -> bool:
        """Whether the version takes the rewritten config."""
        return not any(it.breaks and not it.rewritten for it in self.findings)

    @property
    def same(self) -> bool:
        """Whether the config as it is trains the same, if it loads."""
        return not any(it.training for it in self.findings)

    @property
    def changed(self) -> bool:
        return self.text != self.source.text

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `--format json`."""
        return {
            "path": str(self.source.path),
            "loads": self.loads,
            "trains_the_same": self.same,
            "loads_when_rewritten": self.mended,
            "findings": [asdict(it) for it in self.findings],
        }


def upgrade(source: Source, tool: str, version: str, after: str = "") -> Upgrade:
    """A training config of `tool` for `version`, as it was for version `after` ("": any older one).

    The tool must be that of the config (`ftc.convert.kinds.training`).
    """
    draft = Draft(source)
    found: list[Finding] = []
    held: set[str] = set()  # a person has to mend these: nothing else is said of them
    for change in changes.table(tool):
        if not change.applies(changes.number(after), changes.number(version)):
            continue
        for path, star in list(change.places(draft.values)):
            if path not in held and change.hits(draft.values, path, star):
                one = _joined(found, _met(draft, change, path, star))
                found.append(one)
                if one.breaks and not one.rewritten:
                    held.add(path)
    found += _schema(draft, tool, version, held)
    found.sort(key=lambda it: it.line)
    return Upgrade(source, tuple(found), draft.finished())


def _met(draft: Draft, change: Change, path: str, star: str) -> Finding:
    """Say a change of a config, and make it in the draft if that can be done."""
    value = edit.look(draft.values, edit.parts(path))
    shown = next((key for key in change.when if edit.look(draft.values, edit.parts(key))), path)
    near = shown if change.kind == "default" else path
    line = draft.line(near)
    new: tuple[str, ...] = ()
    todo, done = change.todo, False
    kept = deepcopy(draft.values), draft.text
    if change.rewrites:
        try:
            new = _rewritten(draft, change, path, star, near)
            draft.check()
            todo, done = "", True
            for written in new:
                draft.lines.setdefault(written, line)
        except (Cannot, FtcError, yaml.YAMLError) as error:
            draft.values, draft.text = kept
            new = ()
            said = str(error) if isinstance(error, Cannot) else "its text is written unusually"
            todo = change.todo or f"change it by hand: {said}"
    return Finding(
        path=path,
        line=line,
        kind=change.kind,
        version=change.version,
        old="" if value is None else _line(path, value),
        new=tuple(_line(it, edit.look(draft.values, edit.parts(it))) for it in new),
        rewritten=done,
        breaks=change.breaks,
        training=change.training,
        why=change.why,
        todo=todo,
        source=change.source,
    )


def _joined(found: list[Finding], one: Finding) -> Finding:
    """Tell of a key that was only given another name before as of the one that it was."""
    for before in found:
        if before.kind == "renamed" and before.rewritten and before.new == (one.old,):
            found.remove(before)
            return replace(one, path=before.path, old=before.old)
    return one


def _rewritten(draft: Draft, change: Change, path: str, star: str, near: str) -> tuple[str, ...]:
    """Make a change; the keys that were written. Cannot where a person has to look at it."""
    value = edit.look(draft.values, edit.parts(path))
    wanted = dict(_wanted(change, value, path, star))
    table = edit.look(draft.values, edit.parts(path)[:-1])
    if change.to and isinstance(table, dict):
        to = next(iter(wanted))
        if edit.parts(to)[:-1] == edit.parts(path)[:-1] and edit.parts(to)[-1] not in table:
            draft.rename(path, to)
            return (to,)
    written = []
    for to, new in wanted.items():
        there = edit.look(draft.values, edit.parts(to))
        if to != path and there is not None and there != new:
            if change.yields:
                continue
            raise Cannot(f"{to} is set as well, to {_flat(there)}: keep one of them")
        if there != new:
            draft.write(to, new, near)
            written.append(to)
            near = to
    if path not in wanted and change.kind != "default":
        draft.remove(path)
    return tuple(written)


def _wanted(change: Change, value: Any, path: str, star: str) -> Iterator[tuple[str, Any]]:
    """What is to be written, by path."""
    wanted = dict(change.write)
    if change.to:
        name = str(edit.parts(path)[-1])
        wanted[change.to.replace(changes.KEY, name)] = changes.VALUE
    if change.words:
        for item in value if isinstance(value, list) else [value]:
            word = str(item).lower() if isinstance(item, bool) else str(item)
            if word not in change.words:
                raise Cannot(f"{word} has no counterpart")
            wanted |= change.words[word]
    for name, new in wanted.items():
        yield changes.filled(name, path, star), value if new == changes.VALUE else deepcopy(new)


def _schema(draft: Draft, tool: str, version: str, held: set[str]) -> Iterator[Finding]:
    """What the version's schema says of the config, as far as no change of the table does."""
    older = [it.version for it in versions.of(tool) if it.version != version]
    dead = [_unknown(tool, other, draft.values) for other in older]
    for path, message, near in schemas.problems(tool, version, draft.values):
        value = edit.look(draft.values, edit.parts(path))
        unknown = schemas.UNKNOWN in message
        if _within(path, held):
            continue
        if unknown and tool == "axolotl" and not changes.matches(value, "*"):
            continue  # a key that is not known and says nothing
        known = [other for other, them in zip(older, dead, strict=True) if path not in them]
        gone = unknown and bool(known)
        what = f"is no key of {version}"
        if gone:
            what += f", and one of {', '.join(known)}"
        elif unknown and tool == "axolotl":
            what += ": it is ignored without a word"
        yield Finding(
            path=path,
            line=draft.line(path),
            kind="removed" if unknown else "value",
            version=version,
            old=_line(path, value),
            new=(),
            rewritten=False,
            breaks=not unknown or tool == "llamafactory",
            training=gone,
            why=(what + message.removeprefix(schemas.UNKNOWN)) if unknown else message,
            todo=f"did you mean {near}?" if near else "",
            source=f"schema of {tool} {version}",
        )


def _unknown(tool: str, version: str, values: Mapping[str, Any]) -> set[str]:
    found = schemas.problems(tool, version, values)
    return {path for path, message, _ in found if schemas.UNKNOWN in message}


def _within(path: str, held: set[str]) -> bool:
    return any(path == it or path.startswith((f"{it}.", f"{it}[")) for it in held)


def _line(path: str, value: Any) -> str:
    return f"{path}: {_flat(value)}"


def _flat(value: Any, most: int = 60) -> str:
    """A value on one line, cut where it is long."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(_line(key, inner) for key, inner in value.items()) + "}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = "[" + ", ".join(_flat(inner) for inner in value) + "]"
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= most else f"{text[: most - 3]}..."
