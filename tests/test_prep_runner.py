"""ftc prepare as a whole: what runs again, what is left by a killed run, what is said."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

from ftc import recipe as recipes
from ftc.errors import FtcError
from ftc.prep import result, runner
from ftc.prep.prepare import prepare

ROWS = 20_000  # two batches
TEXT = """
name = "sums"
model = "some/model"

[training]
seed = 7

[prepare]
sources = ["raw"]
{settings}
"""
NAMES = ("copper", "linen", "cedar", "amber", "granite", "velvet", "saffron", "walnut", "cobalt")


def folder(path, rows=200, settings=""):
    """A recipe with rows of sums, some of them twice, and a text with questions."""
    (path / "raw").mkdir(parents=True)
    draw = random.Random(1)
    with (path / "raw" / "sums.jsonl").open("w") as out:
        for i in range(rows):
            a, b = i, draw.randrange(1000)
            things = " ".join(draw.choices(NAMES, k=3))
            asked = f"How many {things} boxes are {a} and {b} boxes?"
            row = {"instruction": asked, "output": f"Together they are {a + b} {things} boxes."}
            out.write(json.dumps(row) + "\n")
            if i % 50 == 0:
                out.write(json.dumps(row) + "\n")
    (path / "raw" / "notes.md").write_text(
        "# What is a lantern?\n\nA lamp in a case of glass, made to be carried in the hand.\n"
    )
    (path / "recipe.toml").write_text(TEXT.format(settings=settings))
    return path


def run(path, **options):
    return prepare(recipes.load(path / "recipe.toml"), path, **options)


def fresh(prepared):
    return [it.done.step for it in prepared.ran if it.fresh]


def files(path):
    """Everything that a run leaves, by name; not the notes of how old the sources were."""
    root = path / "prepared" / "sums"
    found = {it.relative_to(root): it.read_bytes() for it in root.rglob("*") if it.is_file()}
    return {name: text for name, text in found.items() if name.name != result.STATE}


@pytest.fixture
def small(tmp_path):
    return folder(tmp_path / "small")


def test_what_has_not_changed_does_not_run_again(small):
    steps = runner.names(recipes.load(small / "recipe.toml").preparation)
    first = run(small)
    assert fresh(first) == steps
    before = files(small)
    assert fresh(run(small)) == []
    assert files(small) == before
    state = result.read(small / "prepared" / "sums")
    assert (state.train, state.eval) == first.split[:2]
    assert state.train + state.eval == first.ran[-1].done.rows > 190


def test_a_setting_runs_its_step_and_what_follows(small):
    steps = runner.names(recipes.load(small / "recipe.toml").preparation)
    run(small)
    text = (small / "recipe.toml").read_text()
    (small / "recipe.toml").write_text(text + "[prepare.diversity]\nmin_share = 0.3\n")
    assert fresh(run(small)) == steps[steps.index("diversity") :]
    folders = sorted(it.name.rsplit("-", 1)[0] for it in (small / "prepared/sums/steps").iterdir())
    assert folders == sorted([*steps, "split.parquet"])  # earlier results are gone


def test_a_changed_source_runs_all(small):
    steps = runner.names(recipes.load(small / "recipe.toml").preparation)
    run(small)
    with (small / "raw" / "sums.jsonl").open("a") as out:
        out.write('{"instruction": "How many is one?", "output": "One is one, and no more."}\n')
    again = run(small)
    assert fresh(again) == steps
    assert again.ran[0].done.rows == 206


def test_only_stops_after_a_step(small):
    assert fresh(run(small, last="clean")) == ["collect", "clean"]
    assert run(small, last="collect").split is None
    assert not (small / "prepared" / "sums" / "train.jsonl").exists()
    with pytest.raises(FtcError, match="no step 'cleaning' in this recipe"):
        run(small, last="cleaning")


def test_skipped_steps_are_left_out(tmp_path):
    path = folder(tmp_path / "skipped", settings='skip = ["clean", "quality", "diversity"]')
    got = [it.done.step for it in run(path).ran]
    assert not {"clean", "quality", "diversity"} & set(got)
    assert got[0] == "collect"


def test_the_rows_are_those_that_are_built_on(small):
    run(small)
    recipe = recipes.load(small / "recipe.toml")
    used = result.used(recipe, small)
    assert used.data.path == "prepared/sums/train.jsonl"
    assert used.data.eval_path == "prepared/sums/eval.jsonl"
    assert used.data.eval == 0.0


def test_rows_that_are_out_of_date_are_not_built_on(small):
    recipe = recipes.load(small / "recipe.toml")
    with pytest.raises(FtcError, match="holds no prepared rows"):
        result.used(recipe, small)
    run(small)
    (small / "raw" / "notes.md").touch()
    assert result.used(recipe, small) is not recipe  # an older or younger file of the same content
    (small / "raw" / "notes.md").write_text("# Other words\n")
    with pytest.raises(FtcError, match=r"raw/notes.md has changed since it was prepared"):
        result.used(recipe, small)
    (small / "raw" / "notes.md").unlink()
    with pytest.raises(FtcError, match=r"raw/notes.md is gone"):
        result.used(recipe, small)


def test_rows_of_the_eval_file_are_looked_for(small):
    asked = "How many copper cedar linen boxes are three and four boxes?"
    row = {"instruction": asked, "output": "Together they are seven copper cedar linen boxes."}
    (small / "held.jsonl").write_text(json.dumps(row) + "\n")
    with (small / "raw" / "sums.jsonl").open("a") as out:
        out.write(json.dumps(row) + "\n")
    text = (small / "recipe.toml").read_text() + '[data]\neval_path = "held.jsonl"\n'
    (small / "recipe.toml").write_text(text)
    steps = {it.done.step: it.done for it in run(small).ran}
    assert steps["decontaminate"].dropped == {"contains an eval item": 1}
    assert not (small / "prepared" / "sums" / "eval.jsonl").exists()
    assert result.used(recipes.load(small / "recipe.toml"), small).data.eval_path == "held.jsonl"


def test_data_and_prepare_are_not_both_given(small):
    text = (small / "recipe.toml").read_text() + '[data]\npath = "x.jsonl"\n'
    with pytest.raises(FtcError, match=r"data.path and \[prepare\] are both given"):
        result.used(recipes.parse(text, "recipe.toml"), small)


def test_nothing_left_says_what_dropped_it(tmp_path):
    path = folder(
        tmp_path / "none", settings='language = "fr"\n[prepare.clean]\ndrop_language = true'
    )
    with pytest.raises(FtcError, match=r"prepare\.\w+: no row is left after this step") as error:
        run(path)
    assert " x " in str(error.value)


def test_strict_stops_at_the_first_bad_place(tmp_path):
    path = folder(tmp_path / "strict", settings="strict = true")
    (path / "raw" / "sums.jsonl").write_text('{"instruction": "a", "output"\n')
    with pytest.raises(FtcError, match=r"raw/sums.jsonl") as error:
        run(path)
    assert "take strict out" in error.value.hint
    (path / "recipe.toml").write_text(TEXT.format(settings=""))
    assert run(path).ran[0].done.dropped


def test_a_broken_result_is_said(small):
    run(small)
    for it in (small / "prepared/sums/steps").glob("collect-*/rows/*.parquet"):
        it.write_bytes(b"PAR1 no more")
    text = (small / "recipe.toml").read_text()
    (small / "recipe.toml").write_text(text.replace("seed = 7", "seed = 8"))
    with pytest.raises(FtcError, match="is broken or gone"):
        run(small)


# Runs that do not come to their end


def start(path, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "ftc", "prepare", "recipe.toml", "--cores", "2", *arguments],
        cwd=path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An undisturbed run over several batches, and what it left."""
    path = folder(tmp_path_factory.mktemp("large") / "one", ROWS)
    process = start(path)
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "training rows" in out
    return path, files(path)


def other(large, tmp_path):
    """The same recipe and sources elsewhere."""
    path = tmp_path / "two"
    path.mkdir()
    shutil.copytree(large[0] / "raw", path / "raw")
    shutil.copy(large[0] / "recipe.toml", path)
    return path


def test_a_run_on_one_core_leaves_the_same(large, tmp_path):
    path = other(large, tmp_path)
    run(path, cores=1)
    assert files(path) == large[1]


def test_killed_in_every_step_and_run_again(large, tmp_path):
    path = other(large, tmp_path)
    draw = random.Random(5)
    steps = runner.names(recipes.load(path / "recipe.toml").preparation)
    killed = []
    for i, step in enumerate(steps):
        process = start(path)
        for line in process.stderr:
            if any(line.startswith(f"preparing: {name} ") for name in steps[i:]):
                break
        try:
            process.wait(draw.uniform(0.05, 0.9))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            killed.append(step)
        process.communicate()
    assert len(killed) >= len(steps) // 2  # some are over sooner than we come
    process = start(path)
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert files(path) == large[1]


def test_interrupted_and_run_again(large, tmp_path):
    path = other(large, tmp_path)
    process = start(path)
    for line in process.stderr:
        if line.startswith("preparing: clean"):
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert error.endswith("the same command goes on from there.\n")
    assert "Traceback" not in error
    process = start(path)
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert files(path) == large[1]


def test_two_runs_at_once(large, tmp_path):
    path = other(large, tmp_path)
    first = start(path)
    for line in first.stderr:
        if line.startswith("preparing: collect"):
            break
    first.send_signal(signal.SIGSTOP)  # or it may be through before the second one looks
    second = start(path)
    _, error = second.communicate()
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "another ftc prepare is at work here" in error


def test_a_ray_cluster_leaves_the_same(large, tmp_path):
    path = other(large, tmp_path)
    process = start(path, "--engine", "ray")
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert files(path) == large[1]


def test_nobody_is_told_of_it():
    """Daft and Ray report their use to their makers unless they are told not to."""
    code = """
from ftc.prep import engine
engine.load("local")
from daft.scarf_telemetry import opted_out
from ray._common.usage.usage_lib import usage_stats_enabled
assert opted_out() and not usage_stats_enabled()
"""
    told = {**os.environ, "DO_NOT_TRACK": "false", "DAFT_ANALYTICS_ENABLED": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=told)
