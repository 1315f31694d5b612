"""What is found: one table of kinds, each with the cheap look that comes before the exact one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.redact import ids, network, numbers, phones, secrets, streets
from ftc.prep.redact.places import Places, read
from ftc.prep.redact.span import KINDS, Span, settle
from ftc.preparation.redact import LOCALES


class _Finder(NamedTuple):
    kinds: frozenset[str]
    gate: str  # RE2; a text without it has nothing of these kinds
    spans: Callable[[str, Places], Iterator[Span]]
    language: str = ""  # looked for only where the recipe's locales name it
    digits: bool = True  # whether each of them has a digit


FINDERS = (
    _Finder(frozenset({"email"}), network.EMAIL_GATE, network.emails, digits=False),
    _Finder(frozenset({"ip"}), network.IP_GATE, network.addresses),
    _Finder(frozenset({"card"}), numbers.CARD_GATE, numbers.cards),
    _Finder(frozenset({"iban"}), numbers.IBAN_GATE, numbers.ibans),
    _Finder(frozenset({"ssn", "id"}), ids.GATE, ids.ids),
    _Finder(frozenset({"phone"}), phones.GATE, phones.phones),
    _Finder(frozenset({"secret"}), secrets.TOKEN_GATE, secrets.tokens, digits=False),
    _Finder(frozenset({"secret"}), secrets.GIVEN_GATE, secrets.given, digits=False),
    *(
        _Finder(frozenset({"address"}), form.gate, form.spans, form.language)
        for form in streets.FORMS
    ),
)
STRUCTURED = tuple(kind for kind in KINDS if kind != "name")


def find(
    text: str, kinds: Iterable[str] = STRUCTURED, locales: Sequence[str] = tuple(LOCALES)
) -> list[Span]:
    """Personal data and secrets in one text, in order, without overlaps; names are not looked for.

    `kinds` are of `span.KINDS`, `locales` as in the recipe.
    """
    return find_all(pa.array([text], pa.string()), kinds, locales).get(0, [])


def find_all(
    texts: pa.Array, kinds: Iterable[str] = STRUCTURED, locales: Sequence[str] = tuple(LOCALES)
) -> dict[int, list[Span]]:
    """`find` over many texts: the spans of each text that has any, by its index, in order."""
    wanted = frozenset(kinds)
    places = read(tuple(locales))
    found: dict[int, list[Span]] = {}
    numbered = _passed(texts, r"\d")
    with_digits = texts.take(numbered)
    for finder in FINDERS:
        if not finder.kinds & wanted or finder.language not in ("", *places.languages):
            continue
        some = with_digits if finder.digits else texts
        at = _passed(some, finder.gate)
        indices = (numbered.take(at) if finder.digits else at).to_pylist()
        for index, text in zip(indices, some.take(at).to_pylist(), strict=True):
            spans = [span for span in finder.spans(text, places) if span.kind in wanted]
            if spans:
                found.setdefault(index, []).extend(spans)
    return {index: settle(found[index]) for index in sorted(found)}


def _passed(texts: pa.Array, gate: str) -> pa.Array:
    """Indices of the texts that the gate lets through."""
    return pc.indices_nonzero(pc.match_substring_regex(texts, gate))
