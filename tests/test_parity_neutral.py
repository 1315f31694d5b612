"""What ftc makes equal in native mode: system turns that get lost, and Llama's lines and dates.

The real tools preprocess the rows, Axolotl on today's date, one process each.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter

import pytest
from parity import matrix, models, pairs
from parity.matrix import Case
from parity.pairs import AXOLOTL, FACTORY, Bench

from ftc.facts import template
from ftc.run import compare, environments

EQUAL = {
    "mistral-nemo": ("chat", "system", "dpo", "orpo", "kto"),
    "llama3": ("alpaca", "chat", "system", "dpo", "orpo", "kto"),
    "llama3.2": ("chat", "system", "dpo", "orpo", "kto"),
    "mistral": ("dpo", "orpo", "kto"),
    "gemma2": ("dpo", "kto"),
}
# The ids are equal there; LLaMA-Factory trains on a blank more, as it does without a system turn.
LABELS = {"mistral": ("chat", "system"), "gemma2": ("chat", "system")}
CASES = [Case(family, kind) for family, kinds in EQUAL.items() for kind in kinds]
CASES += [Case(family, kind) for family, kinds in LABELS.items() for kind in kinds]
CASES += [Case(family, "system", "exact") for family in ("mistral", "llama3.2", "gemma2")]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("neutral"))


def config(case, bench):
    folder = matrix.built(case, bench.folder, *FACTORY).folder
    return json.loads((folder / "llamafactory.json").read_text("utf-8"))


def test_only_llama_rows_get_a_column_and_a_date(bench):
    date = f"{template.TODAY:%d %b %Y}"
    for family, preamble, pinned in (
        ("llama3", f"Today Date: {date}\n\n", None),
        ("llama3.2", f"Today Date: {date}\n\n", {"date_string": date}),
        ("llama3.0", "", None),
        ("mistral", "", None),
    ):
        for kind in ("system", "dpo"):
            case = Case(family, kind)
            built = matrix.built(case, bench.folder, *AXOLOTL)
            lines = (built.folder / "train.jsonl").read_text("utf-8").splitlines()
            for record in map(json.loads, lines):
                head = record.get("conversations", [{"content": ""}])[0]["content"]
                assert preamble in head and ("conversations" in record) == bool(preamble)
                told = record.get("chat_template_kwargs")
                assert told == (pinned if kind == "dpo" else None)
            text = (built.folder / "axolotl.yaml").read_text("utf-8")
            assert ("date_string" in text) == bool(pinned)
            assert config(case, bench).get("default_system", "").endswith(preamble)


def test_a_folded_system_turn_is_told(bench):
    for family in ("mistral", "mistral-nemo", "gemma2"):
        found = matrix.built(Case(family, "system"), bench.folder, *AXOLOTL).findings
        (said,) = [it for it in found if it.rule == "system-folded"]
        assert said.severity == "info" and "first user turn" in said.message
    found = matrix.built(Case("llama3", "system"), bench.folder, *AXOLOTL).findings
    assert "system-folded" not in {it.rule for it in found}


@pytest.mark.backend
def test_rows_are_equal(bench):
    made = pairs.built(bench, CASES)
    assert [pair.refused for pair in made if pair.refused] == []
    reports = pairs.compared(bench, made, "tokens")
    for case, report in zip(CASES, reports, strict=True):
        kinds = Counter(group.kind for group in report.groups)
        labels = case.tokens == "native" and case.kind in LABELS.get(case.family, ())
        assert set(kinds) <= ({"labels"} if labels else set()), (case.name, report.groups)
        assert report.counts.unexplained == 0 and report.counts.aligned, case.name
    assert sum(report.counts.aligned for report in reports) > 150


ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import answers
for request in json.loads(sys.argv[2]):
    tokenizer = answers.load_tokenizer(request)
    print(json.dumps(tokenizer.decode(answers.encoded(tokenizer, request, "Hi")["input_ids"][0])))
"""


@pytest.mark.backend
def test_a_trained_model_is_asked_as_it_was_trained(tmp_path):
    date = f"{template.TODAY:%d %b %Y}"
    said = {"revision": None, "chat": True, "system": "Be brief.", "thinking": False}
    requests = [
        said | {"model": str(models.make(tmp_path / family, family)), "date": day}
        for family, day in (("gemma2", ""), ("mistral", ""), ("llama3.2", date))
    ]
    home = environments.require(*FACTORY)
    done = subprocess.run(
        [str(home.python), "-c", ASK, str(compare.SCRIPT.parent), json.dumps(requests)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    gemma, mistral, llama = map(json.loads, done.stdout.splitlines())
    assert "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>" in gemma
    assert mistral == "<s>[INST] Be brief.\n\nHi[/INST]"
    assert f"Today Date: {date}\n\nBe brief.<|eot_id|>" in llama
