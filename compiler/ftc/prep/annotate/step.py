"""The step "annotate": raw chunks become rows of a user's turn and an answer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep import rows as shape
from ftc.prep.annotate import hand, recording
from ftc.prep.annotate.maker import Maker
from ftc.prep.annotate.recording import Spoken
from ftc.prep.rows import Row
from ftc.prep.step import Inputs, Outcome, Step


def apply(rows: pa.Table, inputs: Inputs) -> Outcome:
    """Chunks become rows, in their places; rows that are finished pass as they are."""
    maker = Maker(inputs.settings)
    raw = pc.equal(rows["form"], "chunk")
    chunks, kept = rows.filter(raw), rows.filter(pc.invert(raw))
    written = hand.answers(chunks["id"], inputs.decision)
    looked_at = list(shape.each(chunks))
    spoken = _spoken([row for row in looked_at if row.id not in written], inputs)
    made: list[Row] = []
    places: list[int] = []  # in the batch, of the chunk that each row is made of
    is_chunk = np.array(raw.to_pylist(), bool)
    at = np.flatnonzero(is_chunk).tolist()
    for place, part, row in zip(at, _parts(chunks), looked_at, strict=True):
        found = maker.rows(row, part, written.get(row.id, []), spoken.get(row.id))
        made += found
        places += [place] * len(found)
    all_places = np.concatenate([np.flatnonzero(~is_chunk), np.array(places, np.int64)])
    order = pa.array(np.argsort(all_places, kind="stable"))
    told = [hand.refused(inputs.decision)] if inputs.shard == 0 else []
    figures = maker.figures | {"annotate.chunks": chunks.num_rows, "annotate.passed": len(kept)}
    return Outcome(
        pa.concat_tables([kept, shape.table(made)]).take(order).combine_chunks(),
        pa.concat_tables([*told, maker.ledger.table()]).combine_chunks(),
        {name: float(count) for name, count in sorted(figures.items())},
    )


def _spoken(chunks: list[Row], inputs: Inputs) -> dict[str, list[Spoken]]:
    """Pairs of recordings that were cut; none where chunks repeat the ends of others."""
    overlap = inputs.prepare.collect.overlap
    return {} if overlap else recording.spoken(chunks, inputs.settings)


def _parts(chunks: pa.Table) -> list[bool]:
    """For each chunk, whether it is only a part of its text, as its neighbours tell.

    Parts of a section share file and title, parts of an e-mail or a table's row also the place.
    """
    columns = (chunks[name].to_pylist() for name in ("file", "title", "medium", "place"))
    keys = [
        (file, title, place if medium in ("mail", "table") else "")
        for file, title, medium, place in zip(*columns, strict=True)
    ]
    same = [False, *(one == other for one, other in pairwise(keys)), False]
    return [before or after for before, after in pairwise(same)][: len(keys)]


STEP = Step(
    "annotate",
    apply,
    code=("ftc.prep.annotate", "ftc.data.read", "ftc.data.json_rows", "ftc.data.delimited"),
    files=hand.files,
    gather=hand.gather,
    decide=hand.decide,
)
