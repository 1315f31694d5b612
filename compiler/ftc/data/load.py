"""Loads the data of a recipe: read, understood, sampled, split; every bad row with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ftc import recipe
from ftc.data import formats, hub
from ftc.data.example import Dataset, Example, Message, Rejected, Role
from ftc.data.identity import row_id
from ftc.data.read import read
from ftc.data.split import sample, split
from ftc.data.table import BadRow, Table
from ftc.errors import FtcError

BAD_FROM_THE_START = 100_000  # rows that are all bad: the rest will be bad too


def load(
    data: recipe.Data,
    stage: recipe.Stage,
    folder: Path,
    seed: int,
    limit_bad: int = BAD_FROM_THE_START,
    *,
    offline: bool = False,
    own_ids: bool = False,
) -> Dataset:
    """The rows of a recipe, those of [[data.also]] behind the others; relative paths are relative
    to `folder`, that of the recipe.

    With `own_ids` the rows keep the ids that the file gives them, as `ftc prepare` writes them.

    FtcError when the data cannot be read, or when no row (or none of the first `limit_bad`) is
    good. Single bad rows are in `rejected`.
    """
    kept: list[Example] = []
    rejected: list[Rejected] = []
    files, forms, left_out = [], [], 0
    for rows in data.all:
        table = _table(rows, folder, offline)
        form, good, bad = _examples(table, rows, stage, limit_bad, own_ids)
        if rows.system and all(example.segments for example in good):
            raise FtcError(
                "data.system is given, but rows of segments have no turns",
                hint="write it into the first segment of each row, and leave data.system out",
            )
        some = sample(good, rows.samples, seed)
        kept += some
        rejected += bad
        left_out += len(good) - len(some)
        files.append(table.file)
        forms.append(form)
    if data.eval_path is None:
        train, held_out = split(kept, data.eval, seed)
    else:
        other = read(folder / Path(data.eval_path).expanduser(), data.eval_path)
        _, held_out, more = _examples(other, data, stage, limit_bad, own_ids)
        train, rejected = kept, rejected + more
    return Dataset(
        source=", ".join(dict.fromkeys(files)),
        format=", ".join(dict.fromkeys(forms)),
        train=tuple(train),
        eval=tuple(held_out),
        rejected=tuple(rejected),
        left_out=left_out,
    )


def with_system(dataset: Dataset, text: str) -> Dataset:
    """The same rows, with `text` as system turn of each chat that has none; ids stay."""
    return _each(dataset, lambda example: _with_system(example, text)) if text else dataset


def trimmed(dataset: Dataset, roles: Collection[Role]) -> Dataset:
    """The same rows without white space around the contents of these roles; ids stay."""
    return _each(dataset, lambda example: _trimmed(example, roles)) if roles else dataset


def folded(dataset: Dataset) -> Dataset:
    """The same rows, each system turn in front of the first user turn, a blank line between; ids
    stay.

    So write Mistral's own tokenizers, and LLaMA-Factory's templates for Mistral and Gemma.
    """
    return _each(dataset, _folded)


def without_empty_system(dataset: Dataset) -> Dataset:
    """The same rows, a first system turn with nothing in it left out; ids stay.

    LLaMA-Factory takes one for none, and has no way to write it.
    """
    return _each(dataset, _unsystemed)


def _each(dataset: Dataset, change: Callable[[Example], Example]) -> Dataset:
    train, held = tuple(map(change, dataset.train)), tuple(map(change, dataset.eval))
    return replace(dataset, train=train, eval=held)


def empty_system(example: Example) -> bool:
    """Whether a row begins with a system turn that says nothing."""
    first = example.messages[0] if example.messages else None
    return first is not None and first.role == "system" and not first.content.strip()


def _unsystemed(example: Example) -> Example:
    return replace(example, messages=example.messages[1:]) if empty_system(example) else example


def _folded(example: Example) -> Example:
    if [turn.role for turn in example.messages[:2]] != ["system", "user"]:
        return example
    system, user, *rest = example.messages
    text = system.content.strip()
    first = f"{text}\n\n{user.content}" if text else user.content
    return replace(example, messages=(replace(user, content=first), *rest))


def _trimmed(example: Example, roles: Collection[Role]) -> Example:
    def trim(message: Message | None) -> Message | None:
        if message is None or message.role not in roles:
            return message
        return replace(message, content=message.content.strip())

    return replace(
        example,
        messages=tuple(trim(message) or message for message in example.messages),
        chosen=trim(example.chosen),
        rejected=trim(example.rejected),
        completion=trim(example.completion),
    )


def _with_system(example: Example, text: str) -> Example:
    if not example.messages or example.messages[0].role == "system":
        return example
    return replace(example, messages=(Message("system", text), *example.messages))


def _table(data: recipe.Rows, folder: Path, offline: bool) -> Table:
    if data.path is not None and data.hub is not None:
        raise FtcError("data.path and data.hub are both given", hint="keep one of them")
    if data.path is not None:
        return read(folder / Path(data.path).expanduser(), data.path)
    if data.hub is not None:
        return hub.read(data, offline)
    raise FtcError(
        "data: neither path nor hub is given", hint='for example: path = "data/train.jsonl"'
    )


def _examples(
    table: Table, data: recipe.Rows, stage: recipe.Stage, limit_bad: int, own_ids: bool
) -> tuple[str, list[Example], list[Rejected]]:
    form = formats.choose(table, data, stage)
    if data.format == "columns" and data.columns:
        table = formats.renamed(table, data.columns)
    good: list[Example] = []
    rejected = list(table.rejected)
    for line, row in table.rows:
        try:
            example = form.convert(row)
            known = str(row.get("id") or "") if own_ids else ""
            example = replace(example, id=known or row_id(example), file=table.file, line=line)
        except BadRow as error:
            rejected.append(Rejected(table.file, line, str(error)))
            if not good and len(rejected) >= limit_bad:
                break
            continue
        except RecursionError:
            rejected.append(Rejected(table.file, line, "nested too deeply"))
            continue
        good.append(_with_system(example, data.system) if data.system else example)
    if not good:
        raise _all_bad(table, form, rejected, stage)
    return form.name, good, sorted(rejected, key=lambda bad: bad.line)


def _all_bad(
    table: Table, form: formats.Format, rejected: Sequence[Rejected], stage: recipe.Stage
) -> FtcError:
    reasons = "; ".join(f"line {bad.line}: {bad.reason}" for bad in rejected[:3])
    return FtcError(
        f"{table.file}: all {len(rejected)} rows are bad for format {form.name}: {reasons}",
        hint=f"columns found: {', '.join(table.columns())}; expected {form.expected()}, as in "
        f"{form.row}",
    )
