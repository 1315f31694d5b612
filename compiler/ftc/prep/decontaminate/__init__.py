"""Finds training rows that hold an item of an eval set, whole or with a few words changed."""

from ftc.prep.decontaminate.step import apply, files
from ftc.prep.step import Step

STEP = Step(
    "decontaminate",
    apply,
    code=("ftc.prep.decontaminate", "ftc.data"),
    libraries=("numpy", "pyarrow"),
    files=files,
)
