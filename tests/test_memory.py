"""The memory formula: each term, the worked examples, and what must always hold."""

import dataclasses
import runpy
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftc import resources
from ftc.memory import activations, inputs, loss, modules, parallel, phases, scratch, weights
from ftc.memory.formula import Job, Shape, estimate, lora_parameters, parameters
from ftc.memory.job import ALL_LINEAR, GIB

HERE = Path(__file__).parent / "memory"
TOOL = runpy.run_path(str(HERE.parents[1] / "tools" / "memory_table.py"))
SHAPES = TOOL["shapes"]()
LLAMA = SHAPES["llama3.1-8b"]
ARCHITECTURES = resources.PACKAGE / "facts" / "architectures.toml"


def toml(name):
    return tomllib.loads((HERE / name).read_text())


def job(**settings_):
    return Job(**{"max_length": 2048, "attention": "flash_attention_2", **settings_})


# Parameters


PUBLISHED = [(name, row) for name, row in toml("shapes.toml").items() if "parameters" in row]


@pytest.mark.parametrize(("name", "row"), PUBLISHED, ids=[name for name, _ in PUBLISHED])
def test_parameters_equal_the_published_count(name, row):
    assert parameters(SHAPES[name]) / 1e9 == pytest.approx(row["parameters"], rel=0.005)


def test_lora_parameters():
    # Llama-3.1-8B: q, o 8192; k, v 5120; gate, up, down 18432 rows and columns per rank and block.
    assert lora_parameters(LLAMA, 16, ALL_LINEAR) == 16 * 32 * (2 * 8192 + 2 * 5120 + 3 * 18432)
    assert lora_parameters(LLAMA, 8, ("q_proj", "v_proj")) == 8 * 32 * (8192 + 5120)
    assert lora_parameters(LLAMA, 8, ("all-linear",)) == lora_parameters(LLAMA, 8, ALL_LINEAR)
    assert lora_parameters(LLAMA, 8, ("model.layers.0.q_proj",)) == 8 * 32 * 8192
    assert lora_parameters(LLAMA, 8, ("qkv_proj",)) == 8 * 32 * (4096 + 6144)
    assert lora_parameters(LLAMA, 8, ("lm_head",)) == 8 * (4096 + 128256)


def test_plain_mlp_has_no_gate():
    phi = SHAPES["phi-2"]
    assert lora_parameters(phi, 4, ("gate_proj",)) == 0
    assert lora_parameters(phi, 4, ("fc1", "fc2")) == 4 * 32 * 2 * (2560 + 10240)


def test_one_name_may_stand_for_two_layers():
    phi = SHAPES["phi-2"]
    assert lora_parameters(phi, 4, ("c_proj",)) == 4 * 32 * (2560 + 2560 + 10240 + 2560)


def test_every_module_name_of_the_known_architectures_has_a_size():
    table = tomllib.loads(ARCHITECTURES.read_text())
    names = {name for row in table.values() for name in row.get("modules", ())}
    assert len(names) > 10
    assert modules.unknown_targets(sorted(names)) == ()


def test_experts_get_adapters_only_when_asked():
    moe = SHAPES["qwen3-30b-a3b"]
    assert lora_parameters(moe, 16, ("up_proj",)) == 0
    assert lora_parameters(moe, 16, ("up_proj",), experts=True) == 16 * 48 * 128 * (2048 + 768)


def test_unknown_targets_are_said():
    assert modules.unknown_targets(("q_proj", "x_proj", "lm_head", "all")) == ("x_proj",)
    notes = estimate(LLAMA, job(targets=("q_proj", "x_proj"))).notes
    assert any("x_proj" in note for note in notes)


# Weights and states


def test_static_memory_of_a_published_run():
    """Qwen3-14B NF4, rank 32, log in Axolotl's notebook: 9.264 GiB, 9.743 with adapters."""
    shape, run = SHAPES["qwen3-14b"], job(method="qlora", rank=32)
    base = weights.weight_bytes(shape, run) / GIB
    assert base == pytest.approx(9.264, rel=0.005)
    assert weights.adapter_bytes(shape, run) / GIB == pytest.approx(9.743 - 9.264, abs=0.005)


def test_quantised_bytes():
    elements = 64 * 256
    nf4 = job(method="qlora")
    assert weights.quantised_bytes(elements, nf4, 64) == elements / 2 + 256 + 4
    plain = job(method="qlora", double_quant=False)
    assert weights.quantised_bytes(elements, plain, 64) == elements / 2 + 4 * 256
    eight = job(method="qlora", bits=8)
    assert weights.quantised_bytes(elements, eight, 64) == elements + 4 * 256


def test_full_weights_follow_the_type_of_trainable_weights():
    count = parameters(LLAMA)
    assert weights.weight_bytes(LLAMA, job(method="full")) == 2 * count
    assert weights.weight_bytes(LLAMA, job(method="full", master="fp32")) == 4 * count
    assert weights.weight_bytes(LLAMA, job(method="full", dtype="fp32")) == 4 * count
    assert weights.weight_bytes(LLAMA, job(method="lora", dtype="fp32")) == 4 * count


def test_embeddings_stay_in_16_bit_unless_upcast():
    outside = parameters(LLAMA) - 32 * modules.block_linear_parameters(LLAMA)
    kept = weights.weight_bytes(LLAMA, job(method="qlora"))
    assert weights.weight_bytes(LLAMA, job(method="qlora", upcast_embeddings=True)) == (
        kept + 2 * outside
    )


def test_experts_stay_in_16_bit_unless_the_tool_quantises_them():
    moe, run = SHAPES["qwen3-30b-a3b"], job(method="qlora")
    experts = 48 * 128 * 3 * 2048 * 768
    small = weights.quantised_parameters(moe, run)
    assert weights.quantised_parameters(moe, job(method="qlora", experts_quantized=True)) == (
        small + experts
    )
    assert weights.weight_bytes(moe, run) > 2 * experts
    assert weights.dequantised_bytes(moe, run) == 2 * 2048 * 4096
    assert any("16 bit" in note for note in estimate(moe, run).notes)


@pytest.mark.parametrize(
    ("stage", "method", "copies"),
    [
        ("dpo", "full", 1),
        ("kto", "full", 1),
        ("orpo", "full", 0),
        ("sft", "full", 0),
        ("pretrain", "full", 0),
        ("dpo", "lora", 0),
    ],
)
def test_reference_model(stage, method, copies):
    run = job(stage=stage, method=method, master="fp32")
    assert weights.reference_bytes(LLAMA, run) == copies * 2 * parameters(LLAMA)


def test_optimizer_states():
    trained = lora_parameters(LLAMA, 16, ALL_LINEAR)
    assert weights.optimizer_bytes(LLAMA, job()) == 8 * trained
    eight = job(optimizer="paged_adamw_8bit")
    assert weights.optimizer_bytes(LLAMA, eight) == trained * (2 + 8 / 256)
    assert weights.optimizer_bytes(LLAMA, job(method="full")) == 4 * parameters(LLAMA)


def test_eight_bit_optimizer_keeps_the_embedding_wide():
    run = job(method="full", optimizer="adamw_bnb_8bit")
    wide = 128256 * 4096
    expected = (parameters(LLAMA) - wide) * (2 + 8 / 256) + 8 * wide
    assert weights.optimizer_bytes(LLAMA, run) == expected


def test_modules_to_save_are_trained_as_wide_as_the_tool_says():
    plain, saved = job(), job(modules_to_save=("embed_tokens", "lm_head"))
    more = weights.adapter_bytes(LLAMA, saved) - weights.adapter_bytes(LLAMA, plain)
    assert more == 2 * 2 * 128256 * 4096
    upcast = dataclasses.replace(saved, saved_dtype="fp32")
    more = weights.adapter_bytes(LLAMA, upcast) - weights.adapter_bytes(LLAMA, plain)
    assert more == 2 * 4 * 128256 * 4096


def test_dora_adds_a_magnitude_per_output():
    more = weights.adapter_parameters(LLAMA, job(dora=True)) - weights.adapter_parameters(
        LLAMA, job()
    )
    assert more == 32 * (2 * 4096 + 2 * 1024 + 2 * 14336 + 4096)


def test_foreach_needs_a_copy_at_the_step():
    assert weights.optimizer_scratch(LLAMA, job(optimizer="adamw_torch")) == weights.adapter_bytes(
        LLAMA, job()
    )
    assert weights.optimizer_scratch(LLAMA, job()) == 0


def test_largest_layer_is_dequantised():
    assert weights.dequantised_bytes(LLAMA, job(method="qlora")) == 2 * 4096 * 14336
    assert weights.dequantised_bytes(LLAMA, job()) == 0


# Activations and loss


def test_block_saved_of_llama_8b():
    """217 088 B and the log-sum-exp: the storage trace of the memory notes, section 4."""
    by_rank = 4 * 16 * 7
    assert activations.block_saved(LLAMA, job()) == 217_088 + 4 * 32 + by_rank


def test_norms():
    assert activations.norms_saved(LLAMA, job()) == 2 * 4 * 4096
    assert activations.norms_saved(LLAMA, job(method="full")) == 2 * 6 * 4096
    phi = SHAPES["phi-2"]  # CUDA's autocast runs LayerNorm in fp32
    assert activations.norms_saved(phi, job()) == phi.norms * 4 * 2560
    assert activations.norms_saved(phi, job(autocast=False)) == phi.norms * 2 * 2560
    kept = job(liger=True, gradient_checkpointing=False)
    assert activations.norms_saved(LLAMA, kept) == 2 * 2 * 4096
    assert activations.norms_saved(LLAMA, job(liger=True)) == 2 * 4096  # one is the checkpoint
    qwen3 = SHAPES["qwen3-8b"]
    assert activations.norms_saved(qwen3, job()) == 2 * 4 * 4096 + 4 * (4096 + 1024)


def test_attention():
    flash = activations.attention_saved(LLAMA, job())
    assert flash == 2 * (2 * 4096 + 2 * 1024) + 4 * 32
    masked = activations.attention_saved(LLAMA, job(attention="sdpa"))
    assert masked == flash + 4 * 4096 - 4 * 1024
    assert activations.attention_saved(LLAMA, job(attention="sdpa", padding=False)) == flash
    assert activations.attention_saved(LLAMA, job(attention="eager")) == flash + 6 * 32 * 2048


def test_mask():
    assert activations.mask_bytes(job(attention="sdpa", micro_batch=3)) == 2 * 3 * 2048**2
    assert activations.mask_bytes(job(micro_batch=3)) == 0


@pytest.mark.parametrize(
    ("settings_", "expected"),
    [
        ({}, 6 * 4096 + 2 * 4096 + 4 * 4096 + 2 * 14336),
        ({"dropout": 0.05}, 3 * (3 * 4096 + 4096 + 2 * 4096 + 14336)),
        ({"method": "qlora"}, 2 * 4096 + 2 * 4096 + 2 * 14336),
        ({"method": "qlora", "targets": ("q_proj",)}, 2 * 4096),
        ({"autocast": False}, 4 * (3 * 4096 + 4096 + 2 * 4096 + 14336)),
        ({"autocast": False, "adapter_dtype": "bf16"}, 2 * (4096 + 4096 + 14336)),
        ({"dtype": "fp32"}, 4 * 4096 + 4 * 4096 + 4 * 14336),
    ],
)
def test_adapter_inputs(settings_, expected):
    assert inputs.adapter_inputs_saved(LLAMA, job(**settings_)) == expected


def test_full_fine_tuning_shares_inputs():
    assert inputs.inputs_saved(LLAMA, job(method="full")) == 4 * 4096


def test_mlp():
    assert activations.mlp_saved(LLAMA, job()) == 6 * 14336
    assert activations.mlp_saved(LLAMA, job(method="full")) == 8 * 14336
    assert activations.mlp_saved(SHAPES["phi-2"], job()) == 2 * 10240
    moe = activations.mlp_saved(SHAPES["qwen3-30b-a3b"], job())
    assert moe == 8 * (6 * 768 + 2 * 2048) + 6 * 128


def test_checkpointing_keeps_block_inputs():
    assert activations.kept_bytes(LLAMA, job()) == 2 * 4096 * 32 * 2048
    saved = activations.block_saved(LLAMA, job())
    off = job(gradient_checkpointing=False)
    first = 4 * 4096 * 2048  # nothing below the first norm wants a gradient
    assert activations.kept_bytes(LLAMA, off) == 32 * saved * 2048 - first
    assert activations.kept_below_bytes(LLAMA, off) == 31 * saved * 2048 - first


@pytest.mark.parametrize(
    ("settings_", "hidden", "width"),
    [
        ({}, 10, 6),  # end of the forward pass: the product, and in fp32 for the adapter of `down`
        ({"dropout": 0.05}, 10, 10),  # and dropped out
        ({"targets": ("q_proj",)}, 2, 6),
        ({"method": "qlora"}, 2, 4),  # gate x up: three less the adapter's copy
        ({"method": "qlora", "liger": True}, 2, 4),  # sum of the two gradients of the product
        ({"method": "qlora", "liger": True, "targets": ("q_proj",)}, 2, 2),
        ({"method": "full"}, 2, 4),
        ({"method": "full", "liger": True}, 2, 2),
    ],
)
def test_backward_scratch(settings_, hidden, width):
    assert scratch.backward_scratch(LLAMA, job(**settings_)) == hidden * 4096 + width * 14336


def test_a_norm_behind_the_mlp_goes_first():
    gemma = SHAPES["gemma2-2b"]
    assert scratch.norm_scratch(gemma, job()) == 22 * gemma.hidden
    assert scratch.norm_scratch(gemma, job(liger=True)) == 0
    assert scratch.norm_scratch(LLAMA, job()) == 0
    olmo = dataclasses.replace(LLAMA, model_type="olmo2")
    assert scratch.norm_scratch(olmo, job()) == 22 * 4096
    saved = inputs.adapter_inputs_saved(olmo, job(method="qlora"))
    assert saved == inputs.adapter_inputs_saved(LLAMA, job(method="qlora")) - 2 * 4096


def test_activations_written_in_python_save_every_step():
    gelu = dataclasses.replace(SHAPES["phi-2"], activation="gelu_new")
    assert activations.mlp_saved(gelu, job()) == 14 * 10240
    xielu = dataclasses.replace(gelu, activation="xielu")
    assert activations.mlp_saved(xielu, job()) == 11 * 10240
    assert scratch.activation_scratch(xielu, job(targets=("q_proj",))) == 2 * 2560 + 17 * 10240


def test_axolotls_kernels_keep_less():
    fused, off = job(lora_kernels=True), job()
    assert inputs.inputs_saved(LLAMA, fused) == 4 * 4096
    assert activations.mlp_saved(LLAMA, fused) == 4 * 14336
    assert activations.block_saved(LLAMA, fused) < activations.block_saved(LLAMA, off)
    some = {"targets": ("q_proj", "v_proj")}  # the kernels want adapters on all seven
    assert inputs.inputs_saved(LLAMA, job(lora_kernels=True, **some)) == (
        inputs.inputs_saved(LLAMA, job(**some))
    )


def test_dora_makes_the_adapters_weight():
    run = job(dora=True, targets=("q_proj",))
    assert scratch.dora_bytes(LLAMA, run) == 18 * 4096**2
    assert scratch.dora_bytes(LLAMA, job()) == 0


def test_saved_embedding_widens_the_stream():
    """LLaMA-Factory upcasts the trained copy, and what it makes is fp32; peft leaves it bf16."""
    saved = job(modules_to_save=("embed_tokens",), saved_dtype="fp32")
    assert saved.stream_width == 4
    assert dataclasses.replace(saved, saved_dtype="bf16").stream_width == 2
    assert job(modules_to_save=("lm_head",)).stream_width == 2


@pytest.mark.parametrize(
    ("settings_", "per_logit"),
    [
        ({}, 12),
        ({"loss": "held"}, 16),
        ({"loss": "held", "autocast": False}, 14),
        ({"loss": "legacy"}, 20),
        ({"loss": "chunked"}, 5.5),
        ({"stage": "dpo"}, 2 * 16),
        ({"stage": "dpo", "loss": "fused"}, 2 * 16),
        ({"stage": "orpo"}, 2 * 18),
        ({"stage": "kto"}, 20),
    ],
)
def test_loss(settings_, per_logit):
    run = job(**settings_)
    assert loss.loss_bytes(LLAMA, run) == per_logit * 128256 * 2048


def test_fused_loss_and_soft_cap():
    assert loss.loss_bytes(LLAMA, job(loss="fused")) == 8 * 4096 * 2048
    liger = job(loss="fused", liger=True)  # 2048 tokens / (vocab / hidden) = 64 rows at a time
    assert loss.loss_bytes(LLAMA, liger) == 2 * 64 * 128256 + 4 * 4096 * 2048
    assert loss.loss_bytes(SHAPES["gemma2-2b"], job()) == 14 * 256000 * 2048


def test_accumulation_costs_the_gradients_in_full_fine_tuning():
    """Notes, section 8: free for LoRA, the gradients more at the loss in full (2.3 GiB on 1B)."""
    small = SHAPES["llama3.2-1b"]
    once = estimate(small, job(method="full", micro_batch=4))
    often = estimate(small, job(method="full", micro_batch=4, gradient_accumulation=4))
    assert once.peak_at == "loss"
    assert often.dynamic - once.dynamic == pytest.approx(2.3, abs=0.05)


# Several cards


def states():
    return parallel.States(weights=8, reference=8, adapter=8, optimizer=8, gradients=8)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (0, (8, 8, 8, 8, 8)),
        (1, (8, 8, 8, 2, 8)),
        (2, (8, 8, 8, 2, 2)),
        (3, (2, 2, 2, 2, 2)),
    ],
)
def test_zero_shards(stage, expected):
    shards = parallel.sharded(states(), job(gpus=4, zero_stage=stage))
    assert tuple(shards) == expected


def test_offload_needs_deepspeed():
    assert parallel.sharded(states(), job(zero_stage=2, offload_optimizer=True)).optimizer == 0
    assert parallel.sharded(states(), job(offload_optimizer=True)).optimizer == 8


def test_deepspeed_sizes_are_those_of_the_templates():
    folder = resources.folder("templates") / "deepspeed"
    for stage in (1, 2):
        text = (folder / f"zero{stage}.json.j2").read_text()
        assert f'"reduce_bucket_size": {parallel.REDUCE_BUCKET},' in text
        assert '"overlap_comm": true' in text
    text = (folder / "zero3.json.j2").read_text()
    assert '"reduce_bucket_size": "auto"' in text
    assert f'"sub_group_size": {parallel.SUB_GROUP},' in text


def test_deepspeed_buffers():
    assert parallel.bucket_bytes(LLAMA, job(zero_stage=2)) == 2 * 5e8 * 2
    assert parallel.bucket_bytes(LLAMA, job(zero_stage=2, reduce_bucket=1000)) == 4000
    assert parallel.bucket_bytes(LLAMA, job(zero_stage=3)) == 2 * 4096**2
    assert parallel.bucket_bytes(LLAMA, job()) == 0
    assert parallel.step_copy_bytes(10**9, job(zero_stage=2, gpus=4)) == 10**9
    assert parallel.step_copy_bytes(10**10, job(zero_stage=3, gpus=2)) == 4 * 10**9
    assert parallel.step_copy_bytes(10**9, job(zero_stage=2, offload_optimizer=True)) == 0


def test_replicas_copy_their_gradients():
    assert parallel.replica_bytes(100, job(gpus=2)) == 100
    assert parallel.replica_bytes(100, job(gpus=2, zero_stage=1)) == 0
    assert parallel.replica_bytes(100, job()) == 0


# The whole


EXAMPLES = toml("worked.toml")["example"]


@pytest.mark.parametrize("example", EXAMPLES, ids=[row["name"] for row in EXAMPLES])
def test_worked_examples(example):
    besides = example.get("besides", {}).get("optimizer", 0)
    got = estimate(SHAPES[example["shape"]], Job(**example["job"]))
    for name in ("weights", "adapter", "dynamic"):
        assert getattr(got, name) == pytest.approx(example[name], rel=0.01), name
    assert got.optimizer - besides == pytest.approx(example["optimizer"], rel=0.01)
    assert got.allocated - besides == pytest.approx(example["allocated"], rel=0.01)
    assert got.peak_at == example["peak_at"]


def test_needed_is_the_fit_test():
    got = estimate(LLAMA, job())
    parts = got.weights + got.reference + got.adapter + got.optimizer + got.dynamic + got.parallel
    assert got.allocated == pytest.approx(parts)
    assert got.needed == pytest.approx(got.allocated + 0.02 * got.dynamic + 0.2 + 0.55)
    assert got.reserved > got.allocated


def test_cpu_runs_have_no_context():
    got = estimate(SHAPES["qwen2.5-0.5b"], job(device="cpu", dtype="fp32"))
    assert got.context == 0
    assert got.weights * GIB == pytest.approx(4 * parameters(SHAPES["qwen2.5-0.5b"]))
    assert any("CPU" in note for note in got.notes)


def test_reserved_grows_when_lengths_vary():
    varying = estimate(LLAMA, job())
    packed = estimate(LLAMA, job(packing=True))
    assert varying.reserved > packed.reserved
    assert varying.needed == packed.needed


# What must always hold


@st.composite
def shapes(draw):
    heads = draw(st.sampled_from([8, 16, 32, 64]))
    experts = draw(st.sampled_from([0, 0, 0, 16, 128]))
    return Shape(
        model_type="any",
        hidden=64 * heads,
        intermediate=draw(st.integers(2, 5)) * 64 * heads,
        layers=draw(st.integers(8, 96)),
        heads=heads,
        kv_heads=draw(st.sampled_from([1, 2, 4, heads])),
        head_dim=draw(st.sampled_from([64, 128])),
        vocab=draw(st.integers(1_000, 260_000)),
        tied=draw(st.booleans()),
        max_positions=131072,
        mlp=draw(st.sampled_from(["gated", "plain"])),
        activation=draw(st.sampled_from(["silu", "relu2", "gelu_new", "xielu"])),
        norm_fp32=draw(st.booleans()),
        qk_norm=draw(st.booleans()),
        softcap=draw(st.booleans()),
        experts=experts,
        experts_per_token=8 if experts else 0,
        expert_intermediate=512 if experts else 0,
    )


jobs = st.builds(
    Job,
    max_length=st.integers(8, 65536),
    micro_batch=st.integers(1, 64),
    stage=st.sampled_from(["sft", "pretrain", "dpo", "kto", "orpo"]),
    method=st.sampled_from(["full", "lora", "qlora"]),
    bits=st.sampled_from([0, 4, 8]),
    rank=st.integers(1, 512),
    targets=st.sampled_from([ALL_LINEAR, ("q_proj", "v_proj"), ("all-linear",)]),
    dropout=st.sampled_from([0.0, 0.05]),
    dora=st.booleans(),
    dtype=st.sampled_from(["bf16", "fp16", "fp32"]),
    master=st.sampled_from(["bf16", "fp32"]),
    autocast=st.booleans(),
    upcast_embeddings=st.booleans(),
    attention=st.sampled_from(["sdpa", "flash_attention_2", "eager"]),
    packing=st.booleans(),
    gradient_checkpointing=st.booleans(),
    gradient_accumulation=st.integers(1, 64),
    optimizer=st.sampled_from(
        ["adamw_torch", "adamw_torch_fused", "adamw_bnb_8bit", "paged_adamw_8bit"]
    ),
    loss=st.sampled_from(["stock", "fused", "held"]),
    gpus=st.integers(1, 16),
    zero_stage=st.sampled_from([0, 1, 2, 3]),
    offload_optimizer=st.booleans(),
    liger=st.booleans(),
    lora_kernels=st.booleans(),
    eval_batch=st.sampled_from([0, 1, 16]),
    modules_to_save=st.sampled_from([(), ("lm_head",), ("embed_tokens", "lm_head")]),
    saved_dtype=st.sampled_from(["fp32", "bf16"]),
    experts_quantized=st.booleans(),
    adapter_dtype=st.sampled_from(["fp32", "bf16"]),
    padding=st.booleans(),
    device=st.sampled_from(["gpu", "gpu", "cpu"]),
)


MIB = 1 / 1024  # with rows of a few tokens, kilobytes of scratch outweigh what a setting saves


def needed(shape, run, **changes):
    return estimate(shape, dataclasses.replace(run, **changes)).needed


@settings(deadline=None)
@given(
    shapes(),
    jobs,
    st.sampled_from(["max_length", "micro_batch", "rank", "eval_batch"]),
    st.integers(1, 100),
)
def test_more_work_never_needs_less(shape, run, name, more):
    changed = {name: getattr(run, name) + more}
    assert needed(shape, run, **changed) >= needed(shape, run)


@settings(deadline=None)
@given(shapes(), jobs, st.integers(1, 100))
def test_more_blocks_never_need_less(shape, run, more):
    deeper = dataclasses.replace(shape, layers=shape.layers + more)
    assert needed(deeper, run) >= needed(shape, run)


@settings(deadline=None)
@given(shapes(), jobs)
def test_liger_never_needs_more(shape, run):
    """Its kernels and its loss, against the stock ones."""
    run = dataclasses.replace(run, stage="sft", loss="stock", liger=False)
    assert needed(shape, run, loss="fused", liger=True) <= needed(shape, run) + MIB


@settings(deadline=None)
@given(shapes(), jobs)
def test_wider_copies_never_need_less(shape, run):
    run = dataclasses.replace(run, modules_to_save=("embed_tokens", "lm_head"))
    assert needed(shape, run, saved_dtype="fp32") >= needed(shape, run, saved_dtype="bf16")


@settings(deadline=None)
@given(shapes(), jobs)
def test_a_step_without_gradients_needs_less_than_one_with(shape, run):
    """Evaluation of as many rows as are trained on. Not with a fused loss: evaluation has none."""
    run = dataclasses.replace(run, stage="sft", loss="stock", eval_batch=run.micro_batch)
    train, evaluation, _ = phases.phases(shape, run)
    assert evaluation.needed <= train.needed + MIB


@settings(deadline=None)
@given(shapes(), jobs)
def test_fewer_bits_never_need_more(shape, run):
    """On one card. Shared by several, a small model saves less than a dequantised layer costs.

    Nor does it hold where the stream is fp32 (embeddings upcast) or becomes so: quantised layers
    answer as wide as an fp32 norm or activation asks them, plain ones in 16 bit.
    """
    shape = dataclasses.replace(shape, norm_fp32=True, activation="silu")
    run = dataclasses.replace(run, method="lora", gpus=1, upcast_embeddings=False)
    run = dataclasses.replace(run, modules_to_save=())
    four, eight, none = (needed(shape, run, bits=bits) for bits in (4, 8, 0))
    assert four <= eight + MIB
    assert eight <= none + MIB


@settings(deadline=None)
@given(shapes(), jobs)
def test_checkpointing_never_needs_more(shape, run):
    assert needed(shape, run, gradient_checkpointing=True) <= needed(
        shape, run, gradient_checkpointing=False
    )


@settings(deadline=None)
@given(shapes(), jobs, st.integers(2, 16))
def test_a_higher_zero_stage_never_holds_more_states(shape, run, gpus):
    def held(stage):
        got = estimate(shape, dataclasses.replace(run, gpus=gpus, zero_stage=stage))
        return got.weights + got.reference + got.adapter + got.optimizer + got.gradients

    costs = [held(stage) for stage in (3, 2, 1)]
    assert costs == sorted(costs)


@pytest.mark.parametrize("gpus", [2, 4, 8])
@pytest.mark.parametrize("name", ["llama3.2-3b", "llama3.1-8b", "qwen3-14b", "qwen-72b"])
def test_a_higher_zero_stage_never_needs_more_in_full_fine_tuning(name, gpus):
    run = job(method="full", gpus=gpus)
    costs = [needed(SHAPES[name], run, zero_stage=stage) for stage in (3, 2, 1)]
    assert costs == sorted(costs)


@settings(deadline=None)
@given(shapes(), jobs)
def test_every_part_is_there(shape, run):
    got = estimate(shape, run)
    parts = dataclasses.asdict(got)
    assert all(value >= 0 for value in parts.values() if isinstance(value, float))
    assert got.needed > got.allocated > 0
    assert run.full == (got.adapter == 0)


# Phases


@settings(deadline=None)
@given(shapes(), jobs)
def test_the_parts_of_a_phase_are_all_of_it(shape, run):
    found = phases.phases(shape, run)
    assert [phase.name for phase in found] == ["train step", "evaluation step", "load"]
    for phase in found:
        order = [phases.PARTS.index(part) for part in phase.parts]
        assert order == sorted(order)
        assert all(size > 0 for size in phase.parts.values())
        assert sum(phase.parts.values()) == pytest.approx(phase.device)
        outside = {"overhead", "idle cache", "context"}
        inside = [size for part, size in phase.parts.items() if part not in outside]
        assert sum(inside) == pytest.approx(phase.allocated)
        assert phase.reserved <= phase.device


@settings(deadline=None)
@given(shapes(), jobs)
def test_the_fit_test_is_the_fullest_phase(shape, run):
    got, found = estimate(shape, run), phases.phases(shape, run)
    fullest = max(found, key=lambda phase: phase.needed)
    assert got.needed == pytest.approx(fullest.needed)
    assert got.allocated == pytest.approx(found[0].allocated)
    assert got.reserved == pytest.approx(found[0].reserved)


def test_evaluation_can_be_the_fullest_phase():
    run = job(loss="fused", micro_batch=1, eval_batch=8)
    found = phases.phases(LLAMA, run)[1]
    assert found.peak_at == "loss"
    assert estimate(LLAMA, run).needed == pytest.approx(found.needed)
    assert estimate(LLAMA, job(loss="fused")).needed < found.needed


@pytest.mark.parametrize(
    ("name", "settings_", "peak_at", "part"),
    [
        ("llama3.1-8b", {}, "all weights loaded", "weights"),
        ("llama3.1-8b", {"method": "qlora"}, "quantising the largest layer", "quantization"),
        ("qwen3-30b-a3b", {}, "merging a block's experts", "weights"),
        ("llama3.1-8b", {"method": "full", "master": "fp32"}, "upcast of the head", "weights"),
    ],
)
def test_load(name, settings_, peak_at, part):
    shape, run = SHAPES[name], job(**settings_)
    found = phases.phases(shape, run)[2]
    expected = {
        "all weights loaded": weights.weight_bytes(shape, run),
        "quantising the largest layer": weights.scale_bytes(shape, run) + 2 * 4096 * 14336,
        "merging a block's experts": weights.weight_bytes(shape, run) + 2 * 128 * 2 * 2048 * 768,
        "upcast of the head": weights.weight_bytes(shape, run) + 2 * 128256 * 4096,
    }
    assert found.peak_at == peak_at
    assert found.parts[part] * GIB == pytest.approx(expected[peak_at])
    assert "optimizer" not in found.parts and "adapter" not in found.parts
