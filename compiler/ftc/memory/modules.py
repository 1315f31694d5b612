"""The linear layers of a decoder block, parameter counts, and what a LoRA target name means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ftc.memory.job import ALL_LINEAR
from ftc.memory.shape import Shape

# Module name -> the projections it holds. Fused ones hold several.
ROLES: dict[str, tuple[str, ...]] = {
    "q_proj": ("q",),
    "k_proj": ("k",),
    "v_proj": ("v",),
    "o_proj": ("o",),
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
}
TWICE = {"c_proj": "down"}  # names that a block uses for a second layer too
EVERY = ("all", "all-linear")
HEADS = ("lm_head", "embed_tokens", "wte", "output_layer", "embed_out")


class Linear(NamedTuple):
    """A weight of `outputs` x `inputs`; `copies` of it in a block; `expert`: one of a mixture."""

    roles: tuple[str, ...]
    inputs: int
    outputs: int
    copies: int = 1
    expert: bool = False

    @property
    def size(self) -> int:
        """Elements of one copy."""
        return self.inputs * self.outputs


def query_width(shape: Shape) -> int:
    """Hq, elements of a token's queries: heads x head_dim."""
    return shape.heads * shape.head_dim


def key_width(shape: Shape) -> int:
    """Hk, elements of a token's keys: key-value heads x head_dim."""
    return shape.kv_heads * shape.head_dim


def linears(shape: Shape) -> tuple[Linear, ...]:
    """Every linear layer of one block."""
    hidden, queries, keys = shape.hidden, query_width(shape), key_width(shape)
    attention = (
        Linear(("q",), hidden, queries),
        Linear(("k",), hidden, keys),
        Linear(("v",), hidden, keys),
        Linear(("o",), queries, hidden),
    )
    if not shape.experts:
        return attention + _mlp(shape, shape.intermediate)
    routed = _mlp(shape, shape.expert_intermediate, copies=shape.experts, expert=True)
    shared = _mlp(shape, shape.shared_intermediate) if shape.shared_intermediate else ()
    if shape.model_type == "qwen2_moe":  # weighs the shared expert by one number a token
        shared = (*shared, Linear(("shared_gate",), hidden, 1))
    return attention + routed + shared


def _mlp(shape: Shape, width: int, copies: int = 1, expert: bool = False) -> tuple[Linear, ...]:
    up = Linear(("up",), shape.hidden, width, copies, expert)
    down = Linear(("down",), width, shape.hidden, copies, expert)
    gate = Linear(("gate",), shape.hidden, width, copies, expert)
    return (gate, up, down) if shape.mlp == "gated" else (up, down)


def block_linear_parameters(shape: Shape) -> int:
    """Weights of the linear layers of one block, all experts included."""
    return sum(linear.size * linear.copies for linear in linears(shape))


def embedding_parameters(shape: Shape) -> int:
    """Token embedding plus output head; one matrix when tied."""
    return shape.vocab * shape.hidden * (1 if shape.tied else 2)


def small_parameters(shape: Shape) -> int:
    """Norms, q/k/v biases and routers, with the final norm."""
    queries, keys = query_width(shape), key_width(shape)
    block = shape.norms * shape.hidden + shape.experts * shape.hidden
    block += 2 * shape.head_dim if shape.qk_norm else 0
    block += queries + 2 * keys if shape.qkv_bias else 0
    return shape.layers * block + shape.hidden


def parameters(shape: Shape) -> int:
    """P, all parameters of the model, embeddings and head included."""
    blocks = shape.layers * block_linear_parameters(shape)
    return blocks + embedding_parameters(shape) + small_parameters(shape)


def targeted(shape: Shape, targets: Iterable[str], experts: bool = False) -> tuple[Linear, ...]:
    """The layers of one block that get an adapter, one per name; unknown names give none.

    In a mixture, a name means the shared expert, and the routed ones when `experts` is set.
    """
    names = sorted({name.rsplit(".", 1)[-1] for name in targets})
    if any(name in EVERY for name in names):
        names = [*ALL_LINEAR, *(name for name in names if name in HEADS)]
    chosen: list[Linear] = []
    for name in names:
        for expert in (False, True) if experts else (False,):
            layers = [ROLES.get(name, ()), (TWICE[name],) if name in TWICE else ()]
            parts = [_projections(shape, roles, expert) for roles in layers]
            chosen += [_fused(found) for found in parts if found]
    return tuple(chosen)


def _projections(shape: Shape, roles: tuple[str, ...], expert: bool) -> list[Linear]:
    known = [linear for linear in linears(shape) if linear.expert == expert]
    return [linear for role in roles for linear in known if linear.roles == (role,)]


def _fused(parts: list[Linear]) -> Linear:
    first = parts[0]
    roles = tuple(role for part in parts for role in part.roles)
    outputs = sum(part.outputs for part in parts)
    return Linear(roles, first.inputs, outputs, first.copies, first.expert)


def unknown_targets(targets: Iterable[str]) -> tuple[str, ...]:
    """Target names whose size the formula does not know; it leaves them out of the sum."""
    short = ((name, name.rsplit(".", 1)[-1]) for name in targets)
    return tuple(name for name, last in short if last not in ROLES and last not in (*HEADS, *EVERY))


def lora_parameters(shape: Shape, rank: int, targets: Iterable[str], experts: bool = False) -> int:
    """t, weights of the adapters: rank x (inputs + outputs) for each targeted layer.

    A head or embedding among the targets counts as one matrix of vocab x hidden.
    """
    targets = tuple(targets)
    chosen = targeted(shape, targets, experts)
    block = sum((linear.inputs + linear.outputs) * linear.copies for linear in chosen)
    heads = sum(1 for name in set(targets) if name.rsplit(".", 1)[-1] in HEADS)
    return rank * (shape.layers * block + heads * (shape.hidden + shape.vocab))
