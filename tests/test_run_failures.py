"""What ftc makes of the end of a backend's log, of its metrics and of its config."""

import json
import math
import os
import tomllib
from pathlib import Path

import pytest

from ftc.errors import FtcError
from ftc.run import failures, known, launch, progress, results
from ftc.run.progress import Event, Summary, Tail, Watcher, parse

CASES = tomllib.loads((Path(__file__).parent / "run" / "failures.toml").read_text())["case"]
PLAN = {"model": "/m", "stage": "sft", "device": "gpu", "gpus": 2, "zero_stage": 0, "max_steps": 6}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name'] or '-'}:{case['source']}")
def test_a_log_is_recognised(case):
    found = failures.diagnose(case["log"], case.get("status", 1), case.get("broken", False))
    assert (found.name if found else "") == case["name"]


def test_every_known_error_has_a_case_and_a_remedy_in_the_recipes_words():
    every = [*known.KNOWN, known.NO_MEMORY, known.NOT_A_NUMBER]
    names = [one.name for one in every]
    assert len(set(names)) == len(names)
    assert set(names) == {case["name"] for case in CASES if case["name"]}
    assert all(case["source"].split(":")[0] in ("seen", "reported") for case in CASES)
    foreign = ("per_device", "cutoff_len", "sequence_len", "flash_attn", "lora_target", "load_in")
    assert not [one.name for one in every if any(word in one.remedy for word in foreign)]
    assert all(one.what and one.remedy for one in every)


def test_the_last_lines_leave_out_frames_bars_and_banners():
    log = (
        "[INFO] loading\n\x1b[31m[WARNING] odd\x1b[0m\n  0%|     | 0/8\r 12%|█▎ | 1/8\r\n"
        "======\nTraceback (most recent call last):\n"
        '  File "/x/train.py", line 3, in main\n    run()\n    ^^^^^\nValueError: wrong\n'
    )
    assert failures.last_lines(failures._ESCAPES.sub("", log)) == [
        "[INFO] loading",
        "[WARNING] odd",
        "ValueError: wrong",
    ]
    assert len(failures.last_lines("\n".join(f"line {n}" for n in range(40)))) == failures.LINES


def test_only_this_attempts_part_of_the_log_is_read(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("CUDA out of memory\n")
    offset = log.stat().st_size
    with log.open("a") as file:
        file.write("ValueError: odd\n")
    assert failures.text(log, offset) == "ValueError: odd\n"
    assert failures.diagnose(failures.text(log, offset), 1) is None


GOOD = results.Result("adapter", 6, 6)


@pytest.mark.parametrize(
    ("status", "result", "seen", "said"),
    [
        (0, GOOD, Summary(6, 6, 2.0, 1.0), ""),
        (0, results.Result("adapter", 0, 0), Summary(6, 6, 2.0, 1.0), ""),
        (0, results.Result("", 6, 6), Summary(6, 6), "left no adapter"),
        (0, results.Result("adapter", 5, 6), Summary(5, 6, 2.0, 1.0), "ended at step 5 of 6"),
        (0, results.Result("adapter", 0, 0), Summary(), "an unknown number"),
        (0, GOOD, Summary(6, 6, 2.0, math.nan), "not a number"),
        (0, results.Result("adapter", 6, 6, broken_at=2), Summary(6, 6, 2.0, 0.0), "from step 2"),
        (3, GOOD, Summary(6, 6, 2.0, 1.0), "exit status 3"),
        (-11, GOOD, Summary(6, 6, 2.0, 1.0), "signal 11"),
    ],
)
def test_a_run_is_judged_by_what_it_left(status, result, seen, said):
    found = failures.fault(status, result, seen)
    assert said in found
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    ("norms", "losses", "broken"),
    [
        ([1.0, math.nan, math.nan], [5.0, 0.0, 0.0], 2),
        ([math.nan, math.nan, math.nan], [0.0, 0.0, 0.0], 1),
        ([1.0, math.nan, 1.0], [5.0, 0.0, 4.0], 0),
        ([1.0, 1.0, math.inf], [5.0, 4.0, 3.0], 0),
        ([1.0, 1.0, math.nan], [5.0, 4.0, 0.0], 3),
        ([1.0, 1.0, 1.0], [5.0, 4.0, 0.0], 0),
        ([None, None, None], [5.0, 4.0, math.nan], 0),
        ([None, None, None], [5.0, math.nan, math.nan], 2),
    ],
)
def test_a_loss_that_stopped_being_a_number_is_seen(tmp_path, norms, losses, broken):
    pairs = enumerate(zip(norms, losses, strict=True), start=1)
    history = [{"step": step, "grad_norm": norm, "loss": loss} for step, (norm, loss) in pairs]
    state = {"global_step": 3, "max_steps": 3, "log_history": [*history, {"train_runtime": 1.0}]}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    assert results.inspect(tmp_path).broken_at == broken


def test_metrics_of_both_backends_become_the_same_events():
    axolotl = '{"loss": 2.5, "learning_rate": 0.001, "grad_norm": 1, "step": 3, "total_steps": 8}'
    factory = '{"current_steps": 3, "total_steps": 8, "loss": 2.5, "lr": 0.001, "epoch": 0.3}'
    expected = [Event("step", 3, 8, 2.5, 0.001)]
    assert parse(axolotl) == parse(factory) == expected
    assert parse('{"eval_loss": 2.0, "step": 4, "total_steps": 8}') == [
        Event("eval", 4, 8, eval_loss=2.0)
    ]
    assert parse('{"train_loss": 2.0, "step": 8, "total_steps": 8}') == []
    assert math.isnan(parse('{"loss": null, "step": 3, "total_steps": 8}')[0].loss)
    assert math.isnan(parse('{"loss": NaN, "current_steps": 3, "total_steps": 8}')[0].loss)
    for line in ("", "{", "[]", "3", '{"loss": "2"}'):
        assert parse(line) == []


def test_a_tail_waits_for_whole_lines(tmp_path):
    path = tmp_path / "a"
    tail = Tail(path)
    assert tail.lines() == []
    path.write_bytes(b"one\ntw")
    assert tail.lines() == ["one"]
    with path.open("ab") as file:
        file.write("o\rthree\r\nv\u00e9".encode()[:-1])
    assert tail.lines() == ["two", "three"]
    with path.open("ab") as file:
        file.write("\u00e9".encode()[-1:] + b"\n")
    assert tail.lines() == ["v\u00e9"]
    assert Tail(path, skip=True).lines() == []


def test_a_watcher_tells_only_what_is_new_and_how_long_it_takes(tmp_path):
    now = [0.0]
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text('{"loss": 9.0, "step": 1, "total_steps": 5}\n')
    (tmp_path / "log.txt").write_text("Loading raw datasets...\n")
    watcher = Watcher(tmp_path, "axolotl", 5, clock=lambda: now[0])
    assert list(watcher.poll()) == []
    with (tmp_path / "log.txt").open("a") as file:
        file.write("Tokenizing Prompts: 1%|\rTokenizing Prompts: 9%|\rStarting trainer...\n")
    assert [event.text for event in watcher.poll()] == ["counting tokens", "training starts"]
    seen = []
    for step in (2, 3, 4):
        with metrics.open("a") as file:
            file.write(json.dumps({"loss": 1.0, "step": step, "total_steps": 5}) + "\n")
        seen += [event.seconds_left for event in watcher.poll()]
        now[0] += 10
    assert seen == [None, 20.0, 10.0]


def test_what_changes_a_run_in_silence_is_said_once(tmp_path):
    (tmp_path / "output").mkdir()
    watcher = Watcher(tmp_path, "llamafactory", 5)
    (tmp_path / "log.txt").write_text("[WARNING] >> FlashAttention-2 is not installed.\n" * 2)
    lines = [json.dumps({"loss": 0.0, "current_steps": step, "total_steps": 5}) for step in (2, 3)]
    (tmp_path / "output" / "trainer_log.jsonl").write_text("\n".join(lines) + "\n")
    notes = [event.text for event in watcher.poll() if event.kind == "note"]
    assert notes == [progress.NOTES[0][1], progress.BROKEN]


def test_a_resumed_runs_summary_takes_the_later_of_two_equal_steps(tmp_path):
    lines = [(1, 5.0), (2, 4.0), (3, 3.0), (3, 2.5), (4, 2.0)]
    text = "".join(
        json.dumps({"step": step, "loss": loss, "total_steps": 4}) + "\n" for step, loss in lines
    )
    (tmp_path / "metrics.jsonl").write_text(
        text + '{"step": 4, "total_steps": 4, "eval_loss": 3}\n'
    )
    assert progress.summary(tmp_path, "axolotl") == Summary(4, 4, 5.0, 2.0, 3.0)
    assert progress.summary(tmp_path, "llamafactory") == Summary()


def test_axolotls_resume_key_leaves_everything_else_as_it_was(tmp_path):
    original = "# made by ftc\nbase_model: m # why\nresume_from_checkpoint: null\nseed: 1\n"
    (tmp_path / "axolotl.yaml").write_text(original)
    assert launch.write_config(tmp_path, "axolotl", "") == "axolotl.yaml"
    name = launch.write_config(tmp_path, "axolotl", "output/checkpoint-4")
    assert (tmp_path / name).read_text() == (
        "# made by ftc\nbase_model: m # why\nseed: 1\n"
        'resume_from_checkpoint: "output/checkpoint-4"\n'
    )
    assert (tmp_path / "axolotl.yaml").read_text() == original


@pytest.mark.parametrize(
    ("changes", "axolotl", "factory"),
    [
        ({"gpus": 1}, ["--launcher", "python"], {}),
        ({"gpus": 1, "device": "cpu", "zero_stage": 2}, ["--launcher", "python"], {}),
        (
            {"gpus": 2},
            ["--launcher", "torchrun", "--", "--standalone", "--nproc_per_node=2"],
            {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "2"},
        ),
        (
            {"gpus": 1, "zero_stage": 3},
            ["--launcher", "torchrun", "--", "--standalone", "--nproc_per_node=1"],
            {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "1"},
        ),
    ],
)
def test_each_backend_is_launched_as_the_plan_needs_it(changes, axolotl, factory):
    plan = PLAN | changes
    command = launch.command("axolotl", Path("/e/bin/python"), "axolotl.yaml", plan)
    assert list(command[:5]) == ["/e/bin/python", "-m", "axolotl.cli.main", "train", "axolotl.yaml"]
    assert list(command[5:]) == axolotl
    variables = launch.variables("llamafactory", plan, {"NNODES": "4"})
    assert {name: variables[name] for name in variables if name.isupper() and name in factory} == (
        factory
    )
    assert ("FORCE_TORCHRUN" in variables) == bool(factory)
    assert "NNODES" not in variables


@pytest.mark.parametrize(
    ("given", "cards"),
    [(None, "0,1"), ("3,1,2", "3,1"), ("MIG-a, MIG-b", "MIG-a,MIG-b")],
)
def test_no_more_cards_are_visible_than_planned(given, cards):
    environment = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    assert launch.variables("axolotl", PLAN, environment)["CUDA_VISIBLE_DEVICES"] == cards


def test_a_space_in_the_environments_path_is_refused_where_it_breaks():
    python = Path("/my envs/bin/python")
    assert launch.command("llamafactory", python, "c.yaml", PLAN | {"gpus": 1})[0] == str(python)
    with pytest.raises(FtcError, match="path with a space"):
        launch.command("llamafactory", python, "c.yaml", PLAN)


def test_too_few_visible_cards_are_refused():
    with pytest.raises(FtcError, match="names 1 cards, the recipe plans 2"):
        launch.variables("axolotl", PLAN, {"CUDA_VISIBLE_DEVICES": "0"})


def test_the_page_lists_every_known_error():
    rows = [f"| {one.name} | {one.what} | {one.remedy} |" for one in sorted_known()]
    table = "\n".join(["| name | what it is | what to change |", "|---|---|---|", *rows])
    page = Path(__file__).parents[1] / "docs" / "running.md"
    text = page.read_text()
    start, end = "<!-- known errors -->\n", "\n<!-- end -->"
    before, _, rest = text.partition(start)
    wanted = before + start + table + end + rest.partition(end.strip())[2]
    if os.environ.get("FTC_UPDATE_GOLDEN"):
        page.write_text(wanted)
    assert page.read_text() == wanted, "refresh it with FTC_UPDATE_GOLDEN=1"


def sorted_known():
    every = [*known.KNOWN, known.NO_MEMORY, known.NOT_A_NUMBER]
    return sorted(every, key=lambda one: one.name)
