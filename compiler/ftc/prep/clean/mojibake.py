"""Mojibake: UTF-8 that was read as Windows-1252, Latin-1, Mac Roman and others, once or twice.

ftfy finds and repairs it; only its repair of encodings is used. Texts in ASCII and texts without
an unlikely pair of characters never get there, as ftfy repairs some 3 MB a second.
"""

from __future__ import annotations

import ftfy
import pyarrow.compute as pc
from ftfy.badness import badness, is_bad

from ftc.prep.clean import certain
from ftc.prep.clean.batch import Batch, flags

NAME = "mojibake"
_CONFIG = ftfy.TextFixerConfig(explain=False, replace_lossy_sequences=False)
# byte 9D has no character in Windows-1252; what stood there was nearly always a closing quote
_LOST_QUOTE = ("â€\ufffd", "”")


def clean(batch: Batch) -> None:
    """Repair the texts that look damaged."""
    batch.rewrite(NAME, ~flags(pc.string_is_ascii(batch.values)), repaired)


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
