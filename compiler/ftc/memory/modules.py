"""The linear layers of a decoder block, parameter counts, and what a LoRA target name means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ftc.memory.job import ALL_LINEAR
from ftc.memory.names import ONLY, ROLES, TWICE
from ftc.memory.shape import Shape

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


def value_width(shape: Shape) -> int:
    """Hv, elements of a token's values: as wide as its keys, but for latent attention."""
    return shape.kv_heads * (shape.v_head_dim or shape.head_dim)


@lru_cache(maxsize=256)
def linears(shape: Shape, dense: bool = False, other: bool = False) -> tuple[Linear, ...]:
    """Every linear layer of one block; of a mixture's block with experts, or of its `dense` ones;
    of a block with the usual attention, or of one with the `other` kind.

    Routers are left out: not every version has them as linear layers, and nobody adapts them.
    """
    mixer = _other(shape) if other else _attention(shape)
    if dense or not shape.experts:
        return mixer + _mlp(shape, shape.intermediate)
    routed = _mlp(shape, shape.expert_intermediate, copies=shape.experts, expert=True)
    shared = _mlp(shape, shape.shared_intermediate) if shape.shared_intermediate else ()
    if shape.shared_gate:
        shared = (*shared, Linear(("shared_gate",), shape.hidden, 1))
    return mixer + routed + shared


def kinds(shape: Shape) -> tuple[tuple[int, bool, bool], ...]:
    """The kinds of blocks as (how many, `dense`, `other`) of `linears`.

    Where a shape has both exceptions they are counted apart: only sums are right then.
    """
    usual = shape.layers - shape.dense_layers - shape.other_layers
    every = (
        (usual, False, False),
        (shape.dense_layers, True, False),
        (shape.other_layers, False, True),
    )
    return tuple(kind for kind in every if kind[0])


def _attention(shape: Shape) -> tuple[Linear, ...]:
    hidden, queries = shape.hidden, query_width(shape)
    outputs = shape.heads * (shape.v_head_dim or shape.head_dim)
    if not shape.kv_lora_rank:
        made: tuple[Linear, ...] = (
            Linear(("q",), hidden, queries * (2 if shape.output_gate else 1)),
            Linear(("k",), hidden, key_width(shape)),
            Linear(("v",), hidden, value_width(shape)),
        )
    else:
        latent, rope = shape.kv_lora_rank, shape.qk_rope_head_dim
        made = (
            Linear(("kv_a",), hidden, latent + rope),
            Linear(("kv_b",), latent, queries - shape.heads * rope + outputs),
        )
        if shape.q_lora_rank:
            below = Linear(("q_a",), hidden, shape.q_lora_rank)
            made = (below, Linear(("q_b",), shape.q_lora_rank, queries), *made)
        else:
            made = (Linear(("q",), hidden, queries), *made)
    return (*made, Linear(("o",), outputs, hidden))


def _other(shape: Shape) -> tuple[Linear, ...]:
    if shape.global_layers:
        attention = _attention(_global(shape))
        return tuple(it for it in attention if it.roles != ("v",) or not shape.global_shared)
    hidden, heads = shape.hidden, shape.delta_heads
    return (
        Linear(("delta_qkv",), hidden, 2 * shape.delta_keys + shape.delta_values),
        Linear(("delta_z",), hidden, shape.delta_values),
        Linear(("delta_b",), hidden, heads),
        Linear(("delta_a",), hidden, heads),
        Linear(("delta_o",), shape.delta_values, hidden),
    )


@lru_cache(maxsize=256)
def _global(shape: Shape) -> Shape:
    """The shape whose usual attention is that of the global blocks."""
    return replace(shape, head_dim=shape.global_head_dim, kv_heads=shape.global_kv_heads)


def _mlp(shape: Shape, width: int, copies: int = 1, expert: bool = False) -> tuple[Linear, ...]:
    up = Linear(("up",), shape.hidden, width, copies, expert)
    down = Linear(("down",), width, shape.hidden, copies, expert)
    gate = Linear(("gate",), shape.hidden, width, copies, expert)
    return (gate, up, down) if shape.mlp == "gated" else (up, down)


def block_linear_parameters(shape: Shape) -> int:
    """Weights of the linear layers of one block, all experts included; of the larger kind."""
    return sum(linear.size * linear.copies for linear in linears(shape))


@lru_cache(maxsize=256)
def linear_parameters(shape: Shape) -> int:
    """Weights of the linear layers of all blocks, experts included."""
    return sum(
        count * sum(linear.size * linear.copies for linear in linears(shape, dense, other))
        for count, dense, other in kinds(shape)
    )


def embedding_parameters(shape: Shape) -> int:
    """Token embedding plus output head; one matrix when tied."""
    return shape.vocab * shape.hidden * (1 if shape.tied else 2)


def small_parameters(shape: Shape) -> int:
    """Norms, biases, routers, sinks and learned positions, with the final norm."""
    norm = shape.hidden * (shape.norm_weight + shape.norm_bias)
    block = shape.norms * norm + shape.activation_parameters
    rest = norm + shape.positions * shape.hidden + (shape.vocab if shape.head_bias else 0)
    rest += (shape.layers - shape.other_layers) * _attention_small(shape) + _other_small(shape)
    dense = _mlp_bias(shape, shape.intermediate)
    if not shape.experts:
        return shape.layers * (block + dense) + rest
    mixed = shape.experts * (shape.hidden + shape.router_bias)
    if shape.expert_bias:
        mixed += shape.experts * ((shape.mlp == "gated") + 1) * shape.expert_intermediate
        mixed += shape.experts * shape.hidden
    mixed += _mlp_bias(shape, shape.shared_intermediate) if shape.shared_intermediate else 0
    mixtures = (shape.layers - shape.dense_layers) * mixed
    return shape.layers * block + mixtures + shape.dense_layers * dense + rest


def _attention_small(shape: Shape) -> int:
    queries, keys = query_width(shape), key_width(shape)
    count = (shape.hidden if shape.o_bias else 0) + (shape.heads if shape.sinks else 0)
    if shape.qk_norm:
        count += queries + keys if shape.qk_norm_full else 2 * shape.head_dim
    if shape.kv_lora_rank:
        count += shape.q_lora_rank + shape.kv_lora_rank  # norms of the latents
        biased = shape.q_lora_rank + shape.kv_lora_rank + shape.qk_rope_head_dim
        return count + (biased if shape.qkv_bias else 0)
    gate = queries if shape.output_gate else 0
    return count + (queries + gate + keys + value_width(shape) if shape.qkv_bias else 0)


def _other_small(shape: Shape) -> int:
    """Small parameters of all blocks with the other kind of attention."""
    if shape.global_layers:
        values = value_width(_global(shape)) if shape.qkv_bias and shape.global_shared else 0
        return shape.global_layers * (_attention_small(_global(shape)) - values)
    if not shape.delta_layers:
        return 0
    convolution = (2 * shape.delta_keys + shape.delta_values) * shape.delta_kernel
    head_dim = shape.delta_values // shape.delta_heads
    return shape.delta_layers * (convolution + 2 * shape.delta_heads + head_dim)


def _mlp_bias(shape: Shape, width: int) -> int:
    if not shape.mlp_bias:
        return 0
    return (2 if shape.mlp == "gated" else 1) * width + shape.hidden


@lru_cache(maxsize=256)
def parameters(shape: Shape) -> int:
    """P, all parameters that are loaded: blocks, embeddings, head, and what stands `beside`."""
    inside = linear_parameters(shape) + small_parameters(shape)
    return inside + embedding_parameters(shape) + shape.beside + shape.rest


def targeted(
    shape: Shape,
    targets: Iterable[str],
    experts: bool = False,
    *,
    dense: bool = False,
    other: bool = False,
) -> tuple[Linear, ...]:
    """The layers of one block that get an adapter, one per name; unknown names give none.

    In a mixture, a name means the shared expert, and the routed ones when `experts` is set.
    `dense` and `other` choose the kind of block as in `linears`.
    """
    return _targeted(shape, tuple(targets), experts, (dense, other))


@lru_cache(maxsize=256)
def _targeted(
    shape: Shape, targets: tuple[str, ...], experts: bool, kind: tuple[bool, bool]
) -> tuple[Linear, ...]:
    names = sorted({name.rsplit(".", 1)[-1] for name in targets})
    if any(name in EVERY for name in names):
        names = sorted({*(shape.modules or ALL_LINEAR), *(name for name in names if name in HEADS)})
    chosen: list[Linear] = []
    for name in names:
        for expert in (False, True) if experts else (False,):
            known = [linear for linear in linears(shape, *kind) if linear.expert == expert]
            parts = [_projections(known, roles) for roles in _meanings(shape, name)]
            chosen += [_fused(found) for found in parts if found]
    return tuple(chosen)


def _meanings(shape: Shape, name: str) -> list[tuple[str, ...]]:
    """The layers that a name means, each as the projections it holds."""
    if (shape.model_type, name) in ONLY:
        return [ONLY[shape.model_type, name]]
    return [ROLES.get(name, ()), (TWICE[name],) if name in TWICE else ()]


def _projections(known: list[Linear], roles: tuple[str, ...]) -> list[Linear]:
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
    total = 0
    for count, dense, other in kinds(shape):
        chosen = targeted(shape, targets, experts, dense=dense, other=other)
        total += count * sum((linear.inputs + linear.outputs) * linear.copies for linear in chosen)
    heads = sum(1 for name in set(targets) if name.rsplit(".", 1)[-1] in HEADS)
    return rank * (total + heads * (shape.hidden + shape.vocab))
