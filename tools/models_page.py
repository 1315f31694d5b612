"""Makes docs/models.md from the catalogue and the table of architectures.

`python tools/models_page.py --check` writes nothing and exits 1 when the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftc.facts import architecture, model
from ftc.memory.modules import parameters
from ftc.memory.shape import Shape
from ftc.render import cell

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
MADE = "<!-- Made by `make docs` from the code; do not edit. -->\n\n"
INTRO = """# Models whose shape ftc knows

A plan and an estimate need a model's shape. ftc reads it from `config.json`: in the model's folder,
in the hub cache, or on the hub. For the {models} models of the first table it needs neither: their
{rows} shapes ship with ftc, so a recipe plans without a network. For every other model the second
table says what ftc knows of its `model_type`.

## Models

Parameters are counted by ftc's formula. A test builds each of these models with transformers 5.6
and 5.20 (on torch's meta device, no weights) and finds the same number of parameters, and the same
linear layers in every block, without exception; another holds the number against the published
one. The numbers themselves were not read from the hub: the last column says what they were
compared with. The vision tower of Gemma 3 and Mistral 3 is counted with the model: it is loaded,
and text does not train it. Those of Gemma 4 and Qwen3.5 are not: of these models the decoder alone
is built and compared.

| models | type | parameters | published, 10⁹ | blocks | width | positions | compared with |
|---|---|---|---|---|---|---|---|
"""
TYPES = """
## Model types

The test builds small models of every type too, with each switch of its configuration on and off.
Linear layers are those that LoRA can name, as far as a model has them (a mixture without plain
blocks or shared experts has no `gate_proj`). The experts of a mixture are not among them:
transformers 5 keeps them in one tensor.

| `model_type` | linear layers of a block | beside Llama's |
|---|---|---|
"""
OUTRO = """
## Any other type

A `model_type` that is not in the table is counted by Llama's rules, as a mixture where its config
names experts and as latent attention where it names `kv_lora_rank`. The plan's facts say so, and
an estimate for it has low confidence. So has one for a model with two kinds of blocks: of Gemma 4's
attention and of gated delta nets (Qwen3-Next, Qwen3.5) the weights are exact, and what they keep
while they run is a guess. Gemma 4 E2B and E4B are counted to about a percent. Mamba and
convolutions are counted as if they were attention. Vision towers are counted for Gemma 3 and
Mistral 3; of other models the tower is left out, and the facts say that. A field of `config.json`
that is missing, no number or beyond all reason is refused with its name.
"""
TOLD = {
    "qk_norm": "norm on queries and keys",
    "norm_bias": "LayerNorm",
    "softcap": "capped logits",
    "sinks": "a sink per head",
    "positions": "learned positions",
    "experts": "mixture of experts",
    "shared": "shared expert",
    "shared_count": "shared experts",
    "dense": "some blocks without experts",
    "latent": "latent attention",
    "global": "other heads in blocks without a window",
    "delta": "gated delta nets in most blocks",
    "sliding": "sliding window",
    "multi_query": "one key-value head",
}


def main() -> int:
    """Write the page, or compare it."""
    made = page()
    if PAGE.is_file() and PAGE.read_text("utf-8") == made:
        print("docs: nothing changed")
        return 0
    if "--check" in sys.argv:
        print("out of date: models.md; run: make docs", file=sys.stderr)
        return 1
    PAGE.write_text(made, "utf-8")
    print("docs: models.md changed")
    return 0


def page() -> str:
    """The whole page."""
    rows = model.catalogued()
    intro = INTRO.format(models=len(model.catalogue()), rows=len(rows))
    types = (_type(kind, row) for kind, row in architecture.known().items() if kind != "standard")
    table = "\n".join(_model(row) for row in rows)
    return f"{MADE}{intro}{table}\n{TYPES}{chr(10).join(types)}\n{OUTRO}"


def _model(row: dict[str, Any]) -> str:
    shape = architecture.shape(row, row["ids"][0])
    cells = (
        "<br>".join(f"`{name}`" for name in row["ids"]),
        f"`{row['model_type']}`",
        f"{parameters(shape):,}",
        row["published_b"],
        _blocks(shape),
        f"{shape.hidden}",
        f"{shape.max_positions}",
        cell(row["checked"]),
    )
    return f"| {' | '.join(cells)} |"


def _blocks(shape: Shape) -> str:
    plain = f", {shape.dense_layers} without experts" if shape.dense_layers else ""
    return f"{shape.layers}{plain}"


def _type(kind: str, row: dict[str, Any]) -> str:
    names = ", ".join(f"`{name}`" for name in architecture.modules(kind))
    return f"| `{kind}` | {names} | {', '.join(_beside(row))} |"


def _beside(row: dict[str, Any]) -> Iterator[str]:
    yield from (text for field, text in TOLD.items() if row.get(field))
    if row.get("mlp") == "plain":
        yield "MLP of two layers"
    if row.get("norms", 2) != 2:
        told = row["norms"]
        yield {"falcon": "one or two norms a block", 1: "one norm a block"}.get(
            told, f"{told} norms a block"
        )
    if not row.get("norm_weight", True):
        yield "norms without weights"


if __name__ == "__main__":
    sys.exit(main())
