"""The peers' interpreter, in an environment of its own below ftc's cache folder."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from ftc import resources

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "bench-data.txt"


def peers() -> Path:
    """Named by the hash of its lock; `complete` is written last, as in the Makefile."""
    key = sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = resources.cache() / "environments" / f"bench-data-{key}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run(
            [python, "-m", "pip", "install", *quiet, "-r", str(LOCK)],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        (folder / "complete").touch()
    return python


def versions(names: list[str]) -> dict[str, str]:
    """Versions of distributions as the lock has them."""
    pinned = dict(line.split("==") for line in LOCK.read_text("utf-8").splitlines() if "==" in line)
    return {name: pinned[name] for name in names}
