"""A model's config.json as a `Shape`; what it leaves out comes from architectures.toml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ftc import kept
from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.memory.shape import Shape

TABLE = Path(__file__).with_name("architectures.toml")


def shape(config: dict[str, Any], name: str) -> Shape:
    """The shape of a decoder; a multimodal config counts by its text part.

    FtcError when sizes are missing or the model is no decoder. `name` stands for the file.
    """
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config
    kind = str(text.get("model_type", ""))
    if text.get("is_encoder_decoder"):
        raise FtcError(f"{name}: is an encoder-decoder model", hint="give a decoder-only model")
    row = known().get(kind, {})
    return _shape(_Reader(text, row, name), row, kind, config)


def modules(model_type: str) -> tuple[str, ...]:
    """Names of the linear layers of a block, those of Llama for a type that is not in the table."""
    table = known()
    return tuple(table.get(model_type, {}).get("modules", table["standard"]["modules"]))


@cache
def known() -> dict[str, dict[str, Any]]:
    """The table: model_type -> what its configuration class assumes."""
    return kept.table(TABLE)


class _Reader:
    """Reads sizes under the name that a model type gives them; holds the three places to look."""

    def __init__(self, config: dict[str, Any], row: dict[str, Any], name: str) -> None:
        self.config, self.name = config, name
        self.defaults, self.keys = row.get("defaults", {}), row.get("keys", {})

    def get(self, key: str) -> Any:
        value = self.config.get(self.keys.get(key, key))
        return self.defaults.get(key) if value is None else value

    def size(self, key: str, default: int | None = None) -> int:
        value = self.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            said = f"is {value!r}" if value is not None else "is missing"
            guess = nearest(key, self.config) if value is None else ""
            raise FtcError(
                f"{self.name}: {self.keys.get(key, key)} {said}; expected a whole number",
                hint=f"did you mean {guess}?" if guess else "is this a decoder language model?",
            )
        return value


def _shape(read: _Reader, row: dict[str, Any], kind: str, config: dict[str, Any]) -> Shape:
    hidden, heads = read.size("hidden_size"), read.size("num_attention_heads")
    if not heads or not hidden:
        raise FtcError(f"{read.name}: hidden_size and num_attention_heads must not be 0")
    experts = read.size(_experts_key(read.config)) if row.get("experts") else 0
    intermediate = read.size("intermediate_size", 4 * hidden)
    quantisation = config.get("quantization_config") or {}
    return Shape(
        model_type=kind,
        hidden=hidden,
        intermediate=intermediate,
        layers=read.size("num_hidden_layers"),
        heads=heads,
        kv_heads=read.size("num_key_value_heads", heads),
        head_dim=read.size("head_dim", hidden // heads),
        vocab=read.size("vocab_size"),
        tied=bool(read.get("tie_word_embeddings")),
        max_positions=read.size("max_position_embeddings", 0),
        mlp=row.get("mlp", "gated"),
        qk_norm=bool(row.get("qk_norm") or read.get("use_qk_norm")),
        qkv_bias=bool(row.get("qkv_bias") or read.get("attention_bias")),
        norms=row.get("norms", 2),
        norm_fp32=row.get("norm_fp32", True),
        softcap=row.get("softcap", False),
        experts=experts,
        experts_per_token=read.size("num_experts_per_tok", 0) if experts else 0,
        expert_intermediate=read.size("moe_intermediate_size", intermediate) if experts else 0,
        shared_intermediate=read.size("shared_expert_intermediate_size", 0) if experts else 0,
        quantized=str(quantisation.get("quant_method", "")),
    )


def _experts_key(config: dict[str, Any]) -> str:
    """transformers 5 writes `num_local_experts` where 4 wrote `num_experts`."""
    return "num_local_experts" if "num_local_experts" in config else "num_experts"
