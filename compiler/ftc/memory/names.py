"""What the names of linear layers stand for: the projections that a layer of this name holds."""

from __future__ import annotations

# Module name -> the projections it holds. Fused ones hold several.
ROLES: dict[str, tuple[str, ...]] = {
    "q_proj": ("q",),
    "k_proj": ("k",),
    "v_proj": ("v",),
    "o_proj": ("o",),
    "q_a_proj": ("q_a",),
    "q_b_proj": ("q_b",),
    "kv_a_proj_with_mqa": ("kv_a",),
    "kv_b_proj": ("kv_b",),
    "out_proj": ("o",),
    "dense": ("o",),
    "qkv_proj": ("q", "k", "v"),
    "query_key_value": ("q", "k", "v"),
    "c_attn": ("q", "k", "v"),
    "W_pack": ("q", "k", "v"),
    "Wqkv": ("q", "k", "v"),
    "wqkv": ("q", "k", "v"),
    "wo": ("o",),
    "c_proj": ("o",),
    "gate_proj": ("gate",),
    "up_proj": ("up",),
    "down_proj": ("down",),
    "gate_up_proj": ("gate", "up"),
    "fc1": ("up",),
    "fc2": ("down",),
    "c_fc": ("up",),
    "dense_h_to_4h": ("up",),
    "dense_4h_to_h": ("down",),
    "w1": ("gate",),
    "w2": ("down",),
    "w3": ("up",),
    "shared_expert_gate": ("shared_gate",),
    "in_proj_qkv": ("delta_qkv",),
    "in_proj_z": ("delta_z",),
    "in_proj_b": ("delta_b",),
    "in_proj_a": ("delta_a",),
    "in_proj_qkvz": ("delta_qkv", "delta_z"),
    "in_proj_ba": ("delta_b", "delta_a"),
}
TWICE = {"c_proj": "down"}  # names that a block uses for a second layer too
ONLY = {  # types that give a name another meaning
    ("starcoder2", "c_proj"): ("down",),
    ("qwen3_next", "out_proj"): ("delta_o",),
    ("qwen3_5_text", "out_proj"): ("delta_o",),
    ("qwen3_5_moe_text", "out_proj"): ("delta_o",),
}
