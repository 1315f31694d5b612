"""Broken encodings repaired; the answer is the rows that were changed, and how they read now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench_data.method import Method

# The usual table of tutorials: UTF-8 read as cp1252, sign by sign.
SIGNS = "‘’“”–—…•€™äöüÄÖÜßéèêëáàâçñíóúøåæ£©®°"  # noqa: RUF001 - these very signs


def _ftfy(texts: list[str], folder: Path, ftfy: Any) -> dict[str, Any]:
    return _changed(texts, ftfy.fix_encoding)


def _ftfy_whole(texts: list[str], folder: Path, ftfy: Any) -> dict[str, Any]:
    return _changed(texts, ftfy.fix_text)


def _table(texts: list[str], folder: Path) -> dict[str, Any]:
    pairs = [(sign.encode().decode("cp1252", "replace"), sign) for sign in SIGNS]
    return _changed(texts, lambda text: _replaced(text, pairs))


def _changed(texts: list[str], repaired: Callable[[str], str]) -> dict[str, Any]:
    pairs = ((number, text, repaired(text)) for number, text in enumerate(texts))
    return {"changed": {number: after for number, before, after in pairs if after != before}}


def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    for broken, sign in pairs:
        text = text.replace(broken, sign)
    return text


METHODS = (
    Method("ftfy `fix_encoding`, every row", _ftfy, ("ftfy",)),
    Method("ftfy `fix_text`, every row", _ftfy_whole, ("ftfy",)),
    Method(f"a table of {len(SIGNS)} replacements", _table),
)
