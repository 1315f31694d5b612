"""`ftc run` without its command line: BUILD RUNS ENVIRONMENT [--resume]."""

import signal
import sys
from pathlib import Path

from ftc.run import handover
from ftc.run.environments import Environment


def main(build: Path, runs: Path, env: Path) -> None:
    tool = Environment("llamafactory", "0.9.5", "cpu", env, env / "bin" / "python")
    handover.run(
        build,
        "llamafactory",
        "0.9.5",
        runs=runs,
        resume="--resume" in sys.argv,
        offline=True,
        on_event=lambda event: print(event.kind, event.step, event.text, flush=True),
        environment=tool,
    )


if __name__ == "__main__":
    # A shell starts background jobs deaf to SIGINT, and so would these tests be.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(*(Path(name) for name in sys.argv[1:4]))
