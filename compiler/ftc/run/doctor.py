"""Looks an environment over: what is missing, changed or broken comes back as findings."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftc.backends import versions
from ftc.backends.versions import PLUGIN, Version
from ftc.diagnostics import Finding, Severity, ordered
from ftc.run import layout, lockfiles
from ftc.run.layout import Environment

PROBE = Path(__file__).with_name("probe.py")
IMPORT_SECONDS = 120
ROOM_BYTES = 2_000_000_000
# Imports what a run imports first, and says which version that is and whether there is a GPU.
_IMPORT = (
    "import importlib, importlib.metadata, sys; "
    "[importlib.import_module(name) for name in sys.argv[2:]]; "
    "import torch; "
    "print('ftc-doctor', importlib.metadata.version(sys.argv[1]), torch.cuda.is_available())"
)


def doctor(env: Environment) -> list[Finding]:
    """Everything wrong with a finished environment, the worst first; an empty list is good health.

    Starts its Python twice, the second time to import the backend (up to 120 s).
    """
    return examined(versions.find(env.backend, env.version), env)


def examined(line: Version, env: Environment) -> list[Finding]:
    """`doctor` for a line of the versions table, or for one that is not in it."""
    return ordered(_findings(line, env))


def _findings(line: Version, env: Environment) -> Iterator[Finding]:
    if layout.marker(env.path) is None:
        yield _finding(env, "environment-unfinished", f"{env.path} has no {layout.MARKER}")
        return
    said, fault = _probe(env)
    if fault:
        yield _finding(env, "environment-python-broken", f"{env.python} does not run: {fault}")
        return
    yield from _packages(env, line, said)
    yield from _scripts(env, line)
    yield from _plugin(env, line)
    yield from _imports(env, line)
    free = shutil.disk_usage(env.path).free
    if free < ROOM_BYTES:
        message = f"{free / 1e9:.1f} GB are free on the disk of {env.path}"
        yield _finding(env, "disk-nearly-full", message, "warning", "make room before a run")


def _finding(
    env: Environment, rule: str, message: str, severity: Severity = "error", remedy: str = ""
) -> Finding:
    return Finding(rule, severity, env.name, message, remedy or f"{_command(env)} --force")


def _command(env: Environment) -> str:
    flag = " --cpu" if env.device == "cpu" else ""
    return f"ftc backend install {env.backend}@{env.version}{flag}"


def _probe(env: Environment) -> tuple[dict[str, Any], str]:
    """What the probe printed, or why it printed nothing."""
    try:
        done = subprocess.run(
            [str(env.python), "-I", str(PROBE)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except OSError as error:
        gone = layout.marker(env.path) or {}
        where = f" (made with {gone.get('interpreter')})" if not env.python.exists() else ""
        return {}, f"{error.strerror or error}{where}"
    except subprocess.TimeoutExpired:
        return {}, "no answer within 60 s"
    except subprocess.CalledProcessError as error:
        return {}, (str(error.stderr).strip().splitlines() or ["no reason given"])[-1]
    content: dict[str, Any] = json.loads(done.stdout)
    return content, ""


def _packages(env: Environment, line: Version, said: dict[str, Any]) -> Iterator[Finding]:
    lock = lockfiles.lock(line, env.device)
    wanted = lockfiles.pins(lock.pins)
    if lock.cuda and said["cuda"]:
        wanted |= lockfiles.pins(lock.cuda)
    found: dict[str, str] = said["versions"]
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        message = f"{len(missing)} of {len(wanted)} packages are missing: {', '.join(missing[:8])}"
        yield _finding(env, "environment-package-missing", message)
    for name in sorted(wanted.keys() & found.keys()):
        # pip may take a local build of the same version: torch 2.13.0+cpu for 2.13.0.
        if found[name].partition("+")[0] != wanted[name]:
            message = f"{name} is {found[name]}, the lock file says {wanted[name]}"
            yield _finding(env, "environment-package-changed", message, "warning")
    for conflict in said["conflicts"]:
        yield _finding(env, "environment-conflict", conflict, "warning")


def _scripts(env: Environment, line: Version) -> Iterator[Finding]:
    script = env.path / "bin" / line.script
    if not script.is_file():
        yield _finding(env, "environment-script-missing", f"{script} is not there")
        return
    with script.open("rb") as lines:
        first = lines.readline().decode(errors="replace").strip()
    python = Path(first.removeprefix("#!").split(" ")[0])
    if first.startswith("#!/") and python.name != "sh" and not python.exists():
        message = f"{script} starts {python}, which is gone: was the environment moved?"
        yield _finding(env, "environment-moved", message)


def _plugin(env: Environment, line: Version) -> Iterator[Finding]:
    if not line.plugin:
        return
    copy = layout.site_packages(env) / PLUGIN.name
    if not copy.is_file() or copy.read_bytes() != PLUGIN.read_bytes():
        state = "differs from the one that ships with ftc" if copy.is_file() else "is missing"
        message = f"ftc's plugin for {env.backend} {state}: {copy}"
        yield _finding(env, "environment-plugin-stale", message, "error", _command(env))


def _imports(env: Environment, line: Version) -> Iterator[Finding]:
    modules = [line.module, *([PLUGIN.stem] if line.plugin else [])]
    try:
        done = subprocess.run(
            [str(env.python), "-c", _IMPORT, env.backend, *modules],
            capture_output=True,
            text=True,
            timeout=IMPORT_SECONDS,
            check=False,
            env=layout.variables(env, offline=True),
            cwd=env.path,
        )
    except subprocess.TimeoutExpired:
        message = f"importing {', '.join(modules)} took longer than {IMPORT_SECONDS} s"
        yield _finding(env, "environment-import-slow", message, "warning", "try again when idle")
        return
    answer = [text.split() for text in done.stdout.splitlines() if text.startswith("ftc-doctor ")]
    if done.returncode != 0 or not answer:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield _finding(env, "environment-import-fails", f"import {', '.join(modules)}: {reason}")
        return
    _, version, gpu = answer[-1]
    if version != env.version:
        message = f"{env.backend} in it is {version}, not {env.version}"
        yield _finding(env, "environment-package-changed", message)
    if env.device == "gpu" and gpu != "True":
        remedy = "look at `nvidia-smi`; for a CPU: " + _command(env) + " --cpu"
        yield _finding(env, "gpu-not-seen", "torch sees no GPU", "error", remedy)
