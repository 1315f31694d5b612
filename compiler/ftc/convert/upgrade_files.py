"""`ftc upgrade` over files and folders: which configs there are, and their rewriting in place."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftc.backends.versions import Version
from ftc.convert import kinds, source
from ftc.convert.source import Source
from ftc.convert.upgrade import Upgrade, upgrade
from ftc.errors import FtcError
from ftc.prep.store import whole

BOM = b"\xef\xbb\xbf"
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Report:
    """What became of every file: `refused` could not be read or is none of this tool's training
    configs, with the reason and what to try; `passed` files of a folder are something else, by
    what they are."""

    line: Version
    upgrades: tuple[Upgrade, ...]
    refused: tuple[tuple[Path, str, str], ...]
    passed: Counter[str]
    written: frozenset[Path]

    @property
    def done(self) -> bool:
        """Whether nothing keeps any config from training as it was; of a config that was written,
        that it loads."""
        fine = all(
            it.mended if it.source.path in self.written else it.loads and it.same
            for it in self.upgrades
        )
        return fine and not self.refused

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `--format json`."""
        return {
            "backend": self.line.name,
            "configs": [
                it.as_dict() | {"written": it.changed and it.source.path in self.written}
                for it in self.upgrades
            ],
            "refused": [
                {"path": str(path), "message": message, "hint": hint}
                for path, message, hint in self.refused
            ],
            "passed": dict(self.passed),
        }


def run(paths: Sequence[Path], line: Version, *, after: str = "", write: bool = False) -> Report:
    """Look at every config, and write the rewritten ones in place if `write`.

    FtcError when not one file is a training config of this tool.
    """
    upgrades: list[Upgrade] = []
    refused: list[tuple[Path, str, str]] = []
    passed: Counter[str] = Counter()
    for path, named in _files(paths):
        try:
            config = _config(path, line.backend, named, passed)
        except FtcError as error:
            refused.append((path, str(error), error.hint))
            continue
        if config is not None:
            upgrades.append(upgrade(config, line.backend, line.version, after))
    if not upgrades:
        _nothing(refused, passed, line)
    if write:
        for it in upgrades:
            if it.changed:
                _write(it)
    written = frozenset(it.source.path for it in upgrades if write)
    return Report(line, tuple(upgrades), tuple(refused), passed, written)


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file once, and whether it was named itself; hidden ones of folders are left out."""
    seen: set[Path] = set()
    for path in paths:
        for file in _below(path) if path.is_dir() else [path]:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file, not path.is_dir()


def _below(folder: Path) -> Iterator[Path]:
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(above, name)


def _config(path: Path, tool: str, named: bool, passed: Counter[str]) -> Source | None:
    """The config; None for a file of a folder that is something else, which is counted."""
    config = source.read(path)
    kind = kinds.of(config)
    if not named and (kind.what != "training" or kind.tool != tool):
        passed[f"{kind.tool} {kind.what}".strip()] += 1
        return None
    found = kinds.training(config)
    if found == "recipe":
        raise FtcError(
            f"{path}: is a recipe: it is compiled for the version that you name",
            hint=f"ftc build {path} --backend {tool}",
        )
    if found != tool:
        raise FtcError(
            f"{path}: is a config of {kinds.TOOLS[found]}, not of {kinds.TOOLS[tool]}",
            hint=f"--backend {found}, or ftc convert --to {tool}",
        )
    return config


def _nothing(refused: Sequence[tuple[Path, str, str]], passed: Counter[str], line: Version) -> None:
    if refused:
        _, message, hint = refused[0]
        raise FtcError(message, hint=hint)
    others = ", ".join(f"{number} {what}" for what, number in sorted(passed.items()))
    raise FtcError(
        f"no training config of {kinds.TOOLS[line.backend]} there"
        + (f": {others}" if others else ""),
        hint="name configs, or a folder that holds some (.yaml, .yml, .json)",
    )


def _write(it: Upgrade) -> None:
    """Put the new text in the place of the file that the path leads to, with the same mode."""
    path = it.source.path.resolve()
    before = path.read_bytes()
    mark = BOM if before.startswith(BOM) else b""
    if before != mark + it.source.text.encode():
        raise FtcError(f"{path}: was changed while it was read", hint="run it again")

    def put(beside: Path) -> None:
        beside.write_bytes(mark + it.text.encode())
        shutil.copymode(path, beside)

    whole(path, put)
