"""One setting changed by hand in a finished build folder: is the difference noticed?"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ftc.parity import pinned
from ftc.parity.records import Told
from ftc.parity.report import Report
from ftc.run.launch import config_of
from parity import models, pairs
from parity.matrix import Case
from parity.pairs import Bench, Pair


@dataclass(frozen=True)
class Mutation:
    """One entry of mutations.toml."""

    base: str
    backend: str
    said: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What is changed, in words."""
        if "file" in self.said:
            line = self.said.get("line")
            return f"{self.said['file']}: " + (f"without line {line}" if line else "another text")
        return f"{self.said['key']}: " + (json.dumps(self.said["to"]) if "to" in self.said else "-")


@dataclass(frozen=True)
class Outcome:
    """`noticed` says in which words; "" when the reports stay equal. A control has no mutation."""

    base: str
    mutation: Mutation | None
    noticed: str

    @property
    def good(self) -> bool:
        """A mutation is noticed, a control is not."""
        return bool(self.noticed) == (self.mutation is not None)


def table(short: bool = False) -> tuple[dict[str, Case], list[Mutation]]:
    """The bases and the mutations; `short`: those of the short run."""
    said = tomllib.loads((models.HERE / "mutations.toml").read_text("utf-8"))
    cases = {name: Case(**row) for name, row in said["base"].items()}
    found = [
        Mutation(row["base"], row["tool"], row)
        for row in said["mutation"]
        if row.get("ci") or not short
    ]
    return cases, found


def outcomes(bench: Bench, short: bool = False) -> list[Outcome]:
    """Controls first, then every mutation; each tool is asked once."""
    cases, wanted = table(short)
    made = dict(zip(cases, pairs.built(bench, cases.values()), strict=True))
    if refused := [pair.refused for pair in made.values() if pair.refused]:
        raise ValueError(refused[0])
    told: dict[Path, Told] = {}
    changed: dict[int, Path] = {}
    for tool in bench.tools:
        folders = [pair.builds[tool].folder for pair in made.values()]
        for number, mutation in enumerate(wanted):
            if mutation.backend == tool[0]:
                changed[number] = mutated(made[mutation.base].builds[tool].folder, mutation, number)
                folders.append(changed[number])
        told |= dict(zip(folders, pairs.told(bench, tool, folders, "steps"), strict=True))
    controls = [Outcome(base, None, _seen(bench, pair, told, {})) for base, pair in made.items()]
    return controls + [
        Outcome(it.base, it, _seen(bench, made[it.base], told, {it.backend: changed[number]}))
        for number, it in enumerate(wanted)
    ]


def _seen(bench: Bench, pair: Pair, told: Mapping[Path, Told], instead: Mapping[str, Path]) -> str:
    """The first words of the report of a pair with a folder put in one build's place."""
    one, two = (told[instead.get(tool[0], pair.builds[tool].folder)] for tool in bench.tools)
    return words(pairs.report(pair, (one, two), "steps"))


def words(report: Report) -> str:
    """What an unequal report says first, "" for an equal one."""
    if report.equal:
        return ""
    bad = [group for group in report.groups if not group.reason.harmless]
    return "; ".join(dict.fromkeys(group.reason.what for group in bad[:2])) or "; ".join(
        f"{it.level}: {it.text}" for it in report.verdicts if it.state == "different"
    )


def mutated(folder: Path, mutation: Mutation, number: int) -> Path:
    """A copy of a build folder with the one change."""
    copy = folder.with_name(f"{folder.name}-mutation-{number}")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    if "file" in mutation.said:
        _rewrite(copy / mutation.said["file"], mutation.said)
        return copy
    config = pinned.config(copy, mutation.backend)
    put(config, mutation.said["key"].split("."), mutation.said)
    text = yaml.safe_dump(config) if mutation.backend == "axolotl" else json.dumps(config)
    (copy / config_of(mutation.backend)).write_text(text, "utf-8")
    return copy


def put(config: Any, path: Sequence[str], said: Mapping[str, Any]) -> None:
    """Changes or takes out what stands at a path; KeyError when nothing is changed by that."""
    steps: list[Any] = [int(part) if part.isdecimal() else part for part in path]
    for step in steps[:-1]:
        config = config[step]
    last = steps[-1]
    if "to" not in said:
        del config[last]
    elif isinstance(config, dict) and config.get(last) == said["to"]:
        raise KeyError(f"{'.'.join(path)} is {said['to']!r} already")
    else:
        config[last] = said["to"]


def _rewrite(path: Path, said: Mapping[str, Any]) -> None:
    lines = path.read_text("utf-8").splitlines(keepends=True)
    if "line" in said:
        del lines[said["line"] - 1]
    elif not any(said["was"] in line for line in lines):
        raise KeyError(f"{path}: no {said['was']!r}")
    path.write_text("".join(lines).replace(said.get("was", "\0"), said.get("text", "")), "utf-8")
