"""ftc data: the steps, the story of a row, groups of duplicates, sheets out and back."""

import json

import pytest
from test_prep_runner import folder, run

from ftc import recipe as recipes
from ftc.errors import FtcError
from ftc.prep import result
from ftc.survey import selection, text
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
