"""Broken encodings are repaired, and texts that are whole stay as they are."""

# ruff: noqa: RUF001 - marks of print are the subject
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from faker import Faker
from ftfy.badness import is_bad
from hypothesis import given
from hypothesis import strategies as st
from made import mojibake, words

from ftc.prep import rows as table
from ftc.prep.clean import STEP
from ftc.prep.clean.batch import Batch
from ftc.prep.clean.mojibake import repaired, suspect
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare

LOCALES = ["cs_CZ", "de_DE", "el_GR", "es_ES", "fa_IR", "fr_FR", "he_IL", "hy_AM", "it_IT"]
LOCALES += ["ja_JP", "ka_GE", "ko_KR", "pl_PL", "pt_BR", "ru_RU", "th_TH", "vi_VN", "zh_CN"]


def cleaned(texts, **settings):
    prepare = Prepare(sources=["x"], clean=settings)
    found = table.table(Row(str(i), "f", "p", (("chunk", t),)) for i, t in enumerate(texts))
    return STEP.apply(found, Inputs(Path(), prepare, prepare.clean, 0))


@pytest.mark.parametrize("seed", [11, 12])
def test_repaired(seed):
    found = mojibake.damaged(2_800, seed)
    done = table.contents(cleaned([one.text for one in found]).rows).to_pylist()
    kinds = Counter(one.kind for one in found)
    right = Counter(one.kind for one, text in zip(found, done, strict=True) if text == one.clean)
    assert set(kinds) == set(mojibake.KINDS)
    for kind in ("cp1252", "latin1", "double cp1252", "double latin1"):
        assert right[kind] == kinds[kind], kind
    assert right.total() >= 0.99 * kinds.total()
    assert {one.language for one in found} == set(mojibake.VOCABULARY)


def test_whole_texts_stay():
    texts = [text for _, text in mojibake.clean(2_800, 21)]
    assert [repaired(text) for text in texts] == texts


def test_texts_of_faker():
    """Texts of another make: whole ones stay, damaged ones come back."""
    for locale in LOCALES:
        fake = Faker(locale)
        fake.seed_instance(5)
        texts = [fake.text(300) for _ in range(30)]
        assert [repaired(text) for text in texts] == texts, locale
        for kind, encodings in mojibake.KINDS.items():
            broken = [mojibake.read_as(text, encodings) for text in texts]
            assert [repaired(text) for text in broken] == texts, (locale, kind)


def test_english_stays_byte_for_byte():
    """Every part of the step, on text that is as it should be."""
    texts = words.texts(2_000, 3)
    outcome = cleaned(texts)
    assert table.contents(outcome.rows).to_pylist() == texts
    assert outcome.ledger.num_rows == 0
    assert outcome.figures == {"clean.changed": 0, "clean.dropped": 0, "clean.flagged": 0}


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("the guide itself has donâ€™t", "the guide itself has don’t"),
        ("â€œquotedâ€\ufffd", "“quoted”"),
        ("whole “café”, broken cafÃ©", "whole “café”, broken café"),
        ("Καλημέρα\nbroken cafÃ© â€” here", "Καλημέρα\nbroken café — here"),
        ("double: cafÃƒÂ©\nonce: cafÃ©", "double: café\nonce: café"),
        ("–º–∏—Ä", "мир"),
        ("√§iti ja √§iti", "äiti ja äiti"),
    ],
)
def test_cases(broken, whole):
    assert repaired(broken) == whole


@pytest.mark.parametrize(
    "text",
    [
        "√π + √π r = 2√π",
        "« Été » — “École”, —État",
        "ÂNGELO É O MÃE DE AÇÃO",
        "(╯°□°)╯︵ ┻━┻ ¯\\_(ツ)_/¯",
        "5 µm ± 2 °C, x² ≤ ½, £20–€35",
        "naïve façade, Größe, smörgåsbord, œuvre, ﬁne ligature",
        "&amp; entities, ＦＵＬＬ width and ‘curly’ quotes are left to others",
    ],
)
def test_nothing_else_of_the_library_is_used(text):
    assert repaired(text) == text


LETTERS = st.characters(codec="utf-8", max_codepoint=0xFFFF) | st.sampled_from(
    list("".join(mojibake.read_as(text, ("latin-1",)) for _, text in mojibake.clean(28, 1)))
    + list(mojibake.damaged(200, 2)[0].text)
    + list("ÃÂØÙàœŒ√≈‚вЂā€β°®´ \x93\xa0aZ.")
)


@given(st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=40))
def test_what_is_repaired_is_suspected(texts):
    """The quick look in front of ftfy lets everything through that would be repaired."""
    batch = Batch(table.table(Row(str(i), "f", "p", (("chunk", t),)) for i, t in enumerate(texts)))
    for text, seen in zip(texts, suspect(batch), strict=False):
        assert seen or not is_bad(text)
