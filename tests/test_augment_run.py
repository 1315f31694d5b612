"""`ftc augment` as a whole over a real server: every kind, run again, changed, stopped, refused."""

import json
from pathlib import Path

import pytest
from augment.fault_server import FAULTS, FaultServer, Say
from click.testing import CliRunner

from ftc.augment import result
from ftc.augment.augment import augment
from ftc.augment.forecast import forecast
from ftc.augment.kinds import KINDS
from ftc.augmentation import CHUNKS
from ftc.build import compile_recipe
from ftc.cli import cli
from ftc.errors import FtcError
from ftc.recipe import load
from ftc.survey.augmented import forecast as shown
from ftc.survey.augmented import report as summed

NEEDS = {"translate": 'language = "German"', "restyle": 'tone = "formal"'}
MAKES = "".join(
    f'[[augment.make]]\nkind = "{kind}"\nrows = 4\n{NEEDS.get(kind, "")}\n'
    for kind in KINDS
    if kind not in CHUNKS and kind != "preference"  # which stage sft does not train on
)
HEAD = """
name = "potters"
model = "Qwen/Qwen2.5-7B-Instruct"
task = "qa"
[hardware]
vram_gb = 24
"""
MODEL = """
[augment.models.loopback]
provider = "openai"
model = "m"
url = "{url}"
timeout = 5
"""
DATA = '[data]\npath = "rows.jsonl"\neval = 0.2\n'
JUDGE = "[augment.judge]\nthreshold = 0.3\nhuman_rows = 5\nagreement_rows = 5\n"


def written(folder: Path, text: str, url: str, stage: str = "sft") -> Path:
    path = folder / "recipe.toml"
    path.write_text(f'stage = "{stage}"' + HEAD + text + MODEL.format(url=url), encoding="utf-8")
    return path


def rows(folder: Path, changed: int | None = None) -> None:
    lines = []
    for number in range(30):
        more = " Say it in few words." if number == changed else ""
        asked = f"How long does kiln number {number} burn in a wet spring?{more}"
        answered = f"Kiln {number} burns for {number + 2} days, as long as the wood of oak lasts."
        lines.append(json.dumps({"instruction": asked, "output": answered}) + "\n")
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")


def run(path: Path, **how):
    return augment(load(path), path.parent, **how)


def files(folder: Path) -> dict[str, bytes]:
    place = folder / "augmented" / "potters"
    names = (result.TRAIN, result.EVAL, result.LEDGER)
    return {name: (place / name).read_bytes() for name in names}


def test_every_kind_makes_rows_and_a_second_run_asks_nothing(tmp_path):
    rows(tmp_path)
    with FaultServer() as server:
        path = written(tmp_path, DATA + MAKES + JUDGE, server.url)
        found = run(path)
        asked = server.asked
        first = files(tmp_path)
        again = run(path)
        assert server.asked == asked
    assert files(tmp_path) == first
    for line in found.lines:
        assert line.seeds == 4
        assert line.made + line.failed.total() + line.refused.total() == 4
        assert line.made == line.filtered.total() + line.kept
    assert sum(line.paid for line in (*found.lines, found.judging)) >= asked == found.paid
    assert sum(line.paid for line in (*again.lines, again.judging)) == 0 == again.paid
    assert found.kept == len(first[result.TRAIN].splitlines()) - found.human > 0
    assert found.judge["verdicts"]["human"]["judged"] == 5
    assert len(compile_recipe(path, offline=True).dataset.train) == found.human + found.kept


def test_a_made_row_says_where_it_comes_from(tmp_path):
    rows(tmp_path)
    with FaultServer() as server:
        run(written(tmp_path, DATA + MAKES + JUDGE, server.url))
    place = tmp_path / "augmented" / "potters"
    lines = [json.loads(line) for line in (place / result.TRAIN).read_text("utf-8").splitlines()]
    held_out = (place / result.EVAL).read_text("utf-8").splitlines()
    held = {json.loads(line)["id"] for line in held_out}
    ours = {line["id"] for line in lines if "augment" not in line}
    for line in lines:
        if "augment" in line:
            told = line["augment"]
            assert {"kind", "prompt", "model", "prompt_hash", "calls", "score"} <= set(told)
            assert told["score"] >= 0.3
            assert set(line["parents"]) <= ours
            assert not set(line["parents"]) & held


def test_a_changed_row_asks_its_own_questions_alone(tmp_path):
    rows(tmp_path)
    make = '[[augment.make]]\nkind = "paraphrase"\n[[augment.make]]\nkind = "evolve"\n'
    with FaultServer() as server:
        path = written(tmp_path, '[data]\npath = "rows.jsonl"\neval = 0.0\n' + make, server.url)
        run(path)
        assert server.asked == 30 * 3
        rows(tmp_path, changed=7)
        run(path)
        assert server.asked == 30 * 3 + 3
        new = [it.body["messages"] for it in server.requests[-3:]]
    assert all("kiln number 7" in json.dumps(it) for it in new[:2])


def test_a_try_writes_no_rows_to_train_on(tmp_path):
    rows(tmp_path)
    with FaultServer() as server:
        path = written(tmp_path, DATA + MAKES, server.url)
        found = run(path, limit=1)
        assert [line.seeds for line in found.lines] == [1] * len(found.lines)
        made = {line.kind for line in found.lines if line.made}
        assert {row["augment"]["kind"] for row in found.tried} == made
        assert all(f"{kind} made, among others:\n  " in summed(found) for kind in made)
        assert not (tmp_path / "augmented" / "potters" / result.TRAIN).exists()
        with pytest.raises(FtcError, match="holds no augmented rows"):
            compile_recipe(path, offline=True)


def test_a_forecast_asks_nothing_and_is_near(tmp_path):
    rows(tmp_path)
    with FaultServer() as server:
        path = written(tmp_path, DATA + MAKES, server.url)
        found = forecast(load(path), tmp_path).estimate
        assert server.asked == 0
        run(path)
        assert 0.8 * server.asked <= found.likely.questions <= 1.25 * server.asked
        assert server.asked <= found.most.questions
        again = forecast(load(path), tmp_path)
        assert again.estimate == found
        assert sum(it.attempts for it in again.earlier) == server.asked
        said = load(path).augmentation
        assert f"{server.asked:,} answers of earlier runs are kept" in shown(again, said)


def test_pairs_are_made_where_the_stage_trains_on_them(tmp_path):
    rows(tmp_path)
    make = '[[augment.make]]\nkind = "preference"\nrows = 4\n[[augment.make]]\nkind = "evolve"\n'
    with FaultServer() as server:
        path = written(tmp_path, DATA + make, server.url, "dpo")
        notes = " ".join(forecast(load(path), tmp_path).notes)
        found = run(path)
    pairs, evolved = found.lines
    assert (pairs.seeds, pairs.made, evolved.seeds, evolved.questions) == (4, 4, 0, 0)
    assert "evolve: no row is a seed (30 would be a chat row, which stage dpo does not" in notes
    assert "no pair is held out" in notes
    assert found.tokens[0] == 0 < found.tokens[1]


def test_what_was_paid_for_before_a_limit_becomes_rows(tmp_path):
    rows(tmp_path)
    make = '[[augment.make]]\nkind = "evolve"\n[augment.limits]\ntokens = 2200\n'
    with FaultServer() as server:
        found = run(written(tmp_path, DATA + make, server.url))
        line = found.lines[0]
        assert 0 < line.made == line.seeds < 24
        assert line.questions == 2 * line.seeds
        assert found.paid == server.asked < 2 * 24
    assert "limit of 2200 tokens" in found.stopped


def test_nothing_is_asked_of_what_cannot_be_used(tmp_path):
    rows(tmp_path)
    make = '[[augment.make]]\nkind = "preference"\n'
    with FaultServer() as server:
        with pytest.raises(FtcError, match="no row is a seed for any kind: preference: no row"):
            forecast(load(written(tmp_path, DATA + make, server.url)), tmp_path)
        many = '[[augment.make]]\nkind = "paraphrase"\nrows = 90\n'
        notes = forecast(load(written(tmp_path, DATA + many, server.url)), tmp_path).notes
        assert "24 of the 90 rows asked for, each seed 1 times" in " ".join(notes)
        judged = DATA + '[[augment.make]]\nkind = "paraphrase"\n' + JUDGE
        with pytest.raises(FtcError, match="scores answers, and rows of stage pretrain have none"):
            run(written(tmp_path, judged, server.url, "pretrain"))
        assert server.asked == 0


@pytest.mark.parametrize(
    ("limits", "said"),
    [("rows = 5", "the limit of rows is reached"), ("tokens = 600", "limit of 600 tokens")],
)
def test_a_limit_ends_a_run_cleanly(tmp_path, limits, said):
    rows(tmp_path)
    with FaultServer() as server:
        path = written(tmp_path, DATA + MAKES + f"[augment.limits]\n{limits}\n", server.url)
        found = run(path)
        asked = server.asked
        run(path)
        assert server.asked == asked
    assert said in found.stopped
    assert found.kept <= sum(line.made for line in found.lines) <= 8
    assert (tmp_path / "augmented" / "potters" / result.TRAIN).exists()


def test_too_many_failures_end_with_an_error(tmp_path):
    rows(tmp_path)
    make = '[[augment.make]]\nkind = "paraphrase"\n'

    def plan(asked) -> Say:
        said = str(asked.body)
        if "kiln number 1" in said:
            return FAULTS["wrong-schema"]
        number = said.split("kiln number ")[1].split()[0]
        return Say(json.dumps({"text": f"In a wet spring, how long will kiln {number} burn?"}))

    with FaultServer(plan) as server:
        path = written(tmp_path, DATA + make, server.url)
        told = CliRunner().invoke(cli, ["augment", str(path)], standalone_mode=False)
        assert told.return_value == 1
        assert "more than augment.max_failed = 0.2" in told.stderr
        assert "not the schema" in told.stdout
        asked = server.asked
        found = run(path)
        assert server.asked == asked  # what was spoiled four times is not paid for again
    assert found.failed_share > 0.2
    assert found.kept > 0


def test_chunks_become_rows_that_others_are_made_of(tmp_path):
    (tmp_path / "raw").mkdir()
    for number in range(6):
        text = (
            f"# Kiln {number}\n\nKiln number {number} stands behind the mill. It burns for "
            f"{number + 3} days each spring, and {number + 2} potters sleep beside it in turn.\n"
        )
        (tmp_path / "raw" / f"{number}.md").write_text(text, encoding="utf-8")

    def answers(body) -> str:
        """What a good model says of these chunks."""
        asked = body["messages"][-1]["content"]
        name = asked[asked.index("Kiln number") :].split()[2] if "Kiln number" in asked else "0"
        known = {
            "quote": f"Kiln number {name} stands behind the mill.",
            "instruction": f"Where does kiln number {name} stand?",
            "input": "",
            "output": f"Kiln number {name} stands behind the mill of the village.",
            "text": f"In which place is kiln number {name} to be found?",
        }
        wanted = body["response_format"]["json_schema"]["schema"]["properties"]
        return json.dumps({name: known[name] for name in wanted})

    text = """
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
    with FaultServer(answers=answers) as server:
        path = written(tmp_path, text, server.url)
        with pytest.raises(FtcError, match="holds no augmented rows"):
            compile_recipe(path, offline=True)
        found = run(path)
        asked = server.asked
        run(path)
        assert server.asked == asked
    chunks, others = found.lines
    assert chunks.made == chunks.kept == 6
    assert others.seeds == 6
    assert found.human == 0
    assert len(compile_recipe(path, offline=True).dataset.train) == found.kept
