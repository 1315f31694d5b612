"""The measured peak of a run: seen from outside, told from inside, kept over attempts."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftc.backends.versions import PEAK
from ftc.errors import FtcError
from ftc.run import meter, peak, process, record
from ftc.run.driver import Driver
from ftc.run.meter import Meter
from ftc.run.peak import Peak

HERE = Path(__file__).parent
MIB = 2**20
GREEDY = """
import sys, time
held = bytearray(int(sys.argv[1]) * 2**20)
for place in range(0, len(held), 4096):
    held[place] = 1
print("full", flush=True)
sys.stdin.read()
"""


def started(folder, mib):
    """A process of a run folder that holds so much memory, once it holds it."""
    child = subprocess.Popen(
        [sys.executable, "-c", GREEDY, str(mib)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, process.MARK: str(folder)},
        start_new_session=True,
    )
    assert child.stdout.readline() == b"full\n"
    return child


def test_the_meter_sees_a_process_and_all_that_it_started(tmp_path):
    one, two = started(tmp_path, 120), started(tmp_path, 60)
    try:
        seen = Meter(one.pid, tmp_path)
        seen.look()
        found = seen.seen()
    finally:
        for child in (one, two):
            child.communicate()
    assert 120 < found.resident * 1024 < 160
    assert 180 < found.tree * 1024 < 260
    assert found.allocated is None and found.driver is None and found.before is None
    seen.next = 0
    seen.look()
    assert seen.seen() == found  # nothing lives any more, and the highest stays


def test_the_meter_looks_once_a_second(tmp_path):
    now = [0.0]
    seen = Meter(os.getpid(), tmp_path, clock=lambda: now[0])
    looked = []
    for tenth in range(31):
        now[0] = tenth / 10 + 0.001
        before = seen.next
        seen.look()
        looked += [tenth] if seen.next != before else []
    assert looked == [0, 10, 20, 30]
    assert meter.SECONDS == 1.0


# What the training process writes of itself: a file a process and start, sizes in bytes.


def told(folder, rank, pid, resident, before=200, **parts):
    place = folder / peak.FOLDER
    place.mkdir(exist_ok=True)
    content = {
        "rank": rank,
        "before": before * MIB,
        "highest": {"resident": resident * MIB},
        "parts": {name.replace("_", " "): {"resident": it * MIB} for name, it in parts.items()},
    }
    (place / f"rank{rank}-{pid}.json").write_text(json.dumps(content))


def test_the_highest_of_all_processes_and_attempts_is_told(tmp_path):
    assert peak.told(tmp_path) == Peak()
    told(tmp_path, 0, 11, 512, load=300, first_step=512)
    told(tmp_path, 0, 12, 768, load=256, train_step=768)
    told(tmp_path, 1, 13, 640, train_step=640)
    found = peak.told(tmp_path)
    assert (found.resident, found.processes) == (0.75, 2)
    assert found.parts == {"load": 0.293, "first step": 0.5, "train step": 0.75}
    assert found.growth == pytest.approx(0.75 - 200 / 1024, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"highest": 3, "parts": [], "before": "much"}',
        '{"highest": {"resident": -5}, "parts": {"load": 7}}',
        '{"highest": {"resident": true}, "parts": {"load": {"resident": "x"}}}',
    ],
)
def test_a_broken_file_says_nothing(tmp_path, text):
    (tmp_path / peak.FOLDER).mkdir()
    (tmp_path / peak.FOLDER / "rank0-1.json").write_text(text)
    found = peak.told(tmp_path)
    assert (found.resident, found.before, dict(found.parts)) == (None, None, {})
    assert peak.model(tmp_path) is None


def test_a_record_keeps_its_peak_and_an_older_one_has_none(tmp_path):
    seen = Peak(allocated=10.5, reserved=11.0, driver=12.25, parts={"load": 4.0}, processes=2)
    made = record.Record(tmp_path, "finished", "axolotl", "0.21.0", "b", {}, peak=seen)
    assert record.read(record.write(made).folder) == made
    assert "memory: 10.50 GiB allocated, 11.00 GiB reserved, 12.25 GiB by the driver" in (
        made.summary()
    )
    path = tmp_path / record.NAME
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "peak": {**raw["peak"], "of a later ftc": 1}}))
    assert record.read(tmp_path).peak == seen
    path.write_text(json.dumps({name: it for name, it in raw.items() if name != "peak"}))
    old = record.read(tmp_path)
    assert old.peak == Peak() and "memory" not in old.summary()
    path.write_text(json.dumps({**raw, "peak": [1]}))
    with pytest.raises(FtcError, match="is not a record of a run"):
        record.read(tmp_path)


# The measure itself, in a process of its own with a stand-in for torch: no card is needed.


@pytest.fixture(scope="module", params=["llamafactory", "axolotl"])
def trained(request, tmp_path_factory):
    """The file of a training on two cards, with and without a log that sets counters back."""
    folder = tmp_path_factory.mktemp("run")
    fake = HERE / "plugin" / "fake_gpu"
    done = subprocess.run(
        [sys.executable, str(fake / "train.py"), request.param],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(fake), str(PEAK.parent)]),
            "FTC_PEAK": peak.FOLDER,
            "FTC_DEVICE": "gpu",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder, request.param


def test_each_part_has_its_own_peak_and_none_hides_the_highest(trained):
    folder, tool = trained
    found = peak.told(folder)
    assert {name: round(size * 1024) for name, size in found.parts.items()} == {
        "load": 700,
        "first step": 400,
        "train step": 550,
        "evaluation step": 300 if tool == "axolotl" else 350,  # its log sets back before that
        "save": 650,
        "end": 900,
    }
    assert (found.allocated, found.reserved) == (round(900 / 1024, 4), round(902 / 1024, 4))
    assert found.resident > found.before * 0.9 > 0


def test_the_file_says_what_was_trained_and_no_names_of_folders(trained):
    (path,) = (trained[0] / peak.FOLDER).glob("*.json")
    text = path.read_text()
    said = json.loads(text)
    assert said["weights"] == {"bfloat16": 1010} and said["trained"] == {"bfloat16": 10}
    assert said["cards"] == ["Card 0", "Card 1"] == peak.cards(trained[0])
    assert peak.model(trained[0]) == {"model_type": "llama"}
    assert "secret" not in text


def test_a_measure_that_cannot_write_ends_no_run(tmp_path):
    fake = HERE / "plugin" / "fake_gpu"
    (tmp_path / peak.FOLDER).write_text("a file in the way")
    done = subprocess.run(
        [sys.executable, str(fake / "train.py")],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(fake), str(PEAK.parent)]),
            "FTC_PEAK": peak.FOLDER,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "ftc: memory is not measured here: FileExistsError" in done.stdout


# What the driver shows: nvidia-smi, here a small script.

SMI = """#!/bin/sh
case "$*" in
*query-gpu*) cat {folder}/cards ;;
*) cat {folder}/processes ;;
esac
"""
CARDS = "0, GPU-aaaa, {}\n1, GPU-bbbb, {}\n2, GPU-cccc, {}\n"


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """What the driver shows, as a function: uses of three cards, lines of processes."""
    script = tmp_path / "nvidia-smi"
    script.write_text(SMI.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def shows(*used, processes=""):
        (tmp_path / "cards").write_text(CARDS.format(*used))
        (tmp_path / "processes").write_text(processes)

    return shows


def looked(asked, members=()):
    """Once more, waited for: `look` itself never waits."""
    asked.look(members)
    end = time.monotonic() + 30
    while any(one.poll() is None for one in asked.asked) and time.monotonic() < end:
        time.sleep(0.01)
    asked.look(members)


def test_the_growth_of_the_fullest_chosen_card_is_seen(driver):
    driver(1024, 512, 0)
    asked = Driver({"CUDA_VISIBLE_DEVICES": "0,1"})
    asked.begin()
    driver(3072, 4608, 70000)
    looked(asked)
    driver(1024, 512, 0)
    looked(asked)
    asked.end()
    assert asked.highest == 4.0


def test_a_processs_own_figure_is_taken_where_it_is_given(driver):
    driver(1024, 0, 0)
    asked = Driver({"CUDA_VISIBLE_DEVICES": "GPU-aaaa"})
    asked.begin()
    mine = "GPU-aaaa, 41, 2048\nGPU-aaaa, 42, 512\nGPU-aaaa, 7, 30000\nGPU-aaaa, 43, [N/A]\n"
    driver(40000, 0, 0, processes=mine)
    looked(asked, [41, 42, 43])
    asked.end()
    assert asked.highest == 2.5


@pytest.mark.parametrize("cards", ["", "No devices were found\n", "0, GPU-aaaa, [N/A]\n"])
def test_a_driver_that_says_nothing_is_no_fault(driver, tmp_path, cards):
    driver(0, 0, 0)
    (tmp_path / "cards").write_text(cards)
    asked = Driver({"CUDA_VISIBLE_DEVICES": "0"})
    asked.begin()
    looked(asked)
    asked.end()
    assert asked.highest is None


def test_a_driver_that_hangs_holds_nothing_up(driver, tmp_path, monkeypatch):
    monkeypatch.setattr("ftc.run.driver.BEGIN_SECONDS", 0.2)
    driver(1024, 0, 0)
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 60\n")
    asked = Driver({"CUDA_VISIBLE_DEVICES": "0"})
    asked.begin()
    assert asked.highest is None and asked.asked == []


def test_without_nvidia_smi_nothing_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = Driver({})
    asked.begin()
    looked(asked)
    asked.end()
    assert asked.highest is None
