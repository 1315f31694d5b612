"""The command line in forked children of a process that has loaded it: a start costs milliseconds.

    with Forked() as ftc:
        child = ftc.start("augment", "recipe.toml", folder=path, until=30)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()  # -9

A child is `ftc` as a user starts it, but for its imports. It can be told to kill itself just
before the nth time that it makes, renames or removes a file, or to find the disk full from then on.
"""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ftc.augment import augment, forecast  # noqa: F401 - loaded once for all children
from ftc.cli import main
from ftc.survey import augmented  # noqa: F401

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "sqlite3.connect")


class Child(NamedTuple):
    """A command at work; what it says goes to files beside its recipe."""

    pid: int
    folder: Path
    answers: "subprocess.Popen[str]"

    def wait(self) -> int:
        """Its exit code, -9 when it was killed."""
        return os.waitstatus_to_exitcode(int(self._line()))

    def said(self) -> tuple[str, str]:
        """Standard output and standard error."""
        return tuple(
            (self.folder / name).read_text("utf-8", "replace") for name in (".said", ".complained")
        )

    def changes(self) -> int:
        """How often it made, renamed or removed a file, if it came to its end."""
        return int((self.folder / ".changes").read_text())

    def _line(self) -> str:
        assert self.answers.stdout is not None
        return self.answers.stdout.readline()


class Forked:
    """The process that has loaded `ftc augment`, for as long as the `with` lasts."""

    def __enter__(self) -> "Forked":
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(
        self, *args: str, folder: Path, until: int = 0, full: bool = False, setup: str = ""
    ) -> Child:
        """Run a command in a folder. Before its change number `until`, from 1, it kills itself, or
        the disk is `full`; `setup` is Python that is run before it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"args": args, "folder": str(folder), "until": until, "full": full, "setup": setup}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Child(int(self._process.stdout.readline()), folder, self._process)

    def run(self, *args: str, folder: Path, setup: str = "") -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command."""
        child = self.start(*args, folder=folder, setup=setup)
        return (child.wait(), *child.said())


def _serve() -> None:
    """Fork for every line of standard input, say the pid, then the status."""
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            _child(**order)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


def _child(args: list[str], folder: str, until: int, full: bool, setup: str) -> None:
    os.chdir(folder)
    for number, name in ((1, ".said"), (2, ".complained")):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    changes = 0

    def count(event: str, values: tuple[object, ...]) -> None:
        nonlocal changes
        writes = event == "open" and isinstance(values[2], int) and values[2] & os.O_ACCMODE
        if event not in CHANGES and not writes:
            return
        changes += 1
        if changes == until and not full:
            os.kill(os.getpid(), signal.SIGKILL)
        if full and changes >= until and event in ("open", "os.mkdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), values[0])

    code: object = 70
    try:
        exec(setup, {})
        sys.addaudithook(count)
        sys.argv = ["ftc", *args]
        main()
    except SystemExit as error:
        code = error.code
    except KeyboardInterrupt:  # it was over already; Python ends so, too
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        full, until = False, 0
        Path(".changes").write_text(str(changes))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    _serve()
