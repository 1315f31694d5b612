"""How a backend's process is handled, with a small script in the backend's place."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftc.backends.versions import PLUGIN
from ftc.errors import FtcError
from ftc.run import folders, handover, process, record, results
from ftc.run.environments import Environment

HERE = Path(__file__).parent / "run"
PLAN = {"model": "/m", "stage": "sft", "device": "cpu", "gpus": 1, "zero_stage": 0, "max_steps": 6}
ADAPTER = "adapter_model.safetensors"


@pytest.fixture
def tool(tmp_path):
    """An environment whose Python runs the fake backend."""
    python = tmp_path / "an environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_backend.py"}" "$@"\n')
    python.chmod(0o755)
    return Environment("llamafactory", "0.9.5", "cpu", python.parents[1], python)


def build(folder, **fake):
    folder.mkdir(parents=True)
    (folder / "llamafactory.json").write_text(
        json.dumps({"output_dir": "output", "overwrite_output_dir": True, "fake": fake})
    )
    plan = {name: {"value": value, "origin": {}} for name, value in PLAN.items()}
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "train.jsonl").write_text('{"messages": []}\n')
    return folder


def run(folder, tool, events=None, *, resume=False, stop_at=None, version="0.9.5"):
    def on_event(event):
        if events is not None:
            events.append(event)
        if event.kind == "step" and event.step == stop_at:
            raise KeyboardInterrupt

    return handover.run(
        folder,
        "llamafactory",
        version,
        runs=folder.parent.parent / "my runs",
        resume=resume,
        offline=True,
        on_event=on_event,
        environment=tool,
    )


def seen(run_folder):
    return json.loads((run_folder / "seen.json").read_text())


def wait_for(condition, what):
    end = time.monotonic() + 60
    while not (value := condition()):
        assert time.monotonic() < end, f"waited a minute for {what}"
        time.sleep(0.05)
    return value


def test_a_run_is_recorded_and_its_folder_is_whole(tmp_path, tool):
    events = []
    made = build(tmp_path / "build" / "demo-llamafactory-12345678")
    ended = run(made, tool, events)
    assert ended.state == "finished"
    assert (ended.steps, ended.max_steps, ended.kind) == (6, 6, "adapter")
    assert (ended.first_loss, ended.last_loss) == (5.0, 5.0 / 6)
    assert ended.result == ended.folder / "output"
    assert ended.folder.name == made.name
    assert record.read(ended.folder) == ended
    assert (ended.folder / "train.jsonl").samefile(made / "train.jsonl")
    assert ended.hashes == folders.hashes(made)
    steps = [event.step for event in events if event.kind == "step"]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert [event.text for event in events if event.kind == "saved"] == [
        "saved checkpoint-2",
        "saved checkpoint-4",
        "saved checkpoint-6",
    ]
    assert events[0].text == "starting llamafactory"
    assert not list(ended.folder.glob(".run-*"))
    for name in ("ftc_peak.py", "ftc_llamafactory.py"):
        assert (ended.folder / name).read_bytes() == (PLUGIN.parent / name).read_bytes()
    assert seen(ended.folder)["FTC_PEAK"] == "memory"


def test_the_log_has_both_streams_and_no_colours(tmp_path, tool):
    made = build(tmp_path / "build" / "demo", fail_at=3, log="to the error stream")
    with pytest.raises(FtcError) as caught:
        run(made, tool)
    assert caught.value.exit_code == 4
    text = (tmp_path / "my runs" / "demo" / "log.txt").read_text()
    assert "\nLoading dataset train.jsonl\n" in text
    assert "to the error stream" in text
    assert "\x1b" not in text
    assert "to the error stream" in str(caught.value)
    assert str(tmp_path / "my runs" / "demo" / "log.txt") in str(caught.value)
    assert record.read(tmp_path / "my runs" / "demo").state == "failed"


def test_runs_never_share_a_folder(tmp_path, tool):
    made = build(tmp_path / "build" / "demo")
    names = [run(made, tool).folder.name for _ in range(3)]
    assert names == ["demo", "demo-2", "demo-3"]
    listed = record.listing(tmp_path / "my runs")
    assert [one.folder.name for one in listed] == names


def test_the_backend_sees_the_plans_device_and_no_stray_launcher(tmp_path, tool, monkeypatch):
    monkeypatch.setenv("NPROC_PER_NODE", "7")
    monkeypatch.setenv("FORCE_TORCHRUN", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    variables = seen(run(build(tmp_path / "build" / "demo"), tool).folder)
    assert variables["FTC_DEVICE"] == "cpu"
    assert variables["CUDA_VISIBLE_DEVICES"] == ""
    assert variables["HF_HUB_OFFLINE"] == "1"
    assert "NPROC_PER_NODE" not in variables
    assert "FORCE_TORCHRUN" not in variables
    assert variables["PATH"].startswith(str(tool.path / "bin"))


def test_ctrl_c_ends_everything_and_resume_goes_on(tmp_path, tool):
    made = build(tmp_path / "build" / "demo", hang_at=5, child=True)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(made, tool, stop_at=5)
    stopped = caught.value.record
    assert stopped.state == record.read(stopped.folder).state == "interrupted"
    assert "checkpoint-4" in caught.value.hint
    child = int((stopped.folder / "child.pid").read_text())
    assert not process.alive(stopped.tool)
    assert process.born(child) == ""
    assert process.members(stopped.tool.pid, stopped.folder) == []

    events = []
    ended = run(made, tool, events, resume=True)
    assert ended.folder == stopped.folder
    assert (ended.state, ended.attempts, ended.parent) == ("finished", 2, "output/checkpoint-4")
    assert [event.step for event in events if event.kind == "step"] == [5, 6]
    assert (ended.first_loss, ended.steps) == (5.0, 6)
    log = (ended.folder / "log.txt").read_text()
    assert "attempt 1" in log
    assert "attempt 2" in log
    original = json.loads((ended.folder / "llamafactory.json").read_text())
    resumed = json.loads((ended.folder / "llamafactory.resume.yaml").read_text())
    assert "resume_from_checkpoint" not in original
    assert resumed["resume_from_checkpoint"] == "output/checkpoint-4"
    assert resumed["overwrite_output_dir"] is False
    assert ended.seconds >= stopped.seconds


@pytest.mark.parametrize("deaf", [["SIGINT"], ["SIGINT", "SIGTERM"]])
def test_a_deaf_backend_is_ended_all_the_same(tmp_path, tool, monkeypatch, deaf):
    short = tuple((number, 1.0) for number, _ in process.GRACE)
    monkeypatch.setattr(process.stop, "__defaults__", (short,))
    made = build(tmp_path / "build" / "demo", hang_at=1, deaf=deaf)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(made, tool, stop_at=1)
    assert not process.alive(caught.value.record.tool)
    assert "step 0" in caught.value.hint


def test_a_half_written_checkpoint_is_named_and_left_out(tmp_path, tool):
    made = build(tmp_path / "build" / "demo", half_at=4, hang_at=4)
    with pytest.raises(KeyboardInterrupt):
        run(made, tool, stop_at=4)
    events = []
    ended = run(made, tool, events, resume=True)
    notes = [event.text for event in events if event.kind == "note"]
    assert notes == [
        "checkpoint-4 was only half written: it is left out",
        "going on from checkpoint-2",
    ]
    assert ended.parent == "output/checkpoint-2"
    assert (ended.folder / "output" / "incomplete-checkpoint-4" / ADAPTER).is_file()


def test_resume_without_a_checkpoint_starts_again_and_keeps_the_old_output(tmp_path, tool):
    made = build(tmp_path / "build" / "demo", hang_at=1)
    with pytest.raises(KeyboardInterrupt):
        run(made, tool, stop_at=1)
    stopped = tmp_path / "my runs" / "demo"
    (stopped / "output" / "kept.txt").write_text("mine")
    (stopped / "llamafactory.json").write_text('{"fake": {}}')  # else it would hang once more
    events = []
    ended = run(made, tool, events, resume=True)
    assert "no checkpoint was saved: starting at step 0" in [event.text for event in events]
    assert (ended.folder / "output-attempt-1" / "kept.txt").read_text() == "mine"
    assert (ended.state, ended.parent) == ("finished", "")


def test_resume_refuses_what_is_not_the_same_run(tmp_path, tool):
    made = build(tmp_path / "build" / "demo", hang_at=3)
    with pytest.raises(FtcError, match="holds no run of demo") as caught:
        run(made, tool, resume=True)
    assert caught.value.hint == "leave --resume out to start"
    run(build(tmp_path / "build" / "other-llamafactory-11111111"), tool)
    with pytest.raises(FtcError, match="holds no run of other-llamafactory-22222222") as caught:
        run(build(tmp_path / "build" / "other-llamafactory-22222222"), tool, resume=True)
    assert "other-llamafactory-11111111 is of another recipe" in caught.value.hint
    with pytest.raises(KeyboardInterrupt):
        run(made, tool, stop_at=3)
    other = Environment("llamafactory", "0.9.6", "cpu", tool.path, tool.python)
    with pytest.raises(FtcError, match=r"was started with llamafactory 0\.9\.5"):
        run(made, other, resume=True)
    text = (made / "llamafactory.json").read_text()
    (made / "llamafactory.json").write_text(text + "\n")
    with pytest.raises(FtcError, match=r"has changed since demo was started: llamafactory\.json"):
        run(made, tool, resume=True)
    (made / "llamafactory.json").write_text(text)
    assert run(made, tool, resume=True).state == "finished"
    with pytest.raises(FtcError, match="this run is finished, its adapter is in"):
        run(made, tool, resume=True)


def start_apart(made, runs, tool, *more):
    command = [sys.executable, str(HERE / "drive.py"), str(made), str(runs), str(tool.path), *more]
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": "compiler"},
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ending_ftc_ends_the_backend(tmp_path, tool, number):
    made, runs = build(tmp_path / "build" / "demo", hang_at=3), tmp_path / "runs"
    with start_apart(made, runs, tool) as ftc:
        while ftc.stdout.readline() != "step 3 \n":
            assert ftc.poll() is None
        ftc.send_signal(number)
        ftc.communicate(timeout=60)
    ended = record.read(runs / "demo")
    assert ended.state == "interrupted"
    assert process.members(ended.tool.pid, ended.folder) == []


def test_a_second_ctrl_c_does_not_wait_for_a_deaf_backend(tmp_path, tool):
    made, runs = build(tmp_path / "build" / "demo", hang_at=3, deaf=["SIGINT"]), tmp_path / "runs"
    with start_apart(made, runs, tool) as ftc:
        while ftc.stdout.readline() != "step 3 \n":
            assert ftc.poll() is None
        ftc.send_signal(signal.SIGINT)
        time.sleep(1)
        assert ftc.poll() is None
        ftc.send_signal(signal.SIGINT)
        ftc.communicate(timeout=process.GRACE[0][1] - 5)
    ended = record.read(runs / "demo")
    assert ended.state == "interrupted"
    assert not process.alive(ended.tool)


def test_a_killed_ftc_is_noticed_and_its_living_backend_protected(tmp_path, tool):
    made, runs = build(tmp_path / "build" / "demo", hang_at=3), tmp_path / "runs"
    with start_apart(made, runs, tool) as ftc:
        while ftc.stdout.readline() != "step 3 \n":
            assert ftc.poll() is None
        ftc.kill()
        ftc.communicate(timeout=60)
    left = record.read(runs / "demo")
    assert left.state == "running"
    assert not process.alive(left.ftc)
    assert process.alive(left.tool)
    assert handover.settle(runs) == []
    with start_apart(made, runs, tool, "--resume") as again:
        _, errors = again.communicate(timeout=60)
    assert f"this run is still going on (process {left.tool.pid})" in errors
    os.killpg(left.tool.pid, signal.SIGKILL)
    wait_for(lambda: not process.alive(left.tool), "the backend's end")
    (settled,) = handover.settle(runs)
    assert (settled.state, settled.steps) == ("lost", 3)
    with start_apart(made, runs, tool, "--resume") as again:
        again.communicate(timeout=60)
    assert record.read(runs / "demo").state == "finished"


def test_a_backend_that_outlives_ftc_and_comes_to_its_end_is_finished(tmp_path, tool):
    made, runs = build(tmp_path / "build" / "demo", delay=0.3), tmp_path / "runs"
    with start_apart(made, runs, tool) as ftc:
        while ftc.stdout.readline() != "step 1 \n":
            assert ftc.poll() is None
        ftc.kill()
        ftc.communicate(timeout=60)
    tool_process = record.read(runs / "demo").tool
    wait_for(lambda: not process.alive(tool_process), "the backend's end")
    (settled,) = handover.settle(runs)
    assert (settled.state, settled.steps, settled.kind) == ("finished", 6, "adapter")


def test_a_resumed_run_keeps_the_highest_memory_of_its_attempts(tmp_path, tool):
    made = build(tmp_path / "build" / "demo", holds=200, delay=0.5, save_steps=1)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(made, tool, stop_at=5)
    assert 200 < caught.value.record.peak.resident * 1024 < 300
    ended = run(made, tool, resume=True)
    assert (ended.state, ended.attempts) == ("finished", 2)
    assert ended.peak.resident == caught.value.record.peak.resident
    assert "GiB resident" in ended.summary()
    assert record.read(ended.folder).peak == ended.peak


def test_another_process_with_the_same_number_is_not_the_same(tmp_path):
    here = process.current()
    assert process.alive(here)
    assert not process.alive(record.Process(here.pid, "1"))
    assert not process.alive(record.Process(0, ""))


def test_one_folder_has_one_worker(tmp_path):
    with (
        folders.claimed(tmp_path),
        pytest.raises(FtcError, match="another ftc works in this run folder"),
        folders.claimed(tmp_path),
    ):
        pass
    with folders.claimed(tmp_path):
        pass


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        ({"result": False}, "left no adapter and no model"),
        ({"stop_at": 3}, "ended at step 3 of 6"),
        ({"nan_at": 4}, "the loss is not a number"),
        ({"fail_at": 2, "log": "odd", "status": 7}, "ended with exit status 7 at step 1 of 6"),
    ],
)
def test_an_end_that_is_no_end_fails(tmp_path, tool, fake, said):
    with pytest.raises(FtcError, match=said) as caught:
        run(build(tmp_path / "build" / "demo", **fake), tool)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    assert record.read(tmp_path / "my runs" / "demo").state == "failed"


def test_a_backend_killed_from_outside_is_told_so(tmp_path, tool):
    def kill(event):
        if event.kind == "step" and event.step == 2:
            os.kill(record.read(tmp_path / "runs" / "demo").tool.pid, signal.SIGKILL)

    made = build(tmp_path / "build" / "demo", hang_at=2)
    with pytest.raises(FtcError, match="was killed by Killed") as caught:
        handover.run(
            made,
            "llamafactory",
            "0.9.5",
            runs=tmp_path / "runs",
            resume=False,
            offline=True,
            on_event=kill,
            environment=tool,
        )
    assert "memory" in str(caught.value)


def test_an_environment_without_python_is_an_error_to_mend(tmp_path, tool):
    tool.python.unlink()
    with pytest.raises(FtcError, match="cannot be started") as caught:
        run(build(tmp_path / "build" / "demo"), tool)
    assert caught.value.exit_code == 4
    assert record.read(tmp_path / "my runs" / "demo").state == "failed"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("llamafactory.json", None, "it has no llamafactory.json"),
        ("plan.json", None, "it has no plan.json"),
        ("plan.json", "{", "is not a plan"),
        ("plan.json", "{}", "is not a plan"),
        ("llamafactory.json", "{", "is not JSON"),
    ],
)
def test_a_broken_build_folder_is_refused(tmp_path, tool, name, content, said):
    made = build(tmp_path / "build" / "demo")
    (made / name).unlink()
    if content is not None:
        (made / name).write_text(content)
    with pytest.raises(FtcError, match=said) as caught:
        run(made, tool)
    assert caught.value.exit_code == 2


def test_a_run_cut_short_while_it_was_copied_can_be_resumed(tmp_path, tool):
    made = build(tmp_path / "build" / "demo", hang_at=1)
    with pytest.raises(KeyboardInterrupt):
        run(made, tool, stop_at=1)
    stopped = tmp_path / "my runs" / "demo"
    (stopped / "llamafactory.json").write_text('{"fake": {}}')
    for name in ("train.jsonl", "plan.json"):
        (stopped / name).unlink()
    assert run(made, tool, resume=True).state == "finished"
    assert (stopped / "train.jsonl").samefile(made / "train.jsonl")


def test_runs_that_is_a_file_is_refused(tmp_path, tool):
    (tmp_path / "my runs").write_text("")
    with pytest.raises(FtcError, match="cannot be made: Not a directory"):
        run(build(tmp_path / "build" / "demo"), tool)


def test_records_are_whole_or_refused(tmp_path):
    with pytest.raises(FtcError, match="is not a run folder"):
        record.read(tmp_path)
    (tmp_path / "run.json").write_text('{"state": "running"')
    with pytest.raises(FtcError, match="is not a record of a run"):
        record.read(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(FtcError, match="is not a record of a run"):
        record.read(tmp_path)
    assert record.listing(tmp_path.parent) == []


def test_results_count_only_whole_checkpoints(tmp_path):
    def checkpoint(step, state):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "model.safetensors").touch()
        if state:
            (folder / "trainer_state.json").write_text(state)

    checkpoint(10, '{"global_step": 10, "max_steps": 30}')
    checkpoint(9, '{"global_step": 9, "max_steps": 30}')
    checkpoint(20, '{"global_step": 2')
    checkpoint(30, "")
    (tmp_path / "checkpoint-best").mkdir()
    last, halves = results.newest(tmp_path)
    assert last == tmp_path / "checkpoint-10"
    assert [half.name for half in halves] == ["checkpoint-20", "checkpoint-30"]
    assert results.inspect(tmp_path) == results.Result("", 10, 30)
