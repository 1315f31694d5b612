"""The memory formula against traces of the real modules, measured anew in the backends' own
environments, and the stored ones against the page. `python tools/oracle.py -v` lists every case."""

import json
import runpy
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "oracle.py"))
CASES = TOOL["cases"]()
STORED = json.loads(TOOL["STORED"].read_text("utf-8"))
MEDIAN, WORST = 0.003, 0.015


def bounds(rows):
    assert rows
    assert statistics.median(abs(row.error) for row in rows) <= MEDIAN
    off = {f"{row.case.name}, {row.phase}": f"{row.error:+.2%}" for row in rows
           if abs(row.error) > WORST}  # fmt: skip
    assert off == {}


def test_there_is_a_case_for_everything():
    jobs = [case.job for case in CASES]
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    assert sum(case.held_out for case in CASES) >= 20
    assert len({case.family for case in CASES}) >= 15
    assert {job.method for job in jobs} == {"lora", "qlora", "full"}
    assert {job.attention for job in jobs} == {"sdpa", "flash_attention_2", "eager"}
    assert {job.gradient_checkpointing for job in jobs} == {True, False}
    for name in ("dropout", "eval_batch", "liger", "dora", "modules_to_save", "upcast_embeddings"):
        assert any(getattr(job, name) for job in jobs), name
    assert any(job.gradient_accumulation > 1 for job in jobs)
    assert sum("axolotl" in case.tools for case in CASES) >= 10


def test_stored_traces_are_those_of_the_cases():
    """If not: `python tools/oracle.py --measure` (minutes)."""
    for tool in TOOL["TOOLS"]:
        assert STORED[tool].keys() == {case.name for case in CASES if tool in case.tools}
        assert {name: found for name, found in STORED[tool].items() if "error" in found} == {}


@pytest.mark.parametrize("held_out", [True, False])
def test_formula_against_stored_traces(held_out):
    bounds([row for row in TOOL["rows"](STORED) if row.case.held_out is held_out])


def test_the_page_holds_the_table_of_today():
    """If not: `python tools/oracle.py --write`."""
    text = TOOL["PAGE"].read_text("utf-8")
    assert TOOL["page"](text, TOOL["table"](TOOL["rows"](STORED))) == text


@pytest.mark.backend
@pytest.mark.parametrize("tool", TOOL["TOOLS"])
def test_formula_against_traces_of_today(tool):
    found = TOOL["measure"](tool, [case for case in CASES if tool in case.tools])
    assert {name: answer for name, answer in found.items() if "error" in answer} == {}
    bounds(TOOL["rows"]({tool: found}))


@pytest.mark.backend
def test_parameters_of_the_traced_models():
    """What the trace calls weights is what the formula calls weights and adapter."""
    for row in TOOL["rows"](STORED):
        found = STORED[row.tool][row.case.name]
        told = TOOL["phases"](row.case.shape, row.case.job)[0].parts
        weights = told["weights"] + told.get("adapter", 0.0)
        if row.case.job.base_bits == 0:
            assert found["weights"] / 2**30 == pytest.approx(weights, rel=0.002), row.case.name
