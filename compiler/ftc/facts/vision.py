"""How many parameters a multimodal model loads beside its decoder: the tower and its projector.

Text training neither runs nor trains them, but they lie on the card. Source: modeling_siglip.py,
modeling_pixtral.py, modeling_gemma3.py and modeling_mistral3.py of transformers 5.20.
"""

from __future__ import annotations

from typing import Any

from ftc.facts.config import Reader

SIGLIP = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_channels": 3,
    "image_size": 224,
    "patch_size": 16,
    "vision_use_head": True,
}
PIXTRAL = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_channels": 3,
    "patch_size": 16,
}
MOST = 2**14  # layers, channels, pixels of an image's side


def parameters(config: dict[str, Any], hidden: int, name: str) -> int | None:
    """Parameters of tower and projector of a whole config.json; `hidden` is the decoder's width.

    0: it has no tower. None: it has one, and nothing here knows how to count it.
    """
    outer = Reader(config, {}, name)
    tower, audio = outer.table("vision_config"), outer.table("audio_config")
    if not tower and not audio:
        return 0
    kind = outer.text("model_type")
    if kind not in ("gemma3", "mistral3") or audio:
        return None
    defaults = {"defaults": SIGLIP if kind == "gemma3" else PIXTRAL}
    read = Reader(tower, defaults, f"{name}: vision_config")
    return _siglip(read, hidden) if kind == "gemma3" else _pixtral(read, outer, hidden)


def _siglip(read: Reader, hidden: int) -> int:
    width, inner = read.size("hidden_size"), read.size("intermediate_size")
    patch = read.size("patch_size", least=1, most=MOST)
    patches = (read.size("image_size", most=MOST) // patch) ** 2
    mlp = 2 * width * inner + inner + width
    attention = 4 * (width * width + width)
    layer = attention + mlp + 4 * width
    embeddings = read.size("num_channels", most=MOST) * patch**2 * width + width + patches * width
    head = attention + mlp + 3 * width if read.flag("vision_use_head") else 0
    tower = embeddings + read.size("num_hidden_layers", most=MOST) * layer + 2 * width + head
    return tower + width * hidden + width


def _pixtral(read: Reader, outer: Reader, hidden: int) -> int:
    width, inner = read.size("hidden_size"), read.size("intermediate_size")
    patch = read.size("patch_size", least=1, most=MOST)
    layer = 4 * width * width + 3 * width * inner + 2 * width
    tower = read.size("num_channels", most=MOST) * patch**2 * width + width
    tower += read.size("num_hidden_layers", most=MOST) * layer
    merged = outer.size("spatial_merge_size", 2, most=MOST) ** 2 * width * width
    several = outer.get("vision_feature_layer")
    depth = len(several) if isinstance(several, list) else 1
    projector = width + merged + depth * width * hidden + hidden * hidden
    return tower + projector + (2 * hidden if outer.flag("multimodal_projector_bias") else 0)
