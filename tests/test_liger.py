"""The model types for which one setting switches on the same Liger kernels in both tools."""

import json
import runpy
import subprocess
from pathlib import Path

import pytest

from ftc.backends.axolotl_keys import LIGER_KEYS
from ftc.factors.table import shipped
from ftc.run import environments, layout

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "oracle.py"))
TYPES = next(row.when["model_type"] for row in shipped().value if row.id == "liger-kernel")
# LLaMA-Factory's one key leaves every kernel at Liger's default; these are Axolotl's keys for them.
ON = {"rope", "rms_norm", "swiglu", "geglu", "fused_linear_cross_entropy"}


@pytest.mark.backend
def test_ligers_defaults_are_what_axolotls_keys_say():
    axolotl = environments.require("axolotl", "0.21.0")
    script = ROOT / "tests" / "oracle" / "liger_defaults.py"
    own = {"PYTHONPATH": str(TOOL["liger"]()), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [str(axolotl.python), str(script)],
        env=layout.variables(axolotl, offline=True) | own,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    defaults = json.loads(done.stdout.splitlines()[-1])
    for name in TYPES:
        on = {kernel for kernel, default in defaults[name].items() if default}
        assert len(on) == len(LIGER_KEYS), name
        assert on <= ON, name
        assert defaults[name].keys() <= ON | {"cross_entropy"}, name


@pytest.mark.backend
def test_llamafactory_knows_them_all():
    factory = environments.require("llamafactory", "0.9.5")
    (source,) = factory.path.glob(
        "lib/python3*/site-packages/llamafactory/model/model_utils/liger_kernel.py"
    )
    text = source.read_text("utf-8")
    for name in TYPES:
        assert f'"{name}"' in text, name
