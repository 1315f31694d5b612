"""`ftc augment` killed with SIGKILL at 50 points: nothing lost, nothing paid twice, same rows.

What can be promised: an answer is in the ledger before ftc sends the next question in its place.
So of the answers that the server has sent, those of at most `in_flight` questions can be missing
there: a process that is dead takes none. These, and no others, are asked for again.

Half of the kills come from outside, at a count of answers and some milliseconds more, which is
in the middle of anything; half come just before the process makes, renames or removes a file.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from augment.fault_server import FAULTS, Asked, FaultServer, Say, answer
from augment.forked import Child, Forked

from ftc.augment import calls, result

KILLS = 25  # of each recipe
IN_FLIGHT = 4
AWAY = 10  # kills until a run is left alone
HEAD = """
name = "potters"
model = "Qwen/Qwen2.5-7B-Instruct"
task = "qa"
[hardware]
vram_gb = 24
[augment]
max_failed = 1.0
[augment.models.loopback]
provider = "openai"
model = "m"
url = "{url}"
in_flight = {in_flight}
attempts = 12
[augment.judge]
threshold = 0.3
human_rows = 4
agreement_rows = 4
"""
ROWS = """
[data]
path = "rows.jsonl"
eval = 0.2
[[augment.make]]
kind = "paraphrase"
[[augment.make]]
kind = "evolve"
[[augment.make]]
kind = "self-instruct"
"""
CHUNKS = """
[data]
eval = 0.2
[prepare]
sources = ["raw"]
skip = ["quality", "redact"]
[[augment.make]]
kind = "annotate"
[[augment.make]]
kind = "paraphrase"
[[augment.make]]
kind = "evolve"
"""


class Left(NamedTuple):
    """What a run that came to its end has left: its files, and the ledger of calls by key."""

    files: dict[str, bytes]
    calls: dict[str, tuple[str, str, int]]


@pytest.fixture(scope="module")
def ftc() -> Iterator[Forked]:
    with Forked() as it:
        yield it


def write(folder: Path, recipe: str, url: str) -> None:
    head = HEAD.format(url=url, in_flight=IN_FLIGHT)
    (folder / "raw").mkdir(parents=True)
    (folder / "recipe.toml").write_text(head + recipe, "utf-8")
    lines = []
    for number in range(14):
        asked = f"How long does kiln number {number} burn in a wet spring?"
        answered = f"Kiln {number} burns for {number + 2} days, as long as the wood of oak lasts."
        lines.append(json.dumps({"instruction": asked, "output": answered}) + "\n")
        text = (
            f"# Kiln {number}\n\nKiln number {number} stands behind the mill. It burns for "
            f"{number + 3} days each spring, and {number + 2} potters sleep beside it in turn.\n"
        )
        (folder / "raw" / f"{number}.md").write_text(text, "utf-8")
    (folder / "rows.jsonl").write_text("".join(lines), "utf-8")


def plan(asked: Asked) -> Say:
    """Every seventh answer is spoiled; asked again, the seed is another one."""
    return FAULTS["wrong-schema"] if asked.body["seed"] % 7 == 0 else Say(delay=0.003)


def answered(body: dict) -> str:
    """Made up of the question alone: its seed depends on the server's port. Words of a chunk must
    stand there."""
    said = json.loads(answer({**body, "seed": 0}))
    asked = body["messages"][-1]["content"]
    if "quote" in said:
        kiln = asked.split("Kiln number ")[1].split()[0]
        said["quote"] = f"Kiln number {kiln} stands behind the mill."
        said["output"] = f"Kiln number {kiln} stands behind the mill, as potters say."
        said["instruction"] = f"Where does kiln number {kiln} stand? " + said["instruction"]
    return json.dumps(said)


def serve(port: int = 0) -> FaultServer:
    return FaultServer(plan, answers=answered, port=port)


def place(folder: Path) -> Path:
    return folder / "augmented" / "potters"


def left(folder: Path) -> Left:
    names = (result.TRAIN, result.EVAL, result.LEDGER)
    files = {name: (place(folder) / name).read_bytes() for name in names}
    return Left(files, kept(folder))


def kept(folder: Path) -> dict[str, tuple[str, str, int]]:
    """State, text and spoiled answers by key; of a copy, so that ftc finds what the kill left."""
    copy = folder / "copy"
    copy.mkdir()
    for path in place(folder).glob(f"{calls.NAME}*"):
        shutil.copy(path, copy)
    with closing(sqlite3.connect(copy / calls.NAME)) as ledger:
        tables = ledger.execute("select name from sqlite_master where name = 'calls'").fetchall()
        found = ledger.execute("select key, state, text, spoiled from calls") if tables else ()
        rows = {key: (state, text, spoiled) for key, state, text, spoiled in found}
    shutil.rmtree(copy)
    return rows


def answers(ledger: dict[str, tuple[str, str, int]]) -> int:
    return sum(spoiled + (state == "answered") for state, _, spoiled in ledger.values())


def killed(child: Child, server: FaultServer, until: int, pause: float) -> None:
    """Kill when the server has given so many answers, and a little later."""
    while server.answered < until and alive(child.pid):
        time.sleep(0.001)
    time.sleep(pause)
    if alive(child.pid):
        os.kill(child.pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether it runs: who has ended is waited for by its parent, or is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("recipe", [ROWS, CHUNKS], ids=["rows", "chunks"])
def test_killed_at_any_point(tmp_path: Path, ftc: Forked, recipe: str) -> None:
    with serve() as server:
        write(tmp_path / "calm", recipe, server.url)
        child = ftc.start("augment", "recipe.toml", "--offline", folder=tmp_path / "calm")
        assert child.wait() == 0, child.said()
        questions, changes = server.answered, child.changes()
    calm = left(tmp_path / "calm")
    assert answers(calm.calls) == questions > 50
    assert calm.files[result.TRAIN].count(b'"prompt_hash"') >= 5
    dice = random.Random(recipe)
    kills = number = 0
    while kills < KILLS:
        number += 1
        folder = tmp_path / str(number)
        with serve(server.port) as server:
            write(folder, recipe, server.url)
            kills += torn(folder, ftc, server, dice, changes, min(AWAY, KILLS - kills))
            repeated = Counter(json.dumps(it.body) for it in server.requests if it.answered)
        found = left(folder)
        assert found == calm
        assert repeated.total() - len(repeated) == server.answered - questions
        shutil.rmtree(folder)


def torn(
    folder: Path, ftc: Forked, server: FaultServer, dice: random.Random, changes: int, most: int
) -> int:
    """Run until an end is reached, killed on the way `most` times at most; how often it was."""
    lost = 0
    for kills in range(most + 1):
        by_change = dice.random() < 0.5
        until = dice.randrange(1, changes) if by_change and kills < most else 0
        child = ftc.start("augment", "recipe.toml", "--offline", folder=folder, until=until)
        if not by_change and kills < most:
            killed(child, server, server.answered + dice.randrange(1, 25), dice.random() * 0.02)
        code = child.wait()
        while server.in_flight:
            time.sleep(0.001)
        missing = server.answered - answers(kept(folder))
        if code == 0:
            assert missing == lost
            return kills
        assert code == -signal.SIGKILL, child.said()
        assert 0 <= missing - lost <= IN_FLIGHT
        lost = missing
    raise AssertionError("it came to no end, though nobody killed it")
