"""Runs inside LLaMA-Factory's interpreter: what `llamafactory-cli train` does with a config before
it needs the model, over many configs, each in a process and a folder of its own.

Reads {"cases": [{"name", "text", "files"}]}, `files` what lies beside it; prints one line that
starts with RESULT and holds JSON: {name: why it is refused, "" where it is not}.

Stood in for: a card that can bf16, and packages that are in the lock for a card alone. Taken out,
its type looked at by hand: tf32 and deepspeed, which are refused without a card or torchrun. Data
sets are looked up where a dataset_info.json lies beside the config.
"""

import json
import sys
import tempfile
from multiprocessing import get_context
from os import chdir
from pathlib import Path

from llamafactory.data.parser import get_dataset_list
from llamafactory.data.template import TEMPLATES
from llamafactory.hparams import get_train_args, parser
from omegaconf import OmegaConf

CARD_ONLY = {"tf32": bool, "deepspeed": (str, dict)}


def accept(case):
    with tempfile.TemporaryDirectory() as folder:
        chdir(folder)
        try:
            train(case)
        except (Exception, SystemExit) as error:  # whatever the tool stops with is its refusal
            return case["name"], f"{type(error).__name__}: {error}"
        finally:
            chdir("/")
    return case["name"], ""


def train(case):
    files = case.get("files", {})
    for name, text in {"config.yaml": case["text"], **files}.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, "utf-8")
    config = OmegaConf.to_container(OmegaConf.load("config.yaml"))
    changed = ["use_cpu=true"]
    for key, kind in CARD_ONLY.items():
        if config.get(key) is not None:
            changed.append(f"{key}=null")
            if not isinstance(config[key], kind):
                raise TypeError(f"{key} is {config[key]!r}")
    sys.argv = ["llamafactory-cli", "config.yaml", *changed]
    _, data, *_ = get_train_args()
    if data.template is not None and data.template not in TEMPLATES:
        raise ValueError(f"Template {data.template} does not exist.")
    if any(Path(name).name == "dataset_info.json" for name in files):
        get_dataset_list(data.dataset, data.dataset_dir)
        get_dataset_list(data.eval_dataset, data.dataset_dir)


if __name__ == "__main__":
    cases = json.load(sys.stdin)["cases"]
    parser.is_torch_bf16_gpu_available = lambda: True
    parser.check_version = lambda *wanted, **how: None
    with get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        print("RESULT" + json.dumps(dict(pool.map(accept, cases, chunksize=1))), flush=True)
