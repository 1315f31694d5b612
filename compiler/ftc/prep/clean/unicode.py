"""One spelling for one text: composed letters, plain spaces and line ends, nothing invisible."""

from __future__ import annotations

from unicodedata import is_normalized, normalize

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
    batch.rewrite(NAME, unusual, normal)
    batch.rewrite(NAME, ~plain & ~unusual, composed)


def composed(text: str) -> str:
    """The text in Unicode's form NFC: letters are composed without marks of the usual block too."""
    # pyarrow 25's utf8_normalize decomposes some texts when asked for NFC
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def normal(text: str) -> str:
    """The text in Unicode's form NFC, without what is not seen."""
    return normalize("NFC", seen(text))
