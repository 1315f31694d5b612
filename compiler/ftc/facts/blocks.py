"""What config.json says of a decoder's blocks: heads, norms, experts, which of them differ.

`row` is the model type's row of architectures.toml. Results are fields of `Shape`.
"""

from __future__ import annotations

from typing import Any

from ftc.facts.config import LONG, Reader
from ftc.memory.shape import Shape

Fields = dict[str, Any]  # fields of Shape, whose own types differ
LOCAL = ("sliding_attention", "chunked_attention")


def kv_heads(read: Reader, row: Fields, heads: int) -> int:
    """Heads of keys and values: one each by default; Falcon's older ones share a single one."""
    several = read.flag("new_decoder_architecture")
    if "multi_query" in row and read.flag(row["multi_query"]) and not several:
        return 1
    return read.size("num_key_value_heads", heads, least=1)


def norms(read: Reader, row: Fields) -> int:
    """Norms of a block; attention and MLP side by side may share one."""
    if row.get("norms") == "falcon":
        two = 2 if read.flag("new_decoder_architecture") else 1
        apart = read.size("num_ln_in_parallel_attn", two) == 2
        return 2 if apart or not read.flag("parallel_attn") else 1
    if "mixture_norms" in row and read.flag(row["experts"]):
        return int(row["mixture_norms"])
    count: int = row.get("norms", 2)
    return count - 1 if "parallel" in row and read.flag(row["parallel"]) else count


def heads(read: Reader, row: Fields, usual: int) -> Fields:
    """Widths of a head; those of latent attention, whose head_dim is the sum of its two parts."""
    if not row.get("latent"):
        return {"head_dim": read.size("head_dim", usual, least=1)}
    rope, rest = read.size("qk_rope_head_dim"), read.size("qk_nope_head_dim")
    whole = read.nulled("q_lora_rank")
    return {
        "head_dim": rope + rest,
        "v_head_dim": read.size("v_head_dim", rope + rest),
        "qk_rope_head_dim": rope,
        "q_lora_rank": 0 if whole else read.size("q_lora_rank", 0),
        "kv_lora_rank": read.size("kv_lora_rank", least=1),
    }


def mixture(read: Reader, row: Fields, layers: int, intermediate: int) -> Fields:
    """The experts of a mixture, the shared one, its biases, and how many blocks have none."""
    how = row.get("experts", False)
    if not (read.flag(how) if isinstance(how, str) else how):
        return {}
    own = read.keys.get("num_experts", "num_experts")
    other = "num_local_experts" in read.config and own not in read.config
    experts = read.size("num_local_experts" if other else "num_experts")
    if not experts:
        return {}
    width = read.size("moe_intermediate_size", intermediate)
    shared = read.size(row["shared"], 0) if "shared" in row else 0
    if "shared_count" in row and not read.nulled(row["shared_count"]):
        shared = read.size(row["shared_count"], 0) * width
    return {
        "experts": experts,
        "experts_per_token": read.size("num_experts_per_tok", 0, most=experts),
        "expert_intermediate": width,
        "shared_intermediate": shared,
        "shared_gate": bool(row.get("shared_gate")),
        "router_bias": bool(row.get("router_bias")),
        "expert_bias": bool(row.get("expert_bias")),
        "dense_layers": _dense(read, row.get("dense", ""), layers),
    }


def _dense(read: Reader, how: str, layers: int) -> int:
    """Blocks of a mixture that have a plain MLP.

    one: the first. first: as many as first_k_dense_replace says. step: those that
    decoder_sparse_step skips or mlp_only_layers names. interleaved: all but every nth. range:
    those before, between, behind.
    """
    kinds = read.texts("mlp_layer_types")
    if kinds:
        return min(layers, kinds.count("dense"))
    if how == "one":
        return 1
    if how == "first":
        return min(layers, read.size("first_k_dense_replace", 0))
    if how == "step":
        only, step = read.numbers("mlp_only_layers"), read.size("decoder_sparse_step", 1, least=1)
        return sum(1 for block in range(layers) if block in only or (block + 1) % step)
    if how == "interleaved":
        step = read.size("interleave_moe_layer_step", 1, least=1)
        mixed = set(read.numbers("moe_layers") or range(step - 1, layers, step))
        return layers - len(mixed & set(range(layers)))
    if how == "range":
        step = read.size("moe_layer_interval", 1, least=1)
        first = read.size("moe_layer_start_index", 1)
        last = read.size("moe_layer_end_index", -1, least=-1)
        end = layers if last < 0 else min(layers, last + 1)
        return layers - sum(1 for block in range(first, end) if (block + 1) % step == 0)
    return 0


def delta(read: Reader, row: Fields, layers: int) -> Fields:
    """The gated delta nets that stand in for attention, and in how many blocks."""
    if not row.get("delta"):
        return {}
    named = read.texts("layer_types")
    every = read.size("full_attention_interval", 4, least=1)
    usual = sum(1 for block in range(layers) if (block + 1) % every)
    heads = read.size("linear_num_value_heads", least=1)
    return {
        "delta_layers": min(layers, named.count("linear_attention") if named else usual),
        "delta_keys": read.size("linear_num_key_heads") * read.size("linear_key_head_dim"),
        "delta_values": heads * read.size("linear_value_head_dim"),
        "delta_heads": heads,
        "delta_kernel": read.size("linear_conv_kernel_dim"),
    }


def globally(read: Reader, row: Fields, layers: int) -> Fields:
    """The attention of Gemma 4's blocks without a window; the last block is always one of them."""
    if not row.get("global"):
        return {}
    kinds = read.texts("layer_types")
    every = int(row["sliding"])
    named = kinds.count("full_attention") + (kinds[-1] != "full_attention") if kinds else 0
    shared = read.flag("attention_k_eq_v")
    own = read.get("num_global_key_value_heads") if shared else None
    key = "num_key_value_heads" if own is None else "num_global_key_value_heads"
    return {
        "global_layers": min(layers, named or layers // every + (layers % every > 0)),
        "global_head_dim": read.size("global_head_dim", least=1),
        "global_kv_heads": read.size(key, least=1),
        "global_shared": shared,
    }


def per_layer(read: Reader, row: Fields, made: Shape) -> int:
    """Parameters that Gemma 4 E2B and E4B have beyond `made`, to about a percent: embeddings of
    every block's own, and MLPs twice as wide in the blocks that borrow keys and values."""
    if not row.get("global"):
        return 0
    width, hidden = read.size("hidden_size_per_layer_input", 0), made.hidden
    count = read.size("num_kv_shared_layers", 0, most=made.layers)
    block = 3 * width * hidden + hidden if width else 0
    more = made.layers * (read.size("vocab_size_per_layer_input") * width + block)
    if read.flag("use_double_wide_mlp"):
        more += count * 3 * hidden * made.intermediate
    borrowed = count * 2 * hidden * made.kv_heads * made.head_dim
    return max(0, more - borrowed)


def window(read: Reader, row: Fields, layers: int) -> Fields:
    """How far the blocks with local attention see, and how many they are."""
    how = row.get("sliding")
    size = 0 if read.nulled("sliding_window") else read.size("sliding_window", 0, most=LONG)
    if how is None or not size or (how == "chosen" and not read.flag("use_sliding_window")):
        return {}
    kinds = read.texts("layer_types")
    if kinds:
        count = sum(1 for kind in kinds if kind in LOCAL)
    elif how == "all":
        count = layers
    elif how == "chosen":
        count = layers - min(layers, read.size("max_window_layers", 0))
    else:
        count = sum(1 for block in range(layers) if (block + 1) % _every(read, how))
    count = min(
        layers, count - 1 if row.get("global") and _ends_local(kinds, layers, how) else count
    )
    return {"sliding_window": size, "sliding_layers": count} if count else {}


def _ends_local(kinds: list[str], layers: int, every: int) -> bool:
    return kinds[-1] in LOCAL if kinds else layers % every > 0


def _every(read: Reader, usual: int) -> int:
    pattern = read.get("sliding_window_pattern")
    return read.size("sliding_window_pattern", least=1) if isinstance(pattern, int) else usual
