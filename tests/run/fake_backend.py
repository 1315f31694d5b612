"""Stands in for LLaMA-Factory where only the handling of its process is looked at.

Obeys the key "fake" of the config that it is given: steps, save_steps, delay (seconds a step),
hang_at, deaf (ignores SIGINT, or SIGINT and SIGTERM), child (leaves a worker in another session),
fail_at and log and status, half_at (a checkpoint without its state), nan_at, stop_at, result,
holds (MiB of memory, not when it is resumed).
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

OUT = Path("output")


def main(config: dict) -> int:
    fake = config["fake"]
    steps = fake.get("steps", 6)
    for name in fake.get("deaf", []):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if fake.get("child"):
        worker = [sys.executable, "-c", "import time; time.sleep(600)"]
        child = subprocess.Popen(worker, start_new_session=True, stdout=subprocess.DEVNULL)
        Path("child.pid").write_text(str(child.pid))
    Path("seen.json").write_text(json.dumps(dict(os.environ)))
    print("\x1b[32mLoading dataset train.jsonl\x1b[39m", flush=True)
    OUT.mkdir(exist_ok=True)
    resumed = config.get("resume_from_checkpoint")
    first = int(resumed.rpartition("-")[2]) + 1 if resumed else 1
    held = b"x" * ((0 if resumed else fake.get("holds", 0)) * 2**20)
    for step in range(first, steps + 1):
        time.sleep(fake.get("delay", 0))
        if step == fake.get("fail_at"):
            print(fake["log"], file=sys.stderr, flush=True)
            return fake.get("status", 1)
        log(step, steps, float("nan") if step >= fake.get("nan_at", steps + 1) else 5.0 / step)
        if step % fake.get("save_steps", 2) == 0 or step == steps:
            save(OUT / f"checkpoint-{step}", step, steps, state=step != fake.get("half_at"))
        if step == fake.get("hang_at") and not resumed:
            print("hangs", flush=True)
            time.sleep(600)
        if step == fake.get("stop_at"):
            steps = step
            break
    if fake.get("result", True):
        save(OUT, steps, fake.get("steps", 6), state=True)
    del held
    return 0


def log(step: int, total: int, loss: float) -> None:
    line = {"current_steps": step, "total_steps": total, "loss": loss, "lr": 0.001, "epoch": 1.0}
    with (OUT / "trainer_log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def save(folder: Path, step: int, total: int, *, state: bool) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    if state:
        text = json.dumps({"global_step": step, "max_steps": total})
        beside = folder / "state.new"
        beside.write_text(text)
        beside.replace(folder / "trainer_state.json")


sys.exit(main(json.loads(Path(sys.argv[-1]).read_text())))
