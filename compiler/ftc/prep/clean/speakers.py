"""Speaker tags of transcripts in one way: `Name: ` at the start of a line."""

# ruff: noqa: RUF001 - marks of print are the subject
from __future__ import annotations

import re
from functools import partial
from typing import NamedTuple

from ftc.prep.clean import names
from ftc.prep.clean.batch import Batch, Mask

NAME = "speakers"
CLOCK = r"(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?(?:\s?[AaPp]\.?[Mm]\b\.?)?"
STAMP = (
    rf"(?:[\[(<][ \t]*{CLOCK}(?:[ \t]*(?:-->|[-–—])[ \t]*{CLOCK})?[ \t]*[\])>]"
    rf"|(?<![\d:]){CLOCK}(?:[ \t]*(?:-->|–|—)[ \t]*{CLOCK})?(?![\d:]))"
)
_LABEL = r"[^\W\d_][^\n:：\[\]()<>*]{0,39}?"
_ASIDE = r"(?:[ \t]*\([^()\n]{1,40}\))?"
_TAG = re.compile(
    rf"""^[ \t]*(?P<lead>>{{1,3}}[ \t]*|[-–—][ \t]*)?(?P<time>{STAMP}[ \t]*(?:[-–—|][ \t]*)?)?
    (?P<lead2>>{{2,3}}[ \t]*|[-–—][ \t]*)?
    (?:
      <v(?:\.\w+)*[ \t]+(?P<voice>[^>\n]+)>:?
    | (?P<chat>From[ \t]+(?P<sender>[^\n:]{{1,60}}?)[ \t]+[Tt]o[ \t]+[^\n:]{{1,80}}?
        |From[ \t]{{2,}}(?P<sender2>[^\n:]{{1,60}}?)[ \t]*):(?:[ \t]*\n(?=[ \t]*\S))?
    | \*\*(?P<bold>{_LABEL}){_ASIDE}(?:[ \t]*{STAMP})?[ \t]*(?:[:：]\*\*|\*\*[ \t]*[:：])
    | \[(?P<square>{_LABEL})\][ \t]*[:：]?
    | (?P<alone>{_LABEL}){_ASIDE}[ \t]*[,|·-]?[ \t]*(?P<when>{STAMP})[ \t]*:?[ \t]*\n(?=[ \t]*\S)
    | (?P<plain>{_LABEL}){_ASIDE}(?:[ \t]*,?[ \t]*{STAMP})?[ \t]*[:：](?![\\/:])(?<!\d:(?=\d))
    )[ \t]*""",
    re.M | re.X,
)
_LABELS = ("voice", "sender", "sender2", "bold", "square", "plain", "alone")
_CLOSING = re.compile(r"</v>")
_INLINE = re.compile(rf"(?<=\S)[ \t]+(?=>>+[ \t]*{_LABEL}[:：])")
_GATE = r"[:：>\]]|\d:\d\d"


class Tag(NamedTuple):
    """A speaker tag in a text."""

    start: int
    end: int
    label: str
    time: str


def clean(batch: Batch, spoken: Mask, *, times: bool) -> None:
    """Make the tags of spoken texts uniform; `times` says whether times in tags stay."""
    batch.rewrite(NAME, batch.matching(_GATE, spoken), partial(tagged, times=times))


def tagged(text: str, *, times: bool = False) -> str:
    """The text with each speaker tag as `Name: `, one spelling of a name within the text."""
    if ">>" in text:
        text = _INLINE.sub("\n", text)
    found = list(_tags(text))
    if not found:
        return text
    spelling = names.uniform([tag.label for tag in found])
    pieces: list[str] = []
    end = 0
    for tag in found:
        time = f"{tag.time} " if times and tag.time else ""
        pieces += [text[end : tag.start], time, spelling[tag.label], ": "]
        end = tag.end
    pieces.append(text[end:])
    return _CLOSING.sub("", "".join(pieces))


def _tags(text: str) -> list[Tag]:
    found = []
    for match in _TAG.finditer(text):
        kind = next(name for name in _LABELS if match[name] is not None)
        label = match[kind].strip()
        if _believed(match, kind, label):
            time = (match["time"] or match["when"] or "").strip(" \t-–—|")
            found.append(Tag(match.start(), match.end(), label, time))
    return found


def _believed(match: re.Match[str], kind: str, label: str) -> bool:
    """Is it a tag, and not what else stands before a colon or in brackets?"""
    if kind == "voice":
        return bool(label)
    if kind in ("sender", "sender2"):
        return match["time"] is not None
    if kind == "square" and not match.group().rstrip().endswith((":", "：")):
        return names.plausible(label) and names.spelled(label) != label and "_" in label
    if kind == "alone" and len(label.split()) > 4:
        return False
    return names.plausible(label)
