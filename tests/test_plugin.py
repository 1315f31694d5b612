"""ftc's plugin inside the real Axolotl: bf16 on a CPU, a seeded adapter, metrics of each step."""

import json
import subprocess
from pathlib import Path

import pytest

from ftc.backends import versions
from ftc.errors import FtcError
from ftc.run import environments

HERE = Path(__file__).parent
ROWS = [
    {
        "messages": [
            {"role": "user", "content": f"Say {number}"},
            {"role": "assistant", "content": f"The number is {number}."},
        ]
    }
    for number in range(25)
]


@pytest.mark.backend
@pytest.mark.parametrize("line", versions.of("axolotl"), ids=lambda line: line.name)
def test_two_runs_of_one_seed_give_the_same_adapter(line, tmp_path):
    try:
        env = environments.require(line.backend, line.version, "cpu")
    except FtcError as error:
        pytest.fail(f"{error}: {error.hint}")
    variables = environments.variables(env, offline=True) | {"OMP_NUM_THREADS": "1"}

    def python(*arguments):
        command = [str(env.python), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout + done.stderr

    rows = tmp_path / "train.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    python(HERE / "run" / "tiny_model.py", tmp_path / "model", rows)
    adapters = []
    for attempt in (1, 2):
        text = (HERE / "plugin" / "config.yaml").read_text("utf-8")
        (tmp_path / "axolotl.yaml").write_text(text.replace(": output", f": output{attempt}"))
        variables["FTC_METRICS"] = f"metrics{attempt}.jsonl"
        log = python("-m", "axolotl.cli.train", "axolotl.yaml")
        assert "Plugin loaded successfully: ftc_axolotl.FtcPlugin" in log
        adapters.append((tmp_path / f"output{attempt}" / "adapter_model.safetensors").read_bytes())
    assert adapters[0] == adapters[1]
    lines = [json.loads(each) for each in (tmp_path / "metrics1.jsonl").read_text().splitlines()]
    assert [each["step"] for each in lines if "loss" in each] == [1, 2, 3, 4]
    assert [each["step"] for each in lines if "eval_loss" in each][-2:] == [2, 4]
    assert {each["total_steps"] for each in lines} == {4}
    steps = [each for each in lines if "loss" in each]
    assert steps[-1]["loss"] < steps[0]["loss"]
    for each in steps:
        assert {"learning_rate", "epoch", "grad_norm", "elapsed"} <= each.keys()
    elapsed = [each["elapsed"] for each in lines]
    assert elapsed == sorted(elapsed) and elapsed[0] >= 0
