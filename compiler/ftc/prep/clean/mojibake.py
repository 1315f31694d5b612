"""Mojibake: UTF-8 that was read as Windows-1252, Latin-1, Mac Roman and others, once or twice.

ftfy finds and repairs it; only its repair of encodings is used. It looks at some 7 MB a second and
repairs 3, so texts without two characters side by side that might be damage never get there.
"""

from __future__ import annotations

import ftfy
import pyarrow.compute as pc
from ftfy.badness import MOJIBAKE_CATEGORIES, badness, is_bad

from ftc.prep.clean import certain
from ftc.prep.clean.batch import Batch, Mask, flags

NAME = "mojibake"
_CONFIG = ftfy.TextFixerConfig(explain=False, replace_lossy_sequences=False)
# byte 9D has no character in Windows-1252; what stood there was nearly always a closing quote
_LOST_QUOTE = ("â€\ufffd", "”")
_SIGNS = "".join(
    MOJIBAKE_CATEGORIES[name]
    for name in (
        *("bad", "law", "currency", "start_punctuation", "end_punctuation"),
        *("numeric", "upper_accented", "box"),
    )
)
# every alternative of ftfy's pattern holds one of these; they are RE2's
_SUSPECT = (
    rf"[\x{{80}}-\x{{9f}}]|[^\x00-\x7f][{_SIGNS}]|[{_SIGNS}ØÙ][^\x00-\x7f]"
    r"|[ÃÂ] |[Œœ](?:[^A-Za-z]|\z)|вЂ|ā€"
)


def clean(batch: Batch) -> None:
    """Repair the texts that look damaged."""
    batch.rewrite(NAME, suspect(batch), repaired)


def suspect(batch: Batch) -> Mask:
    """Which texts may look damaged to `repaired`; the others do not."""
    return batch.matching(_SUSPECT, ~flags(pc.string_is_ascii(batch.values)))


def repaired(text: str) -> str:
    """The text before it was read wrongly; the same text when it does not look damaged.

    The whole text is repaired in one piece when that leaves nothing unlikely in it, else line by
    line: lines of one text may have gone through different hands. A repair that makes a text
    no more likely is not taken.
    """
    if not is_bad(text):
        return certain.repaired(text)
    found = ftfy.fix_encoding(text.replace(*_LOST_QUOTE), _CONFIG)
    if is_bad(found) and "\n" in text:
        found = "".join(_line(line) for line in text.splitlines(keepends=True))
    return certain.repaired(found) if badness(found) < badness(text) else text


def _line(line: str) -> str:
    return ftfy.fix_encoding(line.replace(*_LOST_QUOTE), _CONFIG) if is_bad(line) else line
