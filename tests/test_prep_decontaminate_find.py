"""Words, anchors and the comparison give what slow and plain code gives."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import contamination, words

from ftc.prep.decontaminate.find import find
from ftc.prep.decontaminate.index import build
from ftc.prep.decontaminate.words import BETWEEN, spans, split, unspaced

ACUTE, QUOTE = "\u00b4", "\u2019"  # both written for an apostrophe
SIGNS = f"abcXYZ019 '`{ACUTE}{QUOTE}“”-_.,;\n\t\0é ßﬁ漢字かคা\u0301½²Ⅷ…—ǅİ🙂"
TEXTS = st.text(st.sampled_from(SIGNS), max_size=40)


def plain(text):
    """Words by a regular expression, for the signs above."""
    text = unicodedata.normalize("NFKC", text.replace(ACUTE, "'").replace("\0", " ")).casefold()
    text = re.sub(f"['{QUOTE}`]", "", text)
    return re.findall(r"[漢字かค]|(?:[^\W_漢字かค]|[\u0300-\u036fা])+", text)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=6))
@example(["", f"Don{QUOTE}t STOP—now, Straße!", "dont stop now strasse"])
def test_words_are_those_of_plain_code(texts):
    found = split(texts)
    assert len(found.starts) == len(texts) + 1
    known = {}
    for text, start, end in zip(texts, found.starts, found.starts[1:], strict=False):
        keys = found.keys[start : end - 1].tolist()
        wanted = plain(text)
        assert len(keys) == len(wanted), text
        assert found.keys[end - 1] == BETWEEN
        for key, word in zip(keys, wanted, strict=True):
            assert known.setdefault(word, key) == key
    assert len(set(known.values())) == len(known)


@settings(deadline=None)
@given(TEXTS)
def test_a_text_alone_has_the_words_it_has_among_others(text):
    alone = split([text]).keys
    assert split(["x" * 7, text, "é"]).keys[2 : 2 + len(alone)].tolist() == alone.tolist()


def test_long_texts_and_many():
    texts = words.texts(3000, 4)
    whole = split(texts)
    for i in (0, 1, 277, 278, 2999):
        assert (
            whole.keys[whole.starts[i] : whole.starts[i + 1]].tolist()
            == split([texts[i]]).keys.tolist()
        )
    one = split([" ".join(texts)]).keys
    assert one[:-1].tolist() == whole.keys[whole.keys != BETWEEN].tolist()


@pytest.mark.parametrize(
    "text", ["Don't say `a''b' 3.14_x-y", f"“Don{QUOTE}t”—say {ACUTE}tis, 漢字 Straße ﬁne…"]
)
def test_spans_hold_the_words(text):
    keys = split([text]).keys[:-1].tolist()
    places = spans(text)
    assert [split([text[a:b]]).keys[0] for a, b in places] == keys
    assert unspaced("漢字 abc é") == 2
    assert unspaced("abc") == 0


def least(item, there):
    """Edits between the item and the part of a row that is most like it: the whole table."""
    before = [0] * (len(there) + 1)
    for i, word in enumerate(item, 1):
        now = [i]
        for j, other in enumerate(there, 1):
            now.append(min(before[j - 1] + (word != other), before[j] + 1, now[j - 1] + 1))
        before = now
    return min(before)


@pytest.mark.parametrize("edits", [0.0, 0.15, 0.25])
def test_finds_are_those_of_the_whole_table(edits):
    made = contamination.made(40, 21, eval_items=30, share=0.9)
    index = build(made.items, edits)
    there = split(made.rows)
    found = find(there, index)
    got = dict(
        zip(zip(found.row.tolist(), found.item.tolist(), strict=True), found.edits, strict=True)
    )
    assert len(got) > 15
    for i, item in enumerate(index.words):
        item = item[: index.lengths[i]].tolist()
        for row in range(40):
            keys = there.keys[there.starts[row] : there.starts[row + 1] - 1].tolist()
            edited = least(item, keys)
            if (row, i) in got:
                assert got[row, i] == edited
            elif edited <= index.edits[i]:  # left out only as chance
                sure = np.sort(index.bits[i])[::-1][edited:].sum()
                assert sure < index.needed(len(item), edited)
                assert edited > 0


def test_a_find_tells_where_the_item_stands():
    items = contamination.items(40, 33)
    rest = words.texts(40, 34)
    rows = [f"{text} {item} {text}" for text, item in zip(rest, items, strict=True)]
    there = split(rows)
    found = find(there, build(items, 0.15))
    assert {*range(40)} <= {*found.row.tolist()}
    for row, item, start, end, edits in zip(*found, strict=True):
        if row == item:
            assert edits == 0
            first = there.starts[row]
            assert (
                there.keys[first + start : first + end].tolist()
                == split([items[item]]).keys[:-1].tolist()
            )


def test_the_rows_at_both_ends_hold_parts_of_items():
    items = contamination.items(50, 44)
    index = build(items, 0.15)
    for share in (4, 3):
        parts = [item.split(" ") for item in items]
        ends = [" ".join(words[-len(words) // share :]) for words in parts]
        begins = [" ".join(words[: -(-len(words) // share)]) for words in parts]
        for i in range(50):
            found = find(split([ends[i], "between", begins[i]]), index)
            assert i not in found.item.tolist()


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=9), min_size=1, max_size=4))
def test_poor_texts(items):
    """Few words in many orders: much is alike, nothing tells much, a whole item is always found."""
    texts = [" ".join(item) for item in items]
    found = find(split(["c b a", *texts]), build(texts, 0.25))
    for i in range(len(items)):
        assert (i + 1, i, 0) in set(
            zip(found.row.tolist(), found.item.tolist(), found.edits.tolist(), strict=True)
        )


@pytest.mark.parametrize("share", [0.8, 0.97])
def test_long_items_that_tell_little(share):
    """Rows of digits, most of them alike: many places to compare, and still the right ones."""
    random = np.random.default_rng(5)

    def digits(count):
        return " ".join(map(str, random.integers(1, 10, count) * (random.random(count) > share)))

    items = [digits(int(random.integers(20, 64))) for _ in range(200)]
    rows = [f"{digits(60)} {items[i]} {digits(60)}" if i < 20 else digits(120) for i in range(60)]
    index = build(items, 0.15)
    there = split(rows)
    found = find(there, index)
    whole = {
        (r, i) for r, i, edits in zip(found.row, found.item, found.edits, strict=True) if not edits
    }
    padded = [f" {row} " for row in rows]
    assert whole == {
        (r, i) for r, row in enumerate(padded) for i, item in enumerate(items) if f" {item} " in row
    }
    assert len(whole) >= 20
