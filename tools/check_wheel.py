"""Builds the wheel and checks that it holds the tree, and that ftc works from it.

Compares the wheel's names with the files that git knows below compiler/ftc, templates and recipes,
then unpacks it elsewhere and runs it there with the dependencies of this interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = {"compiler/ftc": "ftc", "templates": "ftc/templates", "recipes": "ftc/recipes"}


def main() -> int:
    """Exit code 0 when the wheel is whole."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", scratch]
        subprocess.run([*command, str(ROOT)], check=True, stdout=subprocess.DEVNULL)
        wheel = next(folder.glob("ftc-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            inside = {name for name in archive.namelist() if ".dist-info/" not in name}
            archive.extractall(folder / "site")
        wanted = _tree()
        for name in sorted(wanted - inside):
            print(f"missing from the wheel: {name}", file=sys.stderr)
        for name in sorted(inside - wanted):
            print(f"not in the tree: {name}", file=sys.stderr)
        _works(folder)
    print(f"wheel: {len(inside)} files, as in the tree")
    return int(inside != wanted)


def _tree() -> set[str]:
    names = set()
    for source, target in PARTS.items():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", source],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\n")
        names |= {target + name.removeprefix(source) for name in listed if name}
    return names


def _works(folder: Path) -> None:
    """A recipe that ships inside the wheel builds for both tools, away from the checkout."""
    environment = os.environ | {"PYTHONPATH": str(folder / "site")}
    recipe = folder / "site" / "ftc" / "recipes" / "lora-7b-48gb.toml"
    for arguments in (
        ["--version"],
        ["build", str(recipe), "--backend", "axolotl", "--offline"],
        ["build", str(recipe), "--backend", "llamafactory", "--offline"],
    ):
        subprocess.run(
            [sys.executable, "-m", "ftc", *arguments],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    sys.exit(main())
