"""Runs inside Axolotl's interpreter: its own validator over many configs, and keys that it ignores.

Reads {"cases": [{"name", "config"}]}; prints one line that starts with RESULT and holds JSON.
"""

import json
import sys
import typing

from axolotl.cli.config import prepare_plugins
from axolotl.integrations.config import merge_input_args
from axolotl.utils.config import validate_config
from axolotl.utils.dict import DictDefault
from pydantic import BaseModel

OWN_PLUGIN = "ftc_axolotl.FtcPlugin"

CARD = {"bf16": True, "fp8": False, "tf32": True, "n_gpu": 1, "compute_capability": "sm_80"}


def models(annotation):
    """Every pydantic model inside a type annotation."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in models(part)]


def fields(shape):
    """Key -> annotation, by name and by alias."""
    known = {}
    for name, field in shape.model_fields.items():
        known[name] = field.annotation
        if field.alias:
            known[field.alias] = field.annotation
    return known


def ignored(value, shapes, path=""):
    """Paths of keys that no model of `shapes` has as a field; free tables (no model) are passed."""
    if isinstance(value, list):
        return [bad for item in value for bad in ignored(item, shapes, path)]
    if not isinstance(value, dict) or not shapes:
        return []
    found = []
    best = max(shapes, key=lambda shape: len(value.keys() & fields(shape).keys()))
    for key, item in value.items():
        if key not in fields(best):
            found.append(f"{path}{key}")
        else:
            found += ignored(item, models(fields(best)[key]), f"{path}{key}.")
    return found


def dropped(config, checked):
    """Keys of data sets that the validator's own choice of class let fall."""
    lost = []
    for part in ("datasets", "test_datasets"):
        for before, after in zip(config.get(part) or [], checked.get(part) or [], strict=True):
            after = after if isinstance(after, dict) else after.model_dump()
            lost += [f"{part}.{key}" for key, value in before.items() if after.get(key) != value]
    return lost


def validate(job):
    # ftc's own plugin brings no keys; those of the others are part of the schema.
    result = {}
    for case in job["cases"]:
        others = [name for name in case["config"].get("plugins", []) if name != OWN_PLUGIN]
        config = case["config"] | {"plugins": others}
        prepare_plugins(DictDefault(config))
        lost = ignored(config, [merge_input_args()[1]])
        try:
            checked = validate_config(
                DictDefault(json.loads(json.dumps(config))),
                capabilities=CARD,
                env_capabilities={"torch_version": "2.13.0"},
            )
            lost += dropped(config, checked)
            changed = {
                key: [value, checked.get(key)]
                for key, value in config.items()
                if isinstance(value, bool | int | float | str) and checked.get(key) != value
            }
            result[case["name"]] = {"error": "", "ignored": lost, "changed": changed}
        except ValueError as error:
            result[case["name"]] = {"error": str(error), "ignored": lost, "changed": {}}
    return result


if __name__ == "__main__":
    print("RESULT" + json.dumps(validate(json.load(sys.stdin))), flush=True)
