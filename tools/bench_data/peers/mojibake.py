"""Broken encodings repaired; the answer is the texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_data.method import Method

# The usual table of tutorials: UTF-8 read as cp1252, sign by sign.
SIGNS = "‘’“”–—…•€™äöüÄÖÜßéèêëáàâçñíóúøåæ£©®°"  # noqa: RUF001 - these very signs


def _ftfy(texts: list[str], folder: Path, ftfy: Any) -> dict[str, Any]:
    return {"texts": [ftfy.fix_encoding(text) for text in texts]}


def _ftfy_whole(texts: list[str], folder: Path, ftfy: Any) -> dict[str, Any]:
    return {"texts": [ftfy.fix_text(text) for text in texts]}


def _table(texts: list[str], folder: Path) -> dict[str, Any]:
    pairs = [(sign.encode().decode("cp1252", "replace"), sign) for sign in SIGNS]
    return {"texts": [_replaced(text, pairs) for text in texts]}


def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    for broken, sign in pairs:
        text = text.replace(broken, sign)
    return text


METHODS = (
    Method("ftfy `fix_encoding`, every row", _ftfy, ("ftfy",), most=100_000),
    Method("ftfy `fix_text`, every row", _ftfy_whole, ("ftfy",), most=100_000),
    Method(f"a table of {len(SIGNS)} replacements", _table),
)
