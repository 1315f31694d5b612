"""Finished runs against the formula: what is predicted and measured of them, and how it is kept."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from ftc.errors import FtcError
from ftc.estimate import observe
from ftc.memory import measured
from ftc.memory.formula import estimate
from ftc.memory.modules import parameters
from ftc.memory.nearest import nearest

HERE = Path(__file__).parent
# A real run of tools/observed_cpu.py: LLaMA-Factory, LoRA, 512 x 4, a random Llama on a CPU.
FIXTURE = HERE / "memory" / "run"
NAME = "demo-llamafactory-1a2b3c4d"


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(FIXTURE, tmp_path / "runs" / NAME))


def edit(path, change):
    """A JSON file with something else in it."""
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def ran(run, name, change):
    """The run of another file: the record holds its hash."""
    edit(run / name, change)
    digest = hashlib.sha256((run / name).read_bytes()).hexdigest()
    edit(run / "run.json", lambda it: it["hashes"].update({name: digest}))


def plan(run, **values):
    ran(run, "plan.json", lambda it: [it[name].update(value=v) for name, v in values.items()])


def peaks(run, **values):
    edit(run / "run.json", lambda it: it["peak"].update(values))


def test_a_run_on_a_cpu_gives_the_growth_of_its_memory(run):
    (found,) = observe.observe(run)
    row = found.row
    assert found.metric == row.metric == "allocated"
    assert found.measured == row.gib == round(1.831 - 0.436, 4)
    assert found.predicted == estimate(row.shape, row.job).allocated
    assert found.predicted == pytest.approx(found.measured, rel=0.15)
    job = row.job
    assert (job.device, job.dtype, job.method, job.rank) == ("cpu", "fp32", "lora", 16)
    assert (job.max_length, job.micro_batch, job.gradient_checkpointing) == (512, 4, True)
    said = json.loads((run / "memory" / "rank0-4711.json").read_text())
    assert parameters(row.shape) + said["trained"]["float32"] == said["weights"]["float32"]
    assert (row.name, row.group, row.setting) == ("llama-110m", "llamafactory", "complete")
    assert row.source == "ftc run, llamafactory 0.9.5, CPU, 2026-11-23"
    assert row.reading == observe.ON_CPU


def test_memory_that_malloc_keeps_is_told(run):
    edit(run / "memory" / "rank0-4711.json", lambda it: it.update(mmap_threshold=None))
    (found,) = observe.observe(run)
    assert found.row.reading == observe.ON_CPU + observe.RETAINED


def test_a_run_on_a_card_gives_what_was_seen_of_it(run):
    plan(run, device="gpu", dtype="bf16", quant_bits=4, method="qlora")
    ran(run, "llamafactory.json", lambda it: it.update(bf16=True, quantization_bit=4))
    parts = {"load": 9.0, "first step": 7.5, "train step": 8.25, "save": 8.5}
    peaks(run, allocated=9.0, reserved=10.0, driver=10.5, parts=parts)
    # What a process sees of a base that was quantised while it was loaded.
    seen = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    edit(
        run / "memory" / "rank0-4711.json",
        lambda it: it.update(cards=["NVIDIA L4"]) or it["config"].update(quantization_config=seen),
    )
    found = observe.observe(run)
    assert {it.metric: it.measured for it in found} == {
        "allocated": 8.25,  # of a training step, which is what the formula gives
        "reserved": 10.0,
        "device": 10.5,
    }
    guess = estimate(found[0].row.shape, found[0].row.job)
    assert [it.predicted for it in found] == [
        guess.allocated,
        guess.reserved,
        guess.reserved + guess.context,
    ]
    assert (found[0].row.job.base_bits, found[0].row.shape.quantized) == (4, "")
    assert found[0].row.source == "ftc run, llamafactory 0.9.5, NVIDIA L4, 2026-11-23"
    peaks(run, allocated=None, reserved=None, parts={})
    assert [it.metric for it in observe.observe(run)] == ["device"]


def test_the_recipe_may_change_and_the_model_may_go(run):
    (before,) = observe.observe(run)
    (run / "recipe.toml").write_text("not a recipe any more")
    assert observe.observe(run) == (before,)
    assert not Path("/models/llama-110m").exists()


def test_settings_that_an_older_plan_lacks_have_their_value(run):
    assert "liger_kernel" in observe.LATER
    ran(run, "plan.json", lambda it: [it.pop(name, None) for name in observe.LATER])
    assert observe.observe(run)[0].row.job.liger is False


BROKEN = {
    "no folder": (lambda run: shutil.rmtree(run), "is not a run folder, it has no run.json"),
    "a file": (
        lambda run: (shutil.rmtree(run), run.write_text("")),
        "is not a run folder, it has no run.json",
    ),
    "a record that is a folder": (
        lambda run: ((run / "run.json").unlink(), (run / "run.json").mkdir()),
        "run.json: cannot be read",
    ),
    "no record": (
        lambda run: (run / "run.json").unlink(),
        "is not a run folder, it has no run.json",
    ),
    "a broken record": (
        lambda run: (run / "run.json").write_text("{"),
        "is not a record of a run",
    ),
    "a record of something else": (
        lambda run: (run / "run.json").write_text('{"state": "finished"}'),
        "is not a record of a run",
    ),
    "a record that is a list": (
        lambda run: (run / "run.json").write_text("[]"),
        "is not a record of a run",
    ),
    **{
        f"a run that is {state}": (
            lambda run, state=state: edit(run / "run.json", lambda it: it.update(state=state)),
            f"this run is {state}",
        )
        for state in ("running", "failed", "interrupted", "lost")
    },
    "another backend": (
        lambda run: edit(run / "run.json", lambda it: it.update(backend="unsloth")),
        "unknown backend 'unsloth'",
    ),
    "an older ftc's run": (
        lambda run: (
            edit(run / "run.json", lambda it: it.pop("peak")) or shutil.rmtree(run / "memory")
        ),
        "no peak of memory was measured in this run",
    ),
    "nothing before the model": (
        lambda run: peaks(run, before=None),
        "no peak of memory was measured in this run",
    ),
    "no step": (
        lambda run: peaks(run, parts={"load": 3.0}),
        "no peak of memory was measured in this run",
    ),
    "less than before the model": (
        lambda run: peaks(run, before=50.0),
        "no peak of memory was measured in this run",
    ),
    "no file of the process": (
        lambda run: shutil.rmtree(run / "memory"),
        "nothing is known of the model that was trained",
    ),
    "another kind of model": (
        lambda run: edit(
            run / "memory" / "rank0-4711.json",
            lambda it: it.update(config={"model_type": "t5", "is_encoder_decoder": True}),
        ),
        "is an encoder-decoder model",
    ),
    "no config": (lambda run: (run / "llamafactory.json").unlink(), "has no llamafactory.json"),
    "no plan": (lambda run: (run / "plan.json").unlink(), "has no plan.json any more"),
    "another config": (
        lambda run: (run / "llamafactory.json").write_text("{}"),
        "llamafactory.json: has changed since the run",
    ),
    "another plan": (
        lambda run: edit(run / "plan.json", lambda it: it["max_length"].update(value=64)),
        "plan.json: has changed since the run",
    ),
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_what_is_no_whole_run_is_refused_with_a_remedy(run, case):
    spoil, said = BROKEN[case]
    spoil(run)
    with pytest.raises(FtcError, match=re.escape(said)) as caught:
        observe.observe(run)
    assert caught.value.exit_code == 2 and caught.value.hint
    assert str(run) in str(caught.value) or "backend" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_that_lacks_a_setting_is_told_so(run):
    ran(run, "plan.json", lambda it: it.pop("lora_rank"))
    with pytest.raises(FtcError, match=r"plan\.json: has no lora_rank") as caught:
        observe.observe(run)
    assert "train once more" in caught.value.hint


# The file that a team shares.


def test_a_row_comes_back_as_it_was_and_stands_once(run, tmp_path):
    path = tmp_path / "team" / "observed.csv"
    found = observe.observe(run)
    assert observe.keep(path, found) == 1
    assert measured.read(path) == (found[0].row,)
    assert observe.keep(path, found) == 0
    assert measured.read(path) == (found[0].row,)
    again = shutil.copytree(run, run.with_name(f"{NAME}-2"))
    peaks(again, parts={"train step": 2.0})
    assert observe.keep(path, observe.observe(again)) == 1
    assert [row.id for row in measured.read(path)] == [f"{NAME}-allocated", f"{NAME}-2-allocated"]
    peaks(again, parts={"train step": 2.5})
    assert observe.keep(path, observe.observe(again)) == 0
    assert [row.gib for row in measured.read(path)] == [found[0].measured, 2.5 - 0.436]
    assert [it.name for it in path.parent.iterdir()] == ["observed.csv"]


def test_nothing_of_the_machine_is_in_the_file(run, tmp_path):
    path = tmp_path / "observed.csv"
    observe.keep(path, observe.observe(run))
    text = path.read_text("utf-8")
    assert str(tmp_path) not in text
    assert "/" not in text.replace("w/o", "")


def test_the_nearest_run_is_the_own_one(run, tmp_path):
    path = tmp_path / "observed.csv"
    observe.keep(path, observe.observe(run))
    row = measured.read(path)[0]
    near = nearest(row.shape, row.job, (*measured.shipped(), *measured.read(path)))[0]
    assert (near.row, near.distance) == (row, 0)
    assert near.predicted == observe.observe(run)[0].predicted


def test_a_file_that_is_none_is_refused_and_stays(run, tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FtcError, match="not a file of measured runs"):
        observe.keep(path, observe.observe(run))
    assert path.read_text() == "a,b\n1,2\n"
