"""The fault server of the tests, without faults, in a process of its own.

`python -m bench_augment.server MEAN` prints its address and serves until its input ends; then it
prints what it did. Answers come at once, or with MEAN after delays of that mean in seconds.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from augment.fault_server import FaultServer, Say
from bench_data.measured import environment

SEED = 20261124
DELAYS = 1 << 14  # drawn before the first question, the same for every method


@dataclass
class Serving:
    """A server at work; what it did is known when it has ended."""

    url: str
    answered: int = 0
    most_in_flight: int = 0
    cpu: float = 0.0


@contextmanager
def serving(mean: float) -> Iterator[Serving]:
    """A server for as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "bench_augment.server", str(mean)],
        env=environment(ours=True),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        found = Serving(process.stdout.readline().strip())
        try:
            yield found
        finally:
            process.stdin.close()
            told = json.loads(process.stdout.read())
            found.answered, found.cpu = told["answered"], told["cpu"]
            found.most_in_flight = told["most_in_flight"]


def main() -> None:
    """Serve until the input ends."""
    mean = float(sys.argv[1])
    dice = random.Random(SEED)
    says = [Say(delay=dice.expovariate(1 / mean)) for _ in range(DELAYS)] if mean else [Say()]
    with FaultServer(lambda asked: says[asked.number % len(says)], keep=False) as server:
        print(server.url, flush=True)
        sys.stdin.read()
    told = {
        "answered": server.answered,
        "most_in_flight": server.most_in_flight,
        "cpu": time.process_time(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
