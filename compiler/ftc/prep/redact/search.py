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


class _Finder(NamedTuple):
    kinds: frozenset[str]
    gate: str  # RE2; a text without it has nothing of these kinds
    spans: Callable[[Looked, Places], Iterator[Span]]
    language: str = ""  # looked for only where the recipe's locales name it
    digits: bool = True  # whether each of them has a digit


# The surer kinds first, as in `span.KINDS`: what they take is not looked at again.
FINDERS = (
    _Finder(frozenset({"secret"}), secrets.TOKEN_GATE, secrets.tokens, digits=False),
    _Finder(frozenset({"secret"}), secrets.GIVEN_GATE, secrets.given, digits=False),
    _Finder(frozenset({"iban"}), numbers.IBAN_GATE, numbers.ibans),
    _Finder(frozenset({"card"}), numbers.CARD_GATE, numbers.cards),
    _Finder(frozenset({"ssn", "id"}), ids.GATE, ids.numbers),
    _Finder(frozenset({"ssn", "id"}), ids.LETTERS_GATE, ids.letters),
    _Finder(frozenset({"email"}), network.EMAIL_GATE, network.emails, digits=False),
    _Finder(frozenset({"ip"}), network.IP_GATE, network.addresses),
    _Finder(frozenset({"phone"}), phones.GATE, phones.phones),
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
    finders = [
        finder
        for finder in FINDERS
        if finder.kinds & wanted and finder.language in ("", *places.languages)
    ]
    any_gate = "|".join([r"\d", *(finder.gate for finder in finders if not finder.digits)])
    passed = _passed(texts, any_gate)
    some = texts.take(pa.array(passed))
    numbered = _passed(some, r"\d")
    with_digits = some.take(pa.array(numbered))
    looked = [Looked(text) for text in some.to_pylist()]
    for finder in finders:
        at = _passed(with_digits if finder.digits else some, finder.gate)
        if finder.digits:
            at = numbered[at]
        for index in at.tolist():
            one = looked[index]
            spans = [span for span in finder.spans(one, places) if span.kind in wanted]
            if spans:
                one.spans = settle([*one.spans, *spans])
    found = zip(passed.tolist(), looked, strict=True)
    return {index: one.spans for index, one in found if one.spans}


def _passed(texts: pa.Array, gate: str) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Indices of the texts that the gate lets through."""
    indices = pc.indices_nonzero(pc.match_substring_regex(texts, gate))
    return np.asarray(indices.to_numpy())
