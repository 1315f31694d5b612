"""Token texts: whatever the tokenizer makes of a text, its pieces give the text back."""

from functools import cache
from pathlib import Path

import pytest
import small_models
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from ftc.parity.pieces import pieces

MIXED = "Grüße, 東京 Ελλάδα 🎉👩‍👩‍👧 naïve\u0301\x00\tcafé\r\n\ufffd"
MARKS = st.sampled_from(["<|im_start|>", "<|im_end|>\n", "</s>", "[INST]", "<think>\n\n</think>"])
TEXTS = st.lists(st.text(max_size=30) | MARKS | st.just(MIXED), max_size=6).map("".join)


@cache
def byte_level(family):
    row = small_models.FAMILIES[family]
    return Tokenizer.from_str(small_models._tokenizer(tuple(row["special"]), ""))


@cache
def sentence_piece(metaspace):
    """A vocabulary as Llama 2, Mistral and Gemma have it: spaces as ▁, rare bytes by number."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += [*"▁abcdefghijklmnopqrstuvwxyzGßü", "▁t", "▁th", "▁the"]
    merges = [("▁", "t"), ("▁t", "h"), ("▁th", "e")]
    vocabulary = {word: number for number, word in enumerate(words)}
    it = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    it.add_special_tokens(["<s>", "</s>"])
    rest = [decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    if metaspace:
        it.pre_tokenizer = pre_tokenizers.Metaspace("▁", "first", split=False)
        it.decoder = decoders.Sequence([decoders.Metaspace("▁", "never"), *rest])
    else:
        prepend = normalizers.Prepend("▁")
        it.normalizer = normalizers.Sequence([prepend, normalizers.Replace(" ", "▁")])
        it.decoder = decoders.Sequence([decoders.Replace("▁", " "), *rest])
    return it


@pytest.mark.parametrize("family", ["chatml", "qwen3", "llama3", "gemma", "deepseek-r1"])
@settings(deadline=None)
@given(text=TEXTS)
def test_byte_level_pieces_are_the_text(family, text):
    tokenizer = byte_level(family)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    found = pieces(tokenizer)(ids)
    assert len(found) == len(ids)
    assert "".join(found) == text


@pytest.mark.parametrize("metaspace", [False, True])
@settings(deadline=None)
@given(text=TEXTS)
def test_sentence_piece_pieces_are_the_text_and_its_added_spaces(metaspace, text):
    tokenizer = sentence_piece(metaspace)
    coded = tokenizer.encode(text, add_special_tokens=False)
    found = pieces(tokenizer)(coded.ids)
    assert len(found) == len(coded.ids)
    plain = text.replace("▁", " ")
    assert "".join(found).replace(" ", "") == plain.replace(" ", "")
    assert len("".join(found)) <= len(plain) + coded.tokens.count("</s>") + 1


def test_a_character_of_several_tokens_stands_at_the_first():
    tokenizer = byte_level("chatml")
    ids = tokenizer.encode("a🎉b", add_special_tokens=False).ids
    assert pieces(tokenizer)(ids) == ["a", "🎉", "", "", "", "b"]


def test_bytes_of_a_cut_character_and_unknown_ids_are_named():
    tokenizer = byte_level("chatml")
    start, *_, end = tokenizer.encode("🎉", add_special_tokens=False).ids
    of = pieces(tokenizer)
    assert of([start, end]) == ["<0xF0>", "<0x89>"]
    assert of([end, start, 99999]) == ["<0x89>", "<0xF0>", "<id 99999>"]
    assert of([]) == []


def test_the_unknown_token_is_shown_as_it_is():
    of = pieces(sentence_piece(False))
    assert of([0, 1]) == ["<unk>", "<s>"]


def test_a_shipped_tokenizer_file(tmp_path: Path):
    folder = small_models.make(tmp_path / "model", "llama3")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids = tokenizer.encode(MIXED).ids
    assert "".join(pieces(tokenizer)(ids)) == "<|begin_of_text|>" + MIXED
