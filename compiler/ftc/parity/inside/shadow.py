"""Makes a model's shadow: the same architecture with tiny random weights, and an adapter for it.

python shadow.py REQUEST.json

Runs inside either backend's interpreter; ftc never imports it. REQUEST, or each of its "runs":
{"config": config.json of
the model, "tokenizer": folder of its tokenizer files, "out": folder, "seed", "layers", "adapter":
{rank, alpha, targets, dora, rslora, modules_to_save} or null, "adapter_out": folder}. What the
older of two backends writes the newer reads, not the other way round.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found]
from transformers import AutoConfig, AutoModelForCausalLM  # type: ignore[import-not-found]

HEADS, HEAD_DIM, INTERMEDIATE = 4, 16, 128
# Wide enough that a token changes what comes after it: at 0.02 every loss is about log(vocabulary).
SPREAD = 0.1
# Keys of config.json -> the most that the shadow has of it.
CAPS = {
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
    "n_group": 1,
    "topk_group": 1,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "qk_head_dim": 16,
    "v_head_dim": 16,
}
# One name each of a size, as the model types call it.
HIDDEN = ("hidden_size", "n_embd")
LAYERS = ("num_hidden_layers", "n_layer")
HEAD_COUNT = ("num_attention_heads", "n_head")
WIDTH = ("intermediate_size", "n_inner", "ffn_dim")
DROPPED = ("quantization_config", "torch_dtype", "dtype", "transformers_version", "_name_or_path")
# Not the weights: whatever else lies beside them tells of tokens, templates, processors.
WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", ".index"}
# What PEFT of every version reads; a newer one writes more, which an older one refuses.
ADAPTER_KEYS = {
    "peft_type",
    "task_type",
    "base_model_name_or_path",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "modules_to_save",
    "use_dora",
    "use_rslora",
    "bias",
    "fan_in_fan_out",
    "init_lora_weights",
    "inference_mode",
}


def main(request: dict[str, Any]) -> None:
    """Writes the shadow, then the adapter that both tools start from."""
    out = Path(request["out"])
    out.mkdir(parents=True, exist_ok=True)
    # As the class reads it: what config.json leaves out has to become small, too.
    config = AutoConfig.from_pretrained(request["config"]).to_dict()
    copied = copy_files(Path(request["tokenizer"]), out)
    small = shrunk(config, int(request["layers"]), least_vocabulary(out))
    (out / "config.json").write_text(json.dumps(small, indent=1), encoding="utf-8")
    model = make(out, int(request["seed"]))
    model.save_pretrained(out)
    for path in copied:  # save_pretrained has written a generation_config.json of its own
        shutil.copyfile(path, out / path.name)
    if request["adapter"]:
        add_adapter(model, request["adapter"], int(request["seed"]), out, request["adapter_out"])


def copy_files(folder: Path, out: Path) -> list[Path]:
    """Copies all small files but config.json and what holds weights."""
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and path.name not in ("config.json", "adapter_config.json")
        and not WEIGHTS & set(path.suffixes)
    ]
    for path in found:
        shutil.copyfile(path, out / path.name)
    return found


def least_vocabulary(folder: Path) -> int:
    """One more than the highest id of tokenizer.json, 0 when there is none."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return 0
    said = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = said.get("model", {}).get("vocab", {})
    known = vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
    added = [token["id"] for token in said.get("added_tokens", [])]
    return max([*known, *added], default=-1) + 1


def shrunk(config: dict[str, Any], layers: int, vocabulary: int) -> dict[str, Any]:
    """The config with small sizes; whatever decides what is computed stays."""
    small = {key: value for key, value in config.items() if key not in DROPPED}
    small.pop("auto_map", None)  # code of the hub is never run here
    if isinstance(small.get("text_config"), dict):
        text = shrunk({"vocab_size": config.get("vocab_size"), **small["text_config"]}, layers, 0)
        text["vocab_size"] = vocabulary_of(small["text_config"] | config, vocabulary)
        small["text_config"] = text
    if isinstance(small.get("vision_config"), dict):
        small["vision_config"] = shrunk(small["vision_config"], 1, 0)
    put(small, LAYERS, layers)
    shrink_attention(small)
    put(small, WIDTH, INTERMEDIATE)
    for key, cap in CAPS.items():
        if isinstance(small.get(key), int):
            small[key] = min(small[key], cap)
    shrink_layers(small, layers)
    shrink_rope(small)
    for key in small:
        if "dropout" in key or key.endswith("_pdrop") or key.endswith("jitter_noise"):
            small[key] = 0.0
    if "vocab_size" in small and vocabulary:
        small["vocab_size"] = vocabulary_of(small, vocabulary)
    pad, size = small.get("pad_token_id"), small.get("vocab_size")
    if pad is not None and size is not None and pad >= size:
        small["pad_token_id"] = None  # a default of the class, for a larger vocabulary
    return small


def vocabulary_of(config: dict[str, Any], least: int) -> int:
    """Enough for the tokenizer and the ids that the config names, never more than the model has."""
    ids: list[int] = []
    for key, value in config.items():
        if key.endswith(("token_id", "token_index")) and value is not None:
            ids += value if isinstance(value, list) else [value]
    needed = max([least - 1, *ids]) + 1
    return min(int(config.get("vocab_size") or needed), -(-needed // 64) * 64)


def put(config: dict[str, Any], names: tuple[str, ...], value: int) -> None:
    for name in names:
        if config.get(name) is not None:
            config[name] = min(int(config[name]), value)


def shrink_attention(config: dict[str, Any]) -> None:
    """Four heads of 16; as many key heads as queries, one, or half, as the model has it."""
    heads = next((config[name] for name in HEAD_COUNT if name in config), None)
    keys = config.get("num_key_value_heads")
    if isinstance(keys, int):
        config["num_key_value_heads"] = HEADS if keys == heads else 1 if keys == 1 else HEADS // 2
    for name in HEAD_COUNT:
        if name in config:
            config[name] = HEADS
    put(config, HIDDEN, HEADS * HEAD_DIM)
    if isinstance(config.get("head_dim"), int):  # latent attention turns a part of a head
        config["head_dim"] = CAPS["qk_rope_head_dim"] if "qk_rope_head_dim" in config else HEAD_DIM


def shrink_layers(config: dict[str, Any], layers: int) -> None:
    """What is said of single layers: the first ones, and each kind of layer at least once."""
    kinds = config.get("layer_types")
    if isinstance(kinds, list):
        kept = kinds[:layers]
        missing = [kind for kind in dict.fromkeys(kinds) if kind not in kept]
        config["layer_types"] = [*kept[: layers - len(missing)], *missing][:layers]
    elif "sliding_window_pattern" in config:
        config["sliding_window_pattern"] = min(int(config["sliding_window_pattern"]), layers)
    if isinstance(config.get("mlp_only_layers"), list):
        config["mlp_only_layers"] = [one for one in config["mlp_only_layers"] if one < layers]
    if isinstance(config.get("first_k_dense_replace"), int):
        config["first_k_dense_replace"] = min(config["first_k_dense_replace"], layers - 1)


def shrink_rope(config: dict[str, Any]) -> None:
    """LongRoPE has a factor for each pair of a head's dimensions."""
    share = float(config.get("partial_rotary_factor") or 1.0)
    for key in ("rope_scaling", "rope_parameters"):
        rope = config.get(key)
        if not isinstance(rope, dict):
            continue
        pairs = int(HEAD_DIM * float(rope.get("partial_rotary_factor") or share)) // 2
        config[key] = {
            name: value[:pairs] if name in ("short_factor", "long_factor") else value
            for name, value in rope.items()
        }


def make(folder: Path, seed: int) -> Any:
    """The model of a config.json in fp32, with random weights and norms left as they start."""
    config = AutoConfig.from_pretrained(folder)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config).float()
    with torch.no_grad():
        for one in model.parameters():
            if one.dim() > 1:
                one.normal_(0.0, SPREAD)
    model.tie_weights()
    return model


def add_adapter(model: Any, said: dict[str, Any], seed: int, base: Path, out: str) -> None:
    """Saves a LoRA adapter whose B is not zero, so that the first gradients reach A."""
    from peft import LoraConfig, get_peft_model  # type: ignore[import-not-found]  # noqa: PLC0415

    torch.manual_seed(seed + 1)
    wrapped = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=said["rank"],
            lora_alpha=said["alpha"],
            lora_dropout=0.0,
            target_modules=list(said["targets"]),
            modules_to_save=list(said["modules_to_save"]) or None,
            use_dora=said["dora"],
            use_rslora=said["rslora"],
        ),
    )
    with torch.no_grad():
        for name, one in wrapped.named_parameters():
            if "lora_B" in name or "lora_embedding_B" in name:
                one.normal_(0.0, SPREAD / 2)
    wrapped.save_pretrained(out)
    path = Path(out) / "adapter_config.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in written.items() if key in ADAPTER_KEYS}
    kept["base_model_name_or_path"] = str(base)
    path.write_text(json.dumps(kept, indent=1), encoding="utf-8")


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for one in asked.get("runs", [asked]):
        main(one)
