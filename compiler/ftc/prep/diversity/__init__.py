"""Measures how different the rows of a training set are, and names what it lacks."""

from __future__ import annotations

from ftc.prep.diversity.gaps import Gap, gaps
from ftc.prep.diversity.step import STEP

__all__ = ["STEP", "Gap", "gaps"]
