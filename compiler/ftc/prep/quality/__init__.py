"""Looks for faults in the rows of a training set and gives each row a quality from 0 to 1."""

from __future__ import annotations

from ftc.prep.quality.step import STEP

__all__ = ["STEP"]
