"""The backend versions that ftc supports, as one table; `ftc.run` makes their environments."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from ftc import resources
from ftc.diagnostics import nearest
from ftc.errors import FtcError

Device = Literal["cpu", "gpu"]
DEVICES: tuple[Device, ...] = ("cpu", "gpu")


class Lock(NamedTuple):
    """What one environment is made of: files in `ftc/run/locks`, and the room it takes.

    `cuda` is installed only where pip found a CUDA build of torch: a CPU build needs none of it.
    """

    pins: str
    gigabytes: float
    cuda: str = ""


class Version(NamedTuple):
    """One supported version of one backend.

    `python` is what the tool itself asks for, `interpreters` the versions that its CPU lock was
    seen to train on, the one it was resolved for first; `stubs` are packages that it imports and
    never uses for text; `fault` is a known fault of this version, in words for the user.
    """

    backend: str
    version: str
    python: str
    interpreters: tuple[str, ...]
    module: str
    script: str
    locks: Mapping[Device, Lock]
    stubs: tuple[str, ...] = ()
    plugin: bool = False
    fault: str = ""
    default: bool = False

    @property
    def name(self) -> str:
        """`axolotl@0.21.0`, as the user writes it."""
        return f"{self.backend}@{self.version}"


# Runs inside Axolotl's interpreter; ftc copies it there and never imports it.
PLUGIN = resources.PACKAGE / "backends" / "plugin" / "ftc_axolotl.py"
# Runs inside LLaMA-Factory's interpreter before a training with tokens of ftc's own.
TOKENIZED = PLUGIN.with_name("ftc_tokenized.py")
# Lie in every run folder: the measure of memory, and what starts LLaMA-Factory with it.
PEAK = PLUGIN.with_name("ftc_peak.py")
LAUNCHER = PLUGIN.with_name("ftc_llamafactory.py")
TORCH_CUDA = "torch-2.13.0-cuda.txt"

VERSIONS: tuple[Version, ...] = (
    Version(
        backend="axolotl",
        version="0.21.0",
        python=">=3.12",
        interpreters=("3.12", "3.13"),
        module="axolotl.utils.config",
        script="axolotl",
        locks=MappingProxyType(
            {
                "cpu": Lock("axolotl-0.21.0-cpu.txt", 7.0, TORCH_CUDA),
                "gpu": Lock("axolotl-0.21.0-gpu.txt", 14.0),
            }
        ),
        plugin=True,
        default=True,
    ),
    Version(
        backend="axolotl",
        version="0.19.0",
        python=">=3.11",
        interpreters=("3.11", "3.12"),
        module="axolotl.utils.config",
        script="axolotl",
        locks=MappingProxyType(
            {
                "cpu": Lock("axolotl-0.19.0-cpu.txt", 4.0, TORCH_CUDA),
                "gpu": Lock("axolotl-0.19.0-gpu.txt", 14.0),
            }
        ),
        plugin=True,
        fault=(
            "with gradient accumulation the loss is the mean of micro-batch means, not of tokens: "
            "short answers weigh more than in 0.21.0 and in LLaMA-Factory"
        ),
    ),
    Version(
        backend="llamafactory",
        version="0.9.5",
        python=">=3.11",
        interpreters=("3.11", "3.12", "3.13"),
        module="llamafactory.hparams",
        script="llamafactory-cli",
        locks=MappingProxyType(
            {
                "cpu": Lock("llamafactory-0.9.5-cpu.txt", 2.5, TORCH_CUDA),
                "gpu": Lock("llamafactory-0.9.5-gpu.txt", 12.0),
            }
        ),
        stubs=("torchaudio",),
        fault=(
            "a config file named .json cannot be opened (json.load is given a path): "
            "the same text in a file named .yaml can"
        ),
        default=True,
    ),
)

BACKENDS: tuple[str, ...] = tuple(dict.fromkeys(entry.backend for entry in VERSIONS))


def of(backend: str) -> tuple[Version, ...]:
    """Every supported version of a backend, the preferred one first; FtcError on another name."""
    found = [entry for entry in VERSIONS if entry.backend == backend]
    if not found:
        meant = nearest(backend, BACKENDS)
        raise FtcError(
            f"unknown backend {backend!r}",
            hint=f"did you mean {meant}?" if meant else f"one of: {', '.join(BACKENDS)}",
        )
    return tuple(sorted(found, key=lambda entry: not entry.default))


def find(backend: str, version: str = "") -> Version:
    """The table's line for a backend and version; without a version, the preferred one."""
    lines = of(backend)
    if not version:
        return lines[0]
    for line in lines:
        if line.version == version:
            return line
    known = ", ".join(line.version for line in lines)
    raise FtcError(f"{backend} {version} is not supported", hint=f"supported: {known}")


def parse(text: str) -> Version:
    """`axolotl` or `axolotl@0.19.0`."""
    backend, _, version = text.strip().partition("@")
    if "@" in text and not version:
        example = f"{backend}@{of(backend)[0].version}"
        raise FtcError(f"{text!r} names no version", hint=f"write {example}")
    return find(backend, version)
