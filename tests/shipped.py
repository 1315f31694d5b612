"""The recipes that ship with ftc, where they can be built: what has [prepare] is prepared first."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from ftc import recipe as recipes
from ftc.prep.prepare import prepare

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
COPY = tempfile.TemporaryDirectory(prefix="ftc-recipes-")  # goes with the process


@cache
def place(path):
    """A shipped recipe that can be built: itself, or a copy beside its prepared rows."""
    if recipes.load(path).preparation is None:
        return path
    folder = Path(COPY.name) / "recipes"
    if not folder.exists():
        shutil.copytree(ROOT / "recipes", folder)
        (folder.parent / "models").symlink_to(ROOT / "models")
    prepare(recipes.load(folder / path.name), folder, cores=1)
    return folder / path.name
