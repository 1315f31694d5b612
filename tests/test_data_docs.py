"""Every example row in docs/data.md is read as the format under which it stands."""

import re
from pathlib import Path

import pytest

from ftc import recipe
from ftc.data.formats import BY_NAME, ROLES
from ftc.data.load import load
from ftc.data.turns import ROLES as TURN_ROLES

TEXT = (Path(__file__).parents[1] / "docs" / "data.md").read_text("utf-8")
SECTION = re.compile(r"^### (\w+): stages? (\w+).*?```json\n(.*?)```", re.M | re.S)
CASES = SECTION.findall(TEXT)


def test_every_format_has_an_example():
    assert {name for name, _, _ in CASES} == set(BY_NAME)


@pytest.mark.parametrize(("name", "stage", "rows"), CASES, ids=[case[0] for case in CASES])
def test_example_rows(tmp_path, name, stage, rows):
    (tmp_path / "rows.jsonl").write_text(rows, "utf-8")
    found = load(recipe.Data(path="rows.jsonl", eval=0), stage, tmp_path, 1)
    assert (found.format, found.rejected) == (name, ())
    assert len(found.train) == len(rows.splitlines())


def test_every_role_is_named():
    assert [role for role in (*ROLES, *TURN_ROLES) if f"`{role}`" not in TEXT] == []
