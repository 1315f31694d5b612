"""Answers with words that insult people: a short list of ours, and the recipe's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from ftc.errors import FtcError
from ftc.prep.quality.view import Found, View
from ftc.prep.step import Inputs


def toxic_words(seen: View) -> Iterator[Found]:
    """An answer has a word of the list, whatever its case; kto rows rated as unwanted may."""
    words = listed(words_path(seen.inputs))
    gate = "|".join(map(re.escape, words))
    exact = re.compile(rf"(?<!\w)(?:{gate})(?!\w)", re.IGNORECASE)
    for pair, row in seen.where(gate, documents=True):
        found = exact.search(seen.said.answers[pair])
        if found:
            yield Found(row, 1.0, found.group().lower())


def words_path(inputs: Inputs) -> Path | None:
    """The recipe's own file of words."""
    name = inputs.settings.words_file
    return inputs.folder / name if name else None


@lru_cache(maxsize=4)
def listed(path: Path | None) -> tuple[str, ...]:
    """All words to look for, sorted; FtcError when the recipe's file cannot be read."""
    shipped = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
    words = {word for found in shipped.values() for word in found}
    if path is not None:
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FtcError(
                f"prepare.quality.words_file: {path} cannot be read",
                hint="give a text file in UTF-8 with one word a line",
            ) from error
        words |= {line.strip().lower() for line in lines if line.strip() and line[0] != "#"}
    return tuple(sorted(words))
