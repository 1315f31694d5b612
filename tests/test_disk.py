"""What a run writes: against the files of real runs, against each other, and absurd input."""

import dataclasses
import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftc.build import build
from ftc.memory import disk as files
from ftc.memory.disk import disk
from ftc.memory.job import GIB, Job
from ftc.memory.modules import parameters
from ftc.memory.shape import Shape
from ftc.memory.weights import trainable_parameters
from ftc.run import environments, handover

MAKE_MODEL = Path(__file__).parent / "run" / "tiny_model.py"
SEEN = tomllib.loads((Path(__file__).parent / "memory" / "disks.toml").read_text())
SMOL = Shape(**SEEN["shape"])
LLAMA = Shape("llama", 4096, 14336, 32, 32, 8, 128, 128256, False, 131072)


def job(**settings_):
    return Job(**{"max_length": 2048, **settings_})


@pytest.mark.parametrize("run", SEEN["run"], ids=[run["name"] for run in SEEN["run"]])
def test_sizes_of_real_runs(run):
    """Weights and optimizer state within 0.05 %, the whole checkpoint within 0.1 %."""
    done = Job(**run["job"])
    weights = files.model_bytes(SMOL, done) - files.ENTRY * SMOL.vocab - files.REST
    assert weights == pytest.approx(run["model"], rel=5e-4)
    assert files.optimizer_bytes(SMOL, done) == pytest.approx(run["optimizer"], rel=5e-4)
    assert files.ENTRY * SMOL.vocab == pytest.approx(run["tokenizer"], rel=0.01)
    for checkpoint in run["checkpoint"]:
        assert disk(SMOL, done, kept=1).checkpoint * GIB == pytest.approx(checkpoint, rel=1e-3)


def test_sums():
    got = disk(LLAMA, job(), kept=3)
    assert got.checkpoint == got.model + got.optimizer
    assert got.total == pytest.approx(3 * got.checkpoint + got.model)
    assert got.peak == pytest.approx(4 * got.checkpoint)
    assert got.merged * GIB == 2 * parameters(LLAMA)


def test_nothing_is_kept():
    got = disk(LLAMA, job(), kept=0)
    assert got.total == got.peak == got.model
    assert disk(LLAMA, job(), kept=-5) == got


def test_full_fine_tuning_in_fp32_writes_twelve_bytes_a_weight():
    got = disk(LLAMA, job(method="full", master="fp32"), kept=1)
    assert got.checkpoint * GIB == pytest.approx(12 * parameters(LLAMA), rel=1e-3)
    assert got.merged == 0


def test_eight_bit_moments_are_small():
    wide = disk(LLAMA, job(), kept=1).optimizer
    small = disk(LLAMA, job(optimizer="adamw_bnb_8bit"), kept=1).optimizer
    assert small == pytest.approx(wide / 4, rel=0.03)


def test_deepspeed_writes_weights_three_times():
    """bf16 in the model's file and beside the optimizer, fp32 in it: 16 B a weight."""
    got = disk(LLAMA, job(method="full", gpus=8, zero_stage=3), kept=1)
    assert got.checkpoint * GIB == pytest.approx(16 * parameters(LLAMA), rel=1e-3)


def test_an_adapter_on_the_head_takes_the_head_along():
    plain = files.model_bytes(LLAMA, job(targets=("q_proj",)))
    head = files.model_bytes(LLAMA, job(targets=("q_proj", "lm_head")))
    assert head - plain > 2 * LLAMA.vocab * LLAMA.hidden


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 4096),
    st.integers(0, 10**6),
    st.sampled_from(["full", "lora", "qlora"]),
    st.sampled_from(["adamw_torch", "paged_adamw_8bit"]),
    st.sampled_from([0, 1, 2, 3]),
)
def test_more_is_never_less(rank, kept, method, optimizer, stage):
    run = job(rank=rank, method=method, optimizer=optimizer, gpus=4, zero_stage=stage)
    once, more = disk(LLAMA, run, kept=kept), disk(LLAMA, run, kept=kept + 1)
    assert 0 < once.checkpoint < float("inf")
    assert once.total < more.total
    assert once.peak >= once.total > 0
    higher = disk(LLAMA, dataclasses.replace(run, rank=rank + 1), kept=kept)
    assert higher.total >= once.total


RECIPE = """
name = "tiny"
model = {model}
method = "{method}"
data = {{ path = "rows.jsonl", eval = 0.0 }}
hardware = {{ device = "cpu" }}
{lora}

[training]
learning_rate = 0.001
lr_scheduler = "constant"
warmup_steps = 0
micro_batch = 4
effective_batch = 4
max_steps = 1
save_steps = 1
max_length = 128
"""
LORA = "lora = { rank = 16, alpha = 32, dropout = 0.0 }"


def payload(path):
    """Bytes of the tensors of a safetensors file: what follows its header."""
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    return path.stat().st_size - 8 - header


@pytest.mark.backend
@pytest.mark.parametrize(
    ("backend", "method"), [("llamafactory@0.9.5", "lora"), ("axolotl@0.21.0", "full")]
)
def test_a_real_checkpoint_holds_the_bytes_that_were_said(backend, method, tmp_path, monkeypatch):
    """One step on a tiny model: every byte of its tensors, and the optimizer's to the zip entry."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    env = environments.locate(*backend.split("@"), "cpu")
    assert env is not None, f"install it: ftc backend install {backend} --cpu"
    config = tiny(tmp_path, env)
    recipe = tmp_path / "recipe.toml"
    model, lora = json.dumps(str(tmp_path / "model")), LORA if method == "lora" else ""
    recipe.write_text(RECIPE.format(model=model, method=method, lora=lora))
    made = build(recipe, env.backend, env.version, out=tmp_path / "build", offline=True)
    ended = handover.run(
        made.folder,
        env.backend,
        env.version,
        runs=tmp_path / "runs",
        offline=True,
        on_event=lambda event: None,
        resume=False,
        environment=env,
    )
    shape = Shape("llama", 64, 128, 2, 4, 2, 16, config["vocab_size"], True, 512)
    run = Job(max_length=128, method=method, rank=16, dtype="fp32", device="cpu")
    checkpoint = ended.result / "checkpoint-1"
    name = "model.safetensors" if run.full else "adapter_model.safetensors"
    tensors = 4 * trainable_parameters(shape, run)
    assert payload(checkpoint / name) == payload(ended.result / name) == tensors
    state = (checkpoint / "optimizer.pt").stat().st_size
    assert state == pytest.approx(files.optimizer_bytes(shape, run), rel=0.05)
    assert state > 2 * tensors


def tiny(folder, env):
    """A tiny Llama in `model`, made by the tool's own transformers, and rows; its config."""
    turns = [{"role": "user", "content": "Say it."}, {"role": "assistant", "content": ""}]
    texts = [[turns[0], {**turns[1], "content": f"answer {number}"}] for number in range(12)]
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps({"messages": text}) + "\n" for text in texts))
    made = subprocess.run(
        [str(env.python), str(MAKE_MODEL), str(folder / "model"), str(rows)],
        env=environments.variables(env, offline=True) | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return json.loads((folder / "model" / "config.json").read_text())
