"""`provider = "embedded"`: a model served on this machine by llama.cpp, for as long as ftc runs."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from ftc import resources
from ftc.augment import gguf
from ftc.errors import FtcError
from ftc.progress import Progress

CHILD = Path(__file__).with_name("served.py")
CONTEXT = 4096  # tokens of prompt and answer together; judgment
TAIL = 1000  # characters of the log in a message
STOPS = 5.0  # seconds to end by itself


@dataclass(frozen=True)
class Served:
    """A running server: an OpenAI-compatible API on loopback."""

    url: str  # base URL, ends in /v1
    key: str = field(repr=False)  # random, of this run
    model: str  # name of the file without its ending
    digest: str  # SHA-256 of the file (of the first of a split model): what answers depend on
    process: subprocess.Popen[str] = field(repr=False)
    log: IO[bytes] = field(repr=False)

    def fault(self) -> str:
        """ "" while the server runs, else how it ended and what it said last."""
        code = self.process.poll()
        return "" if code is None else f"exit code {code}; {_tail(self.log)}"


@contextmanager
def serve(
    model: str | None,
    folder: Path,
    *,
    offline: bool,
    slots: int,
    context: int = CONTEXT,
    progress: Progress | None = None,
) -> Iterator[Served]:
    """Serve a GGUF file, `model` relative to `folder`, by default the small model of ftc.

    `slots` questions are answered at a time, each with up to `context` tokens of prompt and answer;
    their memory is taken at the start. A child process serves, so that a crash of llama.cpp is not
    ours; it ends with the `with` block, and within a second when this process is killed. `FtcError`
    when the model cannot be found or loaded.
    """
    path = found(model, folder, offline=offline, progress=progress)
    if find_spec("xllamacpp") is None:
        raise FtcError('provider "embedded" needs xllamacpp', hint='pip install "ftc[augment]"')
    key = secrets.token_urlsafe(24)
    settings = {
        "path": str(path),
        "model": path.stem,
        "key": key,
        "slots": slots,
        "context": context,
        "threads": threads(),
    }
    with tempfile.TemporaryFile() as log, _child(log) as process:
        url = _address(process, settings, log, path)
        yield Served(f"{url}/v1", key, path.stem, gguf.digest(path), process, log)


def threads() -> int:
    """All processors but one: with all of them llama.cpp is many times slower where anything else
    runs."""
    return max(1, resources.processors() - 1)


def slots(in_flight: int) -> int:
    """How many questions to answer side by side: no more than there are threads.

    On one thread 8 slots answered 41 questions a CPU minute, one slot 37; each takes 90 MB with the
    small model. And with one slot the same seed gave the same answer in any order of the questions
    (32 of 32); with 4 slots 7 of 24 answers were others.
    """
    return min(in_flight, threads())


def found(
    model: str | None, folder: Path, *, offline: bool, progress: Progress | None = None
) -> Path:
    """The GGUF file that `model` means; `FtcError` when it is none."""
    if model is None:
        return gguf.smollm2(offline=offline, progress=progress)
    path = (folder / Path(model).expanduser()).absolute()
    hint = (
        'provider "embedded" takes a GGUF file, relative to the recipe; for a model of a hub start '
        'a server of your own and name it with provider = "openai" and its url'
    )
    if not path.is_file():
        raise FtcError(f"{path}: no such file", hint=hint)
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise FtcError(f"{path}: not a GGUF file", hint=hint)
    return path


@contextmanager
def _child(log: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    """The server's process; at the end it is asked to stop, then killed."""
    process = subprocess.Popen(
        [sys.executable, "-P", str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,  # Ctrl-C is for ftc, which lets questions in flight end
    )
    with process:
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.close()
        process.wait(STOPS)
    except (OSError, subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()


def _address(
    process: subprocess.Popen[str], settings: dict[str, Any], log: IO[bytes], path: Path
) -> str:
    """Where the server answers; waits until the model is loaded."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        said = process.stdout.readline()
    except BrokenPipeError:
        said = ""
    if not said:
        code = process.wait()
        message = f"{path}: llama.cpp cannot serve it (exit code {code})\n{_tail(log)}"
        hint = "is the file whole, and is there memory? With a lower in_flight it needs less"
        raise FtcError(message, hint=hint, exit_code=4)
    return str(json.loads(said)["url"])


def _tail(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, 2) - TAIL))
    return log.read().decode("utf-8", "replace").strip()
