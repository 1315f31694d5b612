"""Rows that hold an eval item; the answer is their numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from difflib import SequenceMatcher
from pathlib import Path
from string import punctuation
from typing import Any

from bench_data.method import Method

GPT3_GRAM = 13
COSMOPEDIA_GRAM, COSMOPEDIA_SHARE = 10, 0.5


def _items(folder: Path) -> list[str]:
    with (folder / "eval.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def _janitor(texts: list[str], folder: Path, janitor: Any) -> dict[str, Any]:
    """lm-eval's own rule: one 13-gram of an item; told to give nothing back for such a row."""
    found = janitor.Janitor(ngram_n=13, too_dirty_cutoff=0, minimum_slice_length=0)
    for item in _items(folder):
        found.register_contaminant_python(item)
    return {"flagged": [n for n, text in enumerate(texts) if not found.clean_python(text)]}


def _datatrove(
    texts: list[str], folder: Path, decont: Any, data: Any, text: Any, hashing: Any
) -> dict[str, Any]:
    """datatrove's filter over an index that its own tokenizer and hash made of the items.

    sha1, as its default xxhash refuses the strings that datatrove 0.10.1 gives it.
    """
    config = decont.NGramsDecontConfig(hash_config=hashing.HashConfig(hash_fc="sha1"))
    step = decont.NGramsDecontFilter(str(folder), config)
    step._index_hashes = {}  # what its indexer writes; that one cannot start without lighteval
    for item in _items(folder):
        words = step.tokenizer.word_tokenize(text.simplify_text(item, step.config.norm_config))
        for gram in text.ngrams(words, step.config.n_grams):
            step._index_hashes[step.hash_func(" ".join(gram))] = "eval"
    rows = (data.Document(text=row, id=str(n)) for n, row in enumerate(texts))
    return {"flagged": [n for n, row in enumerate(rows) if step.filter(row) is not True]}


def _gpt3(texts: list[str], folder: Path) -> dict[str, Any]:
    """The rule of GPT-3's appendix C: one 13-gram of lower-case words without punctuation."""
    items = {gram for item in _items(folder) for gram in _grams(_bare(item), GPT3_GRAM)}
    rows = (_grams(_bare(text), GPT3_GRAM) for text in texts)
    return {"flagged": [n for n, grams in enumerate(rows) if not items.isdisjoint(grams)]}


def _bare(text: str) -> list[str]:
    return text.lower().translate(str.maketrans("", "", punctuation)).split()


def _cosmopedia(texts: list[str], folder: Path) -> dict[str, Any]:
    """Cosmopedia's published rule: a shared 10-gram, then difflib matches half of the item."""
    items = [item.lower().split() for item in _items(folder)]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, words in enumerate(items):
        for gram in _grams(words, COSMOPEDIA_GRAM):
            holders[gram].append(number)
    flagged = []
    for number, text in enumerate(texts):
        words = text.lower().split()
        grams = _grams(words, COSMOPEDIA_GRAM)
        candidates = {item for gram in grams for item in holders.get(gram, ())}
        if any(_matched(words, items[item]) for item in sorted(candidates)):
            flagged.append(number)
    return {"flagged": flagged}


def _grams(words: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]


def _matched(words: list[str], item: list[str]) -> bool:
    blocks = SequenceMatcher(None, words, item, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(item) > COSMOPEDIA_SHARE


METHODS = (
    Method("lm-eval `Janitor`, 13-grams", _janitor, ("lm_eval.decontamination.janitor",)),
    Method(
        "datatrove `NGramsDecontFilter`, 12-grams",
        _datatrove,
        (
            "datatrove.pipeline.decont.n_grams",
            "datatrove.data",
            "datatrove.utils.text",
            "datatrove.utils.hashing",
        ),
        most=5_000,
    ),
    Method("13-grams in a set (GPT-3's rule, written here)", _gpt3),
    Method("10-grams and difflib (Cosmopedia's rule, written here)", _cosmopedia),
)
