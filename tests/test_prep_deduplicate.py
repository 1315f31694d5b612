"""Duplicates: what is dropped, for which row, against the truth about planted ones."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pytest
from made import duplicates, words

from ftc.errors import FtcError
from ftc.prep import deduplicate, rows
from ftc.prep.step import Inputs
from ftc.preparation import Prepare


class Run:
    """The step over texts (or turns), in batches; rows are known by their place in the list."""

    def __init__(self, folder, said, batch=5000, sources=("x",), **settings):
        self.folder, self.ids = folder, [f"{i:016x}" for i in range(len(said))]
        prepare = Prepare.model_validate({"sources": list(sources), "deduplicate": settings})
        inputs = Inputs(folder, prepare, prepare.deduplicate, seed=0)
        found = [
            rows.Row(self.ids[i], "a.jsonl", f"line {i + 1}", (("chunk", turns),))
            if isinstance(turns, str)
            else rows.Row(self.ids[i], "a.jsonl", f"line {i + 1}", turns, form="chat")
            for i, turns in enumerate(said)
        ]
        batches = [rows.table(found[s : s + batch]) for s in range(0, len(found), batch)]
        paths = [folder / f"gathered-{i}" for i in range(len(batches))]
        for table, path in zip(batches, paths, strict=True):
            deduplicate.gather(table, inputs, path)
        self.out = folder / "decision"
        self.figures = deduplicate.decide(paths, inputs, self.out)
        outcomes = [
            deduplicate.apply(table, replace(inputs, shard=i, decision=self.out))
            for i, table in enumerate(batches)
        ]
        number = {name: i for i, name in enumerate(self.ids)}
        self.kept = [number[row.id] for o in outcomes for row in rows.each(o.rows)]
        self.ledger = [line for o in outcomes for line in o.ledger.to_pylist()]
        self.dropped = {number[line["row"]]: line["reason"] for line in self.ledger}
        self.clusters = deduplicate.clusters(self.out).to_pylist()
        self.cluster = {number.get(line["row"]): line["cluster"] for line in self.clusters}
        self.of = {
            number[line["row"]]: number.get(line["of"], line["of"])
            for line in self.clusters
            if not line["kept"]
        }


@pytest.fixture(scope="module")
def planted():
    return duplicates.planted(20_000, seed=71)


@pytest.fixture(scope="module")
def found(planted, tmp_path_factory):
    return Run(tmp_path_factory.mktemp("planted"), planted.texts)


@pytest.fixture(scope="module")
def truth(planted):
    return duplicates.alike(planted.texts)


def test_the_truth_is_that_of_all_pairs():
    made = duplicates.planted(900, seed=3, templates=0.25)
    assert duplicates.alike(made.texts) == duplicates.everywhere(made.texts)
    assert {len(group) for group in made.groups} == {duplicates.GROUP}


def test_alike_rows_end_in_one_cluster_and_one_of_them_goes(planted, found, truth):
    assert len(truth) > 20_000
    together = sum(found.cluster.get(a) == found.cluster.get(b) is not None for a, b in truth)
    assert together / len(truth) >= 0.995
    assert not [pair for pair in truth if set(pair) <= set(found.kept)]
    in_templates = {row for group in planted.groups for row in group}
    assert len([pair for pair in truth if set(pair) <= in_templates]) > 10_000


def test_copies_are_found_whatever_their_case_space_and_punctuation(planted, found):
    exact = [(a, b) for a, b, kind in planted.pairs if kind in ("exact", "spelled")]
    assert len(exact) == 2000
    for a, b in exact:
        assert found.cluster[a] == found.cluster[b]
        assert {found.dropped.get(a), found.dropped.get(b)} & {"exact duplicate", "near duplicate"}


def test_what_goes_is_alike_to_the_row_that_stays(planted, found, truth):
    assert Counter(found.dropped.values()) == {
        "exact duplicate": found.figures["deduplicate.exact"],
        "near duplicate": found.figures["deduplicate.near"],
    }
    assert set(found.of) == set(found.dropped)
    assert set(found.of.values()) <= set(found.kept)
    for row, reason in found.dropped.items():
        if reason == "near duplicate":
            assert (min(row, found.of[row]), max(row, found.of[row])) in truth


def test_the_similarity_that_is_told_is_the_real_one(planted, found):
    for line in found.clusters[:2000]:
        if not line["kept"]:
            one, two = int(line["row"], 16), int(line["of"], 16)
            real = duplicates.jaccard(planted.texts[one], planted.texts[two])
            assert line["jaccard"] == pytest.approx(real, abs=1e-12)


def test_every_row_that_goes_has_its_line(planted, found):
    assert len(found.ledger) == len(found.dropped) == len(planted.texts) - len(found.kept)
    for line in found.ledger[:500]:
        row = int(line["row"], 16)
        assert line["action"] == "dropped" and line["after"] == ""
        assert (line["file"], line["place"]) == ("a.jsonl", f"line {row + 1}")
        assert line["before"] == planted.texts[row]
        assert line["detail"].startswith(f"of {found.ids[found.of[row]]} (jaccard ")


def test_clusters_are_listed_the_largest_first(found):
    sizes = Counter(line["cluster"] for line in found.clusters)
    assert [*sizes] == [*range(1, len(sizes) + 1)]
    assert [*sizes.values()] == sorted(sizes.values(), reverse=True)
    assert found.figures["deduplicate.clusters"] == len(sizes)
    assert found.figures["deduplicate.largest"] == sizes[1]
    assert all(
        any(line["kept"] for line in found.clusters if line["cluster"] == i) for i in range(1, 20)
    )


def test_batches_make_no_difference_and_runs_give_the_same_bytes(tmp_path):
    made = duplicates.planted(1500, seed=8, templates=0.2).texts
    runs = []
    for i, batch in enumerate((5000, 5000, 170)):
        (tmp_path / str(i)).mkdir()
        runs.append(Run(tmp_path / str(i), made, batch=batch))
    first, again, small = ({p.name: _digest(p) for p in run.out.iterdir()} for run in runs)
    assert first == again
    assert small["clusters.parquet"] == first["clusters.parquet"]
    assert runs[0].dropped == runs[2].dropped


def test_no_rows(tmp_path):
    assert Run(tmp_path, []).figures["deduplicate.clusters"] == 0


BASE = words.texts(1, 5)[0]
SPELLINGS = {
    "case": ("Grüße aus KÖLN", "grüsse aus köln"),
    "white space": ("one two\tthree", "  one\n\ntwo\u00a0three "),
    "Unicode forms": ("caf\u00e9 \ufb01ne \uff21\uff22", "cafe\u0301 fine AB"),
    "punctuation": ('She said: "Go on, please."', "she said go on please"),
    "quotes": ("\u201cdon\u2019t\u201d he said", '"don\'t" he said'),
    "dots": ("Well... yes!", "well yes"),
    "invisible": ("co\u00adop\u200beration \ufeffworks", "cooperation works"),
    "Chinese": ("今天天气很好。我们去公园", "今天 天气很好 我们去公园"),
    "long word": (
        "see " + "https://example.com/" + "a" * 700,
        "SEE HTTPS://EXAMPLE.COM/" + "A" * 700,
    ),
    "nothing": ("", " \n "),
}
DIFFERENT = {
    "numbers": ("What is 17 + 25?", "What is 17 + 26?"),
    "operators": ("What is 7 + 2?", "What is 7 - 2?"),
    "brackets": ("(1 + 2) * 3", "1 + (2 * 3)"),
    "factorial": ("What is 5! here", "What is 5 here"),
    "point": ("x is .5 now", "x is 5 now"),
    "order": ("dog bites man", "man bites dog"),
    "marks alone": ("?", "!"),
    "joined": ("ab c", "a bc"),
    "Chinese": ("今天天气很好", "今天天气不好"),
    "end of a long word": ("a" * 700 + "b", "a" * 700 + "c"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spelling_tells_no_rows_apart(name, tmp_path):
    run = Run(tmp_path, [*SPELLINGS[name], BASE])
    assert [*run.dropped.values()] == ["exact duplicate"] and 2 in run.kept


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_rows_stay(name, tmp_path):
    assert Run(tmp_path, [*DIFFERENT[name], BASE], near=False).kept == [0, 1, 2]
    assert Run(tmp_path, [*DIFFERENT[name], BASE]).kept == [0, 1, 2]


WHOLE = "The host opens the door, and the guests come in one after the other. They sit down."
BETTER = {
    "a whole end": (WHOLE, WHOLE[:-11]),
    "a mark at the end": (WHOLE, WHOLE[:-1]),
    "closing quotes count as the end": (f'"{WHOLE}"', WHOLE[:-1]),
    "no mojibake": ("It\u2019s late. " + WHOLE, "It\u00e2\u20ac\u2122s late. " + WHOLE),
    "no lost character": ("Müller says: " + WHOLE, "M\ufffdller says: " + WHOLE),
    "no placeholder": ("Anna says: " + WHOLE, "[NAME_1] says: " + WHOLE),
    "letters of both cases": (WHOLE, WHOLE.upper()),
    "a capital first": (WHOLE, WHOLE.lower()),
    "more words": (WHOLE + " It is nine.", WHOLE),
    "longer": (WHOLE.replace(",", ",,"), WHOLE),
    "a Chinese end": ("今天天气很好\uff0c我们去公园散步。", "今天天气很好\uff0c我们去公园散步"),
}


@pytest.mark.parametrize("name", BETTER)
@pytest.mark.parametrize("order", [1, -1])
def test_the_better_row_stays_whatever_their_order(name, order, tmp_path):
    better, worse = BETTER[name]
    run = Run(tmp_path, [better, worse][::order], threshold=0.6)
    assert run.kept == [0 if order == 1 else 1]


def test_of_equal_rows_the_first_id_stays(tmp_path):
    assert Run(tmp_path, [WHOLE] * 3).kept == [0]


def test_punctuation_may_count(tmp_path):
    said = ["Go on, please", "Go on please"]
    assert Run(tmp_path, said, near=False).kept == [0]
    assert Run(tmp_path, said, near=False, punctuation=True).kept == [0, 1]
    assert Run(tmp_path, ["Go on", "go  on"], near=False, punctuation=True).kept == [0]


def test_byte_for_byte(tmp_path):
    run = Run(tmp_path, ["Go on", "go on", "Go on", "Go on "], near=False, normalise=False)
    assert run.kept == [0, 1, 3]
    assert run.figures["deduplicate.exact"] == 1


def test_near_without_exact_and_neither(tmp_path):
    said = [BASE, BASE + " More.", BASE]
    near = Run(tmp_path, said, exact=False)
    assert near.kept == [1] and set(near.dropped.values()) == {"near duplicate"}
    assert Run(tmp_path, said, exact=False, near=False).kept == [0, 1, 2]
    assert Run(tmp_path, said, near=False).kept == [0, 1]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("ngram", [1, 2, 5])
def test_threshold_and_ngram(threshold, ngram, tmp_path):
    made = duplicates.planted(400, seed=int(threshold * 10) + ngram, templates=0).texts
    run = Run(tmp_path, made, threshold=threshold, ngram=ngram, exact=False)
    sets = [duplicates.grams(text, ngram) for text in made]

    def alike(a, b):
        return len(sets[a] & sets[b]) >= threshold * len(sets[a] | sets[b])

    assert all(alike(row, other) for row, other in run.of.items())
    kept = run.kept
    assert not [(a, b) for i, a in enumerate(kept) for b in kept[:i] if alike(a, b)]
    assert len(run.dropped) > 20


def test_short_rows(tmp_path):
    run = Run(tmp_path, ["yes", "Yes.", "no", "yes no", "no yes", "yes no maybe", ""])
    assert len(run.kept) == 6 and len({0, 1} & set(run.kept)) == 1


def test_turns_are_compared_together(tmp_path):
    ask = ("user", "Name a colour of the rainbow, please, and say why you like it so much.")
    chats = [
        (ask, ("assistant", "Red.")),
        (ask, ("assistant", "Blue, as it is the colour of the sea and of the sky in the morning.")),
        (ask, ("assistant", "red")),
        (("system", ""), ask, ("assistant", "Green is calm, and most of what grows is green.")),
    ]
    assert Run(tmp_path, chats).kept == [0, 1, 3]


PROMPT = ("system", words.texts(1, 44)[0])
ANSWERS = [
    "It rains in the north today.",
    "The sun is out, take a hat with you.",
    "it  rains in the north today",
]


def test_a_system_turn_that_all_rows_share_makes_none_of_them_alike(tmp_path):
    chats = [(PROMPT, ("user", f"Day {i}?"), ("assistant", said)) for i, said in enumerate(ANSWERS)]
    assert Run(tmp_path, chats).kept == [0, 1, 2]
    chats = [(PROMPT, ("user", "Well?"), ("assistant", said)) for said in ANSWERS]
    assert Run(tmp_path, chats).dropped == {2: "exact duplicate"}


def test_rows_under_different_system_turns_stay(tmp_path):
    asked = (("user", BASE), ("assistant", ANSWERS[0]))
    chats = [(("system", "Be kind."), *asked), (("system", "Be brief."), *asked), asked]
    assert Run(tmp_path, chats).kept == [0, 1, 2]
    chats.append((("system", "be  kind"), ("user", BASE + " So?"), ("assistant", ANSWERS[0])))
    assert Run(tmp_path, chats, punctuation=True).kept == [0, 1, 2, 3]
    chats[3] = (("system", "Be  kind."), *chats[3][1:])
    assert Run(tmp_path, chats).dropped == {0: "near duplicate"}


def test_a_spelling_of_a_row_that_goes_says_through_which(tmp_path):
    long = "A much better text. " + WHOLE + " " + " ".join(f"word{i}" for i in range(20)) + "."
    near = long + " Last words here."
    spelled = long.replace(" the ", ' "the," ').replace(" word", " . word").rstrip(".")
    run = Run(tmp_path, [near, long, spelled])
    assert run.kept == [0]
    assert run.dropped == {1: "near duplicate", 2: "exact duplicate"}
    detail = next(line["detail"] for line in run.ledger if line["row"] == run.ids[2])
    assert detail.startswith(f"of {run.ids[0]} (jaccard 0.")
    assert detail.endswith(f", through {run.ids[1]})")


def test_a_chain_does_not_pull_unlike_rows_out(tmp_path):
    start = words.texts(1, 12)[0].split()
    chain = [
        " ".join(start[:30] + [f"x{i}" for i in range(k)] + start[30:]) for k in range(0, 60, 6)
    ]
    run = Run(tmp_path, chain)
    assert len({*run.cluster.values()}) == 1 and 1 < len(run.kept) < len(chain)
    for row, other in run.of.items():
        assert duplicates.jaccard(chain[row], chain[other]) >= 0.8


def test_no_clusters_yet(tmp_path):
    with pytest.raises(FtcError, match="no clusters"):
        deduplicate.clusters(tmp_path)


def _digest(path):
    return sha256(path.read_bytes()).hexdigest()
