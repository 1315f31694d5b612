"""Kinds of made rows: the cases of tests/augment/kinds/*.toml."""

import json
import re
import tomllib
from pathlib import Path

import jinja2.meta
import pytest
from augment.prepared import Prepared, template

from ftc.augment.kind import Made, Refused, Seed
from ftc.augment.kinds import KINDS, fixed, wording
from ftc.augment.kinds.course import Work
from ftc.augmentation import Make
from ftc.prep.rows import Row, each, identity, table

FOLDERS = Path(__file__).parent / "augment" / "kinds"
FILES = sorted(FOLDERS.glob("*.toml"))


def cases(part):
    found = [
        pytest.param(path.stem, case, id=f"{path.stem}: {case['why']}")
        for path in FILES
        for case in tomllib.loads(path.read_text("utf-8")).get(part, [])
    ]
    assert found
    return found


def row(said):
    """A row of a case: `turns`, and what else of a `Row` the case names."""
    turns = tuple((role, content) for role, content in said["turns"])
    rest = {key: value for key, value in said.items() if key != "turns"}
    rest["parents"] = tuple(rest.get("parents", ()))
    named = {
        "form": "chat",
        "id": identity(*map(":".join, turns)),
        "file": "rows.jsonl",
        "place": "line 1",
    }
    return Row(**{**named, **rest, "turns": turns})


def made(kind, case):
    """What comes of the case's seed, and the `Ask` that it was made with."""
    make = Make.model_validate({"kind": kind, **case.get("make", {})})
    others = tuple(map(row, case.get("others", [])))
    seed = Seed(row(case["seed"]), case.get("number", 0), others)
    ask = Prepared(case["answers"])
    assert KINDS[kind].takes(seed.row, make) == ""
    (found,) = KINDS[kind].make([seed], make, ask)
    assert not ask.answers, f"never asked: {ask.answers}"
    assert {name for answer in case["answers"] for name in answer} <= set(KINDS[kind].prompts)
    return found, ask


def test_every_kind_has_cases():
    assert {path.stem for path in FILES} == set(KINDS)


@pytest.mark.parametrize(("kind", "case"), cases("case"))
def test_what_comes_of_a_seed(kind, case):
    found, ask = made(kind, case)
    (one,) = found
    if reason := case.get("refused"):
        assert not isinstance(one, Made), one
        assert one.reason == reason
        assert one.failed == case.get("failed", False)
        assert one.seed == row(case["seed"]).id
        assert case.get("detail", "") in one.detail
    else:
        assert isinstance(one, Made), one
        assert [list(turn) for turn in one.row.turns] == case["made"]
        assert one.row.form == case.get("form", "chat")
        assert one.row.notes["augment"]["kind"] == kind
        assert case.get("how", {}).items() <= one.row.notes["augment"].items()
        assert one.row.notes.get("aim", {}) == case.get("aim", {})
        assert one.row.extra == case.get("extra", {})
        known = [row(case["seed"]), *map(row, case.get("others", []))]
        assert one.row.parents == tuple(name for it in known for name in (it.id, *it.parents))
        assert one.row.id not in one.row.parents
        assert next(each(table([one.row]))) == one.row
    assert one.calls == tuple(f"call {i + 1}" for i in range(len(case["answers"])))
    for text in case.get("says", []):
        assert any(text in prompt for prompt in ask.prompts), ask.prompts
    for text in case.get("silent", []):
        assert not any(text in prompt for prompt in ask.prompts), ask.prompts


@pytest.mark.parametrize(("kind", "case"), cases("not"))
def test_what_is_no_seed(kind, case):
    make = Make.model_validate({"kind": kind, **case.get("make", {})})
    assert KINDS[kind].takes(row(case["seed"]), make) == case["reason"]


@pytest.mark.parametrize(("kind", "case"), cases("case"))
def test_equal_answers_give_equal_rows(kind, case):
    assert made(kind, case)[0] == made(kind, case)[0]


@pytest.mark.parametrize("name", sorted({name for kind in KINDS.values() for name in kind.prompts}))
def test_templates_and_schemas(name):
    """A template's comment names its values; schemas are closed, and flat but for lists."""
    text = template(name).path.read_text("utf-8")
    used = jinja2.meta.find_undeclared_variables(jinja2.Environment().parse(unfiltered(text)))
    comment = text[: text.index("#}")]
    assert used
    assert not {value for value in used if value not in comment}
    schema = json.loads(template(name).schema)
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False
    assert all(value["type"] != "object" for value in schema["properties"].values())
    for tag in re.findall(r'data\("(\w+)"\)', text):
        leak = fixed.fault(Work(Seed(row({"turns": []}))), f"So <{tag}-2>")
        assert leak and leak.reason == wording.LEAK


def unfiltered(text):
    """Without the filter that only the engine knows."""
    return text.replace("| data(", "| indent(")


def test_samples_are_the_numbers_of_rows_and_questions():
    """Rows of one seed, and the two answers that are ranked, are calls of their own."""
    seed = row({"turns": [["user", "What is 2 + 2?"], ["assistant", "It is four."]]})
    ranked = Make(kind="preference", how="ranked")
    rank = {"preference-rank": {"reason": "", "better": "first"}}
    back = {"preference-rank": {"reason": "", "better": "second"}}
    answers = [{"answer": {"text": text}} for text in "5678"]
    ask = Prepared([answers[0], answers[1], answers[2], answers[3], rank, rank, back, back])
    seeds = [Seed(seed, 0), Seed(seed, 1)]
    found = KINDS["preference"].make(seeds, ranked, ask)
    assert ask.samples == [0, 2, 1, 3, 0, 1, 0, 1]
    assert [made.row.turns[-2:] for (made,) in found] == [
        (("chosen", "5"), ("rejected", "7")),
        (("chosen", "6"), ("rejected", "8")),
    ]


def test_pairs_are_checked_by_the_check_model():
    text = "The tea house opened in 1931 on the quay. It burned down twice, and still has a sign."
    seed = row({"form": "chunk", "turns": [["chunk", text]]})
    good = {"reason": "", "answerable": True, "relevant": True, "supported": True}
    pair = {"question": "How often did the tea house burn down?", "answer": "Twice."}
    ask = Prepared([{"document-qa": pair}, {"document-qa-check": good}])
    make = Make(kind="document-qa", check_model="strict")
    ((found,),) = KINDS["document-qa"].make([Seed(seed)], make, ask)
    assert isinstance(found, Made)
    assert ask.models == [None, "strict"]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_seeds_ask_nothing(name):
    ask = Prepared([])
    needs = {"translate": {"language": "German"}, "restyle": {"tone": "formal"}}
    make = Make.model_validate({"kind": name, **needs.get(name, {})})
    assert KINDS[name].make([], make, ask) == []


@pytest.mark.parametrize("kind", ["paraphrase", "answer", "preference"])
def test_seeds_keep_their_order_when_some_fail(kind):
    """A batch is answered seed by seed, whatever became of the others."""
    seeds = [
        Seed(row({"turns": [["user", f"What is item {n} of it?"], ["assistant", f"Thing {n}"]]}))
        for n in (11, 12, 13)
    ]
    prompt = {"preference": "preference-flaw"}.get(kind, kind)
    said = [{"text": f"Which one is {n}?"} for n in (21, 13)]
    ask = Prepared([{prompt: said[0]}, {prompt: "cut at max_tokens"}, {prompt: said[1]}])
    found = KINDS[kind].make(seeds, Make(kind=kind), ask)
    assert [isinstance(one, Made) for (one,) in found] == [kind != "paraphrase", False, True]
    assert [one.seed if isinstance(one, Refused) else one.row.parents[0] for (one,) in found] == [
        seed.row.id for seed in seeds
    ]
    assert found[1][0].failed
