"""A model's config.json as a `Shape`; what it leaves out comes from architectures.toml."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ftc import kept
from ftc.errors import FtcError
from ftc.facts import blocks, vision
from ftc.facts.config import LONG, Reader
from ftc.memory.modules import kinds, targeted
from ftc.memory.shape import Shape

TABLE = Path(__file__).with_name("architectures.toml")
TEXT = ("text_config", "llm_config", "language_config")  # where a multimodal one has its decoder
LAYERS = 2**12
# Names that go with a mixture, for a type that is not in the table.
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
# Beginnings of keys that tell of blocks without attention.
RECURRENT = ("mamba", "ssm_", "linear_num", "linear_attn", "conv_L_cache", "state_size", "rwkv")


def shape(config: dict[str, Any], name: str) -> Shape:
    """The shape of a decoder; a multimodal config counts by its text part.

    FtcError when sizes are missing, are no sizes, or the model is no decoder. `name` stands for
    the file.
    """
    outer = Reader(config, {}, name)
    inner = next((found for key in TEXT if (found := outer.table(key))), {})
    text = {**config, **inner}
    if Reader(text, {}, name).flag("is_encoder_decoder"):
        raise FtcError(f"{name}: is an encoder-decoder model", hint="give a decoder-only model")
    kind = Reader(text, {}, name).text("model_type")
    row = known().get(kind) if kind != "standard" else None
    rules = _guess(text) if row is None else row
    read = Reader(text, rules, name)
    made = _shape(read, rules, kind)
    beside = vision.parameters(config, made.hidden, name)
    return replace(
        made,
        quantized=Reader(outer.table("quantization_config"), {}, name).text("quant_method"),
        beside=beside or 0,
        rest=blocks.per_layer(read, rules, made),
        guessed=_guessed(read, row, made) + (("vision",) if beside is None else ()),
        modules=tuple(module for module in modules(kind) if _has(made, module)),
    )


def modules(model_type: str) -> tuple[str, ...]:
    """Names of the linear layers of a block, those of Llama for a type that is not in the table.

    A model may lack some of them: `Shape.modules` has those that it has.
    """
    table = known()
    return tuple(table.get(model_type, {}).get("modules", table["standard"]["modules"]))


@cache
def known() -> dict[str, dict[str, Any]]:
    """The table: model_type -> what its configuration class assumes."""
    return kept.table(TABLE)


def _has(made: Shape, name: str) -> bool:
    """Whether a block of any kind has a linear layer of this name."""
    return any(targeted(made, (name,), dense=dense, other=other) for _, dense, other in kinds(made))


def _guess(config: dict[str, Any]) -> dict[str, Any]:
    """A row for a type that is not in the table: Llama's, and a mixture where the keys say so."""
    row: dict[str, Any] = {**known()["standard"], "qk_norm": "use_qk_norm"}
    experts = next((key for key in EXPERTS if config.get(key)), None)
    if experts:
        row |= {"experts": True, "keys": {"num_experts": experts}, "dense": "first"}
        row |= {"shared": "shared_expert_intermediate_size"}
        shared = next((key for key in SHARED if config.get(key)), None)
        row |= {"shared_count": shared} if shared else {}
    if config.get("kv_lora_rank"):
        row |= {"latent": True}
    return row


def _guessed(read: Reader, row: dict[str, Any] | None, made: Shape) -> tuple[str, ...]:
    """The terms of a shape that nobody ever compared with the class it stands for."""
    if row is None or any(read.get(key) for key in row.get("unlike", ())):
        found = any(key.startswith(RECURRENT) and read.config[key] for key in read.config)
        return ("attention", "mlp", "norms", *(("recurrent blocks",) if found else ()))
    if made.delta_layers:
        return ("recurrent blocks",)
    return ("attention",) if made.global_layers else ()


def _drops(read: Reader) -> bool:
    """Whether the config has dropout of its own after attention and MLP (Seed-OSS 0.1, Phi-2)."""
    said = (read.get("residual_dropout"), read.get("resid_pdrop"))
    return any(isinstance(value, float) and value > 0 for value in said)


def _shape(read: Reader, row: dict[str, Any], kind: str) -> Shape:
    standard = known()["standard"]

    def says(field: str, default: bool = False) -> bool:
        """What the table says of a field of Shape, or the key of config.json that it names."""
        value = row.get(field, standard.get(field, default))
        return read.flag(value) if isinstance(value, str) else bool(value)

    hidden = read.size("hidden_size", least=1)
    heads = read.size("num_attention_heads", least=1)
    layers = read.size("num_hidden_layers", least=1, most=LAYERS)
    intermediate = read.size("intermediate_size", 4 * hidden)
    positions = read.size("max_position_embeddings", 0, most=LONG)
    activation = read.text("hidden_activation") or read.text("hidden_act", "silu")
    return Shape(
        model_type=kind,
        hidden=hidden,
        intermediate=intermediate,
        layers=layers,
        heads=heads,
        kv_heads=blocks.kv_heads(read, row, heads),
        vocab=read.size("vocab_size", least=1),
        tied=read.flag("tie_word_embeddings"),
        max_positions=positions,
        mlp=row.get("mlp", "gated"),
        qk_norm=says("qk_norm"),
        qk_norm_full=says("qk_norm") and says("qk_norm_full"),
        norms=blocks.norms(read, row),
        norm_fp32=says("norm_fp32", True),
        norm_weight=says("norm_weight", True),
        norm_bias=says("norm_bias"),
        softcap=says("softcap"),
        sinks=says("sinks"),
        output_gate=says("output_gate"),
        qkv_bias=says("qkv_bias"),
        o_bias=says("o_bias"),
        mlp_bias=says("mlp_bias"),
        head_bias=says("head_bias"),
        positions=positions if says("positions") else 0,
        dropped=2 if _drops(read) else 0,
        activation=activation,
        activation_parameters=2 if activation == "xielu" else 0,
        **blocks.heads(read, row, hidden // heads),
        **blocks.mixture(read, row, layers, intermediate),
        **blocks.window(read, row, layers),
        **blocks.delta(read, row, layers),
        **blocks.globally(read, row, layers),
    )
