"""Reads the lock files that ship with ftc: flat lists of exact pins, a hash over what they hold."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from ftc.backends.versions import Device, Lock, Version
from ftc.errors import FtcError

FOLDER = Path(__file__).parent / "locks"


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it: `Gradio_Client` -> `gradio-client`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def path(file: str) -> Path:
    """Where a shipped lock file lies; FtcError when the installation of ftc has lost it."""
    found = FOLDER / file
    if not found.is_file():
        raise FtcError(f"{found}: this lock file should ship with ftc", hint="install ftc again")
    return found


def pins(file: str) -> dict[str, str]:
    """Distribution name (normal form) to exact version."""
    result = {}
    for line in path(file).read_text(encoding="utf-8").splitlines():
        pin = line.partition("#")[0].strip()
        if pin:
            name, _, version = pin.partition("==")
            result[normal(name)] = version
    return result


def lock(version: Version, device: Device) -> Lock:
    """The lock of a version for a device; FtcError when there is none."""
    if device not in version.locks:
        raise FtcError(
            f"{version.name} has no {device} environment",
            hint=f"one of: {', '.join(version.locks)}",
        )
    return version.locks[device]


def digest(version: Version, device: Device) -> str:
    """Twelve hex digits over every pin and stub that the environment may hold."""
    chosen = lock(version, device)
    files = [file for file in (chosen.pins, chosen.cuda) if file]
    lines = [f"{name}=={pin}" for file in files for name, pin in sorted(pins(file).items())]
    lines += [f"stub {name}" for name in version.stubs]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
