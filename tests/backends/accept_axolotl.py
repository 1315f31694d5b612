"""Runs inside Axolotl's interpreter: what `axolotl train` does with a config before it needs the
model, over many configs, each in a process of its own.

Reads {"cases": [{"name", "text"}]}; prints one line that starts with RESULT and holds JSON:
{name: why it is refused, "" where it is not}.

Stood in for: the card (CARD, since there is none), and mistral-common and torchao, which are in
the lock for a card alone. Left out: what needs the model's files or the hub, `normalize_config`
above all.
"""

import importlib.machinery
import importlib.util
import json
import sys
from multiprocessing import get_context

import torch
import yaml
from axolotl.cli.config import prepare_plugins
from axolotl.utils.config import normalize_cfg_datasets, validate_config
from axolotl.utils.dict import DictDefault
from axolotl.utils.schemas import config as schema

CARD = {"bf16": True, "fp8": True, "tf32": True, "n_gpu": 1, "compute_capability": "sm_90"}
FIND = importlib.util.find_spec


def find(name, package=None):
    """`find_spec`, for which mistral-common is there."""
    if name == "mistral_common":
        return importlib.machinery.ModuleSpec(name, None)
    return FIND(name, package)


def accept(case):
    config = DictDefault(yaml.safe_load(case["text"]))
    importlib.util.find_spec = find
    schema.is_fp8_available = lambda: True  # what it looks for is torchao
    try:
        prepare_plugins(config)
        checked = validate_config(
            config,
            capabilities=CARD,
            env_capabilities={"torch_version": torch.__version__.partition("+")[0]},
        )
        normalize_cfg_datasets(checked)
    except (Exception, SystemExit) as error:  # whatever the tool stops with is its refusal
        return case["name"], f"{type(error).__name__}: {error}"
    return case["name"], ""


if __name__ == "__main__":
    cases = json.load(sys.stdin)["cases"]
    # Plugins leave keys, variables and patches behind.
    with get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        print("RESULT" + json.dumps(dict(pool.map(accept, cases, chunksize=1))), flush=True)
