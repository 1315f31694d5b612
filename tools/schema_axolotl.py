"""Writes Axolotl's config schema as JSON into the file it is given; run by Axolotl's own Python.

The class is the one that `validate_config` really uses: `AxolotlInputConfig` with the keys of the
plugins that Axolotl loads by itself. Keys that a plugin brings when a config names it stand under
`x-plugins`, by the plugin's class name. Values that the schema leaves open and training refuses
(optimizers, schedulers) stand under `x-choices`.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import axolotl.integrations
from axolotl.cli.config import prepare_plugins
from axolotl.integrations.base import BasePlugin
from axolotl.integrations.config import merge_input_args
from axolotl.utils.dict import DictDefault
from axolotl.utils.schemas.enums import CustomSupportedOptimizers
from pydantic import AliasChoices, BaseModel
from pydantic.json_schema import GenerateJsonSchema
from transformers import SchedulerType
from transformers.training_args import OptimizerNames

# Made by Axolotl's own trainer, `core/trainers/mixins/scheduler.py`; transformers has not them.
OWN_SCHEDULERS = ("one_cycle", "rex")


class Schema(GenerateJsonSchema):
    """Pydantic's schema, with the enums of torch dtypes that JSON has no word for as text."""

    def enum_schema(self, schema: Any) -> dict[str, Any]:
        """One enum; members that are no JSON are named as a config would name them."""
        values = [member.value for member in schema["members"]]
        if all(isinstance(value, str | int | float) for value in values):
            return super().enum_schema(schema)
        named = [
            v if isinstance(v, str) else m.name
            for m, v in zip(schema["members"], values, strict=True)
        ]
        return {"enum": named, "title": schema["cls"].__name__}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema under every name that a key may have: the field's, its aliases, old prefixes."""
    result = model.model_json_schema(schema_generator=Schema)
    _add_names(result, model)
    models = {each.__name__: each for each in _subclasses(BaseModel)}
    for name, part in result.get("$defs", {}).items():
        if name in models and "properties" in part:
            _add_names(part, models[name])
    if fsdp := result.get("$defs", {}).get("FSDPConfig"):
        # A validator takes the prefix off, with a word about it (`validation.py`).
        fsdp["properties"] |= {
            f"fsdp_{key}": shape
            for key, shape in fsdp["properties"].items()
            if not key.startswith("fsdp_")
        }
    return result


def _add_names(part: dict[str, Any], model: type[BaseModel]) -> None:
    """Axolotl's models take a field by its own name and by any of its aliases."""
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names = [
            name,
            *(alias.choices if isinstance(alias, AliasChoices) else [alias, field.alias]),
        ]
        texts = [each for each in names if isinstance(each, str)]
        shown = [each for each in texts if each in part["properties"]]
        for each in texts:
            part["properties"].setdefault(each, part["properties"][shown[0]])


def _subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        if each.__module__.startswith("axolotl."):
            yield each
        yield from _subclasses(each)


def plugin_classes() -> dict[str, type[BasePlugin] | None]:
    """Every plugin that ships with Axolotl; None for a package that cannot be imported here."""
    found: dict[str, type[BasePlugin] | None] = {}
    for info in pkgutil.iter_modules(axolotl.integrations.__path__, "axolotl.integrations."):
        if not info.ispkg:
            continue
        try:
            module = importlib.import_module(info.name)
        except (ImportError, RuntimeError, OSError) as error:
            print(f"{info.name}: {error}", file=sys.stderr)
            found[info.name] = None
            continue
        for name, value in vars(module).items():
            if (
                isinstance(value, type)
                and issubclass(value, BasePlugin)
                and value is not BasePlugin
            ):
                found[name] = value
    return found


def plugins() -> dict[str, Any]:
    """Plugin class name -> the schema of the keys it brings, or None where it cannot be loaded."""
    result: dict[str, Any] = {}
    for name, plugin in plugin_classes().items():
        if plugin is None:
            result[name] = None
            continue
        where = plugin().get_input_args()
        if where is None:
            result[name] = {"properties": {}}
            continue
        module, _, model = where.rpartition(".")
        whole = schema(getattr(importlib.import_module(module), model))
        result[name] = {key: whole[key] for key in ("properties", "$defs") if key in whole}
    return result


def choices() -> dict[str, list[str]]:
    """Values that training knows, for keys that the schema says are any text."""

    def values(*enums: type[Enum]) -> set[str]:
        return {str(member.value) for enum in enums for member in enum}

    return {
        "optimizer": sorted(values(OptimizerNames, CustomSupportedOptimizers)),
        "lr_scheduler": sorted(values(SchedulerType) | set(OWN_SCHEDULERS)),
    }


def main() -> None:
    """Writes the schema into the file named on the command line."""
    prepare_plugins(DictDefault({"plugins": []}))
    result = schema(merge_input_args()[1])
    result |= {"x-plugins": plugins(), "x-choices": choices()}
    Path(sys.argv[1]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
