"""Several data sets in one recipe, each read in its own way."""

import json

import pytest

from ftc.build import build, compile_recipe
from ftc.errors import FtcError
from ftc.recipe import parse

RECIPE = """
name = "two"
model = "Qwen/Qwen2.5-7B-Instruct"
[data]
path = "chats.jsonl"
eval = 0.2
[[data.also]]
path = "more.csv"
samples = 7
system = "Be short."
[hardware]
vram_gb = 24
"""


def written(folder, text=RECIPE):
    chat = [{"role": "user", "content": "{}?"}, {"role": "assistant", "content": "{}!"}]
    lines = [json.dumps({"messages": chat}).replace("{}", f"row {i}") for i in range(20)]
    (folder / "chats.jsonl").write_text("\n".join(lines))
    rows = "".join(f"Ask {i}?,It is {i}.\n" for i in range(30))
    (folder / "more.csv").write_text("instruction,output\n" + rows)
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_all_rows_are_trained_on_or_held_out(tmp_path):
    found = compile_recipe(written(tmp_path), offline=True)
    rows = (*found.dataset.train, *found.dataset.eval)
    files = [row.file for row in rows]
    assert (files.count("chats.jsonl"), files.count("more.csv")) == (20, 7)
    assert found.dataset.left_out == 23
    assert found.dataset.source == "chats.jsonl, more.csv"
    assert found.dataset.format == "messages, alpaca"
    assert {row.messages[0].role for row in rows if row.file == "more.csv"} == {"system"}
    assert {row.messages[0].content for row in rows if row.file == "more.csv"} == {"Be short."}


def test_a_build_has_them_all(tmp_path):
    built = build(written(tmp_path), "axolotl", "0.21.0", out=tmp_path / "build", offline=True)
    texts = [(built.folder / name).read_text() for name in ("train.jsonl", "eval.jsonl")]
    assert sum(len(text.splitlines()) for text in texts) == 27


def test_a_further_one_that_is_missing_is_named(tmp_path):
    path = written(tmp_path, RECIPE.replace("more.csv", "mere.csv"))
    with pytest.raises(FtcError, match=r"mere\.csv"):
        compile_recipe(path, offline=True)


def test_a_wrong_key_is_named_with_its_place():
    with pytest.raises(FtcError, match=r"data\.also\[1\]\.eval: unknown key"):
        parse(RECIPE.replace("samples = 7", "eval = 0.1"), "recipe.toml")
