"""A copy of a build folder whose config is pinned: what a comparison on a CPU needs, no more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from ftc.errors import FtcError
from ftc.parity import override, pinned_axolotl, pinned_llamafactory
from ftc.parity.override import Override
from ftc.parity.records import Level
from ftc.run.launch import REBUILD, config_of

OVERRIDES: dict[str, tuple[Override, ...]] = {
    "axolotl": pinned_axolotl.OVERRIDES,
    "llamafactory": pinned_llamafactory.OVERRIDES,
}
_ROWS = ".jsonl"


def config(build: Path, backend: str) -> dict[str, Any]:
    """The config of a build folder as it stands now. FtcError when it cannot be read."""
    path = build / config_of(backend)
    try:
        text = path.read_text(encoding="utf-8")
        said = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise FtcError(f"{path}: cannot be read: {error.strerror}", hint=REBUILD) from error
    except (ValueError, yaml.YAMLError) as error:
        raise FtcError(f"{path}: cannot be parsed: {error}", hint=REBUILD) from error
    if not isinstance(said, dict):
        raise FtcError(f"{path}: holds no settings", hint=REBUILD)
    return said


def pinned(
    build: Path,
    into: Path,
    *,
    backend: str,
    shadow: Path,
    level: Level,
    adapter: Path | None = None,
    rows: int | None = None,
) -> None:
    """Fills the new folder `into`: the build's files as links, its config with the overrides.

    `shadow` and `adapter` are model folders that training starts from; `rows` cuts every file of
    rows after so many lines.
    """
    into.mkdir(parents=True)
    name = config_of(backend)
    for path in sorted(build.iterdir()):
        if path.name == name or not path.is_file():
            continue
        if path.suffix == _ROWS and rows is not None:
            _head(path, into / path.name, rows)
        else:
            (into / path.name).symlink_to(path.absolute())
    said, known = config(build, backend), OVERRIDES[backend]
    changed = override.applied(said, known, level=level, shadow=shadow, adapter=adapter)
    (into / name).write_text(_text(changed, name), encoding="utf-8")
    if level == "loss":
        kept = override.applied(said, known, level="steps", shadow=shadow, adapter=None)
        (into / planning(name)).write_text(_text(kept, name), encoding="utf-8")


def planning(name: str) -> str:
    """The file beside a config pinned for the losses that is pinned for planning the steps.

    There is more that two losses need alike: no dropout, no noise.
    """
    return f"steps.{name}"


def changes(build: Path, backend: str, level: Level) -> list[tuple[str, str]]:
    """(key, reason) of what pinning changes in a build's config; for the report."""
    return override.changes(config(build, backend), OVERRIDES[backend], level)


def _head(path: Path, target: Path, rows: int) -> None:
    with path.open(encoding="utf-8", newline="") as lines, target.open("w", newline="") as file:
        file.writelines(islice(lines, rows))


def _text(config: Mapping[str, Any], name: str) -> str:
    if name.endswith(".json"):
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
