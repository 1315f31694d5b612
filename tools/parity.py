"""Runs both tools over the parity matrix; the full run writes docs/parity.md.

make parity                                all families, every section, and the page
make parity FAMILIES="qwen2.5 mistral"     the tokens of these, and the short runs of the others

Exits with 1 when a goal is missed. Needs the environments of both tools (make backends). What it
imports from `parity` stands in tests/parity; the Makefile puts tests on the path.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from parity import cells, curves, models, mutations, page, schedules
from parity.page import Findings
from parity.pairs import OLD_AXOLOTL, Bench

PAGE = Path(__file__).parents[1] / "docs" / "parity.md"


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 when a goal is missed."""
    options = _parser().parse_args(arguments)
    unknown = set(options.families) - set(models.families())
    if unknown:
        print(f"no such family: {', '.join(unknown)}; there are {', '.join(models.families())}")
        return 2
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="ftc-parity-") as folder:
        bench = Bench(Path(options.folder or folder), say=say)
        found = part(bench, options.families) if options.families else whole(bench)
    if not options.families:
        PAGE.write_text(page.text(found, bench.libraries, date.today().isoformat()), "utf-8")
        print(f"wrote {PAGE}")
    return _summed(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="families.toml names them; all when none")
    parser.add_argument("--folder", help="where builds and logs are kept")
    return parser


def whole(bench: Bench) -> Findings:
    """Everything, with both versions of Axolotl."""
    old = Bench(bench.folder, OLD_AXOLOTL, bench.say, bench.libraries)
    wanted = curves.wanted()
    return Findings(
        cells=cells.cells(bench, models.families()),
        lines=schedules.lines(bench, schedules.combinations()),
        curves=[*curves.curves(bench, wanted), *curves.curves(old, curves.older(wanted))],
        outcomes=mutations.outcomes(bench),
    )


def part(bench: Bench, families: Sequence[str]) -> Findings:
    """The tokens of some families, and the short lists of the other sections."""
    return Findings(
        cells=cells.cells(bench, families),
        lines=schedules.lines(bench, schedules.combinations(short=True)),
        curves=curves.curves(bench, curves.short()),
        outcomes=mutations.outcomes(bench, short=True),
    )


def _summed(found: Findings) -> int:
    for name, items in vars(found).items():
        print(f"{name}: {sum(it.good for it in items)} of {len(items)} as they should be")
    missed = found.missed()
    print("\n".join(missed) if missed else "every goal is met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
