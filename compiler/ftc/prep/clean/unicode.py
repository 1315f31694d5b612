"""One spelling for one text: composed letters, plain spaces and line ends, nothing invisible."""

from __future__ import annotations

import unicodedata

import pyarrow.compute as pc

from ftc.prep.clean.batch import Batch, flags
from ftc.prep.clean.invisible import seen

NAME = "unicode"
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f]"
_UNUSUAL = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x{a0}\x{ad}\x{300}-\x{36f}\x{61c}\x{1680}\x{180e}"
    r"\x{2000}-\x{200f}\x{2028}-\x{202f}\x{205f}-\x{206f}\x{3000}"
    r"\x{feff}\x{fff9}-\x{fffc}\x{fffe}\x{ffff}\x{e0000}-\x{e007f}]"
)


def clean(batch: Batch) -> None:
    """Normalise the texts that need it."""
    plain = flags(pc.string_is_ascii(batch.values))
    unusual = batch.matching(_CONTROLS, plain) | batch.matching(_UNUSUAL, ~plain)
    loose = ~plain & ~unusual
    if loose.any():  # compositions without a mark of the usual block: Indic, Hangul, singletons
        composed = pc.utf8_normalize(batch.values, "NFC")
        unusual |= loose & flags(pc.not_equal(composed, batch.values))
    batch.rewrite(NAME, unusual, normal)


def normal(text: str) -> str:
    """The text in Unicode's form NFC, without what is not seen."""
    return unicodedata.normalize("NFC", seen(text))
