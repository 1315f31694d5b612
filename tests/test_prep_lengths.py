"""Token lengths of prepared rows are those that a build counts; a sample says nearly the same."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import small_models
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import words
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from ftc import recipe
from ftc.data.load import load
from ftc.facts import model, tokens
from ftc.prep import lengths, rows
from ftc.prep.canonical import record
from ftc.prep.quick import PROBES, Quick, QuickCounter, quick, splits_at_spaces
from ftc.prep.rows import Row

LLAMA3 = (  # the regular expression in Llama 3's tokenizer.json
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
CALL = {"name": "look", "arguments": {"where": "here"}}
TOOLS = [{"type": "function", "function": {"name": "look", "description": "looks"}}]
CHATS = [
    Row("1", "a", "", (("user", "Does the dog bark?"), ("assistant", "Yes, all day.")), "chat"),
    Row(
        "2",
        "a",
        "",
        (("system", "Be brief."), ("user", "Where is it?"), ("assistant", "At the door, there.")),
        "chat",
    ),
    Row(
        "3",
        "a",
        "",
        (("user", "Look."), ("assistant", ""), ("tool", "[]"), ("assistant", "Nothing is there.")),
        "chat",
        extra={"tools": TOOLS, "tool_calls": {"1": [CALL]}},
    ),
]
PAIRS = [
    Row(
        "4",
        "a",
        "",
        (("user", "Who?"), ("chosen", "The cat sat."), ("rejected", "No")),
        "preference",
    )
]
SEGMENTS = [
    Row(
        "7",
        "a",
        "",
        (("masked", "<|im_start|>The cat "), ("trained", "sat.<|im_end|>")),
        "segments",
    ),
    Row(
        "8", "a", "", (("trained", "The mat"), ("masked", "The dog"), ("trained", " ")), "segments"
    ),
]
JUDGED = [
    Row("5", "a", "", (("user", "Who?"), ("completion", "The cat.")), "kto", extra={"label": True})
]


def counter(folder, family="chatml"):
    made = small_models.make(folder / family, family)
    return tokens.counter(model.gather(recipe.Model(id=str(made)), folder, True))


@pytest.fixture(scope="module")
def count(tmp_path_factory):
    return counter(tmp_path_factory.mktemp("model"))


def shards(folder, *tables):
    paths = []
    for number, table in enumerate(tables):
        paths.append(folder / f"{number:05}.parquet")
        pq.write_table(table, paths[-1])
    return paths


def texts(*contents):
    return rows.table(
        Row(f"{i:016x}", "a", "", (("text", content),), "text")
        for i, content in enumerate(contents)
    )


def ranked(found, share):
    """Nearest rank."""
    return sorted(found)[max(-(-int(share * 1000) * len(found) // 1000), 1) - 1]


def test_few_rows_are_all_counted(tmp_path, count):
    contents = words.texts(2500, 3, 12)
    paths = shards(tmp_path, texts(*contents[:1700]), texts(*contents[1700:]))
    heard = []
    found = lengths.measure(
        paths, count, seed=1, limits=(20, 10**6), progress=lambda *told: heard.append(told)
    )
    wanted = [count.document(text) for text in contents]
    assert (found.rows, found.counted, found.refused) == (2500, 2500, 0)
    assert found.exact
    assert found.tokenizer
    assert found.tokens == sum(wanted)
    assert found.total == lengths.Spread(
        round(sum(wanted) / 2500, 2),
        ranked(wanted, 0.5),
        ranked(wanted, 0.95),
        ranked(wanted, 0.99),
        max(wanted),
    )
    assert found.answer == found.total
    assert found.prompt == lengths.Spread(0.0, 0, 0, 0, 0)
    assert found.over == ((20, sum(n > 20 for n in wanted)), (10**6, 0))
    for bar in found.histogram:
        assert bar.rows == sum(bar.start <= n < bar.end for n in wanted)
    assert sum(bar.rows for bar in found.histogram) == 2500
    assert 10 < len(found.histogram) <= lengths.BARS + 2
    assert heard[-1] == (2500, 2500)
    assert json.loads(json.dumps(found.as_dict()))["total"]["p99"] == found.total.p99


@pytest.mark.parametrize(
    ("made", "stage"),
    [(CHATS, "sft"), (SEGMENTS, "sft"), (PAIRS, "dpo"), (JUDGED, "kto")],
    ids=lambda part: str(part)[:3],
)
def test_forms_are_counted_as_a_build_counts_them(tmp_path, count, made, stage):
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(record(row)) + "\n" for row in made), "utf-8")
    read = load(recipe.Data(path="train.jsonl", eval=0.0), stage, tmp_path, 1)
    assert len(read.train) == len(made)
    wanted = count.lengths(read.train, stage)
    found = lengths.measure(shards(tmp_path, rows.table(made)), count, seed=1)
    assert found.refused == 0
    assert found.tokens == sum(wanted.total)
    assert found.total.max == max(wanted.total)
    assert found.prompt.mean == round(sum(wanted.prompt) / len(made), 2)
    assert found.answer.max == max(wanted.answer)


def test_forms_may_be_mixed_and_chunks_are_texts(tmp_path, count):
    chunk = Row("6", "a", "", (("chunk", "The mat"),), "chunk")
    text = Row("7", "a", "", (("text", "The cat sat on the mat."),), "text")
    table = rows.table([*CHATS, chunk, *PAIRS, text, *JUDGED])
    found = lengths.measure(shards(tmp_path, table), count, seed=1)
    parts = [
        lengths.measure(shards(tmp_path, rows.table(part)), count, seed=1)
        for part in (CHATS, PAIRS, JUDGED, [chunk], [text])
    ]
    assert found.tokens == sum(part.tokens for part in parts)
    assert found.counted == found.rows == 7


def test_rows_that_a_build_refuses_are_counted_apart(tmp_path):
    strict = counter(tmp_path, "gemma")  # its template refuses a system turn
    bad = Row("8", "a", "", (("user", "What?"), ("user", "This?")), "chat")
    found = lengths.measure(shards(tmp_path, rows.table([*CHATS[:2], bad])), strict, seed=1)
    alone = lengths.measure(shards(tmp_path, rows.table(CHATS[:1])), strict, seed=1)
    assert (found.rows, found.counted, found.refused) == (3, 3, 2)
    assert found.total == alone.total
    none = lengths.measure(shards(tmp_path, rows.table([bad])), strict, seed=1)
    assert (none.refused, none.total.max, none.histogram, none.over) == (1, 0, (), ())


def test_no_rows(tmp_path, count):
    assert lengths.measure([], count, seed=1) is None
    assert lengths.measure(shards(tmp_path, rows.table([])), count, seed=1) is None


def test_without_a_tokenizer_lengths_are_estimated(tmp_path):
    paths = shards(tmp_path, texts("x" * 35), rows.table(CHATS[:1]))
    found = lengths.measure(paths, None, seed=1)
    assert not found.exact
    assert not found.tokenizer
    assert found.total.p50 == 11  # 35 bytes of 3.5 a token, and the end
    assert found.counted == 2


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """60,000 rows, in each file the shorter before the longer, and a few very long ones."""
    contents = words.texts(60_000, 9, 24)
    contents[777] = " ".join(contents[:30])
    contents[40_000] = "東京 " * 300  # short in characters, long in bytes and tokens
    tables = [texts(*sorted(contents[i : i + 20_000], key=len)) for i in range(0, 60_000, 20_000)]
    return shards(tmp_path_factory.mktemp("many"), *tables)


def test_a_sample_says_nearly_the_same(many, count):
    whole = lengths.measure(many, count, seed=1, full=True, limits=(60, 90))
    assert whole.exact
    for seed in (1, 2):
        found = lengths.measure(many, count, seed=seed, limits=(60, 90))
        assert not found.exact
        assert found.tokenizer
        assert 10_000 < found.counted < 12_000
        assert found.total.max == whole.total.max
        for name in ("mean", "p50", "p95", "p99"):
            assert getattr(found.total, name) == pytest.approx(getattr(whole.total, name), rel=0.01)
        assert found.tokens == pytest.approx(whole.tokens, rel=0.005)
        assert sum(bar.rows for bar in found.histogram) == pytest.approx(60_000, abs=10)
        assert found.over[0][1] == pytest.approx(whole.over[0][1], rel=0.1)
        assert found == lengths.measure(many, count, seed=seed, limits=(60, 90))


SIGNS = st.sampled_from(
    [*"abZ019 .,'-_\n\t\r", " ", "  ", "é", "e\u0301", "東", "🙂", "\u00a0", "\u2003"]
)
PARTS = st.lists(
    st.one_of(
        SIGNS, st.sampled_from(["The cat", " sat", "don't", "<|im_end|>", " x", "print(", "12345"])
    ),
    max_size=40,
).map("".join)


def trained(step, *, special=(), model_of=models.BPE, trainer=trainers.BpeTrainer):
    made = Tokenizer(model_of())
    made.pre_tokenizer = step
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        small_models.TEXT * 3,
        trainer(vocab_size=500, initial_alphabet=alphabet, special_tokens=list(special)),
    )
    return made


def byte_level(**more):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False} | more)


def after(*steps):
    return pre_tokenizers.Sequence([*steps, byte_level(use_regex=False)])


LIKE_LLAMA = after(pre_tokenizers.Split(Regex(LLAMA3), "isolated"))
LIKE_SMOL = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), byte_level()])


@pytest.mark.parametrize(
    "step", [byte_level(), LIKE_LLAMA, LIKE_SMOL], ids=["gpt2", "llama3", "smol"]
)
def test_word_by_word_is_the_same_number(step):
    whole = trained(step, special=["<|im_end|>"])
    assert splits_at_spaces(json.loads(whole.to_str()))
    parts = Quick(whole)

    @settings(deadline=None)
    @given(st.lists(PARTS, min_size=1, max_size=4))
    @example(PROBES)
    @example([" a  b ", "a b", "\n a", "a \n b"])
    def same(some):
        wanted = [len(whole.encode(text, add_special_tokens=False)) for text in some]
        got = parts.encode_batch_fast(some, add_special_tokens=False)
        assert list(map(len, got)) == wanted

    same()


@pytest.mark.parametrize(
    "made",
    [
        trained(pre_tokenizers.Metaspace()),
        trained(byte_level(add_prefix_space=True)),
        trained(byte_level(use_regex=False)),
        trained(after(pre_tokenizers.Split(" ", "merged_with_previous"))),
        trained(pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), byte_level()])),
        trained(byte_level(), special=[AddedToken("<a b>", special=True)]),
        trained(byte_level(), special=[AddedToken("<end>", rstrip=True, special=True)]),
    ],
    ids=["metaspace", "prefix", "no regex", "before", "punctuation", "spaced", "strips"],
)
def test_other_tokenizers_count_whole_texts(made):
    assert not splits_at_spaces(json.loads(made.to_str()))


def test_a_quick_counter_counts_the_same(tmp_path):
    for family in small_models.FAMILIES:
        plain = counter(tmp_path, family)
        fast = quick(plain)
        assert type(fast) is QuickCounter, family
        examples = [
            lengths.LAYOUTS[row.form](record(row)) for row in (CHATS[0], CHATS[0], CHATS[-1])
        ]
        examples = [one for one in examples if not plain.refusal(one)]
        assert fast.lengths(examples, "sft") == plain.lengths(examples, "sft")
        assert fast.key == plain.key


def test_the_words_kept_are_bounded(monkeypatch):
    whole = trained(byte_level())
    parts = Quick(whole)
    monkeypatch.setattr("ftc.prep.quick.KEPT", 20)
    for number in range(60):
        text = f"word{number} and word{number} again"
        (got,) = parts.encode_batch_fast([text], add_special_tokens=False)
        assert len(got) == len(whole.encode(text))
    assert len(parts.counts) < 30
    with pytest.raises(ValueError, match="special tokens"):
        parts.encode_batch_fast(["x"], add_special_tokens=True)


def test_quantiles_of_weights():
    spread = lengths._spread(np.array([5, 1, 9]), np.array([1.0, 98.0, 1.0]))
    assert spread == lengths.Spread(1.12, 1, 1, 5, 9)
