"""`ftc augment` broken on purpose: one clear message, no traceback, nothing lost.

Disks that are full, folders that cannot be written, ledgers that something has been at, two at a
time, a clock that is wrong, servers that take a schema no more, Ctrl-C at any moment.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from augment.fault_server import FAULTS, Asked, FaultServer, Say, answer
from augment.forked import Child, Forked

from ftc.augment import calls, result
from ftc.augment.providers.status import retry_after

RECIPE = """
name = "potters"
model = "Qwen/Qwen2.5-7B-Instruct"
task = "qa"
[data]
path = "rows.jsonl"
eval = 0.2
[hardware]
vram_gb = 24
[augment]
max_failed = 1.0
[augment.models.loopback]
provider = "openai"
model = "m"
url = "{url}"
in_flight = 4
[augment.judge]
threshold = 0.3
human_rows = 0
runs = 1
[[augment.make]]
kind = "paraphrase"
[[augment.make]]
kind = "self-instruct"
"""
COMMAND = ("augment", "recipe.toml", "--offline")
OVER = (-signal.SIGINT, [])  # all was done when Ctrl-C came
KEPT = "Answers are kept: the same command goes on from there."
NO_RIGHTS = """  # root writes where it may not, unless it gives that up
import ctypes
libc = ctypes.CDLL(None)
head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc.capget(head, data)
data[0] &= ~0b1110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
libc.capset(head, data)
"""
BOUNDED = """  # as a disk that is full: no file gets longer than this
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
"""


class World(NamedTuple):
    """What all tests share: a run that nothing disturbed, and what it takes to do another one."""

    ftc: Forked
    server: FaultServer
    calm: Path
    changes: int
    questions: int

    def folder(self, path: Path, *, done: bool = False) -> Path:
        """The recipe in a new folder, with all that the run left if `done`."""
        if done:
            shutil.copytree(self.calm, path)
        else:
            path.mkdir()
            for name in ("recipe.toml", "rows.jsonl"):
                shutil.copy(self.calm / name, path)
        return path

    def run(self, folder: Path, *more: str, setup: str = "") -> tuple[int, list[str]]:
        """Exit code, and what is said of errors."""
        code, _, complained = self.ftc.run(*COMMAND, *more, folder=folder, setup=setup)
        return code, told(complained)

    def mended(self, folder: Path) -> int:
        """Run it with nothing in the way any more: the rows are those of the calm run; how many
        questions were answered for that."""
        before = self.server.answered
        assert self.run(folder) == (0, [])
        assert files(folder) == files(self.calm)
        return self.server.answered - before


def told(text: str) -> list[str]:
    """The last lines of standard error from the word of an error on; never a traceback."""
    assert "Traceback" not in text and "bug in ftc" not in text, text
    lines = text.splitlines()
    first = [n for n, line in enumerate(lines) if line.startswith(("error: ", "interrupted."))]
    assert len(first) < 2, text
    return lines[first[0] :] if first else []


def place(folder: Path) -> Path:
    return folder / "augmented" / "potters"


def files(folder: Path) -> list[bytes]:
    return [
        (place(folder) / name).read_bytes()
        for name in (result.TRAIN, result.EVAL, "ledger.parquet")
    ]


def ledger(folder: Path) -> Path:
    return place(folder) / calls.NAME


def kept(folder: Path) -> int:
    """Questions whose answers are in the ledger."""
    with closing(sqlite3.connect(ledger(folder))) as it:
        return it.execute("select count(*) from calls where state = 'answered'").fetchone()[0]


def steady(body: dict) -> str:
    """Good answers of the question alone, whichever way the schema is asked for."""
    asked = body["messages"][-1]["content"]
    _, said, schema = asked.partition("keeps to this JSON schema:\n")
    form = {"type": "json_schema", "json_schema": {"schema": json.loads(schema)}} if said else None
    more = {"response_format": form} if form else {}
    return answer({**body, **more, "seed": 0})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    calm = tmp_path_factory.mktemp("calm")
    lines = (
        {
            "instruction": f"How long does kiln number {number} burn in a wet spring?",
            "output": f"Kiln {number} burns {number + 2} days, as long as the oak wood lasts.",
        }
        for number in range(12)
    )
    (calm / "rows.jsonl").write_text("".join(json.dumps(it) + "\n" for it in lines), "utf-8")
    with Forked() as ftc, FaultServer(answers=steady) as server:
        (calm / "recipe.toml").write_text(RECIPE.format(url=server.url), "utf-8")
        child = ftc.start(*COMMAND, folder=calm)
        assert child.wait() == 0, child.said()
        yield World(ftc, server, calm, child.changes(), server.answered)


@pytest.fixture(autouse=True)
def well(world: World) -> Iterator[None]:
    """The server answers everything, before each test."""
    world.server.plan = lambda asked: Say()
    yield


def test_a_disk_that_is_full_at_any_moment(world: World, tmp_path: Path) -> None:
    """No file or folder more can be made, from any of the places on where one is made."""
    dice = random.Random(6)
    for number in sorted(dice.sample(range(1, world.changes), 12)):
        folder = world.folder(tmp_path / str(number))
        place(folder).mkdir(parents=True)
        shutil.copy(ledger(world.calm), place(folder))
        child = world.ftc.start(*COMMAND, folder=folder, until=number, full=True)
        code, words = child.wait(), told(child.said()[1])
        if code:
            assert code == 2 and "No space left on device" in words[0] and len(words) == 2
        assert world.mended(folder) == 0


@pytest.mark.parametrize("size", [4_096, 20_000, 60_000, 120_000, 200_000])
def test_a_file_that_cannot_grow(world: World, tmp_path: Path, size: int) -> None:
    """What was answered and kept before is not asked again; a few answers on their way are."""
    folder = world.folder(tmp_path / "it")
    before = world.server.answered
    code, words = world.run(folder, setup=BOUNDED.format(size))
    assert code == 2 and words[0].startswith(f"error: {place(folder)}") and len(words) == 2
    answered = world.server.answered - before
    found = kept(folder) if answered else 0
    assert 0 <= answered - found <= 4
    assert world.mended(folder) == world.questions - found


@pytest.mark.parametrize("part", [".", "seeds"])
@pytest.mark.parametrize("done", [False, True])
def test_a_folder_that_cannot_be_written(
    world: World, tmp_path: Path, part: str, done: bool
) -> None:
    folder = world.folder(tmp_path / "it", done=done)
    closed = place(folder) / part
    closed.mkdir(parents=True, exist_ok=True)
    closed.chmod(0o555)
    before = world.server.asked
    try:
        code, words = world.run(folder, setup=NO_RIGHTS)
    finally:
        closed.chmod(0o755)
    assert code == 2 and words[0].startswith(f"error: {place(folder)}") and len(words) == 2
    assert world.server.asked == before
    assert world.mended(folder) == (0 if done else world.questions)


def test_something_else_in_the_place_of_a_file(world: World, tmp_path: Path) -> None:
    for name in (result.TRAIN, "ledger.parquet", "seeds", "work", calls.NAME):
        folder = world.folder(tmp_path / name, done=True)
        path = place(folder) / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.write_text("mine") if name in ("seeds", "work") else path.mkdir()
        code, words = world.run(folder)
        assert code == 2 and words[0].startswith(f"error: {path}") and len(words) == 2


SHORT = (0, 1, 16, 100, 4_095, 4_096, 8_192)


@pytest.mark.parametrize("length", SHORT)
def test_a_ledger_that_was_cut(world: World, tmp_path: Path, length: int) -> None:
    folder = world.folder(tmp_path / "it", done=True)
    content = ledger(folder).read_bytes()[:length]
    ledger(folder).write_bytes(content)
    refused_or_mended(world, folder, content)


@pytest.mark.parametrize("seed", range(8))
def test_a_ledger_with_garbage_in_it(world: World, tmp_path: Path, seed: int) -> None:
    folder, dice = world.folder(tmp_path / "it", done=True), random.Random(seed)
    content = bytearray(ledger(folder).read_bytes())
    start, size = dice.randrange(len(content)), dice.choice((512, 4_096))
    content[start : start + size] = dice.randbytes(len(content[start : start + size]))
    ledger(folder).write_bytes(content)
    refused_or_mended(world, folder, bytes(content))


def refused_or_mended(world: World, folder: Path, content: bytes) -> None:
    """A ledger that cannot be read is left as it is until it is put aside by --fresh."""
    code, words = world.run(folder)
    if code:
        assert code == 2 and "the ledger of calls cannot be used" in words[0]
        assert "--fresh puts it aside" in words[1] and len(words) == 2
        assert ledger(folder).read_bytes() == content
        assert world.run(folder, "--fresh") == (0, [])
        assert ledger(folder).with_name("calls.1.sqlite").read_bytes() == content
    assert files(folder) == files(world.calm)


def test_answers_that_are_none_any_more_are_asked_again(world: World, tmp_path: Path) -> None:
    folder = world.folder(tmp_path / "it", done=True)
    with closing(sqlite3.connect(ledger(folder))) as it:
        it.execute("update calls set text = '{' where key in (select key from calls limit 3)")
        it.commit()
    assert world.mended(folder) == 3


@pytest.mark.parametrize("lock", ["exclusive", "immediate"])
def test_a_ledger_that_another_program_holds(world: World, tmp_path: Path, lock: str) -> None:
    folder = world.folder(tmp_path / "it", done=True)
    with closing(sqlite3.connect(ledger(folder), isolation_level=None)) as other:
        other.execute(f"begin {lock}")
        code, words = world.run(folder)
    assert code == 2 and "database is locked" in words[0] and "another program" in words[1]
    assert world.mended(folder) == 0


def test_two_at_a_time(world: World, tmp_path: Path) -> None:
    """The first one is halted meanwhile, so that it cannot be over before the second asks."""
    folder, before = world.folder(tmp_path / "it"), world.server.answered
    (tmp_path / "other").mkdir()
    first = world.ftc.start(*COMMAND, folder=folder)
    until(lambda: world.server.answered > before + 5)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        with Forked() as ftc:
            recipe = str(folder / "recipe.toml")
            code, _, said = ftc.run("augment", recipe, "--offline", folder=tmp_path / "other")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.wait() == 0
    assert code == 2 and "another ftc augment is at work here" in told(said)[0]
    assert world.server.answered - before == world.questions
    assert files(folder) == files(world.calm)


def test_a_server_that_changes_its_mind_about_schemas(world: World, tmp_path: Path) -> None:
    """It takes json_schema, then only JSON, then neither, in the middle of a run: nothing fails,
    it is told, and what was answered in any way is not asked again."""
    start = world.server.asked

    def plan(asked: Asked) -> Say:
        form = asked.body.get("response_format", {}).get("type")
        taken = [("json_schema", 15), ("json_object", 30)]
        refused = any(form == name and asked.number - start >= last for name, last in taken)
        return Say(status=400, error=f"response_format: no {form} here") if refused else Say()

    world.server.plan = plan
    folder, before = world.folder(tmp_path / "it"), world.server.answered
    code, out, _ = world.ftc.run(*COMMAND, folder=folder)
    assert code == 0
    assert "the server does not bind answers to a schema; asked with none" in out
    assert world.server.answered - before == kept(folder) == world.questions
    first, asked = files(folder), world.server.asked
    assert world.run(folder) == (0, [])
    assert world.server.asked == asked and files(folder) == first


def test_a_server_that_heeds_no_schema_any_more(world: World, tmp_path: Path) -> None:
    """Its answers are counted and left out, and not paid for again."""
    start = world.server.asked
    world.server.plan = lambda asked: Say("Well, yes." if asked.number - start >= 20 else None)
    folder = world.folder(tmp_path / "it")
    code, out, complained = world.ftc.run(*COMMAND, folder=folder)
    assert code == 0 and not told(complained)
    assert "not JSON" in out and kept(folder) == 20
    world.server.plan, asked = lambda asked: Say(), world.server.asked
    assert world.run(folder) == (0, [])
    assert world.server.asked == asked


@pytest.mark.parametrize("hours", [-30, 0, 30])
def test_a_clock_that_is_wrong(hours: int) -> None:
    """A date to wait for is a time after the server's own date, whatever the clock here says."""

    def date(seconds: float) -> str:
        at = time.gmtime(time.time() + 3600 * hours + seconds)
        return time.strftime("%a, %d %b %Y %H:%M:%S GMT", at)

    assert retry_after({"retry-after": date(20), "date": date(0)}) == pytest.approx(20, abs=1.1)


@pytest.mark.parametrize("seed", range(16))
def test_ctrl_c_at_any_moment(world: World, tmp_path: Path, seed: int) -> None:
    """Answers on their way are waited for: nothing at all is asked twice."""
    world.server.plan = lambda asked: Say(delay=0.01)
    dice = random.Random(seed)
    folder, before = world.folder(tmp_path / "it"), world.server.answered
    child = world.ftc.start(*COMMAND, folder=folder)
    goal = before + dice.randrange(1, world.questions)
    until(lambda: world.server.answered >= goal or not alive(child))
    time.sleep(dice.random() * 0.1)
    if alive(child):
        os.kill(child.pid, signal.SIGINT)
    code, words = child.wait(), told(child.said()[1])
    assert (code, words) in [(130, [f"interrupted. {KEPT}"]), (0, []), OVER]
    world.mended(folder)
    assert world.server.answered - before == world.questions


@pytest.mark.parametrize("seconds", [0.05, 0.4, 1.0, 1.8])
def test_ctrl_c_while_it_starts(world: World, tmp_path: Path, seconds: float) -> None:
    """From the moment on in which Python has come to ftc."""
    folder = world.folder(tmp_path / "it")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "from ftc.cli import main; print(flush=True); main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *COMMAND],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    words = told(process.communicate(timeout=60)[1])
    said = [(130, ["interrupted."]), (130, [f"interrupted. {KEPT}"]), (0, []), OVER]
    assert (process.returncode, words) in said


def test_a_second_ctrl_c_waits_for_nothing(world: World, tmp_path: Path) -> None:
    start = world.server.asked
    world.server.plan = lambda it: FAULTS["hang"] if it.number - start >= 10 else Say()
    folder, before = world.folder(tmp_path / "it"), world.server.answered
    child = world.ftc.start(*COMMAND, folder=folder)
    until(lambda: world.server.asked >= start + 14)
    time.sleep(0.2)
    os.kill(child.pid, signal.SIGINT)
    time.sleep(1.0)
    assert alive(child)
    os.kill(child.pid, signal.SIGINT)
    at = time.monotonic()
    assert child.wait() == 130 and time.monotonic() - at < 5  # it would wait 10
    assert told(child.said()[1]) == [f"interrupted. {KEPT}"]
    world.server.plan = lambda asked: Say()
    world.mended(folder)
    assert world.server.answered - before == world.questions


def alive(child: Child) -> bool:
    try:
        return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)
