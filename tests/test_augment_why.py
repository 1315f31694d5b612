"""ftc data why: rows that models made, rows that they were made of, and what was left out."""

import json
import re
from collections import Counter

import pyarrow.parquet as pq
import pytest
from augment.fault_server import FAULTS, FaultServer, Say
from click.testing import CliRunner
from test_augment_run import DATA, JUDGE, MAKES, rows, written

from ftc.augment.augment import augment
from ftc.build import compile_recipe, findings
from ftc.cli import cli
from ftc.errors import FtcError
from ftc.prep.result import root
from ftc.recipe import load
from ftc.survey import text
from ftc.survey.augmented import report as shown
from ftc.survey.made import augmented
from ftc.survey.story import story


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Rows of every kind that takes rows, judged; one kiln gets no answer that can be used."""
    folder = tmp_path_factory.mktemp("why")
    rows(folder)

    def plan(asked):
        return FAULTS["wrong-schema"] if "kiln number 1 " in str(asked.body) else Say()

    with FaultServer(plan) as server:
        path = written(folder, DATA + MAKES.replace("rows = 4", "rows = 40") + JUDGE, server.url)
        found = augment(load(path), folder)
    return path, found


def told(path, name):
    recipe, folder = load(path), path.parent
    return story(root(recipe, folder), name, augmented(recipe, folder))


def lines(path, part="train"):
    file = path.parent / "augmented" / "potters" / f"{part}.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_a_row_that_is_trained_on(done):
    path, _ = done
    line = next(it for it in lines(path) if it.get("augment", {}).get("kind") == "evolve")
    found = told(path, line["id"][:12])
    assert (found.id, found.where) == (line["id"], "train")
    assert list(found.parents) == line["parents"]
    note = line["augment"]
    made = found.making
    assert (made.make, made.kind) == (note["make"], "evolve")
    assert (made.model, made.score) == ("m", note["score"])
    steps = [it.step for it in found.events if it.row == found.id]
    assert steps[0] == "augment.make"
    assert steps[-1] == "augment.kept"
    assert found.row.turns[-1][1] == line["messages"][-1]["content"]
    said = text.story(found)
    assert f"made by m: evolve (table {note['make']} of [augment]), scored" in said
    assert f"made from {line['parents'][0]}" in said


def test_every_seed_says_what_came_of_it(done):
    """All that the report counts is found again, seed by seed."""
    path, report = done
    became = {}
    for line in lines(path):
        for number, it in enumerate(told(path, line["id"]).outcomes):
            became[it.make, it.row or (line["id"], number)] = (it.became, it.reason)
    counted = Counter((make, what) for (make, _), (what, _) in became.items())
    for line in report.lines:
        assert counted[line.number, "kept"] == line.kept
        assert counted[line.number, "dropped"] == line.filtered.total()
        assert counted[line.number, "refused"] == line.refused.total()
        assert counted[line.number, "failed"] == line.failed.total()
    assert {"kept", "dropped", "failed"} <= {what for _, what in counted}
    reasons = Counter(reason for what, reason in became.values() if what == "dropped")
    assert reasons == sum((line.filtered for line in report.lines), Counter())


def test_a_row_that_was_left_out(done):
    path, _ = done
    dropped = [
        it
        for line in lines(path)
        for it in told(path, line["id"]).outcomes
        if it.step == "judge" and it.became == "dropped"
    ]
    assert dropped
    found = told(path, dropped[0].row)
    assert (found.where, found.row) == ("dropped", None)
    assert found.parents
    assert found.making.score < 0.3
    assert found.making.kind == dropped[0].kind
    first, *_, last = [it for it in found.events if it.row == found.id]
    assert (first.step, first.action, first.reason) == ("augment.make", "made", found.making.kind)
    assert first.after == last.before
    assert (last.step, last.reason) == ("augment.judge", "judge score below the threshold")
    assert f"{found.making.score:.2f} of 0.30" in text.story(found)


def test_a_seed_whose_model_gave_nothing(done):
    path, report = done
    (kiln,) = [it for it in lines(path) if "kiln number 1 " in str(it) and "augment" not in it]
    found = told(path, kiln["id"])
    assert found.where == "train"
    assert found.making is None
    failed = [it for it in found.outcomes if it.became == "failed"]
    assert failed
    assert all(it.reason in report.lines[it.make - 1].failed for it in failed)
    said = text.story(found)
    assert "made of it by ftc augment:" in said
    assert failed[0].reason in said


def test_a_row_that_is_held_out_is_no_seed(done):
    path, _ = done
    held = lines(path, "eval")[0]
    found = told(path, held["id"])
    assert (found.where, found.outcomes, found.parents) == ("eval", (), ())


def test_a_judge_of_its_own_rows_is_told_of(done):
    path, report = done
    warning = load(path).augmentation.judges_itself()
    assert warning.startswith("the judge also makes the rows of kind paraphrase, evolve, ")
    assert f"  beware: {warning}" in shown(report)
    found = findings(compile_recipe(path, offline=True), select=["judge-is-maker"])
    assert [(it.where, it.message) for it in found] == [("augment.judge.model", warning)]


def test_the_command(done):
    path, _ = done
    line = next(it for it in lines(path) if "augment" in it)
    got = CliRunner().invoke(cli, ["data", "why", line["id"], str(path), "--format", "json"])
    said = json.loads(got.stdout)
    assert said["making"]["model"] == "m"
    assert said["parents"] == line["parents"]
    got = CliRunner().invoke(cli, ["data", "why", line["parents"][0][:10], str(path)])
    assert line["id"] in got.stdout
    got = CliRunner().invoke(cli, ["data", "why", "0000000", str(path)], standalone_mode=False)
    assert isinstance(got.exception, FtcError)
    assert "augmented/potters: no row has the id" in str(got.exception)


CHUNKS = """
[data]
eval = 0.0
[prepare]
sources = ["raw"]
skip = ["quality", "redact"]
[[augment.make]]
kind = "annotate"
[[augment.make]]
kind = "paraphrase"
"""


def annotated(body):
    """What a good model says of the chunks; of kiln 2 it quotes what does not stand there."""
    asked = body["messages"][-1]["content"]
    (name,) = re.findall(r"[Kk]iln number (\d)", asked)[-1:] or ["0"]
    where = "by the sea" if name == "2" else "behind the mill"
    known = {
        "quote": f"Kiln number {name} stands {where}.",
        "instruction": f"Where does kiln number {name} stand?",
        "input": "",
        "output": f"Kiln number {name} stands behind the mill of the village.",
        "text": f"In which place is kiln number {name} to be found?",
    }
    wanted = body["response_format"]["json_schema"]["schema"]["properties"]
    return json.dumps({name: known[name] for name in wanted})


def test_from_a_chunk_to_a_row_of_a_row(tmp_path):
    (tmp_path / "raw").mkdir()
    for number in range(3):
        said = f"Kiln number {number} stands behind the mill. It burns for {number + 3} days."
        (tmp_path / "raw" / f"{number}.md").write_text(f"# Kiln {number}\n\n{said}\n")
    with FaultServer(answers=annotated) as server:
        path = written(tmp_path, CHUNKS, server.url)
        augment(load(path), tmp_path)
    rows = {it["augment"]["kind"]: it for it in lines(path)}
    last = told(path, rows["paraphrase"]["id"])
    annotate = told(path, last.parents[0])
    chunk = told(path, annotate.parents[0])
    assert last.events[0].step == "collect"  # it begins with the chunk
    assert {it.row for it in last.events} == {last.id, annotate.id, chunk.id}
    assert (annotate.making.kind, annotate.making.model) == ("annotate", "m")
    assert [(it.kind, it.row) for it in annotate.outcomes] == [("paraphrase", last.id)]
    assert chunk.where == "made into rows"
    assert chunk.children == (annotate.id,)
    kinds = [(it.kind, it.became) for it in chunk.outcomes]
    assert kinds == [("annotate", "in the sheet"), ("paraphrase", "kept")]
    refused = [
        it
        for file in (tmp_path / "prepared" / "potters" / "steps").glob("collect-*/rows/*.parquet")
        for row in pq.read_table(file)["id"].to_pylist()
        for it in told(path, row).outcomes
        if it.became == "refused"
    ]
    assert [it.kind for it in refused] == ["annotate"]
    assert refused[0].reason == "the evidence does not stand in the text"


def test_before_a_run(tmp_path):
    rows(tmp_path)
    path = written(tmp_path, DATA + MAKES, "http://127.0.0.1:9/v1")
    got = CliRunner().invoke(cli, ["data", "why", "abcdef", str(path)], standalone_mode=False)
    assert isinstance(got.exception, FtcError)
    assert "augmented/potters: holds no augmented rows" in str(got.exception)
    assert got.exception.hint == "run first: ftc augment RECIPE"
