"""The pieces of tools/bench_data on few rows: rows, scores, goals, the page, owners of samples."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from ftc.prep import rows

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tools"), str(ROOT)]  # behind: tools/parity.py is not tests/parity

from bench_data import child, corpus, goals, measured, page, scores, shares, whole  # noqa: E402
from bench_data.measured import Result  # noqa: E402
from bench_data.method import Method  # noqa: E402

COUNT = 1_000


def told(subject, method, rows=COUNT, cpu=1.0, *, ours=True, why="", **scores):
    return Result(subject, method, ours, rows, cpu=cpu, mb=10.0, scores=scores, why=why)


def answered(module, name, folder, load, count=COUNT):
    """What the child process would write, made in this one."""
    table = importlib.import_module(f"bench_data.{module}").METHODS
    method = next(method for method in table if name in method.name)
    assert not method.libraries
    return json.loads(json.dumps(method.run(child.LOADERS[load](folder, count), folder)))


@pytest.fixture(scope="module")
def duplicated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("duplicated")
    corpus.duplicated(COUNT, folder)
    return folder


@pytest.fixture(scope="module")
def contaminated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contaminated")
    corpus.contaminated(COUNT, folder)
    return folder


def test_rows_are_of_the_steps_schema_and_numbered(duplicated):
    tables = child.tables(duplicated, COUNT)
    assert sum(table.num_rows for table in tables) == COUNT
    assert all(table.schema == rows.SCHEMA for table in tables)
    numbers = [int(one, 16) for table in tables for one in table["id"].to_pylist()]
    assert numbers == list(range(COUNT))
    assert child.texts(duplicated, 10) == [row.turns[0][1] for row in rows.each(tables[0])][:10]


def test_a_corpus_is_the_same_every_time(duplicated, tmp_path):
    corpus.duplicated(COUNT, tmp_path)
    for path in duplicated.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_exact_duplicates_of_a_set_and_of_ours(duplicated):
    known = scores.exact(
        answered("peers.exact", "a set of Python", duplicated, "texts"), duplicated, COUNT
    )
    assert known["recall"] == known["precision"] == 1
    assert known["other spelling"] < 0.5
    ours = scores.exact(answered("ours.exact", "byte", duplicated, "tables"), duplicated, COUNT)
    assert ours == known
    whole = scores.exact(answered("ours.exact", "normal", duplicated, "tables"), duplicated, COUNT)
    assert whole["recall"] == 1
    assert whole["other spelling"] > 0.9


def test_near_duplicates_of_ours(duplicated):
    found = scores.near(answered("ours.near", "ftc", duplicated, "tables"), duplicated, COUNT)
    assert found["recall"] >= 0.99
    assert found["precision"] == 1


def test_near_duplicates_that_are_missed_or_wrong(duplicated):
    pairs = scores.truth(duplicated)["pairs"]
    assert {kind for *_, kind in pairs} >= {"exact", "near"}
    right = scores.near({"links": [(a, b) for a, b, _ in pairs]}, duplicated, COUNT)
    assert right["recall"] == right["precision"] == 1
    half = scores.near({"links": [(a, b) for a, b, _ in pairs[::2]]}, duplicated, COUNT)
    assert 0.4 < half["recall"] < 0.9
    wrong = scores.near({"links": [(a, (a + 7) % COUNT) for a in range(9)]}, duplicated, COUNT)
    assert wrong["precision"] < 0.5


def test_clusters_join_on_any_way():
    assert scores.clusters([(3, 1), (1, 0), (4, 5)], 6) == [0, 0, 2, 0, 4, 4]


def test_contamination_of_a_rule_and_of_ours(contaminated):
    by_rule = answered("peers.contamination", "GPT-3", contaminated, "texts")
    rule = scores.contamination(by_rule, contaminated, COUNT)
    assert 0.5 < rule["verbatim"] < 1  # eval items of fewer than 13 words
    by_ours = answered("ours.contamination", "ftc", contaminated, "tables")
    ours = scores.contamination(by_ours, contaminated, COUNT)
    assert ours["verbatim"] == 1
    assert ours["clean flagged"] <= 0.01


def test_mojibake_of_a_table_and_of_ours(tmp_path):
    corpus.garbled(COUNT, tmp_path)
    table = answered("peers.mojibake", "a table", tmp_path, "texts")
    assert scores.mojibake(table, tmp_path, COUNT)["repaired"] < 0.5
    ours = answered("ours.mojibake", "alone", tmp_path, "tables")
    found = scores.mojibake(ours, tmp_path, COUNT)
    assert found["cp1252"] == found["latin1"] == 1
    assert found["sound changed"] == 0


def test_spans_of_personal_data_are_scored_by_kind(tmp_path):
    corpus.personal(100, tmp_path)
    known = scores.truth(tmp_path)["spans"]
    spans = [
        (row, start, end, kind) for row, all_of in enumerate(known) for kind, start, end in all_of
    ]
    assert set(scores.spans({"spans": spans}, tmp_path, 100).values()) == {1.0}
    some = scores.spans({"spans": [one for one in spans if one[3] != "card"]}, tmp_path, 100)
    assert some["card"] == some["worst recall"] == 0
    assert some["precision"] == 1
    assert 0.5 < some["recall"] < 1
    assert scores.spans({}, tmp_path, 100) == {}


def test_a_method_in_a_process_of_its_own(contaminated):
    side = measured.own("contamination")
    found = measured.result(
        side, side.methods()[0], "contamination", contaminated, COUNT, scores.contamination
    )
    assert not found.why
    assert found.scores["verbatim"] == 1
    assert found.cpu > 0
    assert 1 < found.mb < 2_000


def test_a_method_that_fails_says_why(tmp_path):
    side = measured.own("contamination")
    method = Method("ftc", side.methods()[0].run)
    found = measured.result(side, method, "contamination", tmp_path, 1, scores.contamination)
    assert found.why.startswith("failed: ")


def test_peers_that_would_take_too_long_are_left_out():
    slow = told("near", "slow", rows=10_000, cpu=60.0, ours=False)
    assert not measured.too_slow(slow, 30_000)
    assert "6,000 CPU-s" in measured.too_slow(slow, 1_000_000)
    assert not measured.too_slow(told("near", "ftc", rows=10_000, cpu=60.0), 1_000_000)
    assert not measured.too_slow(None, 1_000_000)


def test_goals_are_judged_on_the_largest_run():
    results = [
        told("near", "ftc", 10_000, 0.1, recall=1.0, templates=1.0, precision=1.0),
        told("near", "ftc", 1_000_000, 40.0, recall=0.99, templates=1.0, precision=1.0),
        told("near", "peer", 1_000_000, 1.0, ours=False, recall=0.0),
    ]
    judged = {one.goal.what: one for one in goals.verdicts(results)}
    assert judged["near duplicates"].met is False
    assert judged["near duplicates"].value == 40.0
    assert judged["near duplicates: recall"].met is False
    assert judged["near duplicates: recall in templates"].met is True
    assert judged["contamination"].met is None
    early = goals.verdicts(results[:1])
    assert next(one for one in early if one.goal.what == "near duplicates").bound == pytest.approx(
        0.35
    )


def test_a_score_that_is_not_there_is_a_goal_missed():
    judged = goals.verdicts([told("near", "ftc", 1_000_000, 1.0)])
    assert next(one for one in judged if one.goal.what.endswith("precision")).met is False


def test_the_page_shows_ratios_and_what_was_not_run():
    results = [
        told("near", "ftc", 1_000, 0.5, recall=1.0),
        told("near", "peer", 1_000, 2.0, ours=False, recall=0.5),
        told("near", "slow", 1_000, ours=False, why="not run: too slow"),
    ]
    lines = page.table(results).splitlines()
    assert lines[2] == "| **ftc** | 1,000 | 2,000 |  | 0.5 | 10 | 1 |"
    assert lines[3] == "| peer | 1,000 | 500 | 0.25 | 2 | 10 | 0.5 |"
    assert "not run: too slow" in lines[4]
    assert len({line.count("|") for line in lines}) == 1
    text = page.page([], results, goals.verdicts(results), [1_000])
    assert all(goal.what in text for goal in goals.GOALS)
    assert "not measured" in text


PY, SITE = "/p/lib/python3.11", "/p/lib/python3.11/site-packages"
CORE = "/p/lib/libpython3.11.so.1.0"
FTC = "/w/compiler/ftc/prep"


@pytest.mark.parametrize(
    ("stack", "owner", "step"),
    [
        (f"whole_pass (/w/t.py:1);apply ({FTC}/clean/step.py:9)", "ftc", "clean"),
        (f"apply ({FTC}/clean/step.py:9);list_extend ({CORE})", "ftc", "clean"),
        (f"apply ({FTC}/redact/a.py:9);sre_ucs1_match ({CORE})", "Python's `re`", "redact"),
        (
            f"apply ({FTC}/redact/a.py:9);parse ({SITE}/phonenumbers/util.py:3);"
            f"sre_search ({CORE})",
            "phonenumbers",
            "redact",
        ),
        (
            f"apply ({FTC}/clean/a.py:9);take (std::vector<int>) ({SITE}/pyarrow/libarrow.so.25);"
            "malloc (/usr/lib/libc.so.6)",
            "pyarrow",
            "clean",
        ),
        (
            f"apply ({FTC}/clean/a.py:9);loads ({PY}/json/decoder.py:3);"
            f"scan ({PY}/lib-dynload/_json.cpython-311.so)",
            "Python's standard library",
            "clean",
        ),
        ("main (/w/t.py:1)", "the rest", ""),
    ],
)
def test_a_sample_belongs_to_the_innermost_library(stack, owner, step):
    (sample,) = shares.samples(f"{stack} 7\n")
    assert sample.count == 7
    assert shares.owner(sample.frames) == owner
    assert shares.step(sample.frames) == step


def test_shares_add_up_to_the_whole():
    text = (
        f"main (/w/t.py:1);whole_pass (/w/t.py:2);apply ({FTC}/clean/a.py:9) 30\n"
        f"main (/w/t.py:1);whole_pass (/w/t.py:2);run ({FTC}/runner.py:9) 10\n"
        f"main (/w/t.py:1);load (/w/t.py:2) 60\n"
    )
    counts = shares.shares(text, "whole_pass")
    assert sum(mine.total() for mine in counts.values()) == 40
    made = whole.section(told("whole", "ftc", 1_000_000, 200.0), {"clean": [10, 9]}, counts)
    assert "| clean | 75.0% | 75.0% |" in made
    assert "| **all** | 100.0% | 100.0% |" in made
    assert "clean 10 → 9" in made
