"""Measures the memory of training cases without a card; runs inside a backend's interpreter.

python main.py CASES.json ANSWERS.json [CASE]: with CASE, prints what is alive at its peak instead.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import building
import torch
import training
import transformers
from lifetimes import Lifetimes
from standins import CudaAutocast
from torch._subclasses.fake_tensor import FakeTensorMode

transformers.logging.set_verbosity_error()
TRAINING = ("forward", "backward", "optimizer")


def measure(case: dict[str, Any], watch: int | None = None) -> tuple[dict[str, Any], Lifetimes]:
    """Bytes alive at most in each phase of a step, and of an evaluation if the case has one."""
    job = case["job"]
    began = time.process_time()
    model = building.model(case)
    mixed = job["autocast"] and job["dtype"] != "fp32"
    trace = Lifetimes(watch)
    with FakeTensorMode(allow_non_fake_inputs=True), CudaAutocast():
        for tensor in building.materialise(model):
            trace.add(tensor, "model")
        weights = trace.total
        made = training.optimizer(model, job["optimizer"], lambda new: trace.add(new, "optimizer"))
        run = training.forward(model, mixed)
        with trace:
            batch = _batch(case, job["micro_batch"])
            training.train(run, model, made, batch, job["gradient_accumulation"], trace)
            if job["eval_batch"]:
                batch = _batch(case, job["eval_batch"])
                training.evaluate(run, model, batch, trace)
    peak, at = max((trace.peaks[phase], phase) for phase in TRAINING)
    answer = {
        "weights": weights,
        "train": peak[0],
        "at": at,
        "event": peak[1],
        "evaluation": trace.peaks.get("evaluation", (0, 0))[0],
        "evaluation_event": trace.peaks.get("evaluation", (0, 0))[1],
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "seconds": round(time.process_time() - began, 2),
    }
    return answer, trace


def _batch(case: dict[str, Any], rows: int) -> dict[str, torch.Tensor]:
    shape = (rows, case["job"]["max_length"])
    ids = torch.zeros(shape, dtype=torch.int64)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "labels": torch.zeros(shape, dtype=torch.int64),
    }


def main(cases: Path, answers: Path, only: str = "", phase: str = "train") -> None:
    """Measure every case; what a case raises is its answer."""
    found = {}
    for case in json.loads(cases.read_text("utf-8")):
        if only and case["name"] != only:
            continue
        try:
            found[case["name"]], _ = measure(case)
        except Exception as error:  # the answer says it, and the test fails with it
            found[case["name"]] = {"error": f"{type(error).__name__}: {error}"[:2000]}
            if only:
                raise
        if only:
            event = found[case["name"]]["event" if phase == "train" else "evaluation_event"]
            print(found[case["name"]])
            for label, count, size in measure(case, event)[1].seen[:45]:
                print(f"{size / 2**20:10.1f} MiB {count:4d} x {label}")
        gc.collect()
    answers.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:5])
