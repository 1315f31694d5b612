"""What a tool does that no key of its config says, or that its keys alone do not decide.

Read in the code of both: research on how one run is said in two tools stands in docs/semantics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Values = Mapping[str, Any]


class Silent(NamedTuple):
    """`does` says by tool (or "recipe") what becomes of `concept`; None where it does not matter.
    `text` has a place for what each of two does."""

    concept: str
    does: Mapping[str, Callable[[Values], Any]]
    text: str
    words: Mapping[Any, str]


def _full_in_bf16(values: Values) -> bool:
    return values.get("method") == "full" and values.get("dtype") == "bf16"


def _kept(values: Values) -> bool | None:
    return True if _full_in_bf16(values) else None


def _upcast(values: Values) -> bool | None:
    # LLaMA-Factory model/adapter.py::init_adapter; Axolotl trains the weights as they are loaded.
    return bool(values.get("pure_bf16")) if _full_in_bf16(values) else None


def _dropped(values: Values) -> str:
    # Axolotl utils/data/utils.py::handle_long_seq_in_dataset.
    said = values.get("excess_length_strategy")
    return str(said) if said in ("truncate", "raise") else "drop"


def _cut(values: Values) -> str:
    # LLaMA-Factory data/processor/processor_utils.py::infer_seqlen.
    return "truncate"


def _each_card(values: Values) -> bool | None:
    # Axolotl core/builders/base.py::_set_base_training_args.
    return False if values.get("gpus", 1) > 1 else None


def _all_cards(values: Values) -> bool | None:
    said = values.get("average_tokens_across_devices", True)
    return bool(said) if values.get("gpus", 1) > 1 else None


SILENT = (
    Silent(
        "pure_bf16",
        {"axolotl": _kept, "llamafactory": _upcast, "recipe": _kept},
        "weights in full training are trained {}, {} by {}",
        {True: "in bf16", False: "as copies in fp32"},
    ),
    Silent(
        "excess_length_strategy",
        {"axolotl": _dropped, "llamafactory": _cut, "recipe": lambda values: "drop"},
        "rows over the length are {}, {} by {}",
        {"drop": "left out", "truncate": "cut", "raise": "refused"},
    ),
    Silent(
        "average_tokens_across_devices",
        {"axolotl": _each_card, "llamafactory": _all_cards, "recipe": _each_card},
        "the loss is a mean over the tokens of {}, {} by {}",
        {True: "all cards", False: "each card"},
    ),
)


def implied(tool: str, values: Values) -> dict[str, Any]:
    """The concepts that a tool decides by itself, for a config that says these."""
    found = ((it.concept, it.does[tool](values)) for it in SILENT)
    return {name: value for name, value in found if value is not None and name not in values}


def differences(tool: str, target: str, values: Values, held: Mapping[str, Any]) -> Iterator[str]:
    """What the target does in another way, where no key of its own (`held`) could say it."""
    for it in SILENT:
        here, there = it.does[tool](values), it.does[target](values)
        if None not in (here, there) and here != there and it.concept not in held:
            yield it.text.format(it.words[here], it.words[there], target)
