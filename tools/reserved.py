"""Simulates torch's allocator on traces of whole models: what it reserves beside what is used.

`python tools/reserved.py` runs LoRA and NF4 jobs of some measured models, and Axolotl's READMEs,
in LLaMA-Factory's environment (minutes) and stores what it finds in tests/memory/reserved.json;
tools/memory_table.py makes a table of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc.memory import measured  # noqa: E402 - found by the line above
from ftc.memory.job import Job  # noqa: E402
from ftc.run import environments, layout  # noqa: E402

ORACLE = ROOT / "tests" / "oracle" / "reserved.py"
CONFIGS = ROOT / "tests" / "memory" / "measured_configs.toml"
STORED = ROOT / "tests" / "memory" / "reserved.json"
TOOL = ("llamafactory", "0.9.5")
MODELS = ("llama2-7b", "yi-6b", "llama3.2-1b", "llama3.1-8b", "qwen2.5-1.5b", "qwen2.5-7b")
METHODS = ("lora", "qlora")
NARROW = 1000  # logits of a fused loss: no layer of the models is as wide


def cases() -> list[dict[str, Any]]:
    """The jobs: stock loss for each model, then the measured rows with a fused loss."""
    configs = tomllib.loads(CONFIGS.read_text("utf-8"))
    made = []
    for model in MODELS:
        for method in METHODS:
            job = Job(
                max_length=2048,
                micro_batch=4,
                method=method,
                attention="flash_attention_2",
                packing=True,
            )
            config = dict(configs[model]["config"])
            made.append({"name": f"{model} {method}", "config": config, "job": asdict(job)})
    for row in measured.shipped():
        config = dict(configs[row.name]["config"])
        usual = "activation" not in configs[row.name]  # a CUDA kernel that no trace runs
        if row.group == "axolotl" and row.job.loss == "fused" and usual and row.gib < 12:
            config["vocab_size"] = NARROW
            config.pop("pad_token_id", None)
            case = {"name": row.id, "config": config, "job": asdict(row.job)}
            made.append(case | {"vocab": row.shape.vocab})
    return made


def main() -> None:
    """Simulate, and store."""
    found = environments.require(*TOOL)
    own = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "cases.json")
        source.write_text(json.dumps(cases()), "utf-8")
        command = [str(found.python), str(ORACLE), str(source), str(Path(folder, "answers.json"))]
        subprocess.run(command, env=layout.variables(found, offline=True) | own, check=True)
        answers = json.loads(Path(folder, "answers.json").read_text("utf-8"))
    STORED.write_text(json.dumps(answers, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
