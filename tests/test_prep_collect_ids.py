"""Ids of rows: the same for the same row on every machine, and no two alike by accident."""

import random

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tests.made.words import texts

from ftc.prep import hashing, rows
from ftc.prep.collect.ids import Seen, ids


def turns(*found):
    return rows.table([rows.Row("", "", "", row) for row in found])["turns"].combine_chunks()


def hashes(found):
    return hashing.texts(pa.array(found, pa.string())).tolist()


def test_a_hash_is_the_same_on_every_machine():
    assert [f"{found:016x}" for found in hashes(["", "a", "Größe", "x" * 100])] == [
        "9ca066f1a4ab2eea",
        "79551a82c7f9ac06",
        "d0ca21e73a934e9a",
        "cdc65348590debcf",
    ]
    found = ids(turns((("user", "Hi"), ("assistant", "Hello"))), "a.jsonl", Seen())
    assert found.to_pylist() == ["e69b97344349d2ca"]


@given(st.lists(st.text(max_size=40), max_size=40), st.integers(0, 40))
def test_a_hash_knows_nothing_of_the_texts_beside(found, start):
    alone = [hashes([text])[0] for text in found]
    assert hashes(found) == alone
    part = pa.array(found, pa.string()).slice(start)
    assert hashing.texts(part).tolist() == alone[start:]
    assert len(set(alone)) == len(set(found))


def test_long_texts_have_hashes_too():
    found = ["x" * size for size in (131_071, 131_072, 131_073, 400_000)] + ["short", "y" * 131_071]
    assert hashes(found) == [hashes([text])[0] for text in found]
    assert len(set(hashes(found))) == len(found)


def test_texts_that_are_nearly_alike_have_other_hashes():
    chooser = random.Random(5)
    known = set()
    for text in texts(20, seed=9):
        for _ in range(5000):
            signs = list(text)
            for _ in range(chooser.randint(1, 3)):
                signs[chooser.randrange(len(signs))] = chooser.choice("abc \n")
            known.add("".join(signs))
    known |= {" " * count for count in range(3000)} | {"\0" * count for count in range(3000)}
    swapped = [
        "".join(chooser.sample(["12345678", "abcdefgh", *"ABCDEFGH"], 10)) for _ in range(9999)
    ]
    known = sorted(known | set(swapped))
    found = np.array(hashes(known), np.uint64)
    assert len(known) > 80_000
    assert len(np.unique(found)) == len(known)
    for shift in (0, 12, 24):  # any 40 bits: one pair in 200 such tests is alike by chance
        part = (found >> np.uint64(shift)) & np.uint64(2**40 - 1)
        assert len(known) - len(np.unique(part)) <= 1


def test_ids_tell_apart_where_one_turn_ends_and_who_says_it():
    found = [
        (("user", "ab"), ("assistant", "c")),
        (("user", "a"), ("assistant", "bc")),
        (("assistant", "ab"), ("user", "c")),
        (("user", "c"), ("assistant", "ab")),
        (("user", "abc"),),
        (("user", "abc"), ("assistant", "")),
        (("text", "abc"),),
        (),
    ]
    seen = [
        *ids(turns(*found), "a", Seen()).to_pylist(),
        *ids(turns(*found), "b", Seen()).to_pylist(),
    ]
    assert len(set(seen)) == 2 * len(found)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=9))
def test_equal_rows_are_numbered_whatever_the_batches(batches):
    whole = [(("text", text),) for batch in batches for text in batch]
    expected = ids(turns(*whole), "a", Seen()).to_pylist()
    assert len(set(expected)) == len(whole)
    seen = Seen()
    found = [ids(turns(*[(("text", text),) for text in batch]), "a", seen) for batch in batches]
    assert [row for part in found for row in part.to_pylist()] == expected
