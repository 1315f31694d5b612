"""The real tools, each in its own environment: a tiny random Llama trains on CPU."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from ftc.build import build
from ftc.errors import FtcError
from ftc.estimate import observe
from ftc.run import compare, environments, handover, process, record, results

pytestmark = pytest.mark.backend
TOOLS = [("llamafactory", "0.9.5"), ("axolotl", "0.21.0"), ("axolotl", "0.19.0")]
MAKE_MODEL = Path(__file__).parent / "run" / "tiny_model.py"
# Rows that repeat, a high rate and many epochs: what the rules rightly refuse is wanted here.
IGNORED = ["too-many-epochs"]
RECIPE = """
name = "tiny"
model = {model}
method = "lora"
data = {{ path = "rows.jsonl", eval = 0.0 }}
hardware = {{ device = "cpu" }}
lora = {{ rank = 16, alpha = 32, dropout = 0.0 }}
compare = {{ prompts = ["Write a hook about chess."], max_new_tokens = 24 }}

[training]
learning_rate = 0.01
lr_scheduler = "constant"
warmup_steps = 0
micro_batch = 4
effective_batch = 4
max_steps = {steps}
save_steps = {save}
logging_steps = 1
max_length = 128
"""


@pytest.fixture(scope="module", params=TOOLS, ids=lambda tool: "@".join(tool))
def bench(request, tmp_path_factory):
    """An environment that must be there, a folder with rows, and a tiny model made in it."""
    backend, version = request.param
    try:
        env = environments.locate(backend, version, "cpu") or environments.require(backend, version)
    except FtcError as error:
        pytest.fail(f"{error}: {error.hint}")
    folder = tmp_path_factory.mktemp(backend) / "a folder"
    folder.mkdir()
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row(number)) + "\n" for number in range(12)))
    variables = environments.variables(env, offline=True) | {"OMP_NUM_THREADS": "1"}
    made = subprocess.run(
        [str(env.python), str(MAKE_MODEL), str(folder / "model"), str(rows)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return env, folder


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def row(number):
    topic = ["bread", "rivers", "chess"][number % 3]
    return {
        "messages": [
            {"role": "user", "content": f"Write a hook about {topic}."},
            {"role": "assistant", "content": f"Stop scrolling: {topic} is simpler than you think."},
        ]
    }


def built(bench, steps, save):
    env, folder = bench
    recipe = folder / f"tiny-{steps}.toml"
    recipe.write_text(
        RECIPE.format(model=json.dumps(str(folder / "model")), steps=steps, save=save)
    )
    made = build(
        recipe, env.backend, env.version, out=folder / "build", offline=True, ignore=IGNORED
    )
    return made.folder


def run(bench, made, events, *, resume=False, until=None):
    env, folder = bench

    def on_event(event):
        events.append(event)
        if event.kind == until:
            raise KeyboardInterrupt

    return handover.run(
        made,
        env.backend,
        env.version,
        runs=folder / "runs",
        resume=resume,
        offline=True,
        on_event=on_event,
        environment=env,
    )


def test_a_few_steps_leave_an_adapter_and_a_lower_loss(bench):
    events = []
    ended = run(bench, built(bench, 8, 4), events)
    losses = [event.loss for event in events if event.kind == "step"]
    assert [event.step for event in events if event.kind == "step"] == list(range(1, 9))
    assert losses[-1] < losses[0] / 2
    assert (ended.state, ended.steps, ended.max_steps, ended.kind) == ("finished", 8, 8, "adapter")
    assert (ended.result / "adapter_model.safetensors").stat().st_size > 10_000
    assert results.inspect(ended.result).complete
    assert ended.first_loss == losses[0]
    assert ended.last_loss == losses[-1]
    stages = [event.text for event in events if event.kind == "stage"]
    assert stages[0] == f"starting {bench[0].backend}"
    assert {"reading the rows", "training starts"} <= set(stages)
    assert "\x1b" not in (ended.folder / "log.txt").read_text()
    seen = ended.peak
    assert {"load", "first step", "train step", "save", "end"} <= set(seen.parts)
    assert 0.2 < seen.before < seen.parts["train step"] <= seen.resident < seen.before + 1
    assert seen.processes == 1 and seen.tree > seen.before
    assert seen.allocated is None and seen.reserved is None and seen.driver is None
    (found,) = observe.observe(ended.folder)
    assert (found.metric, found.row.job.device, found.row.job.max_length) == (
        "allocated",
        "cpu",
        128,
    )
    assert found.measured == pytest.approx(seen.parts["train step"] - seen.before, abs=1e-3)
    assert 0 < found.predicted < found.measured  # all but nothing beside the libraries
    assert str(bench[1]) not in str(found.row)
    before = {path.name for path in (bench[1] / "build").iterdir()}
    assert ended.folder.name in before


def test_ctrl_c_then_resume_comes_to_the_end_and_the_answer_is_learnt(bench):
    made, events = built(bench, 300, 50), []
    with pytest.raises(KeyboardInterrupt) as caught:
        run(bench, made, events, until="saved")
    stopped = caught.value.record
    assert (stopped.state, stopped.max_steps) == ("interrupted", 300)
    assert 50 <= stopped.steps < 300
    assert "checkpoint-" in caught.value.hint
    assert process.members(stopped.tool.pid, stopped.folder) == []

    events.clear()
    ended = run(bench, made, events, resume=True)
    first = next(event.step for event in events if event.kind == "step")
    assert ended.parent.startswith("output/checkpoint-")
    assert first == int(ended.parent.rpartition("-")[2]) + 1
    assert (ended.state, ended.steps, ended.attempts) == ("finished", 300, 2)
    assert ended.folder == stopped.folder
    assert ended.first_loss == stopped.first_loss
    assert ended.last_loss < 0.1

    (pair,) = compare.compare(ended.folder, offline=True)
    assert pair.after == "Stop scrolling: chess is simpler than you think."
    assert pair.before != pair.after


def test_a_failing_tool_is_told_with_its_last_lines_and_a_remedy(bench):
    made = built(bench, 8, 5)
    weights = bench[1] / "model" / "model.safetensors"
    hidden = weights.with_suffix(".hidden")
    weights.rename(hidden)
    try:
        with pytest.raises(FtcError, match=r"no file named model\.safetensors") as caught:
            run(bench, made, [])
    finally:
        hidden.rename(weights)
    assert caught.value.exit_code == 4
    assert "the model was not found, or lacks a file" in str(caught.value)
    assert caught.value.hint.startswith("check model.id and model.revision")
    (failed,) = [one for one in record.listing(bench[1] / "runs") if one.state == "failed"]
    assert os.fspath(failed.folder / "log.txt") in str(caught.value)
