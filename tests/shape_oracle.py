"""Builds a small model of each type on torch's meta device; runs inside a backend's interpreter.

python shape_oracle.py TYPES.json ANSWER.json
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 600,
    "head_dim": 16,
    "pad_token_id": 0,
}
GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 600, "n_positions": 128}


def describe(kind):
    config = AutoConfig.for_model(kind, **(GPT2 if kind == "gpt2" else SMALL))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    linear = ("Linear", "Conv1D")
    names = [name for name, part in model.named_modules() if type(part).__name__ in linear]
    return {
        "config": json.loads(config.to_json_string(use_diff=True)) | {"model_type": kind},
        "parameters": sum(p.numel() for p in model.parameters()),
        "tied": bool(model.config.get_text_config().tie_word_embeddings),
        "modules": sorted({name.rsplit(".", 1)[-1] for name in names if ".layers." in name
                           or ".h." in name}),
        "max_positions": getattr(config, "max_position_embeddings", None),
    }  # fmt: skip


def main(types: Path, answers: Path) -> None:
    found = {}
    for kind in json.loads(types.read_text()):
        try:
            found[kind] = describe(kind)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            found[kind] = {"error": f"{type(error).__name__}: {error}"[:200]}
    answers.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
