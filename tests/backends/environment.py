"""Runs a driver script inside a backend's real environment; a missing one fails with the cure."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ftc.run import environments, layout

HERE = Path(__file__).parent


def variables(found: layout.Environment) -> dict[str, str]:
    """What a script sees: the environment first on PATH, no network, one thread, no card."""
    own = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "FTC_DEVICE": "cpu"}
    return layout.variables(found, offline=True) | own


def drive(backend: str, version: str, script: str, job: dict[str, Any]) -> Any:
    """What `{script}_{backend}.py` prints; its last lines where it fails."""
    found = environments.require(backend, version)
    done = subprocess.run(
        [str(found.python), str(HERE / f"{script}_{backend}.py")],
        input=json.dumps(job),
        env=variables(found),
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT"):
            return json.loads(line.removeprefix("RESULT"))
    raise AssertionError(
        f"{backend} {version} {script}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    )
