"""Characters that nobody sees: which are dropped, which carry meaning where they stand.

A zero-width joiner makes one emoji of several and shapes letters of Indic and Arabic scripts; a
zero-width space parts the words of Thai, Lao, Khmer and Burmese; direction marks belong to texts
with Hebrew or Arabic in them. Elsewhere they are leftovers of web pages and word processors.
"""

from __future__ import annotations

import re

_JOINING = (  # scripts whose letters joiners shape
    "\u0600-\u07bf\u0840-\u085f\u08a0-\u0dff\u0f00-\u109f\u1780-\u17ff\u1800-\u18af"
    "\ufb50-\ufdff\ufe70-\ufefc"
)
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf"
    "\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\ufe0f\U0001f000-\U0001faff"
)
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u0f00-\u0fff"  # no word spaces
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]")
_IDEOGRAPHIC = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_DROPPED = re.compile(
    "\x1b\\[[0-9;]*[A-Za-z]"  # colours of a terminal
    "|[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]"
    "|[\u00ad\u180e\u2060-\u2064\u206a-\u206f\u202d\u202e\ufeff\ufff9-\ufffc\ufffe\uffff]"
    f"|(?<![{_UNSPACED}])\u200b|\u200b(?![{_UNSPACED}])"
    f"|(?<![{_JOINING}])\u200c|\u200c(?![{_JOINING}])"
    f"|(?<![{_JOINING}{_EMOJI}])\u200d"
    # tag characters: a flag of a region is spelled with them, else they hide text
    "|(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0000-\U000e007f]+"
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028]|\u2029")


def seen(text: str) -> str:
    """The text without what is not seen, with plain spaces and `\\n` as the end of a line."""
    text = _ENDS.sub(_end, text)
    text = _DROPPED.sub("", text)
    if _DIRECTION.search(text) and not _RTL.search(text):
        text = _DIRECTION.sub("", text)
    text = _SPACES.sub(" ", text)
    if "\u3000" in text and not _IDEOGRAPHIC.search(text):
        text = text.replace("\u3000", " ")
    return text


def _end(match: re.Match[str]) -> str:
    return "\n\n" if match.group() == "\u2029" else "\n"
