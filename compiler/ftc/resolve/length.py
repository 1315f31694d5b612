"""Settles the length of a row in tokens, and with it how many rows stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ftc.data.chunks import pieces
from ftc.resolve.sheet import Sheet, kept, percentile, with_text

OUTLIER = 2.0  # rows beyond this multiple of the 99th percentile do not set the length (judgment)
PRETRAIN_LENGTH = 2048  # longer documents are split there (judgment)


def settle(sheet: Sheet) -> None:
    """`max_length`, `packing`, what is trained on, and the row counts that follow."""
    choose = _at_least(needed(sheet))
    sheet.settle("max_length", int, choose)
    if sheet.recipe.training.max_length is None:
        sheet.put("max_length", wanted(sheet), _origin(sheet))
    sheet.settle("packing")
    sheet.settle("train_on_prompt")
    length, data = sheet.values["max_length"], sheet.facts.data
    if sheet.recipe.stage == "pretrain" and data.train.exact:
        train = sum(pieces(total, length) for total in data.train.total)
        held = sum(pieces(total, length) for total in data.eval.total)
        text = f"documents, split at {length} tokens"
    else:
        train, held = kept(data.train, length), kept(data.eval, length)
        text = f"rows of at most {length} tokens"
    sheet.known["rows"] = train
    sheet.derived("train_rows", train, text, kind="fact")
    sheet.derived("eval_rows", held, text, kind="fact")


def needed(sheet: Sheet) -> int:
    """Tokens that a row needs: the longest row, unless it is an outlier. 0 without rows."""
    totals = [*sheet.facts.data.train.total, *sheet.facts.data.eval.total]
    if not totals:
        return 0
    if sheet.recipe.stage == "pretrain":
        return min(max(totals), PRETRAIN_LENGTH)
    most = percentile(totals, 0.99) or 0
    return max(totals) if max(totals) <= OUTLIER * most else most


def wanted(sheet: Sheet) -> int:
    """The length that the table chooses, within what the model was trained for."""
    said = sheet.recipe.training.max_length
    if said is not None:
        return said
    value = sheet.table_says("max_length", _at_least(needed(sheet))).value
    shape = sheet.facts.model.shape
    length = int(value) if value is not None else needed(sheet)
    return min(length, shape.max_positions) if shape and shape.max_positions else length


def _origin(sheet: Sheet) -> Any:
    data = sheet.facts.data.train
    counted = "counted" if data.exact else "estimated"
    origin = with_text(
        sheet.origins["max_length"],
        f"rows need up to {needed(sheet)} tokens ({counted}); {sheet.origins['max_length'].text}",
    )
    shape = sheet.facts.model.shape
    if shape and wanted(sheet) == shape.max_positions:
        origin = with_text(origin, f"the model knows {shape.max_positions} positions")
    return origin


def _at_least(need: int) -> Callable[[Sequence[Any]], Any]:
    return lambda choices: next((choice for choice in choices if choice >= need), None)
