"""Fillers and stutters of spoken rows, by the language of each row."""

from __future__ import annotations

from functools import partial

import numpy as np

from ftc.prep.clean import fillers, hesitations, stutters
from ftc.prep.clean.batch import Batch, Mask
from ftc.prep.clean.language import Languages
from ftc.preparation.clean import Clean

FILLERS = "fillers"
STUTTERS = "stutters"


def clean(
    batch: Batch, settings: Clean, wanted: str | None, spoken: Mask, found: Languages
) -> None:
    """Thin out the spoken turns; a row of unknown language is taken to be in the recipe's."""
    if not spoken.any():
        return
    codes = np.where(found.codes == "", wanted or hesitations.ANY, found.codes)[batch.owners]
    extra, kept = tuple(settings.extra_fillers), tuple(settings.keep_words)
    for code in sorted(set(codes[spoken].tolist())):
        here = spoken & (codes == code)
        if settings.fillers:
            words = hesitations.patterns(code, extra, kept)
            once = partial(fillers.single, found=words)
            batch.rewrite(FILLERS, batch.matching(words.twice, here), once)
            thin = partial(fillers.thinned, found=words)
            batch.rewrite(FILLERS, batch.matching(words.gate, here), thin)
        twice = stutters.patterns(code, kept)
        if settings.stutters and twice is not None:
            for gate, fix in (
                (twice.begun_gate, stutters.begun),
                (twice.twice_gate, stutters.twice),
                (twice.pairs_gate, stutters.pairs),
            ):
                batch.rewrite(STUTTERS, batch.matching(gate, here), partial(fix, found=twice))
