"""How an answer sounds, told by words and marks that it has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftc.prep.diversity.measures import matches

TONES = ("neutral", "formal", "casual", "enthusiastic")
EMOJI = r"[\x{1F300}-\x{1FAFF}\x{2600}-\x{27BF}]"
FORMAL = (
    r"\b(?:furthermore|moreover|therefore|hereby|pursuant|accordingly|consequently|nevertheless|"
    r"notwithstanding|regarding|sincerely|herewith|shall|thus|hence|whereas|respectively|"
    r"darüber hinaus|des weiteren|hiermit|demzufolge|bezüglich|mit freundlichen|"
    r"en outre|par conséquent|néanmoins|veuillez|cordialement|"
    r"además de ello|por consiguiente|no obstante|atentamente|estimado)\b"
)
CASUAL = (
    r"\b(?:hey|yeah|yep|nope|gonna|wanna|gotta|kinda|stuff|guys|cool|awesome|lol|btw|okay|ok|dude|"
    r"folks|grab|huh|wow|na ja|krass|echt|halt mal|nö|mega|salut|ouais|génial|truc|vale|guay|tío|"
    r"\w+'(?:ll|re|ve|d))\b"
)
ZEST = (
    r"\b(?:amazing|incredible|revolutionary|game-chang\w+|unlock|thrilled|exciting|excited|"
    r"fantastic|unleash|elevate|seamless|cutting-edge|supercharge|ultimate|unparalleled|"
    r"großartig|fantastisch|unglaublich|sensationell|incroyable|fantastique|révolutionnaire|"
    r"increíble|revolucionari\w|fantástic\w)"
)
LEAST = 0.8  # marks in 100 words from which an answer has a tone; judgment
MARKS = 1.5  # marks that an answer has to have at least; judgment


def tones(answers: pa.Array, words: npt.NDArray[np.float64]) -> list[str]:
    """The tone of each answer: the one with most marks in 100 words, else "neutral"."""
    marks = np.stack(
        [
            np.full(len(words), -1.0),
            matches(answers, FORMAL) * 1.0,
            matches(answers, CASUAL) * 0.75,
            matches(answers, ZEST)
            + 0.5 * matches(answers, r"\pL!")
            + 0.5 * matches(answers, EMOJI),
        ]
    )
    rates = 100 * marks / np.maximum(words, 25)
    best = rates.argmax(axis=0)
    at = np.arange(len(words))
    weak = (rates[best, at] < LEAST) | (marks[best, at] < MARKS)
    return [TONES[i] for i in np.where(weak, 0, best).tolist()]
