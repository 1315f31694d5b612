"""The parts of deduplication against plain Python, on cases drawn at random."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftc.prep import arrays, rows
from ftc.prep.deduplicate import (
    candidates,
    gathered,
    groups,
    overlap,
    shingles,
    texts,
    words,
)
from ftc.prep.step import Inputs
from ftc.preparation import Prepare

SAID = st.text(st.sampled_from("abC .,;:?!\"'(5\n\t\u00a0é字\u3000Üﬁ\u200b"), max_size=40)
LISTS = st.lists(SAID, max_size=12)
WORDS = st.lists(st.sampled_from([f"w{i}" for i in range(9)]), max_size=14)


def _words(said):
    folded = texts.plain(pa.array(said, pa.string()))
    return words.words(folded, 0, len(said))


@settings(deadline=None, max_examples=100)
@given(LISTS)
def test_words_are_what_python_splits(said):
    found = _words(said)
    expected = [texts.folded_text(text).lower().split() for text in said]
    assert np.diff(found.offsets).tolist() == [len(row) for row in expected]
    flat = [word for row in expected for word in row]
    names = dict(zip(found.whole.tolist(), flat, strict=True))
    assert [names[value] for value in found.whole.tolist()] == flat
    assert len(set(names.values())) == len(names)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text('abc.!"', max_size=6), max_size=8))
def test_bare_words_are_those_without_closing_punctuation(said):
    found = _words(said)

    def bare(word):
        word = word.removeprefix('"')
        while word and word[-1] in '.,;:?!"':
            if word[-1] == "!" and (len(word) < 3 or not (word[-2].isalpha() or word[-2] in '.!"')):
                break
            word = word[:-1]
        return word

    expected = [bare(word) for text in said for word in text.split()]
    names: dict[int, str] = {}
    for value, word in zip(found.bare.tolist(), expected, strict=True):
        assert names.setdefault(value, word) == word
        assert (value == 0) == (word == "")
    assert len(set(names.values())) == len(names)


@settings(deadline=None, max_examples=100)
@given(LISTS, LISTS)
def test_texts_are_the_same_whatever_stands_beside_them(first, second):
    alone, both = _words(first), _words([*second, *first])
    count = both.offsets[len(second)]
    assert both.whole[count:].tolist() == alone.whole.tolist()
    assert words.sequences(both.bare, both.offsets)[len(second) :].tolist() == (
        words.sequences(alone.bare, alone.offsets).tolist()
    )


@settings(deadline=None, max_examples=100)
@given(st.lists(WORDS, max_size=8))
def test_a_sequence_is_its_words_in_order(said):
    found = _words([" ".join(row) for row in said])
    names: dict[int, list[str]] = {}
    for value, row in zip(words.sequences(found.whole, found.offsets).tolist(), said, strict=True):
        assert names.setdefault(value, row) == row
    assert len({tuple(row) for row in names.values()}) == len(names)


def test_texts_are_told_apart_by_their_bytes():
    said = pa.array(["x", "", "Go on", "go on", "Go on ", "Go on", "\0" * 8, "\0" * 16, ""])
    found = gathered.digests(said[1:]).tolist()
    assert [found.index(value) for value in found] == [0, 1, 2, 3, 1, 5, 6, 0]
    assert found[0] == 0x2D06800538D394C2  # XXH3_64bits of nothing, as its specification has it


@given(st.lists(st.integers(0, 6), max_size=30))
def test_what_is_there_twice(values):
    found = arrays.repeated(np.array(values, np.uint64)).tolist()
    assert found == [values.count(value) > 1 for value in values]


def test_chunks_hold_all_rows_once():
    for sizes in ([0] * 5, [words.CHUNK * 2, 1, 0, words.CHUNK], [3] * 200_000, []):
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        made = list(words.chunks(texts.Texts(np.zeros(0, np.uint8), offsets)))
        assert [i for start, end in made for i in range(start, end)] == list(range(len(sizes)))


def test_a_slice_of_an_array():
    whole = pa.array(["one", "two é", "", "three"])
    assert texts.raw(whole[1:3]).data.tobytes() == "two é".encode()
    assert texts.plain(whole[1:]).offsets.tolist() == [0, 6, 6, 11]


def _sets(said, size):
    return [
        {tuple(row[i : i + size]) for i in range(len(row) - size + 1)}
        or ({tuple(row)} if row else set())
        for row in said
    ]


def _shingles(said, size):
    found = _words([" ".join(row) for row in said])
    return shingles.shingles(found.whole, found.offsets, size)


@settings(deadline=None, max_examples=100)
@given(st.lists(WORDS, max_size=8), st.integers(1, 4))
def test_shingles_are_sets_of_word_n_grams(said, size):
    found = _shingles(said, size)
    expected = _sets(said, size)
    for i, grams in enumerate(expected):
        mine = found.values[found.offsets[i] : found.offsets[i + 1]].tolist()
        assert mine == sorted(set(mine)) and len(mine) == len(grams)
    for i, one in enumerate(expected):
        for j, two in enumerate(expected):
            a = set(found.values[found.offsets[i] : found.offsets[i + 1]].tolist())
            b = set(found.values[found.offsets[j] : found.offsets[j + 1]].tolist())
            assert len(a & b) == len(one & two)


@settings(deadline=None, max_examples=100)
@given(st.lists(WORDS, min_size=2, max_size=6), st.integers(1, 3))
def test_pictures_never_deny_what_is_shared(said, size):
    found, expected = _shingles(said, size), _sets(said, size)
    drawn = shingles.pictures(found)
    for i, one in enumerate(expected):
        for j, two in enumerate(expected):
            total = np.array([len(one) + len(two)])
            most = shingles.shared_at_most(drawn[[i]], drawn[[j]], total)
            assert len(one & two) <= most[0] <= total[0] // 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gathered")


def _known(folder, said, size, batch=5):
    prepare = Prepare.model_validate({"sources": ["x"], "deduplicate": {"ngram": size}})
    inputs = Inputs(folder, prepare, prepare.deduplicate, seed=0)
    made = [rows.Row(f"{i}", "f", "", (("chunk", " ".join(row)),)) for i, row in enumerate(said)]
    paths = []
    for start in range(0, len(made), batch):
        paths.append(folder / f"{len(paths)}")
        gathered.gather(rows.table(made[start : start + batch]), inputs, paths[-1])
    counts = [len(made[start : start + batch]) for start in range(0, len(made), batch)]
    return overlap.Known(
        paths,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        gathered.ids(paths),
        gathered.numbers(paths, "system"),
        gathered.numbers(paths, "grams"),
        gathered.all_pictures(paths),
    )


LONG = st.lists(st.sampled_from([f"w{i}" for i in range(5)]), min_size=3, max_size=30)


@settings(deadline=None, max_examples=100)
@given(st.lists(LONG, min_size=2, max_size=12), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_jaccard_is_real_and_no_alike_pair_is_missed(folder, said, threshold):
    known, expected = _known(folder, said, 2), _sets(said, 2)
    a, b = (np.array(side) for side in np.triu_indices(len(said), 1))
    real = np.array(
        [
            len(expected[i] & expected[j]) / len(expected[i] | expected[j])
            for i, j in zip(a, b, strict=True)
        ]
    )
    assert overlap.jaccards(known, a, b) == pytest.approx(real, abs=1e-12)
    assert overlap.possible(known, a, b, threshold)[real >= threshold].all()
    found = candidates.buckets(known, np.ones(len(said), bool), threshold)
    pairs = {
        pair
        for x, y in candidates.pairs(found, 1, 1 << 30)
        for pair in zip(x.tolist(), y.tolist(), strict=True)
    }
    assert {
        (i, j)
        for i, j, value in zip(a.tolist(), b.tolist(), real, strict=True)
        if value >= threshold
    } <= pairs


def test_needed_is_the_least_number_that_reaches_the_threshold():
    for threshold in (0.3, 0.5, 0.7, 0.8, 0.9, 1.0):
        for total in range(1, 200):
            least = int(overlap.needed(np.array([total]), threshold)[0])
            reaching = [s for s in range(total // 2 + 1) if s / (total - s) >= threshold]
            if reaching:
                assert reaching[0] in (least, least + 1)
                assert least <= reaching[0]


def test_rows_of_a_large_bucket_meet_those_before_them():
    size = 2000
    made = candidates._bucketed(np.arange(size), np.array([0]))
    pairs = [
        pair
        for a, b in candidates.pairs(made, 1, 1 << 30)
        for pair in zip(a.tolist(), b.tolist(), strict=True)
    ]
    assert len(pairs) == len(set(pairs)) == sum(min(i, 32) for i in range(size))
    assert {b - a for a, b in pairs} == set(range(1, 33))
    made = candidates._bucketed(np.arange(50_000), np.array([0]))
    assert sum(len(a) for a, _ in candidates.pairs(made, 1, 1 << 30)) == 50_000 * 8 - 36


def test_a_bucket_of_256_is_compared_whole_and_one_group_is_left_out():
    made = candidates._bucketed(np.arange(257 + 256), np.array([0, 257]))
    labels = np.concatenate([np.zeros(257, np.int64), np.arange(257, 513)])
    left = candidates.narrowed(made, labels, 3)
    assert left.rows.tolist() == list(range(257, 513))
    assert sum(len(a) for a, _ in candidates.pairs(left, 1, 1 << 30)) == math.comb(256, 2)
    assert not len(candidates.narrowed(left, labels, 255).rows)


EDGES = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30)


@settings(deadline=None, max_examples=100)
@given(EDGES, EDGES)
def test_groups_are_what_edges_connect(first, second):
    labels = np.arange(20)
    for edges in (first, second):
        a, b = (
            np.array([*zip(*edges, strict=True)], np.int64) if edges else (labels[:0], labels[:0])
        )
        labels = groups.united(labels, a, b)
    expected = list(range(20))
    for a, b in [*first, *second]:
        low, high = sorted((expected[a], expected[b]))
        expected = [low if value == high else value for value in expected]
    assert labels.tolist() == expected


@settings(deadline=None, max_examples=100)
@given(EDGES, st.permutations(range(20)), st.sets(st.integers(0, 19), max_size=4))
def test_those_that_stay_are_unlike_and_speak_for_those_that_go(edges, order, never):
    alike = {frozenset(edge) for edge in edges}
    a, b = (
        np.array([*zip(*edges, strict=True)], np.int64) if edges else (np.zeros(0, np.int64),) * 2
    )
    labels = groups.united(np.arange(20), a, b)
    fixed = np.isin(np.arange(20), sorted(never))
    ranked = np.array(sorted(order, key=lambda i: i not in never))  # fixed rows come first

    def measure(one, two):
        return np.array([float(frozenset((i, j)) in alike) for i, j in zip(one, two, strict=True)])

    dropped, rest = groups.settled(labels, ranked, fixed, measure, 0.5)
    gone = set(dropped.rows.tolist())
    stays = [i for i in ranked.tolist() if i not in gone]
    assert rest == 0 and not gone & never and len(gone) == len(dropped.rows)
    for row, keeper in zip(dropped.rows.tolist(), dropped.keepers.tolist(), strict=True):
        assert frozenset((row, keeper)) in alike and keeper in stays
        assert ranked.tolist().index(keeper) < ranked.tolist().index(row)
    for i, one in enumerate(stays):
        for two in stays[i + 1 :]:
            assert frozenset((one, two)) not in alike or {one, two} <= never


def test_groups_that_take_too_long_are_left(monkeypatch):
    monkeypatch.setattr(groups, "CHECKS", 3)
    members = np.arange(5)
    dropped, rest = groups.settled(
        np.zeros(5, np.int64), members, members < 0, lambda a, b: np.zeros(len(a)), 0.5
    )
    assert len(dropped.rows) == 0 and rest == 4
