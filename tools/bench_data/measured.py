"""Starts methods one after the other, each in a process of its own, and keeps what they used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_data.environment import ROOT
from bench_data.method import Method

LIMIT = 180.0  # CPU seconds that a peer may take at the most, judged by its speed on fewer rows
PATIENCE = 3600  # seconds after which a process is ended
# One core for everybody, and nobody asks a network.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "DAFT_ANALYTICS_ENABLED": "0",
    "DO_NOT_TRACK": "true",
    "PYTHONWARNINGS": "ignore",
    "PYTHONHASHSEED": "0",
}
Score = Callable[[Any, Path, int], dict[str, float]]


@dataclass(frozen=True)
class Side:
    """Methods that share an interpreter, a module and the shape of their rows."""

    python: Path
    module: str
    table: str
    load: str
    ours: bool

    def methods(self) -> tuple[Method, ...]:
        """The table itself; peers' modules import their libraries only when they run."""
        found = __import__(self.module, fromlist=[self.table])
        methods: tuple[Method, ...] = getattr(found, self.table)
        return methods


@dataclass(frozen=True)
class Result:
    """What a method used on so many rows; `why` says why it was not run."""

    subject: str
    method: str
    ours: bool
    rows: int
    cpu: float = 0.0
    wall: float = 0.0
    mb: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    why: str = ""

    @property
    def speed(self) -> float:
        """Rows per CPU second."""
        return self.rows / self.cpu if self.cpu else 0.0


def result(
    side: Side,
    method: Method,
    subject: str,
    folder: Path,
    rows: int,
    score: Score,
    before: Sequence[str] = (),
) -> Result:
    """One measurement with its scores; `before` stands in front of the command, as a profiler."""
    with TemporaryDirectory(prefix="ftc-bench-") as scratch:
        answer, taken = Path(scratch) / "answer.json", Path(scratch) / "taken.json"
        spec = {
            "module": side.module,
            "table": side.table,
            "method": method.name,
            "load": side.load,
            "folder": str(folder),
            "rows": rows,
            "answer": str(answer),
            "taken": str(taken),
        }
        command = [*before, str(side.python), "-P", "-m", "bench_data.child", json.dumps(spec)]
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                env=environment(ours=side.ours),
                timeout=PATIENCE,
                capture_output=True,
                text=True,
            )
        except subprocess.TimeoutExpired:
            return Result(subject, method.name, side.ours, rows, why=f"ended after {PATIENCE} s")
        if done.returncode or not taken.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return Result(subject, method.name, side.ours, rows, why=f"failed: {last[:200]}")
        used = json.loads(taken.read_text("utf-8"))
        scores = score(json.loads(answer.read_text("utf-8")), folder, rows)
    return Result(subject, method.name, side.ours, rows, scores=scores, **used)


def too_slow(before: Result | None, rows: int) -> str:
    """Why a peer is not given so many rows, by what it took for fewer; "" when it is."""
    if before is None or before.ours:
        return ""
    if before.why:
        return before.why
    expected = before.cpu * rows / before.rows
    if expected <= LIMIT:
        return ""
    return f"not run: at {before.speed:,.0f} rows/CPU-s it would take {expected:,.0f} CPU-s"


def environment(*, ours: bool) -> dict[str, str]:
    """Variables of a measured process: the peers' find nothing of ftc."""
    paths = [ROOT / "tools", *((ROOT / "compiler", ROOT / "tests", ROOT) if ours else ())]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | QUIET | {"PYTHONPATH": os.pathsep.join(map(str, paths))}


def own(module: str, table: str = "METHODS", load: str = "tables") -> Side:
    """Our side of a subject: this interpreter."""
    return Side(Path(sys.executable), f"bench_data.ours.{module}", table, load, ours=True)


def other(python: Path, module: str, table: str = "METHODS", load: str = "texts") -> Side:
    """The peers' side of a subject."""
    return Side(python, f"bench_data.peers.{module}", table, load, ours=False)
