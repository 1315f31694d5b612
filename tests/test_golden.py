"""Every shipped recipe for every supported backend version, held to what is real.

The rendered files equal their golden ones; they parse and hold every native value; they read back
to the plan they came from; and the backend's own validator accepts them with no key ignored.
`FTC_UPDATE_GOLDEN=1` writes the golden files anew: read the diff.
"""

import json
import os
from pathlib import Path

import pytest
import yaml
from backends.environment import drive
from shipped import COPY, RECIPES, ROOT, place

from ftc import backends as tools
from ftc.backends.versions import VERSIONS
from ftc.build import build, compile_recipe, findings

GOLDEN = Path(__file__).parent / "golden"
PAIRS = [(recipe, line) for recipe in RECIPES for line in VERSIONS]
IDS = [f"{recipe.stem}-{line.backend}-{line.version}" for recipe, line in PAIRS]
# The rows are the data tests' part; hashes follow from the rest; the plan is large.
LEFT_OUT = {"train.jsonl", "eval.jsonl", "ftc.lock", "plan.json", "recipe.toml", "ftc_axolotl.py"}


def test_there_are_recipes():
    assert len(RECIPES) >= 8


@pytest.fixture(scope="module", autouse=True)
def no_hub(tmp_path_factory):
    """What a hub cache of this machine holds must not change a golden file."""
    before = {name: os.environ.get(name) for name in ("HF_HOME", "HF_HUB_CACHE")}
    os.environ["HF_HOME"] = os.environ["HF_HUB_CACHE"] = str(tmp_path_factory.mktemp("hub"))
    yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(recipe, backend, version) -> build folder, each built once."""
    out = tmp_path_factory.mktemp("build")
    made = {}

    def folder(recipe, line):
        key = (recipe, line.name)
        if key not in made:
            target = out / line.name
            made[key] = build(place(recipe), line.backend, line.version, out=target, offline=True)
        return made[key]

    return folder


def texts(folder):
    """The files of a build, with this checkout's path taken out."""
    return {
        path.name: path.read_text("utf-8")
        .replace(str(ROOT), "<checkout>")
        .replace(COPY.name, "<checkout>")
        for path in sorted(folder.iterdir())
        if path.name not in LEFT_OUT
    }


@pytest.mark.parametrize(("recipe", "line"), PAIRS, ids=IDS)
def test_golden(built, recipe, line):
    found = texts(built(recipe, line).folder)
    golden = GOLDEN / recipe.stem / f"{line.backend}-{line.version}"
    if os.environ.get("FTC_UPDATE_GOLDEN"):
        golden.mkdir(parents=True, exist_ok=True)
        for old in golden.iterdir():
            old.unlink()
        for name, text in found.items():
            (golden / name).write_text(text, "utf-8")
    wanted = {path.name: path.read_text("utf-8") for path in sorted(golden.iterdir())}
    assert found == wanted


def config(folder, line):
    text = (folder / tools.get(line.backend).CONFIG).read_text("utf-8")
    return yaml.safe_load(text) if line.backend == "axolotl" else json.loads(text)


@pytest.mark.parametrize(("recipe", "line"), PAIRS, ids=IDS)
def test_parses_holds_everything_and_reads_back(built, recipe, line):
    done = built(recipe, line)
    tool = tools.get(line.backend)
    native = tool.native(done.plan, line.version)
    assert config(done.folder, line) == json.loads(json.dumps(native))
    read = tool.read(config(done.folder, line), line.version)
    values = done.plan.values()
    covered = set(values) - set(tool.UNCOVERED)
    told = {name: values[name] for name in read}
    assert read == told
    silent = {name for name in covered - set(read) if values[name] not in (None, (), "", False, 0)}
    assert not silent, f"{silent} are in the plan and cannot be read back"


@pytest.mark.parametrize("line", VERSIONS, ids=[line.name for line in VERSIONS])
@pytest.mark.backend
def test_the_real_validator_accepts(built, line):
    cases = [
        {"name": recipe.stem, "config": config(built(recipe, line).folder, line)}
        for recipe in RECIPES
    ]
    said = drive(line.backend, line.version, "validate", {"cases": cases, "gpu": True})
    answers = said["cases"] if line.backend == "llamafactory" else said
    assert set(answers) == {recipe.stem for recipe in RECIPES}
    for name, answer in answers.items():
        assert not answer["error"], f"{name}: {answer['error']}"
        # LLaMA-Factory refuses an unknown key by itself; Axolotl would ignore it.
        assert not answer.get("ignored"), f"{name}: {answer}"


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.stem for recipe in RECIPES])
def test_both_tools_get_the_same_rows_and_the_same_plan(built, recipe):
    names = ("train.jsonl", "eval.jsonl", "plan.json", "data.json")
    first, *others = [built(recipe, line).folder for line in VERSIONS]
    for other in others:
        for name in names:
            assert (first / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.stem for recipe in RECIPES])
def test_header_says_what_for_on_what_card_and_how(recipe):
    head = recipe.read_text("utf-8").split("\n\n")[0]
    assert "# Card: " in head
    assert f"ftc run recipes/{recipe.name} --backend " in head


def test_same_recipe_same_bytes(tmp_path):
    recipe = ROOT / "recipes" / "lora-7b-48gb.toml"
    for backend, version in (("axolotl", "0.21.0"), ("llamafactory", "0.9.5")):
        one = build(recipe, backend, version, out=tmp_path / "one", offline=True).folder
        two = build(recipe, backend, version, out=tmp_path / "two", offline=True).folder
        assert one.name == two.name
        for path in one.iterdir():
            assert path.read_bytes() == (two / path.name).read_bytes()


def test_no_shipped_recipe_has_an_error():
    for recipe in RECIPES:
        found = findings(compile_recipe(place(recipe), offline=True))
        assert not [it for it in found if it.severity == "error"], recipe
