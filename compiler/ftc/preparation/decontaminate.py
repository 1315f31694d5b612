"""`[prepare.decontaminate]`: settings of the step of that name."""

from __future__ import annotations

from ftc.part import Part


class Decontaminate(Part):
    pass
