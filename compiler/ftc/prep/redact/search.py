"""What is found: one table of kinds, each with the cheap look that comes before the exact one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.redact import ids, network, numbers, phones, secrets, streets
from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import Places, read
from ftc.prep.redact.span import KINDS, Span, settle
from ftc.preparation.redact import LOCALES

_DIGIT = r"\d"  # in everything but what has a gate alone


class _Finder(NamedTuple):
    kinds: frozenset[str]
    gate: str  # RE2; a text without it has nothing of these kinds
    spans: Callable[[Looked, Places], Iterator[Span]]
    first: str = _DIGIT  # looked for before the gate, once for all that have the same
    language: str = ""  # looked for only where the recipe's locales name it


_STREETS = "|".join(form.gate for form in streets.FORMS)
# The surer kinds first, as in `span.KINDS`: what they take is not looked at again.
FINDERS = (
    _Finder(frozenset({"secret"}), secrets.TOKEN_GATE, secrets.tokens, ""),
    _Finder(frozenset({"secret"}), secrets.GIVEN_GATE, secrets.given, ""),
    _Finder(frozenset({"iban"}), numbers.IBAN_GATE, numbers.ibans),
    _Finder(frozenset({"card"}), numbers.CARD_GATE, numbers.cards),
    _Finder(frozenset({"ssn", "id"}), ids.GATE, ids.numbers),
    _Finder(frozenset({"ssn", "id"}), ids.LETTERS_GATE, ids.letters),
    _Finder(frozenset({"email"}), network.EMAIL_GATE, network.emails, ""),
    _Finder(frozenset({"ip"}), network.IP_GATE, network.addresses),
    _Finder(frozenset({"phone"}), phones.GATE, phones.phones),
    *(
        _Finder(frozenset({"address"}), form.gate, form.spans, _STREETS, form.language)
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
    finders = [
        finder
        for finder in FINDERS
        if finder.kinds & wanted and finder.language in ("", *places.languages)
    ]
    gates = dict.fromkeys(_DIGIT if finder.first else finder.gate for finder in finders)
    passed = _passed(texts, "|".join(gates))
    some = texts.take(pa.array(passed))
    looked = [Looked(text) for text in some.to_pylist()]
    fewer = {"": (np.arange(len(some)), some)}
    for finder in finders:
        if finder.first not in fewer:
            at = _passed(some, finder.first)
            fewer[finder.first] = at, some.take(pa.array(at))
        at, among = fewer[finder.first]
        for index in at[_passed(among, finder.gate)].tolist():
            one = looked[index]
            spans = [span for span in finder.spans(one, places) if span.kind in wanted]
            if spans:
                one.spans = settle([*one.spans, *spans])
    found = zip(passed.tolist(), looked, strict=True)
    return {index: one.spans for index, one in found if one.spans}


def _passed(texts: pa.Array, gate: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Indices of the texts that the gate lets through."""
    indices = pc.indices_nonzero(pc.match_substring_regex(texts, gate))
    return np.asarray(indices.to_numpy(), np.int64)
