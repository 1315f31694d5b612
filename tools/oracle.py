"""Holds the memory formula against traces of the real modules; `--write` puts the table in docs.

`python tools/oracle.py` prints the table from the stored measurements (tests/oracle/measured.json),
`-v` every case (`--held-out` too); `--explain CASE [evaluation]` what is alive at a case's peak;
`--measure` (after `--fetch`, once) runs the oracle in the backends' environments first (minutes).
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc import resources  # noqa: E402 - found by the line above
from ftc.errors import FtcError  # noqa: E402
from ftc.facts import architecture  # noqa: E402
from ftc.memory.formula import Job, Shape, estimate  # noqa: E402
from ftc.memory.job import GIB  # noqa: E402
from ftc.memory.phases import phases  # noqa: E402
from ftc.run import environments, layout  # noqa: E402

FOLDER = ROOT / "tests" / "oracle"
LIGER = FOLDER / "liger.txt"
STORED = FOLDER / "measured.json"
PAGE = ROOT / "docs" / "memory.md"
START, END = "<!-- made by tools/oracle.py -->", "<!-- end of the oracle's table -->"
TOOLS = {"llamafactory": "0.9.5", "axolotl": "0.21.0"}


class Case(NamedTuple):
    """A slice of a model and a job; `tools` are the backends in whose environment it is run."""

    name: str
    family: str
    config: dict[str, Any]
    shape: Shape
    job: Job
    tools: tuple[str, ...]
    held_out: bool
    first_error: float | None


class Row(NamedTuple):
    """What the formula says beside what the oracle measured, in GiB."""

    case: Case
    tool: str
    phase: str
    at: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Share by which the formula is above (+) or below (-) the oracle."""
        return self.predicted / self.measured - 1


def cases() -> list[Case]:
    """Every case of the file."""
    data = tomllib.loads((FOLDER / "cases.toml").read_text("utf-8"))
    return [_case(row, data["models"][row["model"]], data["defaults"]) for row in data["case"]]


def _case(row: dict[str, Any], model: dict[str, Any], defaults: dict[str, Any]) -> Case:
    config = model | {"num_hidden_layers": row.get("layers", defaults["layers"])}
    config["vocab_size"] = row.get("vocab", config["vocab_size"])
    if config.get("pad_token_id", 0) >= config["vocab_size"]:
        config["pad_token_id"] = 0
    job = defaults["job"] | row.get("job", {})
    job = {key: tuple(value) if isinstance(value, list) else value for key, value in job.items()}
    tools = (row["tool"],) if "tool" in row else tuple(TOOLS)[: 2 if row.get("both") else 1]
    name = f"{row['model']} {row['name']}"
    return Case(
        name=name,
        family=config["model_type"],
        config=config,
        shape=architecture.shape(config, name),
        job=Job(**job),
        tools=tools,
        held_out=row.get("held_out", False),
        first_error=row.get("first_error"),
    )


def measure(tool: str, chosen: Iterable[Case], *words: str) -> dict[str, Any]:
    """Run the oracle in a backend's environment: an answer for each case. Liger and Axolotl's
    kernels change a model's classes for good: the one comes last, the others in a new process."""
    chosen = sorted(chosen, key=lambda case: case.job.liger)
    own = [case for case in chosen if case.job.lora_kernels]
    rest = [case for case in chosen if not case.job.lora_kernels]
    return {
        name: answer
        for part in (rest, own)
        if part
        for name, answer in _run(tool, part, words).items()
    }


def _run(tool: str, chosen: list[Case], words: Iterable[str]) -> dict[str, Any]:
    found = environments.require(tool, TOOLS[tool])
    asked = [{"name": c.name, "config": c.config, "job": asdict(c.job)} for c in chosen]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "cases.json"), Path(folder, "answers.json")
        source.write_text(json.dumps(asked), "utf-8")
        own = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        if any(case.job.liger for case in chosen):
            own["PYTHONPATH"] = str(liger())
        command = [str(found.python), str(FOLDER / "main.py"), str(source), str(target), *words]
        subprocess.run(command, env=layout.variables(found, offline=True) | own, check=True)
        answers: dict[str, Any] = json.loads(target.read_text("utf-8"))
        return answers


def liger() -> Path:
    """Liger's package, which no environment of ftc holds; FtcError where it was not fetched."""
    folder = resources.cache() / "oracle" / hashlib.sha256(LIGER.read_bytes()).hexdigest()[:12]
    if not (folder / "liger_kernel").is_dir():
        raise FtcError(f"{folder}: Liger is not there", hint="python tools/oracle.py --fetch")
    return folder


def fetch() -> None:
    """Lay Liger's package into ftc's cache; no environment changes."""
    folder = resources.cache() / "oracle" / hashlib.sha256(LIGER.read_bytes()).hexdigest()[:12]
    if (folder / "liger_kernel").is_dir():
        return
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--disable-pip-version-check", "--target", str(folder), "-r", str(LIGER)]
    subprocess.run(command, check=True)


def update(names: list[str]) -> None:
    """Measure the cases whose names hold one of the words (all without any), and store it."""
    words = [name for name in names if not name.startswith("-")]
    stored = json.loads(STORED.read_text("utf-8")) if words else {}
    for tool in TOOLS:
        chosen = [case for case in cases() if tool in case.tools]
        chosen = [c for c in chosen if not words or any(word in c.name for word in words)]
        if chosen:
            found = stored.get(tool, {}) if words else {}
            stored[tool] = found | measure(tool, chosen)
    STORED.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")


def rows(stored: dict[str, dict[str, Any]]) -> list[Row]:
    """Formula beside oracle, a row for each training step and each evaluation step."""
    made = []
    for case in cases():
        for tool in case.tools:
            answer = stored.get(tool, {}).get(case.name)
            if answer is None or "error" in answer:
                continue
            said = estimate(case.shape, case.job).allocated
            made.append(Row(case, tool, "train", answer["at"], answer["train"] / GIB, said))
            if case.job.eval_batch:
                found = answer["evaluation"] / GIB
                said = phases(case.shape, case.job)[1].allocated
                made.append(Row(case, tool, "evaluation", "evaluation", found, said))
    return made


def table(made: list[Row]) -> str:
    """Markdown: cases, median, 90th percentile and worst absolute error, by family."""
    groups: dict[str, list[float]] = {family: [] for family in sorted(_families(made))}
    for row in made:
        groups[row.case.family].append(row.error)
    held = [row for row in made if row.case.held_out]
    first = {row.case.name: row.case.first_error for row in made if row.case.first_error}
    groups["**all**"] = [row.error for row in made]
    groups["**looked at while terms were made**"] = [
        row.error for row in made if not row.case.held_out
    ]
    groups["**held out**"] = [row.error for row in held]
    groups["held out, with those that led to a term after all"] = [
        *groups["**held out**"],
        *(error / 100 for error in first.values()),
    ]
    head = ["| traces | number | median error | 90 % within | worst |", "|---|---|---|---|---|"]
    return "\n".join(head + [_line(name, group) for name, group in groups.items()])


def _families(made: list[Row]) -> set[str]:
    return {row.case.family for row in made}


def _line(name: str, errors: list[float]) -> str:
    sizes = sorted(abs(error) for error in errors)
    ninety = sizes[min(len(sizes) - 1, round(0.9 * (len(sizes) - 1)))]
    middle = statistics.median(sizes)
    return f"| {name} | {len(sizes)} | {middle:.2%} | {ninety:.2%} | {sizes[-1]:.2%} |"


def page(text: str, block: str) -> str:
    """The documentation page with the table between its two marks replaced."""
    before, rest = text.split(START, 1)
    return f"{before}{START}\n\n{block}\n\n{END}{rest.split(END, 1)[1]}"


def main() -> None:
    """Print the table, measure anew, or write the page."""
    words = sys.argv[1:]
    if "--fetch" in words:
        fetch()
        return
    if "--explain" in words:
        name, *phase = words[words.index("--explain") + 1 :]
        case = next(case for case in cases() if case.name == name)
        measure(case.tools[0], [case], name, *phase)
        return
    if "--measure" in words:
        update(words[words.index("--measure") + 1 :])
    stored = json.loads(STORED.read_text("utf-8"))
    for tool, answers in stored.items():
        for name, answer in answers.items():
            if "error" in answer:
                print(f"{tool} {name}: {answer['error']}")
    made = rows(stored)
    if "-v" in words:
        shown = [row for row in made if "--held-out" in words or not row.case.held_out]
        for row in sorted(shown, key=lambda row: abs(row.error)):
            mark = "*" if row.case.held_out else " "
            sizes = f"{row.measured:7.3f} {row.predicted:7.3f}"
            print(f"{row.error:+7.2%}{mark} {sizes} {row.at:10} {row.tool[:3]} {row.case.name}")
    before = PAGE.read_text("utf-8")
    after = page(before, table(made))
    if "--check" in words and after != before:
        sys.exit("out of date: memory.md; run: make docs")
    if "--write" in words:
        PAGE.write_text(after, "utf-8")
    elif "--check" not in words:
        print(table(made))


if __name__ == "__main__":
    main()
