"""Counts tokens from word to word, each word looked up only once, where the sum is the same.

Byte-level BPE splits a text before each single space that stands between two other characters,
before it merges anything. So the words between such places can be counted one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any

from tokenizers import Encoding, Tokenizer

from ftc.facts.tokens import Counter

KEPT = 1 << 20  # words whose count is kept, about 100 MB
PROBES = [  # a tokenizer that counts these otherwise is not believed
    "I'll say: don't, 'tis (they've) \u201cquoted\u201d \u2014 e.g. 3.14 or 1,000,000 x 12 = 7!",
    " begins and ends with one ",
    "  two  spaces,\ttabs\t\t and\n\nlines \n\n of text\r\n ",
    "def f(a, b):\n    return a ** b  # <|im_end|> </s> http://x.org/a_b?c=d&e=%20",
    "\u6771\u4eac \u3068 \u5927\u962a, na\u00efve caf\u00e9 e\u0301 \u0301a \U0001f642 \u00b4x",
    "\u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947 \u00a0y \ufb01ne \u2167",
    "",
    " ",
]
_PAIR = re.compile(r"\s\s")
_BETWEEN = re.compile(r"(?<=\S) (?=\S)")


class Quick:
    """What `Counter` asks of a tokenizer; an encoding of many is as long as the real one, and no
    more than that."""

    def __init__(self, whole: Tokenizer) -> None:
        self.whole = whole
        self.begins: dict[str, int] = {}  # counts of words that begin a text,
        self.counts: dict[str, int] = {}  # and of words with a space before them

    def encode(self, text: str, add_special_tokens: bool) -> Encoding:
        """As the tokenizer does it."""
        return self.whole.encode(text, add_special_tokens=add_special_tokens)

    def encode_batch_fast(self, texts: Sequence[str], add_special_tokens: bool) -> list[range]:
        """For each text a range as long as its encoding."""
        if add_special_tokens:
            raise ValueError("special tokens stand around a text, not around a word")
        parts = [_words(text) for text in texts]
        begins = [words.pop(0) for words in parts]
        self._learn(self.begins, set(begins), "")
        self._learn(self.counts, set().union(*parts), " ")
        first, count = self.begins.__getitem__, self.counts.__getitem__
        return [
            range(first(begin) + sum(map(count, words)))
            for begin, words in zip(begins, parts, strict=True)
        ]

    def _learn(self, counts: dict[str, int], words: set[str], before: str) -> None:
        if len(counts) > KEPT:
            counts.clear()
        new = sorted(words - counts.keys())
        found = self.whole.encode_batch_fast(
            [before + word for word in new], add_special_tokens=False
        )
        counts.update(zip(new, map(len, found), strict=True))


class QuickCounter(Counter):
    """Counts what `Counter` counts."""

    @cached_property
    def tokenizer(self) -> Any:  # Any: not a Tokenizer, but all of one that Counter asks for
        """The words' counts in front of the model's own tokenizer."""
        return Quick(super().tokenizer)


def quick(counter: Counter) -> Counter:
    """A counter that counts the same in less time; the same one where that is not known."""
    if not splits_at_spaces(json.loads(counter.tokenizer.to_str())):
        return counter
    found = QuickCounter(*(getattr(counter, field.name) for field in fields(counter)))
    plain = counter.tokenizer.encode_batch_fast(PROBES, add_special_tokens=False)
    parts = found.tokenizer.encode_batch_fast(PROBES, add_special_tokens=False)
    return found if list(map(len, plain)) == list(map(len, parts)) else counter


def splits_at_spaces(said: dict[str, Any]) -> bool:
    """Whether a tokenizer.json is byte-level BPE whose tokens begin anew at each single space.

    The regular expressions of GPT-2, Llama 3, Qwen and DeepSeek do so: a space is the first of
    what it is joined with. A tokenizer that adds a space, or whose added tokens hold or take in
    spaces, does not count the same.
    """
    steps = _steps(said.get("pre_tokenizer"))
    levels = [step for step in steps if step["type"] == "ByteLevel"]
    normal = {step["type"] for step in _steps(said.get("normalizer"), "normalizers")}
    added = said.get("added_tokens", [])
    return (
        said["model"]["type"] == "BPE"
        and bool(levels)
        and {step["type"] for step in steps} <= {"ByteLevel", "Split", "Digits"}
        and not any(step.get("add_prefix_space") for step in levels)
        and {step.get("behavior", "Isolated") for step in steps} <= {"Isolated", "Removed"}
        and (any(step.get("use_regex", True) for step in levels) or _regular(steps))
        and normal <= {"NFC", "NFKC"}
        and not any(" " in one["content"] or one["lstrip"] or one["rstrip"] for one in added)
    )


def _steps(said: Any, inner: str = "pretokenizers") -> list[dict[str, Any]]:
    if said is None:
        return []
    return list(said[inner]) if said["type"] == "Sequence" else [said]


def _regular(steps: Sequence[dict[str, Any]]) -> bool:
    """Whether a regular expression in the manner of GPT-2 makes the parts: letters, with at most
    one sign before them, in one group."""
    patterns = [step["pattern"].get("Regex", "") for step in steps if step["type"] == "Split"]
    return any(r"\p{L}" in pattern and r"\s+(?!\S)" in pattern for pattern in patterns)


def _words(text: str) -> list[str]:
    """The parts of a text; all but the first have a space before them."""
    return _BETWEEN.split(text) if _PAIR.search(text) else text.split(" ")
