"""Which language a row is in: py3langid on its first letters, or words that only one has."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from ftc.errors import FtcError
from ftc.prep import rows as table
from ftc.prep.clean import hesitations, lists
from ftc.prep.clean.batch import Batch, Mask
from ftc.preparation.clean import Clean

_FIRST = 300  # characters that are looked at
_OFTEN = 60  # characters for each function word at most: judgment, text has one in 20 to 40
_LEAST = 4  # function words
_NOISE = re.compile(r"```.*?(?:```|\Z)|https?://\S+|\S+@\S+|^[^\n:]{1,40}: |\d+", re.M | re.S)
_Codes = np.ndarray[Any, np.dtype[np.str_]]


class Languages(NamedTuple):
    """Of each row: its ISO 639-1 code and the code's probability; "" and 0 where none is known."""

    codes: _Codes
    probabilities: np.ndarray[Any, np.dtype[np.float64]]

    def other_than(self, wanted: str | None) -> Mask:
        """Rows that are known to be in another language."""
        if wanted is None:
            return np.zeros(len(self.codes), np.bool_)
        other: Mask = (self.codes != "") & (self.codes != wanted)
        return other


@cache
def _identifier() -> Any:  # py3langid has no types
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def known(code: str | None) -> str | None:
    """The two letters of a language code such as `en` or `pt-BR`.

    Raises FtcError for a language that cannot be told apart from others.
    """
    if code is None:
        return None
    short = re.split("[-_]", code.strip().lower())[0]
    if short not in hesitations.languages() and short not in _identifier().labels:
        raise FtcError(
            f"prepare.language: {code!r} is not a language that can be recognised",
            hint="ISO 639-1 codes: " + ", ".join(sorted(_identifier().labels)),
        )
    return short


def of_rows(batch: Batch, settings: Clean, wanted: str | None, spoken: Mask) -> Languages:
    """The languages of rows: of all when asked for, else of spoken rows that may hold fillers."""
    where = np.zeros(batch.rows.num_rows, np.bool_)
    if settings.identify == "always" or (settings.identify == "auto" and wanted is not None):
        where[:] = True
    elif settings.identify == "auto" and (settings.fillers or settings.stutters):
        where[batch.owners[spoken]] = True
    codes = np.full(len(where), "", "U3")
    probabilities = np.zeros(len(where))
    index = np.flatnonzero(where)
    if not len(index):
        return Languages(codes, probabilities)
    texts = pa.array(table.texts(batch.result().take(pa.array(index))), pa.string())
    texts = pc.utf8_slice_codeunits(texts, 0, 2 * _FIRST)
    if wanted is not None:
        plain = _plainly(texts, wanted, settings.language_letters)
        codes[index[plain]], probabilities[index[plain]] = wanted, 1.0
        index, texts = index[~plain], texts.filter(pa.array(~plain))
    for row, text in zip(index.tolist(), texts.to_pylist(), strict=True):
        code, probability = identified(text, settings.language_letters)
        if probability >= settings.language_probability:
            codes[row], probabilities[row] = code, probability
    return Languages(codes, probabilities)


def _plainly(texts: pa.Array, wanted: str, letters: int) -> Mask:
    """Which texts are full of words that only the wanted language has."""
    words = lists.read("function_words").get(wanted)
    if words is None:
        return np.zeros(len(texts), np.bool_)
    head = pc.utf8_slice_codeunits(texts, 0, _FIRST)
    hits = pc.count_substring_regex(head, rf"(?i)\b(?:{'|'.join(words)})\b").to_numpy()
    lengths = pc.utf8_length(head).to_numpy()
    found: Mask = (hits >= _LEAST) & (hits * _OFTEN >= lengths) & (lengths >= 2 * letters)
    return found


def identified(text: str, letters: int) -> tuple[str, float]:
    """Code and probability of a text; "" and 0.0 when it has fewer letters than `letters`."""
    text = _NOISE.sub(" ", text).strip()[:_FIRST]
    if len(text) < letters or sum(map(str.isalpha, text[: 4 * letters])) < letters:
        return "", 0.0
    code, probability = _identifier().classify(text)
    return code, probability
