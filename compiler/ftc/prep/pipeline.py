"""The steps in their order: the guide's seven, with personal data and eval sets by themselves."""

from __future__ import annotations

import importlib

from ftc.prep.step import Step

COLLECT = "collect"
MODULES = {  # loaded when asked for: a worker does one step
    "clean": "ftc.prep.clean.step",
    "redact": "ftc.prep.redact.step",
    "deduplicate": "ftc.prep.deduplicate",
    "decontaminate": "ftc.prep.decontaminate",
    "annotate": "ftc.prep.annotate.step",
    "diversity": "ftc.prep.diversity.step",
    "quality": "ftc.prep.quality.step",
}
STEPS = tuple(MODULES)


def load(name: str) -> Step:
    """The step of this name, one of `STEPS`."""
    found: Step = importlib.import_module(MODULES[name]).STEP
    return found
