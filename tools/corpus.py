"""Converts every config of a folder, asks the real parsers, and prints what came of it.

make corpus CORPUS=FOLDER [FORMAT=json]

Exits with 1 when a goal is missed. Needs the environments of both tools (make backends). What it
imports from `corpus` and `backends` stands in tests; the Makefile puts tests on the path.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from corpus import account, measure


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 when a goal is missed, 2 when there is nothing to measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args(arguments)
    found = list(measure.measured(options.folder))
    if not found:
        print(f"{options.folder}: holds no config", file=sys.stderr)
        return 2
    told = account.figures(found, *account.asked(found))
    as_json = options.format == "json"
    print(json.dumps(told, indent=1, default=str) if as_json else account.page(told))
    return 0 if all(goal.met for goal in account.goals(told)) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
