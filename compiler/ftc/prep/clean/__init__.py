"""The step `clean`: text as it should have been typed, row by row."""

from ftc.prep.clean.step import STEP as STEP
