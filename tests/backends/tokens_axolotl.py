"""Runs inside Axolotl's interpreter: the rows of build folders as its trainers get them.

Reads {"folders": [...]}; prints one line that starts with RESULT and holds JSON.
"""

import json
import os
import sys

ARGUMENTS = (
    "max_steps",
    "warmup_steps",
    "eval_steps",
    "learning_rate",
    "beta",
    "loss_type",
    "load_best_model_at_end",
)


def tokens(job):
    result = {}
    for folder in job["folders"]:
        os.chdir(folder)
        cfg = load_cfg("axolotl.yaml")
        load = load_preference_datasets if cfg.rl else load_datasets
        meta = load(cfg=cfg, cli_args=TrainerCliArgs())
        trainer = setup_model_and_trainer(cfg, meta)[0]
        result[folder] = {
            "train": rows(trainer.train_dataset),
            "eval": rows(trainer.eval_dataset),
            "arguments": {name: plain(getattr(trainer.args, name, None)) for name in ARGUMENTS},
        }
    return result


def rows(dataset):
    return [] if dataset is None else [plain(dict(row)) for row in dataset]


def plain(value):
    return json.loads(json.dumps(value, default=str))


if __name__ == "__main__":
    # Not above: the processes that save a data set import this file again, and need none of it.
    from axolotl.cli.args import TrainerCliArgs
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets, load_preference_datasets
    from axolotl.train import setup_model_and_trainer

    print("RESULT" + json.dumps(tokens(json.load(sys.stdin))), flush=True)
