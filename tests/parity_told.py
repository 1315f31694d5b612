"""What two backends tell, made by hand for the comparison's tests: pieces of text are tokens."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from backends import plans

from ftc.parity.records import UNTRAINED, Group, Row, Schedule, Told

HERE = Path(__file__).parent / "parity_compare"
ROLE = re.compile(r"(chosen|rejected|desirable|undesirable): ")
VERSIONS = {"axolotl": "0.21.0", "llamafactory": "0.9.5"}


class Words:
    """A vocabulary that grows."""

    def __init__(self):
        self.texts = []

    def number(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)

    def pieces(self, ids):
        return [self.texts[number] for number in ids]

    def row(self, line):
        found = ROLE.match(line)
        rest = line[found.end() :] if found else line
        ids, labels, mask = [], [], []
        for piece in rest.split("¦"):
            number = self.number(piece.lstrip("*~") if len(piece) > 1 else piece)
            ids.append(number)
            labels.append(number if piece.startswith("*") else UNTRAINED)
            mask.append(0 if piece.startswith("~") else 1)
        return Row(tuple(ids), tuple(labels), tuple(mask), found[1] if found else "")


def plan(**settings):
    return plans.base(**{"train_rows": 1, "eval_rows": 0, "tokens": "native"} | settings)


def told(backend, rows, **more):
    version = more.pop("version", VERSIONS[backend])
    return Told(backend, version, {"torch": "2.8.0"}, {"train": tuple(rows), "eval": ()}, **more)


@cache
def cases(name):
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))["case"]


def schedule(plan, **more):
    names = ("layers.0.q_proj.lora_A.weight", "layers.0.q_proj.lora_B.weight")
    steps = more.pop("steps", plan.max_steps)
    arguments = {
        "max_steps": plan.max_steps,
        "micro_batch": plan.micro_batch,
        "gradient_accumulation": plan.gradient_accumulation,
        "effective_batch": plan.effective_batch,
        "warmup_steps": plan.warmup_steps,
        "lr_scheduler": "cosine",
        "weight_decay": plan.weight_decay,
        "seed": plan.seed,
        "loss_average": "tokens",
    } | more.pop("arguments", {})
    whole = {
        "rates": tuple(plan.learning_rate * (1 - step / steps) for step in range(steps)),
        "groups": (
            Group(plan.weight_decay, plan.learning_rate, names),
            Group(0.0, plan.learning_rate, ("norm.weight",)),
        ),
        "trainable": {names[0]: (16, 64), names[1]: (64, 16)},
        "adapter": {"rank": plan.lora_rank, "alpha": 32, "targets": list(plan.lora_targets)},
    } | more
    return Schedule(steps=steps, arguments=arguments, **whole)
