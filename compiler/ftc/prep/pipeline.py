"""The steps in their order: the guide's seven, with personal data and eval sets by themselves."""

from __future__ import annotations

from ftc.prep.annotate.step import STEP as ANNOTATE
from ftc.prep.clean.step import STEP as CLEAN
from ftc.prep.decontaminate import STEP as DECONTAMINATE
from ftc.prep.deduplicate import STEP as DEDUPLICATE
from ftc.prep.diversity.step import STEP as DIVERSITY
from ftc.prep.quality.step import STEP as QUALITY
from ftc.prep.redact.step import STEP as REDACT
from ftc.prep.step import Step

COLLECT = "collect"
STEPS: tuple[Step, ...] = (
    CLEAN,
    REDACT,
    DEDUPLICATE,
    DECONTAMINATE,
    ANNOTATE,
    DIVERSITY,
    QUALITY,
)
BY_NAME = {step.name: step for step in STEPS}
