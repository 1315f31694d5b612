"""ftc data: the steps, the story of a row, groups of duplicates, sheets out and back."""

import json
import subprocess
import sys
import tomllib

import pytest
from test_prep_runner import folder, run

from ftc import recipe as recipes
from ftc.errors import FtcError
from ftc.prep import result
from ftc.survey import selection, text
from ftc.survey.originals import originals
from ftc.survey.plot import picture
from ftc.survey.statistics import statistics
from ftc.survey.steps import survey
from ftc.survey.story import story

LONG = "It stands on the shelf by the door, " * 3


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A prepared recipe: rows, some twice, one far too like another, and a question in a text."""
    path = folder(tmp_path_factory.mktemp("survey") / "one")
    (path / "raw" / "talk.txt").write_text(
        f"Q: Where is the lamp of the cellar?\nA: {LONG}beside the old clock.\n"
    )
    run(path)
    return path


def recipe(path):
    return recipes.load(path / "recipe.toml")


def rows(path, part="train"):
    text_ = (path / "prepared" / "sums" / f"{part}.jsonl").read_text()
    return [json.loads(line) for line in text_.splitlines()]


def test_the_steps(done):
    found = survey(recipe(done), done, samples=2)
    assert [it.step for it in found.steps][:2] == ["collect", "clean"]
    assert all(it.current for it in found.steps)
    assert found.waiting == ()
    assert found.train + found.eval == found.steps[-1].rows
    states = {it.step: it for it in found.steps}
    assert states["deduplicate"].dropped == {"exact duplicate": 4}
    assert len(states["deduplicate"].samples) == 2
    for before, after in zip(found.steps, found.steps[1:], strict=False):
        assert after.read == before.rows
    shown = text.steps(found, fresh={"clean"})
    assert "4  exact duplicate" in shown
    assert f"{found.train} training rows, {found.eval} held out" in shown
    assert json.loads(json.dumps(text.as_dict(found)))["steps"][0]["step"] == "collect"


def test_a_step_that_is_older_than_what_it_was_made_from(tmp_path):
    path = folder(tmp_path / "old")
    run(path)
    with (path / "raw" / "notes.md").open("a") as out:
        out.write("\nMore words about lanterns and how they are lit.\n")
    run(path, last="clean")
    found = survey(recipe(path), path)
    assert [it.current for it in found.steps][:3] == [True, True, False]
    assert "deduplicate" in found.waiting
    assert "raw/notes.md has changed" in found.stale
    assert "out of date" in text.steps(found)


def test_nothing_has_run(tmp_path):
    path = folder(tmp_path / "none")
    found = survey(recipe(path), path)
    assert found.train is None
    assert text.steps(found).startswith("no step has run")
    with pytest.raises(FtcError, match="step deduplicate has not run"):
        selection.clusters(recipe(path), path, 5)


def test_the_story_of_a_row_that_was_made(done):
    root = result.root(recipe(done), done)
    made = next(
        row
        for part in ("train", "eval")
        for row in rows(done, part)
        if "cellar" in row["messages"][0]["content"]
    )
    found = story(root, made["id"][:8])
    assert found.id == made["id"]
    assert found.where in ("train", "eval")
    assert found.row.file == "raw/talk.txt"
    assert [it.action for it in found.events if it.step == "annotate"] == ["made"]
    (parent,) = found.parents
    origin = story(root, parent)
    assert made["id"] in origin.children
    assert origin.events[0].step == "collect"
    said = text.story(found)
    assert f"made from {parent}" in said
    assert "beside the old clock" in said


def test_the_story_of_a_row_that_was_dropped(done):
    root = result.root(recipe(done), done)
    group = selection.clusters(recipe(done), done, 1)[0]
    gone = group["members"][0]["row"]
    found = story(root, gone)
    assert found.where == "dropped"
    (event,) = [it for it in found.events if it.action == "dropped"]
    assert event.reason == "exact duplicate"
    assert group["kept"][0] in event.detail
    assert event.before
    kept = story(root, group["kept"][0])
    assert kept.where in ("train", "eval")


def test_ids_that_are_none(done):
    root = result.root(recipe(done), done)
    with pytest.raises(FtcError, match="no row has the id"):
        story(root, "ffffffffffffffff0")
    with pytest.raises(FtcError, match="too short"):
        story(root, "ab")


def test_groups_of_duplicates(done):
    found = selection.clusters(recipe(done), done, 10)
    assert len(found) == 4
    assert all(group["rows"] == 2 and len(group["kept"]) == 1 for group in found)
    assert "2 rows, kept" in text.clusters(found)


def test_a_sheet_goes_out_and_comes_back(tmp_path):
    path = folder(tmp_path / "sheet")
    (path / "raw" / "plain.txt").write_text("The ferry leaves at nine and is back before noon.\n")
    run(path)
    out = path / "sheet.jsonl"
    count = selection.sheet(recipe(path), path, out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == count == 2
    for line in lines:
        if "ferry" in line["text"]:
            line |= {"instruction": "When does the ferry leave?", "output": "It leaves at nine."}
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = (path / "recipe.toml").read_text() + '[prepare.annotate]\nfile = "sheet.jsonl"\n'
    (path / "recipe.toml").write_text(said)
    run(path)
    made = [row for part in ("train", "eval") for row in rows(path, part)]
    assert any(row["messages"][1]["content"] == "It leaves at nine." for row in made)


def test_a_review_goes_out_and_comes_back(tmp_path):
    path = folder(tmp_path / "review")
    before = run(path).ran[-1].done.rows
    out = path / "review.jsonl"
    assert selection.queue(recipe(path), path, out, 3) == 3
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    lines[0]["verdict"] = "drop"
    lines[1] |= {"verdict": "edit", "output": "Somebody has looked at this answer."}
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = (path / "recipe.toml").read_text() + '[prepare.quality]\nreview = "review.jsonl"\n'
    (path / "recipe.toml").write_text(said)
    again = run(path)
    assert again.ran[-1].done.rows == before - 1
    root = result.root(recipe(path), path)
    assert story(root, lines[0]["id"]).where == "dropped"
    edited = story(root, lines[1]["id"])
    assert edited.row.turns[-1] == ("assistant", "Somebody has looked at this answer.")


def test_originals_are_seen_with_the_key_alone(tmp_path):
    path = folder(tmp_path / "secret")
    mail = "jonas.weller@example.org"
    (path / "raw" / "talk.txt").write_text(
        f"Q: Whom do I write to about the lamp?\nA: Write to {mail}, who has the keys.\n"
    )
    plain = (path / "recipe.toml").read_text()
    (path / "key").write_bytes(b"0123456789" * 5)
    (path / "recipe.toml").write_text(plain + '[prepare.redact]\nkey = "key"\n')
    run(path)
    row = next(
        row
        for part in ("train", "eval")
        for row in rows(path, part)
        if "lamp" in row["messages"][0]["content"]
    )
    assert mail not in row["messages"][1]["content"]
    ((placeholder, original),) = originals(recipe(path), path, row["id"][:6])
    assert placeholder in row["messages"][1]["content"]
    assert original == mail
    (path / "key").write_bytes(b"another key, as long as it has to be...")
    with pytest.raises(FtcError, match="not sealed with this key"):
        originals(recipe(path), path, row["id"])
    (path / "recipe.toml").write_text(plain)
    with pytest.raises(FtcError, match="no key is named"):
        originals(recipe(path), path, row["id"])


def told(path, full=False):
    said = recipe(path)
    return statistics(said, path, survey(said, path), full, True, lambda *_: None)


def test_without_a_tokenizer_tokens_are_estimated(done):
    found = told(done)
    assert found.seen.startswith("estimated from bytes, all")
    assert found.tokens.rows == survey(recipe(done), done).steps[-1].rows
    assert sum(bar.rows for bar in found.tokens.histogram) == found.tokens.rows
    assert [it.fits for it in found.choices] == sorted(it.fits for it in found.choices)
    assert found.choices[-1].fits == 1.0
    assert found.composition["duplicates"]["exact"] == 4
    assert sum(found.composition["task types"].values()) == found.tokens.rows
    said = text.statistics(found)
    assert "what max_length may be" in said
    assert "missing or rare" in said
    json.dumps(found.as_dict())


def test_what_is_missing_is_proposed_to_be_made(tmp_path):
    path = folder(tmp_path / "few", settings="[prepare.diversity]\naims = { task = { code = 20 } }")
    run(path)
    found = told(path)
    (code,) = [it for it in found.make if "task" in it]
    assert code == {"kind": "self-instruct", "task": "code", "rows": 20}
    said = text.statistics(found)
    blocks = said[said.index("[[augment.make]]") :]
    tables = tomllib.loads(blocks)["augment"]["make"]
    assert tables == list(found.make[: len(tables)])
    assert (f"# and {len(found.make) - 6} more" in blocks) == (len(found.make) > 6)
    plain = (path / "recipe.toml").read_text()
    (path / "recipe.toml").write_text(plain + blocks)
    assert [it for it in told(path).make if it in tables] == []
    rest = tuple(found.make[len(tables) :])
    assert told(path).make == rest
    pairs = recipe(path).model_copy(update={"stage": "dpo"})
    assert statistics(pairs, path, survey(pairs, path), False, True, lambda *_: None).make == ()


def test_nothing_is_proposed_where_nothing_is_missing(tmp_path):
    bounds = "min_share = 0.0\nmax_opening = 1.0\nmin_distinct = 0.0"
    path = folder(tmp_path / "enough", settings=f"[prepare.diversity]\n{bounds}")
    run(path)
    found = told(path)
    assert found.make == ()
    assert "augment" not in text.statistics(found)


def test_pictures_are_the_same_bytes_each_time(done):
    state = survey(recipe(done), done)
    one = picture(state, told(done), "svg")
    assert one.startswith(b"<?xml")
    assert one == picture(state, told(done), "svg")
    assert picture(state, None, "png").startswith(b"\x89PNG")


def ftc(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "ftc", *arguments], cwd=cwd, capture_output=True, text=True
    )


def test_the_commands(done):
    got = ftc("prepare", "recipe.toml", "--format", "json", cwd=done)
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout)["train"] > 100
    got = ftc("data", "recipe.toml", "--format", "json", "--samples", "1", cwd=done)
    assert json.loads(got.stdout)["statistics"]["tokens"]["rows"] > 100
    group = json.loads(ftc("data", "clusters", "recipe.toml", "--format", "json", cwd=done).stdout)
    row = group[0]["members"][0]["row"]
    assert "exact duplicate" in ftc("data", "why", row, "recipe.toml", cwd=done).stdout
    got = ftc("data", "recipe.toml", "--plot", "rows.pdf", cwd=done)
    assert (got.returncode, "is not drawn" in got.stderr) == (2, True)
    got = ftc("data", "review", "recipe.toml", "--out", "doubtful.csv", cwd=done)
    assert got.stdout.startswith("wrote 50 rows to doubtful.csv")


def test_a_recipe_without_raw_material(tmp_path):
    (tmp_path / "r.toml").write_text('name = "x"\nmodel = "m"\n[data]\npath = "x.jsonl"\n')
    for command in (["prepare", "r.toml"], ["data", "r.toml"], ["data", "why", "abcd", "r.toml"]):
        got = ftc(*command, cwd=tmp_path)
        assert got.returncode == 2
        assert "has no [prepare]" in got.stderr
        assert "Traceback" not in got.stderr
