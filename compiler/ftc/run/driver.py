"""What the card's driver shows while a run goes on, asked of nvidia-smi without waiting for it."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

TOOL = "nvidia-smi"
# The card's whole use and the share of each process; inside a container the second may be empty.
CARDS = "--query-gpu=index,uuid,memory.used"
PROCESSES = "--query-compute-apps=gpu_uuid,pid,used_memory"
FORMAT = "--format=csv,noheader,nounits"
BEGIN_SECONDS, END_SECONDS, KILLED_SECONDS = 10.0, 5.0, 1.0  # that an answer may take
_MIB_A_GIB = 1024


class Driver:
    """The highest use of the run's cards, GiB on the fullest one.

    A process's own figure is taken where the driver gives one; else the card's use above what it
    was before the run: other programs on the card then count, too, if they grow.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        cards = variables.get("CUDA_VISIBLE_DEVICES", "").split(",")
        self.chosen = [name.strip() for name in cards if name.strip()]
        self.asked: list[subprocess.Popen[str]] = []
        self.members: set[int] = set()
        self.before: dict[str, float] | None = None
        self.highest: float | None = None

    def begin(self) -> None:
        """What is used before anything starts; may take a second or two."""
        self._ask()
        self._hear(BEGIN_SECONDS)

    def look(self, members: Collection[int]) -> None:
        """Takes the last answer, if it has come, and asks again; never waits."""
        self.members |= set(members)
        if all(asked.poll() is not None for asked in self.asked):
            self._hear(END_SECONDS)
            self._ask()

    def end(self) -> None:
        """The last answer counts, too."""
        self._hear(END_SECONDS)

    def _ask(self) -> None:
        """Both questions: nvidia-smi takes one at a time."""
        for question in (CARDS, PROCESSES):
            try:
                asked = subprocess.Popen(
                    [TOOL, question, FORMAT],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            except OSError:  # there is none
                return
            self.asked.append(asked)

    def _hear(self, seconds: float) -> None:
        """Takes both answers, if there are two; one that does not come is left alone."""
        answers = [_answer(asked, seconds) for asked in self.asked]
        self.asked = []
        if len(answers) == len((CARDS, PROCESSES)):
            self._heard(*answers)

    def _heard(self, cards: str, processes: str) -> None:
        used = self._cards(cards)
        if self.before is None:
            self.before = used
            return
        own = self._own(processes)
        grown = {card: size - self.before.get(card, 0.0) for card, size in used.items()}
        now = max(own.values() if own else grown.values(), default=None)
        if now is not None and now > 0:
            self.highest = max(round(now / _MIB_A_GIB, 4), self.highest or 0.0)

    def _cards(self, text: str) -> dict[str, float]:
        """MiB used by uuid, of the cards that the run may use."""
        found = {}
        for index, uuid, used in _rows(text, 3):
            mine = not self.chosen or index in self.chosen or _names(uuid, self.chosen)
            if mine and used.isdigit():
                found[uuid] = float(used)
        return found

    def _own(self, text: str) -> dict[str, float]:
        """MiB of the run's own processes by card; nothing where the driver does not name them."""
        found: dict[str, float] = {}
        for uuid, pid, used in _rows(text, 3):
            if pid.isdigit() and int(pid) in self.members and used.isdigit():
                found[uuid] = found.get(uuid, 0.0) + float(used)
        return found


def _answer(asked: subprocess.Popen[str], seconds: float) -> str:
    """What it printed; "" when it hangs, as nvidia-smi does with a broken driver."""
    try:
        return asked.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        asked.kill()
        with suppress(subprocess.TimeoutExpired):  # not even a signal ends it
            asked.communicate(timeout=KILLED_SECONDS)
        return ""


def _names(uuid: str, chosen: Sequence[str]) -> bool:
    """CUDA_VISIBLE_DEVICES may give the beginning of a card's id."""
    return any(len(name) > 3 and uuid.startswith(name) for name in chosen)


def _rows(text: str, width: int) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return [row for row in rows if len(row) == width]
