"""Finds a Python of a needed version that really runs and can make virtual environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ftc import resources
from ftc.errors import FtcError

PYTHONS = "pythons"  # below the cache folder; `tools/python.py` has uv put one there

# ensurepip is missing from Debian's python3 until python3-venv is installed.
_PROBE = (
    "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3]); "
    "print(getattr(sys, '_base_executable', sys.executable))"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that was run: `version` is what it said, `3.12.1`."""

    path: Path
    version: str


def find(wanted: tuple[str, ...]) -> Interpreter:
    """The first Python of one of the wanted versions (`3.12`), best version first.

    Looks at the Python that runs ftc, on PATH, in pyenv, below the cache folder, and asks uv.
    FtcError names each place that was looked at and why it would not do.
    """
    refused: list[str] = []
    for short in wanted:
        for candidate in dict.fromkeys(candidates(short)):
            found, fault = _try(candidate)
            if found is not None and found.version.startswith(f"{short}."):
                return found
            refused.append(f"{candidate} ({fault or 'has another version than its name'})")
    seen = "; ".join(refused) or "none on PATH, in pyenv or known to uv"
    raise FtcError(
        f"no usable Python {' or '.join(wanted)} was found: {seen}",
        hint=(
            f"install one: `uv python install {wanted[0]}`, `pyenv install {wanted[0]}`, or your "
            f"system's packages (Debian, Ubuntu: python{wanted[0]} and python{wanted[0]}-venv)"
        ),
    )


def candidates(short: str) -> Iterator[Path]:
    """Every place where a Python of version `short` may lie; none of them has been run yet."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == short:
        yield Path(sys.executable)
    for folder in os.get_exec_path():
        if found := shutil.which(f"python{short}", path=folder):
            yield Path(found)
    yield from _pyenv(short)
    yield from sorted((resources.cache() / PYTHONS).glob(f"*-{short}.*/bin/python{short}"))
    yield from _uv(short)


def _pyenv(short: str) -> Iterator[Path]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted((root / "versions").glob(f"{short}.*"), key=_patch, reverse=True):
        yield folder / "bin" / f"python{short}"


def _patch(folder: Path) -> tuple[int, str]:
    last = folder.name.rpartition(".")[2]
    return (int(last) if last.isdigit() else -1, folder.name)


def _uv(short: str) -> Iterator[Path]:
    uv = shutil.which("uv")
    if uv is None:
        return
    command = [uv, "python", "find", "--no-python-downloads", short]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
    if done.returncode == 0 and done.stdout.strip():
        yield Path(done.stdout.strip())


def _try(candidate: Path) -> tuple[Interpreter | None, str]:
    """What the candidate says of itself and of the Python below its venv, or why it will not do."""
    try:
        done = subprocess.run(
            [str(candidate), "-I", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except OSError as error:
        return None, error.strerror or "does not start"
    except subprocess.TimeoutExpired:
        return None, "gives no answer within 30 s"
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 2:
        return None, (done.stderr.strip().splitlines() or ["does not run"])[0]
    return Interpreter(Path(lines[1]), lines[0]), ""
