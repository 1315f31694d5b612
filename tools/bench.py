"""Measures start-up, build and estimate times in one run, and writes docs/benchmarks.md.

Each figure is CPU time (user and system) of whole processes, started in turn so that a busy
machine treats both sides alike; the table shows the median and the range of the ratios of pairs.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
RUNS = 15
BACKENDS = ("axolotl", "llamafactory")
PACKAGES = "click, jinja2, pydantic, tokenizers, yaml"
GOAL = 1.3
FTC = [sys.executable, "-m", "ftc"]
METHOD = """\
`ftc build` is measured against a process that imports the libraries that this very build loads
and does nothing else: third-party and standard modules, listed from `sys.modules` at the end of
a build, ftc's own left out. The goal stands for that row; the row against the five packages alone
shows what the standard library makes of it. A first build starts with an empty cache folder: it
counts tokens, compiles templates and reads tables that later builds find there; it has no goal.
The other builds are repeated builds of the same recipe. Bytecode is compiled on all sides."""
# Runs `ftc` and lists the modules that it loaded and ftc does not own, in the order of loading.
LISTED = """
import sys
before = set(sys.modules)
from ftc.cli import main
try:
    main()
except SystemExit as done:
    if done.code:
        raise
own = ("ftc", "__mp_main__")
# Not importable by name: parts of compiled modules, and the data of `sysconfig`.
part = lambda name: "cython" in name or name.startswith("_sysconfigdata")
names = [name for name in sys.modules if name not in before and name.split(".")[0] not in own]
import json
print(json.dumps([name for name in names if not part(name)]), file=sys.stderr)
"""
# Times the formula and the search inside one process, imports done: milliseconds, JSON.
INSIDE = """
import json, time
from dataclasses import replace
from pathlib import Path
from ftc import recipe
from ftc.convert.checked import check
from ftc.convert.source import read
from ftc.factors.table import shipped
from ftc.facts.gather import gather
from ftc.memory.formula import estimate
from ftc.memory.phases import phases
from ftc.resolve import resolve
from ftc.resolve.memory import plan_job

def milliseconds(call, times):
    call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - start))
    return sorted(taken)

path = Path("recipes/qlora-8b-24gb.toml")
asked = recipe.load(path)
facts, _ = gather(asked, path.parent, backends=[("axolotl", "")], offline=True, seed=42)
large = asked.model_copy(update={
    "method": "full", "training": asked.training.model_copy(update={"effective_batch": 1024})})
eight = replace(facts, hardware=replace(facts.hardware, gpus=8))
plan = resolve(asked, facts, shipped())
shape, job = facts.model.shape, plan_job(plan)
configs = [it for it in sorted(Path("tests/convert/configs").glob("*/*")) if it.is_file()]
thousand = [configs[number % len(configs)] for number in range(1000)]
print(json.dumps([
    ("`ftc check` of 1,000 native configs, those of the tests again and again", 10_000,
     milliseconds(lambda: [check(read(path)) for path in thousand], 3)),
    ("one estimate", 5, milliseconds(lambda: estimate(shape, job), 200)),
    ("one estimate in three phases with all parts", 5,
     milliseconds(lambda: phases(shape, job), 200)),
    ("a whole plan with its search: 8B, one card, method left open", 50,
     milliseconds(lambda: resolve(asked, facts, shipped()), 30)),
    ("a whole plan with its search: 8B in full on eight cards, 1024 rows a step", 50,
     milliseconds(lambda: resolve(large, eight, shipped()), 30)),
]))
"""


@dataclass(frozen=True)
class Pair:
    """A command of ours against what it is measured by, and the goal for the ratio.

    With `first` each run of ours starts with an empty cache folder.
    """

    name: str
    ours: list[str]
    theirs: list[str]
    goal: float | None = None
    first: bool = False


def pairs(folder: Path, environment: dict[str, str]) -> list[Pair]:
    """The pairs of the page; build folders are written below `folder`."""
    python = sys.executable
    click, packages = [python, "-c", "import click"], [python, "-c", f"import {PACKAGES}"]
    rows = [Pair("`ftc --help`, against `import click`", [*FTC, "--help"], click, GOAL)]
    for backend in BACKENDS:
        command = _build(backend, folder / "build")
        names = loaded(command[len(FTC) :], environment)
        every = [python, "-c", "import " + ", ".join(names)]
        what = f"of the demo for {backend}, against importing"
        libraries = f"every library that it loads ({len(names)} modules)"
        rows += [
            Pair(f"`ftc build` {what} {libraries}", command, every, GOAL),
            Pair(f"`ftc build` {what} {PACKAGES} only", command, packages),
            Pair(f"first `ftc build` {what} {libraries}", command, every, first=True),
        ]
    return rows


def _build(backend: str, out: Path) -> list[str]:
    recipe = str(ROOT / "recipes" / "instagram-scripts.toml")
    return [*FTC, "build", "--offline", "--out", str(out), recipe, "--backend", backend]


def loaded(arguments: list[str], environment: dict[str, str]) -> list[str]:
    """What a repeated `ftc ARGUMENTS` imports beside ftc itself, in order."""
    command = [sys.executable, "-c", LISTED, *arguments]
    for _ in range(2):  # the first fills the cache folder
        done = subprocess.run(
            command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True
        )
    names: list[str] = json.loads(done.stderr.splitlines()[-1])
    return names


def main() -> int:
    """Measure and write the page; exit code 1 when a goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = compiled(folder)
        lines, missed = [], []
        for pair in pairs(folder, environment):
            ours, theirs = measured(pair, environment)
            ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
            middle = statistics.median(ratios)
            verdict = "" if pair.goal is None else "yes" if middle <= pair.goal else "no"
            missed += [pair.name] if verdict == "no" else []
            lines.append(
                f"| {pair.name} | {statistics.median(ours):.3f} | {statistics.median(theirs):.3f} "
                f"| {middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {pair.goal or 'none'} "
                f"| {verdict} |"
            )
            print(lines[-1], flush=True)
        insides, slow = inside(environment)
    PAGE.write_text(page(lines, insides), "utf-8")
    missed += slow
    for missing in missed:
        print(f"goal missed: {missing}", file=sys.stderr)
    return int(bool(missed))


def inside(environment: dict[str, str]) -> tuple[list[str], list[str]]:
    """The rows of what is timed inside a process, and the names of those over their goal."""
    command = [sys.executable, "-c", INSIDE]
    done = subprocess.run(
        command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    lines, missed = [], []
    for name, goal, taken in json.loads(done.stdout):
        middle = statistics.median(taken)
        missed += [name] if middle > goal else []
        lines.append(
            f"| {name} | {middle:.2f} | {min(taken):.2f} to {max(taken):.2f} | {goal} "
            f"| {middle / goal:.0%} | {'yes' if middle <= goal else 'no'} |"
        )
        print(lines[-1], flush=True)
    return lines, missed


def compiled(folder: Path) -> dict[str, str]:
    """The environment of both sides: a cache folder of its own, bytecode kept as pip keeps it."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    caches = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "FTC_CACHE": str(folder / "cache")}
    return given | caches


def measured(pair: Pair, environment: dict[str, str]) -> tuple[list[float], list[float]]:
    """CPU seconds of each side, run in turn; the first pair warms the caches and is left out."""
    ours, theirs = [], []
    for number in range(RUNS + 1):
        if pair.first:
            shutil.rmtree(environment["FTC_CACHE"], ignore_errors=True)
            shutil.rmtree(Path(environment["FTC_CACHE"]).with_name("build"), ignore_errors=True)
        times = seconds(pair.ours, environment), seconds(pair.theirs, environment)
        if number:
            ours.append(times[0])
            theirs.append(times[1])
    return ours, theirs


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def page(lines: list[str], insides: list[str]) -> str:
    """The page, with where and when it was made."""
    return "\n".join(
        [
            "<!-- Made by `make bench`; do not edit. -->",
            "",
            "# Benchmarks",
            "",
            f"CPU seconds of whole processes, {RUNS} pairs run in turn, median; the ratio with its",
            f"range. Python {platform.python_version()}, {os.cpu_count()} cores, "
            f"{datetime.now(UTC):%Y-%m-%d}. `make bench` makes this page anew.",
            "",
            METHOD,
            "",
            "| what | ours | theirs | ratio | goal | met |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
            "Inside one process, imports done, milliseconds of wall time, median and range:",
            "",
            "| what | ms | range | goal | of the goal | met |",
            "|---|---|---|---|---|---|",
            *insides,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
