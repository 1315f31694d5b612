"""Runs inside LLaMA-Factory's interpreter: the rows of build folders as its trainers get them.

Reads {"folders": [...]}; prints one line that starts with RESULT and holds JSON.
"""

import json
import os
import sys
from pathlib import Path

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer


def tokens(job):
    result = {}
    for folder in job["folders"]:
        os.chdir(folder)
        config = json.loads(Path("llamafactory.json").read_text(encoding="utf-8"))
        model, data, training, tuning, _ = get_train_args(config)
        module = load_tokenizer(model)
        template = get_template_and_fix_tokenizer(module["tokenizer"], data)
        stage = "rm" if tuning.stage == "dpo" else tuning.stage
        sets = get_dataset(template, model, data, training, stage=stage, **module)
        result[folder] = {
            "train": [dict(row) for row in sets["train_dataset"]],
            "eval": [dict(row) for row in sets.get("eval_dataset") or []],
            "eos": module["tokenizer"].eos_token,
        }
    return result


if __name__ == "__main__":
    print("RESULT" + json.dumps(tokens(json.load(sys.stdin)), default=str), flush=True)
