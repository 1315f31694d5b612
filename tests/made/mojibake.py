"""Texts in many languages by seed, and the same texts read in a wrong encoding."""

# ruff: noqa: RUF001 - marks and letters of many languages are the subject
from __future__ import annotations

from typing import NamedTuple

import ftfy.bad_codecs  # noqa: F401 - registers Windows-1252 as browsers read it, no byte undefined
import numpy as np

# words with the letters that break; punctuation of print where the language has it
VOCABULARY = {
    "en": "the café’s menu isn’t naïve “quoted” words — fiancée résumé façade… don’t you’re it’s "
    "£20 €35 90° Zoë Brontë cooperate déjà vu market morning coffee people © 2024 ½ tea",
    "de": "für Straße Mädchen schön Übung größer Äpfel Öl „Grüße“ müssen weiß heißt Tür fünf "
    "möchte Köln — früher süß Fußgänger Würde und der Tag ist",
    "fr": "été garçon où déjà « bien » l’élève très français naïf Noël forêt sœur cœur ça coûte "
    "être là hôpital élève père mère — août le chat des",
    "es": "año niño mañana ¿qué ¡hola corazón español también está canción pingüino más "
    "jamás árbol útil único así señor la casa del pueblo «cita»",
    "pt": "não coração ação maçã irmã avó português três também você à pão lição ótimo "
    "útil até céu saúde mãe um dia de sol",
    "it": "perché città è più però università già così là caffè virtù lunedì il giorno bello "
    "un’amica dell’acqua «ciao» metà verità",
    "sv": "är på också människor flygplan älskar öppna grön språk får åtta köpa dag och en bok",
    "da": "æble øl år også pæn køkken små første søndag går blå smørrebrød mænd en dag",
    "fi": "hyvää päivää äiti sää työ yö käsi pöytä jäätelö tyttö metsä mies ja talo",
    "is": "þetta maður það góðan daginn æði öll börn þú ert hér veður dagur",
    "pl": "żółć łódź dzień świat ćma gęś źródło są miłość można wróć ściana dom i pies „tak”",
    "cs": "příliš žluťoučký kůň úpěl ďábelské ódy člověk město být říct děti dům a les",
    "hu": "árvíztűrő tükörfúrógép őrült szép nő gyűrű között fű ház és idő",
    "ro": "și țară mâine înainte când față ăsta cuvânt pâine om casă",
    "tr": "güneş çiçek ağaç İstanbul ışık öğretmen şeker büyük küçük ev ve gün",
    "vi": "tiếng Việt người đường được một những ngày học nước và trời đẹp",
    "el": "καλημέρα κόσμε γλώσσα άνθρωπος είναι ημέρα θάλασσα και το σπίτι",
    "ru": "привет мир язык человек день который хорошо ещё съешь и дом",
    "uk": "привіт світ їжак є ґанок мова людина день і дім",
    "ar": "مرحبا بالعالم اللغة العربية كتاب يوم جميل في البيت",
    "he": "שלום עולם שפה עברית ספר יום יפה בבית",
    "hi": "नमस्ते दुनिया भाषा हिन्दी किताब दिन अच्छा घर में",
    "th": "สวัสดี ชาวโลก ภาษาไทย หนังสือ วัน ดี บ้าน",
    "zh": "你好 世界 语言 中文 书 今天 很好 房子",
    "ja": "こんにちは 世界 言語 日本語 本 今日 とても 家",
    "ko": "안녕하세요 세계 언어 한국어 책 오늘 좋은 집",
    "emoji": "great 😀 party 🎉 heart ❤️ family 👨‍👩‍👧 flag 🇩🇪 yes 👍🏽 fire 🔥 done ✅",
    "mathematics": "x² ± √2 ≤ π·r² ∑ ∞ ≠ ½ × 3 ÷ 4 ∂f/∂x α β Δ ∈ ℝ → 90° µm angle area",
}
KINDS = {  # the encodings that UTF-8 was read in, one after the other
    "cp1252": ("sloppy-windows-1252",),
    "latin1": ("latin-1",),
    "double cp1252": ("sloppy-windows-1252", "sloppy-windows-1252"),
    "double latin1": ("latin-1", "latin-1"),
    "mac_roman": ("mac_roman",),
}


class Damaged(NamedTuple):
    """A text that was read wrongly, and what it was."""

    kind: str
    language: str
    text: str
    clean: str


def clean(count: int, seed: int) -> list[tuple[str, str]]:
    """`count` texts of 6 to 60 words as (language, text), the languages in turn."""
    random = np.random.default_rng(seed)
    names = list(VOCABULARY)
    words = {name: VOCABULARY[name].split() for name in names}
    found = []
    for i in range(count):
        name = names[i % len(names)]
        picked = random.choice(words[name], int(random.integers(6, 61))).tolist()
        for at in np.flatnonzero(random.random(len(picked)) < 0.15):
            picked[at] += str(random.choice([",", ".", "?", "!", ":"]))
        found.append((name, " ".join(picked)))
    return found


def damaged(count: int, seed: int) -> list[Damaged]:
    """`count` texts, each of another kind of damage; all have something that broke."""
    found = []
    kinds = list(KINDS)
    for i, (language, text) in enumerate(clean(2 * count, seed)):
        if len(found) == count:
            break
        kind = kinds[i % len(kinds)]
        if not text.isascii():
            found.append(Damaged(kind, language, read_as(text, KINDS[kind]), text))
    return found


def read_as(text: str, encodings: tuple[str, ...]) -> str:
    """The text, written as UTF-8 and read as each of the encodings in turn."""
    for encoding in encodings:
        text = text.encode().decode(encoding)
    return text
