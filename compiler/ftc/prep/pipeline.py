"""The steps in their order: the guide's seven, with personal data and eval sets by themselves."""

from __future__ import annotations

from ftc.prep.step import Step

COLLECT = "collect"
STEPS: tuple[Step, ...] = ()
BY_NAME = {step.name: step for step in STEPS}
