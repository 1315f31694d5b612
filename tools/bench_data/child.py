"""Runs one method in a process of its own: CPU seconds, peak memory and the answer, as JSON.

`python -m bench_data.child SPEC`, where SPEC is a JSON object made by `bench_data.measured`. Runs
in our environment and in the peers', so it needs no more than pyarrow.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BATCH = 16_384  # rows, as ftc.prep.store has it
MB = 1 << 20
EVERY = 0.2  # seconds


def cpu() -> float:
    """User and system seconds of this process and of all that it started, alive or ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ticks = sum(_ticks().values()) / os.sysconf("SC_CLK_TCK")
    return sum(used.ru_utime + used.ru_stime for used in both) + ticks


def _ticks(which: slice = slice(11, 15)) -> dict[int, int]:
    """Clock ticks of the living descendants, with those of their own ended children."""
    parents, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue  # it has just ended
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = sum(map(int, fields[which]))
    below = {os.getpid()}
    while more := {one for one, parent in parents.items() if parent in below} - below:
        below |= more
    return {one: used[one] for one in below if one != os.getpid()}


class Watch(threading.Thread):
    """Sees every `EVERY` seconds what descendants have used, so that those are counted which end in
    between; what one uses after it was last seen is not."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: dict[int, int] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until the end."""
        while not self._ended.wait(EVERY):
            self.look()

    def look(self) -> None:
        """Note what each living one has used by itself."""
        self.seen |= _ticks(slice(11, 13))

    def used(self) -> float:
        """CPU seconds of this process and of all that were seen."""
        self._ended.set()
        self.join()
        self.look()
        mine = resource.getrusage(resource.RUSAGE_SELF)
        ticks = sum(self.seen.values()) / os.sysconf("SC_CLK_TCK")
        return mine.ru_utime + mine.ru_stime + ticks


def memory(name: str) -> float:
    """VmRSS or VmHWM of this process in MB."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {name}")
    return int(found[1]) / 1024


def path(folder: Path, rows: int) -> Path:
    return folder / "rows.jsonl"


def itself(folder: Path, rows: int) -> Path:
    return folder


def tables(folder: Path, rows: int) -> list[pa.Table]:
    """Batches of the corpus as Arrow tables, `rows` rows in all."""
    whole = pa.concat_tables([pq.read_table(part) for part in sorted(folder.glob("*.parquet"))])
    whole = whole.slice(0, rows)
    return [whole.slice(i, BATCH).combine_chunks() for i in range(0, whole.num_rows, BATCH)]


def texts(folder: Path, rows: int) -> list[str]:
    """The texts of the corpus as strings of Python."""
    found: list[str] = []
    for table in tables(folder, rows):
        turns = pc.list_flatten(table["turns"].combine_chunks())
        found += pc.struct_field(turns, "content").to_pylist()
    return found


LOADERS = {"path": path, "folder": itself, "tables": tables, "texts": texts}


def run(spec: dict[str, Any]) -> tuple[dict[str, float], Any]:
    """What the method named in `spec` used, and its answer."""
    folder = Path(spec["folder"])
    methods = getattr(importlib.import_module(spec["module"]), spec["table"])
    method = next(method for method in methods if method.name == spec["method"])
    libraries = [importlib.import_module(name) for name in method.libraries]
    rows = LOADERS[spec["load"]](folder, spec["rows"])
    gc.collect()
    pa.default_memory_pool().release_unused()
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM to what is used now
    watch = Watch()
    if method.detached:
        watch.start()
    before, used, started = memory("VmRSS"), cpu(), time.perf_counter()
    answer = method.run(rows, folder, *libraries)
    spent = watch.used() if method.detached else cpu()
    taken = {"cpu": spent - used, "wall": time.perf_counter() - started}
    return taken | {"mb": max(0.0, memory("VmHWM") - before)}, answer


def main() -> None:
    """Measure, then write what was used and the answer."""
    spec = json.loads(sys.argv[1])
    taken, answer = run(spec)
    Path(spec["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    Path(spec["taken"]).write_text(json.dumps(taken), encoding="utf-8")


if __name__ == "__main__":
    main()
