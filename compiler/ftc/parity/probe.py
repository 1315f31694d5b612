"""Asks a backend what it makes of a build folder: in its own environment, on a pinned copy."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftc import backends, resources
from ftc.errors import FtcError
from ftc.parity import pinned, shadow
from ftc.parity.reading import told
from ftc.parity.records import Level, Told
from ftc.parity.shadow import Shadow
from ftc.progress import Progress, quiet
from ftc.run import environments, failures, launch, process
from ftc.run.environments import Environment
from ftc.run.progress import Tail

INSIDE = resources.PACKAGE / "parity" / "inside"
STEPS = 20
PARTS = ("train", "eval")
SCRIPTS = {"axolotl": "told_axolotl.py", "llamafactory": "told_llamafactory.py"}
# Its transformers and PEFT are the oldest: what they write, the others read.
MAKER = "llamafactory"
OTHERWISE = "the config may hold what this version does not take"


@dataclass(frozen=True)
class _Job:
    """One build folder to ask about, and where everything of it lies."""

    build: Path
    backend: str
    version: str
    plan: Mapping[str, Any]
    shadow: Shadow
    pinned: Path
    out: Path


def probe(
    build: Path,
    *,
    level: Level,
    steps: int = STEPS,
    rows: int | None = None,
    offline: bool = False,
    averaging: str | None = None,
    progress: Progress = quiet,
    workspace: Path | None = None,
) -> Told:
    """What the backend of one build folder says of it, up to the level asked for.

    `rows` is how many of each part are read, `steps` how many optimizer steps are trained at the
    level loss. `averaging` "micro-batches" makes LLaMA-Factory average as Axolotl 0.19 does.
    Probes with one `workspace` share the shadow model. Raises FtcError, with exit code 4 when the
    backend fails; its log, and the pinned build beside it, are kept then.
    """
    return several(
        [build],
        level=level,
        steps=steps,
        rows=rows,
        offline=offline,
        averaging=averaging,
        progress=progress,
        workspace=workspace,
    )[0]


def several(
    builds: Sequence[Path],
    *,
    level: Level,
    steps: int = STEPS,
    rows: int | None = None,
    offline: bool = False,
    averaging: str | None = None,
    progress: Progress = quiet,
    workspace: Path | None = None,
) -> list[Told]:
    """`probe` of several builds of one backend and version, in one process of it."""
    with workspace_of(workspace) as place:
        jobs = [_job(build, place, offline) for build in builds]
        if len({(job.backend, job.version) for job in jobs}) != 1:
            raise ValueError("builds of one backend and version, please")
        home = _home(jobs[0].backend, jobs[0].version)
        _make_shadows(jobs, place, progress)
        for job in jobs:
            pinned.pinned(
                job.build,
                job.pinned,
                backend=job.backend,
                shadow=job.shadow.model,
                level=level,
                adapter=job.shadow.adapter if level == "loss" else None,
                rows=rows,
            )
        asked = {"level": level, "steps": steps, "averaging": averaging}
        request = {"runs": [_request(job, level) | asked for job in jobs]}
        log = place / f"{jobs[0].out.name}.log"
        _run(home, SCRIPTS[jobs[0].backend], request, log, jobs, progress)
        return [told(job.out, job.build, job.backend, job.version) for job in jobs]


@contextmanager
def workspace_of(given: Path | None = None) -> Iterator[Path]:
    """The folder given, or one that is gone afterwards, unless the backend fails."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.absolute()
        return
    place = Path(tempfile.mkdtemp(prefix="ftc-probe-"))
    try:
        yield place
    except FtcError as error:
        if error.exit_code != 4:
            shutil.rmtree(place, ignore_errors=True)
        raise
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    shutil.rmtree(place, ignore_errors=True)


def _job(build: Path, workspace: Path, offline: bool) -> _Job:
    build = build.absolute()
    plan = launch.settings(build)
    backend, version = _tool(build)
    place = Path(tempfile.mkdtemp(prefix=f"{backend}-", dir=workspace))
    small = shadow.of(plan, workspace, offline=offline)
    return _Job(build, backend, version, plan, small, place / "build", place / "told")


def _tool(build: Path) -> tuple[str, str]:
    """Backend and version of a build folder, which its ftc.lock says."""
    path = build / "ftc.lock"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        backend, version = str(said["backend"]), str(said["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FtcError(
            f"{path}: does not say which backend this build is for", hint=launch.REBUILD
        ) from error
    backends.get(backend)
    return backend, version


def _request(job: _Job, level: Level) -> dict[str, Any]:
    job.out.mkdir()
    name = launch.config_of(job.backend)
    return {
        "folder": str(job.pinned),
        "out": str(job.out),
        "config": name,
        "planned_by": pinned.planning(name) if level == "loss" else name,
        "parts": [part for part in PARTS if (job.build / f"{part}.jsonl").is_file()],
        "real_config": str(job.shadow.real_config),
    }


def _home(backend: str, version: str = "") -> Environment:
    """The environment for a CPU, else any."""
    return environments.locate(backend, version, "cpu") or environments.require(backend, version)


def _make_shadows(jobs: Sequence[_Job], workspace: Path, progress: Progress) -> None:
    """Makes the shadow models that are not there yet, all in one process."""
    wanted = {job.shadow.model: job.shadow for job in jobs if not job.shadow.made}
    if not wanted:
        return
    progress("making the shadow model", 0, 0)
    home = environments.locate(MAKER) or _home(jobs[0].backend, jobs[0].version)
    request = {"runs": [dict(one.request) for one in wanted.values()]}
    _run(home, "shadow.py", request, workspace / "shadow.log", (), progress)


def _run(
    home: Environment,
    script: str,
    request: Mapping[str, Any],
    log: Path,
    jobs: Sequence[_Job],
    progress: Progress,
) -> None:
    """Runs an inside script to its end. FtcError with exit code 4 when it fails."""
    folder = log.parent / f"{log.stem}-script"
    folder.mkdir(exist_ok=True)
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    tails = [Tail(job.out / "progress.jsonl") for job in jobs]

    def tick() -> None:
        for tail in tails:
            for line in tail.lines():
                said = json.loads(line)
                progress(said["what"], said["done"], said["total"])

    if jobs:
        progress(f"loading {home.backend}", 0, 0)
    command = [str(home.python), str(INSIDE / script), "request.json", str(folder)]
    log.unlink(missing_ok=True)
    status = process.run(command, folder, _variables(home, log.parent), log, tick)
    missing = [job for job in jobs if not (job.out / "told.json").is_file()]
    if status or missing:
        what = str(missing[0].build) if missing else "the shadow model"
        said = f"{what}: {home.backend} {home.version} failed"
        raise failures.failed(said, status, log, otherwise=OTHERWISE)


def _variables(home: Environment, workspace: Path) -> dict[str, str]:
    """No card, no network: the shadow model and the rows are at hand."""
    plan = {"device": "cpu", "gpus": 1, "zero_stage": 0}
    own = launch.variables(home.backend, plan, environments.variables(home, True))
    return own | {"HF_DATASETS_CACHE": str(workspace / "datasets")}
