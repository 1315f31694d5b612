"""How much an instruction asks for, from what can be counted in it and in its answer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftc.prep.diversity.measures import having, matches, words

CONSTRAINTS = (
    r"\b(?:must|only|exactly|at least|at most|without|no more than|no longer than|between|avoid|"
    r"ensure|each|every|both|unless|except|never|not|under|words|sentences|format|json|table|"
    r"muss|nur|genau|mindestens|höchstens|ohne|zwischen|vermeide|außer|jede[rs]?|"
    r"doit|seulement|exactement|au moins|au plus|sans|entre|évite|chaque|"
    r"debe|solo|exactamente|al menos|como máximo|sin|entre|evita|cada)\b"
)
STEPS = r"(?m)^\s*(?:[-*•]|\d+[.)])\s|\b(?:then|first|second|finally|step|dann|zuerst|puis|luego)\b"
LONG_WORD = r"\p{L}{8,}"
FORMULAS = r"```|\\frac|\\int|\\sum|\$\$|=>|[=<>]=|\bdef \w+\(|\d\s*[-+*/^=]\s*\d"
WEIGHTS = (0.2, 0.25, 0.15, 0.15, 0.15, 0.1)  # judgment


def difficulty(prompts: pa.Array, answers: pa.Array) -> npt.NDArray[np.float64]:
    """0 to 1 for each pair: a weighted mean of six parts, each 0 to 1 (bounds are judgment).

    The length of what is asked (on a log scale, 400 words are 1), its constraints (6 are 1), its
    long words (a third of them is 1), steps in both (10 are 1), the length of the answer (500
    words are 1), and whether there is code or a formula.
    """
    asked, answered = words(prompts), words(answers)
    parts = (
        np.log1p(asked) / np.log1p(400),
        matches(prompts, CONSTRAINTS) / 6,
        3 * matches(prompts, LONG_WORD) / np.maximum(asked, 8),
        (matches(prompts, STEPS) + matches(answers, STEPS)) / 10,
        np.log1p(answered) / np.log1p(500),
        (having(prompts, FORMULAS) | having(answers, FORMULAS)).astype(np.float64),
    )
    total = sum(weight * np.clip(part, 0, 1) for weight, part in zip(WEIGHTS, parts, strict=True))
    return np.asarray(np.round(total, 2), np.float64)
