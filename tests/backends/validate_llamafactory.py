"""Runs inside LLaMA-Factory's interpreter: its own argument parser over many configs.

Reads {"cases": [{"name", "config"}]}; prints one line that starts with RESULT and holds JSON:
{"cases": {name: {"error", "changed"}}, "templates": {name: class}}.
"""

import json
import sys

from llamafactory.data.template import TEMPLATES
from llamafactory.hparams import get_train_args, parser

# What the parser refuses without a card, whatever the value: taken out, its type checked by hand.
CARD_ONLY = {"tf32": bool, "deepspeed": str}


def arguments(config):
    config = dict(config)
    for key, kind in CARD_ONLY.items():
        if key in config and not isinstance(config.pop(key), kind):
            raise TypeError(f"{key} is no {kind.__name__}")
    return get_train_args({**config, "use_cpu": True})


def validate(job):
    parser.is_torch_bf16_gpu_available = lambda: True  # as on the card that the plan is for
    # liger-kernel is in the lock for a card alone.
    parser.check_version = lambda *wanted, **how: None
    result = {}
    for case in job["cases"]:
        try:
            parsed = arguments(case["config"])
        except (ValueError, TypeError, KeyError) as error:
            result[case["name"]] = {"error": str(error), "changed": {}}
            continue
        result[case["name"]] = {"error": "", "changed": changed(case["config"], parsed)}
    return result


def changed(config, parsed):
    """Plain values that the parser's objects do not hold as they were written."""
    found = {}
    for key, value in config.items():
        if key in CARD_ONLY or key == "use_cpu" or isinstance(value, dict):
            continue
        held = [getattr(part, key) for part in parsed if hasattr(part, key)]
        texts = {str(value).lower(), *(str(value).split(",") if isinstance(value, str) else ())}
        if not any(same(value, item) or str(item).lower() in texts for item in held):
            found[key] = [value, [str(item) for item in held]]
    return found


def same(value, held):
    if isinstance(value, str) and isinstance(held, list):
        return value.split(",") == held
    return value == held or value == getattr(held, "value", object())


if __name__ == "__main__":
    classes = {name: type(template).__name__ for name, template in TEMPLATES.items()}
    result = {"cases": validate(json.load(sys.stdin)), "templates": classes}
    print("RESULT" + json.dumps(result, default=str), flush=True)
