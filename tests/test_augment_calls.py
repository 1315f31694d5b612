"""The ledger of calls: what it keeps, through kills too, and what it refuses."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ftc.augment.calls import NAME, Call, Totals, opened
from ftc.augment.form import read, value
from ftc.errors import FtcError

ONE = Call(
    "k1", "small", "m", "paraphrase", "answered", "text \u2603", 10, 5, cost=0.25, seconds=1.5
)


def test_what_is_written_is_known(tmp_path: Path) -> None:
    failed = Call("k2", "small", "m", state="failed", reason="not JSON", faults={"not JSON": 4})
    with opened(tmp_path) as calls:
        calls.write(ONE)
        calls.write(failed)
    with opened(tmp_path) as calls:
        assert calls.known(["k1", "k2", "k3"]) == {"k1": ONE, "k2": failed}
        calls.write(replace(failed, state="answered", text="late"))
        assert calls.known(["k2"])["k2"].text == "late"


def test_many_keys_are_looked_up_in_one_go(tmp_path: Path) -> None:
    with opened(tmp_path) as calls:
        for number in range(1300):
            calls.write(replace(ONE, key=f"{number:04}"))
        found = calls.known([f"{number:04}" for number in range(0, 1400)])
    assert len(found) == 1300


def test_totals_are_by_endpoint_and_model(tmp_path: Path) -> None:
    with opened(tmp_path) as calls:
        calls.write(replace(ONE, attempts=1, faults={"rate limit": 2}))
        calls.write(replace(ONE, key="k2", attempts=3, estimated=True, faults={"not JSON": 3}))
        calls.write(replace(ONE, key="k3", endpoint="judge", state="failed", text=""))
        assert calls.totals() == [
            Totals("judge", "m", 0, 1, 0, 10, 5, 0.25, 1.5),
            Totals("small", "m", 2, 0, 4, 20, 10, 0.5, 3.0, estimated=True),
        ]
        assert calls.faults() == {"not JSON": 3, "rate limit": 2}


def test_one_ftc_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(FtcError, match="another ftc augment is at work"):
        opened(tmp_path).__enter__()
    with opened(tmp_path):
        pass


@pytest.mark.parametrize(
    "content", [b"no database " * 100, b"SQLite format 3\x00" + b"\xff" * 4000]
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(FtcError, match="cannot be used") as error, opened(tmp_path):
        pass
    assert "--fresh puts it aside" in error.value.hint
    assert (tmp_path / NAME).read_bytes() == content


def test_a_database_of_others_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / NAME) as other:
        other.execute("create table people (name text)")
    other.close()
    with pytest.raises(FtcError, match="no ledger of this version"), opened(tmp_path):
        pass


WRITES = """
import sys
from pathlib import Path
from ftc.augment.calls import Call, opened
with opened(Path(sys.argv[1])) as calls:
    for number in range(100000):
        calls.write(Call(f"{number:06}", "small", "m", state="answered", text="x" * 500))
        print(number, flush=True)
"""


def test_what_was_written_outlives_a_kill(tmp_path: Path) -> None:
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    with process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(700)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    told = [line.strip() for line in said if line.endswith("\n")]
    assert len(told) >= 700
    with opened(tmp_path) as calls:
        assert len(calls.known([f"{int(number):06}" for number in told])) == len(told)


SCHEMA = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'


@pytest.mark.parametrize(
    ("text", "cut", "reason"),
    [
        ('{"n": 1}', False, ""),
        ('{"n": 1}', True, ""),
        ('Here it is:\n```json\n{"n": 1}\n```\nDone.', False, ""),
        ('Sure: {"n": 1} as you asked', False, ""),
        ("", False, "empty answer"),
        (" \n", False, "empty answer"),
        ("a" * 1_000_001, False, "answer over 1 MB"),
        ('{"n": ', True, "cut at max_tokens"),
        ('{"n": ', False, "not JSON"),
        ("no", False, "not JSON"),
        ('{"n": NaN}', False, "not JSON"),
        ("[" * 100_000, False, "not JSON"),
        ('{"n": 1, "x": "\\ud800"}', False, "not JSON"),
        ("\ud800", False, "not Unicode"),
        ('{"n": "one"}', False, "not the schema"),
        ("[1]", False, "not the schema"),
    ],
)
def test_the_form_of_an_answer(text: str, cut: bool, reason: str) -> None:
    found, bad = read(text, SCHEMA, cut=cut)
    assert (bad.reason if bad else "") == reason
    assert found == (None if reason else {"n": 1})


def test_free_text_has_no_value() -> None:
    assert read("a text", "", cut=False) == (None, None)
    assert value('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}
