"""Recipes that are refused, and how; recipes that load."""

import tomllib
from pathlib import Path

import pytest

from ftc.errors import FtcError
from ftc.locate import line_of
from ftc.recipe import MAX_BYTES, SYNONYMS, Recipe, keys, load, parse

CASES = tomllib.loads((Path(__file__).parent / "recipe" / "refused.toml").read_text())["case"]
SMALLEST = 'name = "x"\nmodel = "a/b"\n[data]\npath = "x.jsonl"\n'


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_refused(case):
    with pytest.raises(FtcError) as caught:
        parse(case["text"], "r.toml")
    for part in case["says"]:
        assert part in str(caught.value)
    assert caught.value.exit_code == 2


def test_smallest_recipe_loads():
    recipe = parse(SMALLEST, "r.toml")
    assert (recipe.model.id, recipe.method, recipe.stage) == ("a/b", "auto", "sft")


def test_model_as_table():
    text = SMALLEST.replace('model = "a/b"', 'model = { id = "a/b", revision = "abc" }')
    assert parse(text, "r.toml").model.revision == "abc"


FILES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "latin-1": ("name = 'é'".encode("latin-1"), "is not UTF-8 text (byte 8)"),
    "binary": (bytes(range(256)), "is not"),
    "junk": (b"x" * (MAX_BYTES + 1), "a recipe is a small TOML file"),
}


@pytest.mark.parametrize("name", FILES)
def test_unusable_file(tmp_path, name):
    content, says = FILES[name]
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(FtcError, match=r"r\.toml") as caught:
        load(path)
    assert says in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FtcError, match="no such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(FtcError, match="is a folder"):
        load(tmp_path)


def test_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())
    assert load(path).name == "x"


def test_every_synonym_leads_to_a_key():
    for word, path in SYNONYMS.items():
        *table, key = path.split(".")
        assert key in keys(table), f"{word} leads to {path}, which is no key"


def test_every_key_is_found_at_its_line():
    lines, places = [], {}
    for table in ("data", "hardware", "lora", "training"):
        lines.append(f"[{table}]")
        for key in keys([table]):
            lines.append(f"{key} = 1  # a comment with = and [brackets]")
            places[(table, key)] = len(lines)
    text = "\n".join(lines)
    assert {path: line_of(text, path) for path in places} == places


def test_line_inside_arrays_of_tables():
    text = '[[x]]\na = 1\n\n[[x]]\nb = """\n[y]\n"""\nc = 2\n'
    assert line_of(text, ["x", 1, "c"]) == 8
    assert line_of(text, ["none"]) == 0


def test_recipe_cannot_be_changed_in_place():
    recipe = parse(SMALLEST, "r.toml")
    with pytest.raises(ValueError, match="frozen"):
        recipe.name = "y"
    assert isinstance(recipe, Recipe)
