"""`[prepare.redact]`: which personal data and secrets are replaced, and how they can come back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ftc.part import Part, Text

Kind = Literal["email", "phone", "card", "iban", "ip", "ssn", "id", "secret", "address"]
KINDS: list[Kind] = ["email", "phone", "card", "iban", "ip", "ssn", "id", "secret", "address"]
LOCALES: list[Text] = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES"]


class Redact(Part):
    """Settings of the step that puts `[EMAIL_1]` where an e-mail address was."""

    kinds: list[Kind] = Field(
        default_factory=lambda: list(KINDS), description="what is replaced, beside names"
    )
    locales: list[Text] = Field(
        default_factory=lambda: list(LOCALES),
        min_length=1,
        description="where the data is from, as en_US: phone numbers without a country code, "
        "ids that only their words tell apart, and addresses are read this way",
    )
    names: bool = Field(
        False, description="replace people's names too: needs spaCy, about 75 rows a CPU-second"
    )
    keep_speakers: bool = Field(
        True, description="leave the names in front of a transcript's turns as they are"
    )
    document: Literal["file", "row"] = Field(
        "file", description="within what the same value has the same number: a file, or a row"
    )
    key: Text | None = Field(
        None,
        description="file with at least 32 random bytes; with it, the originals are kept "
        "encrypted in the ledger. Without one they cannot be had back",
    )
