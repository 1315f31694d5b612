"""Builds models of real and of small size on torch's meta device; runs inside a backend.

python shape_oracle.py CONFIGS.json ANSWERS.json, with {name: config.json} -> {name: what was seen}
"""

import collections
import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

LINEAR = ("Linear", "Conv1D")
ROUTERS = ("gate", "wg", "layer", "proj")  # linear layers in some types and versions
LOCAL = ("sliding_attention", "chunked_attention")


def describe(config):
    kind = config.pop("model_type")
    config = AutoConfig.for_model(kind, **config)
    causal = type(config) in AutoModelForCausalLM._model_mapping
    auto = AutoModelForCausalLM if causal else AutoModelForImageTextToText
    with torch.device("meta"):
        model = auto.from_config(config)
    text = config.get_text_config()
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "blocks": blocks(model, text.num_hidden_layers),
        "tied": bool(text.tie_word_embeddings),
        "max_positions": getattr(text, "max_position_embeddings", None),
        "sliding": sliding(text),
    }


def blocks(model, count):
    """[[how many blocks, [[name, inputs, outputs], ...] of each], ...] of the decoder."""
    lists = {
        name: part
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.ModuleList) and len(part) == count and "vision" not in name
    }
    (stack,) = [part for name, part in lists.items() if name.rsplit(".", 1)[-1] in ("layers", "h")]
    kinds = collections.Counter(tuple(sorted(linears(block))) for block in stack)
    return sorted([number, [list(linear) for linear in kind]] for kind, number in kinds.items())


def linears(block):
    for name, part in block.named_modules():
        last = name.rsplit(".", 1)[-1]
        if type(part).__name__.endswith(LINEAR) and last not in ROUTERS:
            if type(part).__name__ == "Conv1D":
                yield (last, *part.weight.shape)
            else:
                yield (last, part.in_features, part.out_features)


def sliding(text):
    """How many blocks see a window only, by the configuration class."""
    kinds = getattr(text, "layer_types", None)
    if kinds is not None:
        return sum(kind in LOCAL for kind in kinds)
    return text.num_hidden_layers if getattr(text, "sliding_window", None) else 0


def main(configs: Path, answers: Path) -> None:
    found = {}
    for name, config in json.loads(configs.read_text()).items():
        try:
            found[name] = describe(config)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            found[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
    answers.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
