"""What the factor table decides, how it explains itself, and how tables are laid over it."""

import tomllib
from pathlib import Path

import pytest

from ftc.errors import FtcError
from ftc.factors import schema
from ftc.factors.decide import decide, limited, ranked
from ftc.factors.table import PARAMETERS, SHIPPED, load, shipped

DATA = tomllib.loads((Path(__file__).parent / "factors" / "decisions.toml").read_text())
CASES = DATA["case"]


def known_of(case):
    known = DATA["guide"] | case.get("known", {})
    return {name: value for name, value in known.items() if name not in case.get("unknown", ())}


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_decision(case):
    known = known_of(case)
    if "limit" in case:
        value, bit = limited(shipped(), case["limit"], case["value"], known)
        assert bit
        assert value == case["is"]
        return
    need = case.get("need", 0)
    decision = decide(
        shipped(),
        case["parameter"],
        known,
        case.get("prefer", "guide"),
        lambda choices: next((it for it in choices if not need or it >= need), None),
    )
    if "is" in case:
        assert decision.value == case["is"]
    if "between" in case:
        low, high = case["between"]
        assert low <= decision.value <= high
    if "row" in case:
        assert decision.origin.row == case["row"]
    assert "is" in case or "between" in case


def test_guide_decides_and_shows_what_others_say():
    origin = decide(shipped(), "learning_rate", DATA["guide"] | {"method": "qlora"}).origin
    assert origin.row_kind == "guide"
    beside = "\n".join(origin.beside)
    assert "arXiv 2305.14314" in beside
    assert "Unsloth" in beside
    assert any("rows" in change for change in origin.changes)


def test_every_shipped_row_has_a_source_and_every_parameter_a_row():
    table = shipped()
    entries = [*table.value, *table.factor, *table.limit]
    assert len({entry.id for entry in entries}) == len(entries)
    assert all(entry.source for entry in entries)
    spoken = {row.parameter for row in table.value} | {row.parameter for row in table.limit}
    unsaid = {"min_lr_ratio", "neftune_alpha"}  # off unless asked for
    assert spoken == set(PARAMETERS) - unsaid


def test_the_guides_seven_rows_and_five_factors_are_there():
    table = shipped()
    guide = [row.parameter for row in table.value if row.kind == "guide"]
    assert sorted(guide) == [
        "effective_batch",
        "epochs",
        "learning_rate",
        "lora_alpha",
        "lora_rank",
        "max_length",
        "warmup_steps",
    ]
    sources = " ".join(entry.source for entry in [*table.factor, *table.limit])
    for factor in ("dataset size", "task complexity", "model size", "VRAM", "response length"):
        assert factor in sources


def test_a_teams_row_wins_and_replaces_by_id(tmp_path):
    path = tmp_path / "team.toml"
    path.write_text(
        """
        [[value]]
        id = "our-rate"
        parameter = "learning_rate"
        when = { stage = ["sft"] }
        value = 1.5e-4
        source = "our sweep"

        [[value]]
        id = "guide-lora-r"
        parameter = "lora_rank"
        value = 12
        source = "our sweep"
        """
    )
    table = load([path])
    assert decide(table, "learning_rate", DATA["guide"]).value == 1.5e-4
    assert next(row.id for row in ranked(table, "lora_rank", DATA["guide"], "guide")) == (
        "guide-lora-r"
    )
    assert len(table.value) == len(shipped().value) + 1


BROKEN = {
    "not a table": ("x = 1", "Extra inputs are not permitted"),
    "no source": ("[[value]]\nid = 'a'\nparameter = 'epochs'\nvalue = 1", "source"),
    "unknown parameter": (
        "[[value]]\nid = 'a'\nparameter = 'epoch'\nvalue = 1\nsource = 's'",
        "unknown parameter 'epoch'; did you mean epochs?",
    ),
    "unknown condition": (
        "[[value]]\nid = 'a'\nparameter = 'epochs'\nvalue = 1\nsource = 's'\n"
        "when = { row = { min = 1 } }",
        "unknown condition 'row'; did you mean rows?",
    ),
    "two kinds of value": (
        "[[value]]\nid = 'a'\nparameter = 'epochs'\nvalue = 1\nrange = [1, 2]\nsource = 's'",
        "exactly one of value, choices, range, times",
    ),
    "not TOML": ("[[value]", "is not a factor table"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_overlay(tmp_path, name):
    text, says = BROKEN[name]
    path = tmp_path / "team.toml"
    path.write_text(text)
    with pytest.raises(FtcError) as caught:
        load([path])
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_missing_overlay(tmp_path):
    with pytest.raises(FtcError, match="cannot be read"):
        load([tmp_path / "none.toml"])


def test_the_shipped_table_is_what_its_file_says():
    checked = schema.read(SHIPPED)
    table = shipped()
    assert [row._asdict() for row in table.value] == checked["value"]
    assert [row._asdict() for row in table.factor] == checked["factor"]
    assert [row._asdict() for row in table.limit] == checked["limit"]
    assert table.trust == checked["trust"]
