"""Kinds of made rows: the cases of tests/augment/kinds/*.toml."""

import tomllib
from pathlib import Path

import jinja2.meta
import pytest
from augment.prepared import FOLDER, Prepared, schema

from ftc.augment.kind import Made, Seed
from ftc.augment.kinds import KINDS
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
    """What a template says of its values is what it uses; schemas are closed and flat."""
    text = (FOLDER / f"{name}.jinja").read_text("utf-8")
    used = jinja2.meta.find_undeclared_variables(jinja2.Environment().parse(_unfiltered(text)))
    comment = text[: text.index("#}")]
    assert used, "a prompt without a row"
    assert not {value for value in used if value not in comment}
    told = schema(name)
    assert told["required"] == list(told["properties"])
    assert told["additionalProperties"] is False
    for value in told["properties"].values():
        assert value["type"] in ("string", "boolean", "array", "integer")


def _unfiltered(text):
    """Without the filter that only the engine knows."""
    return text.replace("| data(", "| indent(")
