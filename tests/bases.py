"""Facts for tests that need no files: a Llama-3.1-8B on a 24 GiB card and 500 rows, to vary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ftc.facts.records import (
    DataFacts,
    Facts,
    Family,
    Hardware,
    Lengths,
    ModelFacts,
    TokenizerFacts,
)
from ftc.memory.shape import Shape
from ftc.recipe import Recipe, parse

SHAPE = Shape(
    model_type="llama",
    hidden=4096,
    intermediate=14336,
    layers=32,
    heads=32,
    kv_heads=8,
    head_dim=128,
    vocab=128256,
    tied=False,
    max_positions=131072,
)
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
TOKENIZER = TokenizerFacts(
    bos="<|begin_of_text|>",
    eos="<|eot_id|>",
    pad="",
    chat_template="{% for message in messages %}{{ message.content }}{% endfor %}",
    adds_bos=True,
    vocabulary=128256,
    sha256="0" * 64,
)
MODEL = ModelFacts(
    id="meta-llama/Llama-3.1-8B-Instruct",
    revision=None,
    folder=Path("model"),
    source="config.json",
    shape=SHAPE,
    tokenizer=TOKENIZER,
    family=Family("llama3", "<|eot_id|>"),
    linear_modules=LINEAR,
)
CARD = Hardware(
    device="gpu",
    name="NVIDIA GeForce RTX 4090",
    vram_gb=24.0,
    gpus=1,
    bf16=True,
    flash_attention=True,
    capability=(8, 9),
    source="RTX 4090",
)


def lengths(rows: int, total: int = 300, answer: int = 200, exact: bool = True) -> Lengths:
    """`rows` rows of `total` tokens."""
    return Lengths(exact, (total,) * rows, (total - answer,) * rows, (answer,) * rows)


DATA = DataFacts(
    path="rows.jsonl",
    format="alpaca",
    sha256="0" * 64,
    train=lengths(500),
    eval=lengths(50),
    rejected=0,
    left_out=0,
    duplicates=0,
    overlap=0,
    has_tools=False,
    has_system=0,
    multi_turn=0,
    empty_answers=0,
    same_pair=0,
)
FACTS = Facts(MODEL, DATA, CARD, (("axolotl", "0.21.0"), ("llamafactory", "0.9.5")))
RECIPE = """
name = "base"
model = "meta-llama/Llama-3.1-8B-Instruct"
task = "qa"
[data]
path = "rows.jsonl"
[hardware]
vram_gb = 24
"""


def recipe(text: str = "") -> Recipe:
    """The base recipe with more TOML after it; top-level keys go into `top`."""
    return parse(RECIPE + text, "recipe.toml")


def facts(*, model=None, data=None, hardware=None) -> Facts:
    """The base facts with fields of a part replaced."""
    return replace(
        FACTS,
        model=replace(MODEL, **(model or {})),
        data=replace(DATA, **(data or {})),
        hardware=replace(CARD, **(hardware or {})),
    )
