"""Where environments lie, how a finished one is told from a half-made one, and what runs in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftc import resources
from ftc.backends import versions
from ftc.backends.versions import DEVICES, Device, Version
from ftc.run import lockfiles

MARKER = "ftc-environment.json"
QUIET = ("AXOLOTL_DO_NOT_TRACK", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "PYTHONUNBUFFERED")
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
REMOVED = ("PYTHONPATH", "PYTHONHOME", "ALLOW_EXTRA_ARGS", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True)
class Environment:
    """A finished environment of one backend version; `path` is its folder, `python` its Python."""

    backend: str
    version: str
    device: Device
    path: Path
    python: Path

    @property
    def name(self) -> str:
        """`axolotl@0.21.0 (cpu)`, for messages."""
        return f"{self.backend}@{self.version} ({self.device})"


def root() -> Path:
    """The folder that holds every environment."""
    return resources.cache() / "environments"


def folder(version: Version, device: Device) -> Path:
    """The folder of one environment; the lock's hash is in its name: a new lock, a new folder."""
    name = f"{version.backend}-{version.version}-{device}-{lockfiles.digest(version, device)}"
    return root() / name


def environment(version: Version, device: Device) -> Environment:
    """The environment as it is, or would be, on disk."""
    path = folder(version, device)
    return Environment(version.backend, version.version, device, path, path / "bin" / "python")


def marker(path: Path) -> dict[str, Any] | None:
    """What a finished environment says of itself; None for a half-made or a missing one."""
    try:
        content = json.loads((path / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def locate(backend: str, version: str = "", device: Device | None = None) -> Environment | None:
    """A finished environment, or None. Without a device a GPU one comes first."""
    line = versions.find(backend, version)
    for each in (device,) if device else tuple(reversed(DEVICES)):
        if each in line.locks:
            found = environment(line, each)
            if marker(found.path) is not None:
                return found
    return None


def site_packages(env: Environment) -> Path:
    """Where the environment keeps its packages."""
    return next(iter(sorted((env.path / "lib").glob("python3.*/site-packages"))))


def variables(env: Environment, offline: bool) -> dict[str, str]:
    """All environment variables for a subprocess in `env`: the caller's, with its own on top.

    The tools find `accelerate`, `torchrun` and themselves by name, so the environment's bin comes
    first on PATH. Telemetry is off; wandb keeps to the disk unless the user has chosen a mode.
    """
    result = {key: value for key, value in os.environ.items() if key not in REMOVED}
    result["PATH"] = os.pathsep.join([str(env.path / "bin"), result.get("PATH", os.defpath)])
    result["VIRTUAL_ENV"] = str(env.path)
    result["FTC_DEVICE"] = env.device
    result |= dict.fromkeys(QUIET, "1")
    result["GRADIO_ANALYTICS_ENABLED"] = "False"
    result["TOKENIZERS_PARALLELISM"] = "false"
    result.setdefault("WANDB_MODE", "offline")
    if offline:
        result |= dict.fromkeys(OFFLINE, "1")
        result["WANDB_MODE"] = "offline"
    if env.device == "cpu":
        result["CUDA_VISIBLE_DEVICES"] = ""
        # One thread for two hardware threads: with every one taken, torch spins under load (33 x).
        result.setdefault("OMP_NUM_THREADS", str(max(1, resources.processors() // 2)))
    return result
