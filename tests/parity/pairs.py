"""Builds cases for both tools, asks both in a batch, and compares what they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ftc.build import Built, Refused
from ftc.errors import FtcError
from ftc.facts import tokenizer
from ftc.parity import probe
from ftc.parity.compare import compare
from ftc.parity.pieces import pieces
from ftc.parity.records import Level, Told
from ftc.parity.report import Report
from ftc.plan import Plan
from parity import matrix
from parity.matrix import Case

Tool = tuple[str, str]  # backend, version
FACTORY: Tool = ("llamafactory", matrix.FACTORY)
AXOLOTL: Tool = ("axolotl", matrix.AXOLOTL)
OLD_AXOLOTL: Tool = ("axolotl", matrix.OLD_AXOLOTL)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Pair:
    """The builds of one case for both tools; `refused` says why there are none."""

    case: Case
    builds: Mapping[Tool, Built]
    refused: str = ""

    @property
    def plan(self) -> Plan:
        """The same for both tools."""
        return next(iter(self.builds.values())).plan


@dataclass(frozen=True)
class Bench:
    """Where everything is put, which Axolotl is asked, and who hears what is being done.

    `libraries` is filled by what the tools say of themselves.
    """

    folder: Path
    axolotl: Tool = AXOLOTL
    say: Say = lambda text: None
    libraries: dict[Tool, Mapping[str, str]] = field(default_factory=dict)

    @property
    def tools(self) -> tuple[Tool, Tool]:
        """Axolotl first, as in the reports."""
        return self.axolotl, FACTORY


def built(bench: Bench, cases: Iterable[Case]) -> list[Pair]:
    """The builds of each case; a recipe that ftc refuses, for either tool, has none."""
    return [_pair(bench, case) for case in cases]


def _pair(bench: Bench, case: Case) -> Pair:
    try:
        made = {tool: matrix.built(case, bench.folder, *tool) for tool in bench.tools}
    except Refused as refused:
        errors = [it.message for it in refused.findings if it.severity == "error"]
        return Pair(case, {}, "; ".join(errors))
    except FtcError as error:
        return Pair(case, {}, str(error).splitlines()[0])
    return Pair(case, made)


def told(
    bench: Bench,
    tool: Tool,
    folders: Sequence[Path],
    level: Level,
    *,
    steps: int = 20,
    averaging: str | None = None,
) -> list[Told]:
    """What one tool says of many build folders, in one process of it."""
    if not folders:
        return []
    bench.say(f"{tool[0]} {tool[1]}: {len(folders)} builds, {level}")
    found = probe.several(
        folders,
        level=level,
        steps=steps,
        averaging=averaging,
        offline=True,
        workspace=bench.folder / "probes",
    )
    bench.libraries[tool] = found[0].libraries
    return found


def compared(
    bench: Bench,
    pairs: Sequence[Pair],
    level: Level,
    *,
    steps: int = 20,
    predict: bool = False,
) -> list[Report | None]:
    """A report for each pair, None for a refused one. `predict`: see `ftc.parity.compare`."""
    able = [pair for pair in pairs if pair.builds]
    sides = asked(bench, able, level, steps=steps)
    foreseen: Sequence[Told | None] = [None] * len(able)
    if predict:
        folders = [pair.builds[FACTORY].folder for pair in able]
        foreseen = told(bench, FACTORY, folders, level, steps=steps, averaging="micro-batches")
    reports = iter(
        [
            report(*one, level, predicted)
            for *one, predicted in zip(able, sides, foreseen, strict=True)
        ]
    )
    return [next(reports) if pair.builds else None for pair in pairs]


def asked(
    bench: Bench, pairs: Sequence[Pair], level: Level, *, steps: int = 20
) -> list[tuple[Told, Told]]:
    """What both tools say of each pair, Axolotl first."""
    sides = [
        told(bench, tool, [pair.builds[tool].folder for pair in pairs], level, steps=steps)
        for tool in bench.tools
    ]
    return list(zip(*sides, strict=True))


def report(
    pair: Pair, sides: tuple[Told, Told], level: Level, predicted: Told | None = None
) -> Report:
    """The comparison of what both tools told of one case."""
    model = Path(pair.plan.model) / "tokenizer.json"
    return compare(pair.plan, sides, level, pieces(tokenizer.load(model)), predicted=predicted)
