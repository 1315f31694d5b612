"""Keys of results: a step runs again when its input, its settings or its code is another."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ftc.prep.result import content_hash
from ftc.prep.rows import dumped
from ftc.prep.step import Inputs, Step

SHARED = ("ftc.prep.rows", "ftc.prep.ledger", "ftc.prep.step", "ftc.prep.store")


def key(step: Step, inputs: Inputs, before: str) -> str:
    """64 hex digits for a step with these settings after a step with the key `before`."""
    files = step.files(inputs) if step.files else ()
    prepare = inputs.prepare
    parts = {
        "step": step.name,
        "before": before,
        "settings": inputs.settings.model_dump_json(),
        "language": prepare.language,
        "seed": inputs.seed,
        "strict": prepare.strict,
        "files": [content_hash(path) for path in files],
        "code": code((*SHARED, *step.code)),
        "libraries": [f"{name} {installed(name)}" for name in step.libraries],
    }
    return sha256(dumped(parts).encode()).hexdigest()


@cache
def code(modules: Sequence[str]) -> str:
    """A hash of the texts of modules, and of all files in those that are packages."""
    total = sha256()
    for name in modules:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        origin = Path(spec.origin)
        for path in _files(origin.parent) if origin.name == "__init__.py" else [origin]:
            total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _files(package: Path) -> list[Path]:
    found = (path for path in package.rglob("*") if path.is_file())
    return sorted(path for path in found if "__pycache__" not in path.parts)


@cache
def installed(name: str) -> str:
    """The version of a distribution, or "none"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
