"""The step: its parts in their order, and what it says of the rows it changed or dropped."""

from __future__ import annotations

import pyarrow as pa

from ftc.prep import rows as table
from ftc.prep.clean import (
    boilerplate,
    language,
    mail,
    mojibake,
    punctuation,
    quotes,
    speakers,
    speech,
    story,
    times,
    unicode,
    whitespace,
)
from ftc.prep.clean.batch import Batch, Mask
from ftc.prep.ledger import SCHEMA
from ftc.prep.step import Inputs, Outcome, Step
from ftc.preparation.clean import Clean

ORDER = (  # of the parts, and of their names in a reason
    mojibake.NAME,
    unicode.NAME,
    speakers.NAME,
    times.NAME,
    boilerplate.NAME,
    mail.QUOTED,
    mail.SIGNATURES,
    speech.FILLERS,
    speech.STUTTERS,
    punctuation.NAME,
    quotes.NAME,
    whitespace.NAME,
)


def apply(rows: pa.Table, inputs: Inputs) -> Outcome:
    """Clean every turn and title of a batch."""
    settings: Clean = inputs.settings
    wanted = language.known(inputs.prepare.language)
    if not rows.num_rows:
        return Outcome(rows, SCHEMA.empty_table())
    batch = Batch(rows)
    spoken = batch.medium(list(settings.spoken))
    if settings.mojibake:
        mojibake.clean(batch)
    if settings.unicode:
        unicode.clean(batch)
    _surroundings(batch, settings, wanted, spoken)
    found = language.of_rows(batch, settings, wanted, spoken)
    speech.clean(batch, settings, wanted, spoken, found)
    _typography(batch, settings, wanted, spoken)
    return _outcome(batch, settings, wanted, found)


def _surroundings(batch: Batch, settings: Clean, wanted: str | None, spoken: Mask) -> None:
    """What a recorder, a mail program or a site put around the words."""
    mails = batch.medium(["mail"])
    if settings.speakers:
        speakers.clean(batch, spoken, times=not settings.timestamps)
    if settings.timestamps:
        times.clean(batch, spoken)
    if settings.boilerplate:
        boilerplate.clean(batch, mails, batch.medium(["web"]), spoken)
    mail.clean(batch, mails, wanted, signatures=settings.signatures, quoted=settings.quoted)


def _typography(batch: Batch, settings: Clean, wanted: str | None, spoken: Mask) -> None:
    left = batch.role("tool")  # data of programs
    left |= batch.role(table.TRAINED) | batch.role(
        table.MASKED
    )  # a template's own blanks are in them
    if settings.punctuation:
        punctuation.clean(batch, left)
    if settings.quotes != "keep":
        quotes.clean(batch, settings.quotes, wanted, left)
    if settings.whitespace:
        whitespace.clean(batch, spoken, left)


def _outcome(
    batch: Batch, settings: Clean, wanted: str | None, found: language.Languages
) -> Outcome:
    done = batch.result()
    empty = batch.blank()
    foreign = found.other_than(wanted) & ~empty
    gone = empty | foreign if settings.drop_language else empty
    if (found.codes != "").any():
        codes = found.codes.tolist()
        done = table.noted(done, lambda i: {"language": codes[i]} if codes[i] else {})
    if (foreign & ~gone).any():
        done = _flagged(done, foreign)
    ledger = story.told(batch, done, gone, foreign, found, ORDER)
    figures = story.counted(batch, gone, foreign, found, ORDER)
    return Outcome(done.filter(pa.array(~gone)) if gone.any() else done, ledger, figures)


def _flagged(rows: pa.Table, which: Mask) -> pa.Table:
    flagged = [
        [*old, story.FOREIGN] if hit and story.FOREIGN not in old else old
        for old, hit in zip(rows["flags"].to_pylist(), which.tolist(), strict=True)
    ]
    return table.with_column(rows, "flags", flagged)


STEP = Step(
    name="clean",
    apply=apply,
    code=("ftc.prep.clean", "ftc.preparation.clean"),
    libraries=("ftfy", "mail-parser-reply", "py3langid"),
)
