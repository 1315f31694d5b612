"""`[prepare.clean]`: settings of the step of that name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ftc.part import Count, Part, Share, Text

Medium = Literal["prose", "web", "mail", "transcript", "table"]
Identify = Literal["auto", "always", "never"]
Quotes = Literal["keep", "consistent", "straight", "typographic"]


class Clean(Part):
    """What is cleaned; every part can be switched off by itself."""

    mojibake: bool = Field(True, description="repair text that was read in a wrong encoding")
    unicode: bool = Field(
        True, description="compose letters (NFC), drop invisible characters, unify spaces and ends"
    )
    speakers: bool = Field(True, description="write speaker tags in one way: 'Name: '")
    timestamps: bool = Field(True, description="drop the times that a recorder wrote into the text")
    boilerplate: bool = Field(
        True, description="drop cookie lines, disclaimers, 'Sent from my phone', '[Music]'"
    )
    signatures: bool = Field(True, description="drop signatures of e-mails")
    quoted: bool = Field(True, description="drop what an e-mail quotes of earlier ones")
    fillers: bool = Field(True, description="drop 'um', 'you know' and the like, by language")
    stutters: bool = Field(True, description="drop repeated small words: 'the the'")
    punctuation: bool = Field(True, description="one '!' for many, no space before a comma")
    quotes: Quotes = Field(
        "consistent", description="consistent: straight ones in rows that mix them with curly ones"
    )
    whitespace: bool = Field(
        True, description="drop needless spaces and blank lines, outside of code"
    )
    spoken: list[Medium] = Field(
        ["transcript"],
        description="media whose tags, times, fillers and stutters are cleaned",
    )
    extra_fillers: list[Text] = Field(
        default_factory=list, description="further words to drop wherever they stand"
    )
    keep_words: list[Text] = Field(
        default_factory=list, description="words of the lists of fillers to leave in"
    )
    identify: Identify = Field(
        "auto", description="note the language of rows; auto: when prepare.language is set"
    )
    drop_language: bool = Field(
        False, description="drop rows in another language than prepare.language, not only flag them"
    )
    language_letters: Count = Field(
        40, description="letters that a row needs before its language is judged"
    )
    language_probability: Share = Field(
        0.8, description="probability from which a language is believed"
    )
