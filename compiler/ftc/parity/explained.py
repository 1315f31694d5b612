"""A difference of tokens in words: the text of its tokens, what is around them, and the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ftc.parity.align import Span
from ftc.parity.known import Entry, Seen, tokens_reason
from ftc.parity.records import UNTRAINED, Row
from ftc.parity.report import KINDS, Kind, Mode, Reason, RowDifference, Side
from ftc.parity.rows import Found
from ftc.plan import Plan

Pieces = Callable[[Sequence[int]], list[str]]
AROUND = 8  # tokens of context on either side
MOST = 24  # tokens of a run that are given one by one
_BEFORE = 3  # tokens of context by which a reason is found
_SLIDES = 64
_REMEMBERED = 100_000

_UNKNOWN: dict[Kind, str] = {
    "ids": "a template, a system turn or the text itself is laid out in another way",
    "labels": "another mask: train_on_prompt, eot_tokens, train_on_eos, mask_history or a template",
    "mask": "the tool attends to other tokens",
    "role": "the data is read in another way: which answer is wanted, and which is not",
    "cut": "another length, or another way with rows that are too long",
    "dropped": "the tool filtered the row: its length, its turns, or that it was there twice",
    "extra": "the build folders hold other rows than the plan",
    "moved": "the rows were shuffled or sorted",
}
_REMEDY: dict[Kind, str] = {
    "cut": "build both folders anew; then raise training.max_length",
    "dropped": "build both folders anew; then look at the row",
    "extra": "build both folders anew",
    "moved": "build both folders anew",
    "role": "build both folders anew; then look at how the data set is described to each tool",
}


class Explainer:
    """Finds the reason of each difference; remembers those it has seen, for they repeat."""

    def __init__(
        self,
        plan: Plan,
        names: tuple[str, str],
        entries: Sequence[Entry],
        pieces: Pieces,
        mode: Mode,
    ) -> None:
        self.plan, self.names, self.pieces, self.mode = plan, names, pieces, mode
        self.entries = () if mode == "exact" else tuple(entries)
        self._known: dict[object, tuple[Reason, int]] = {}

    def reason(self, found: Found) -> tuple[Reason, Found]:
        """The reason, and the difference where its tokens read as the reason says.

        Tokens that were put in can stand in several places: `\\n<end>` in a<end>\\n<end>\\nb is
        also `<end>\\n`, one token earlier.
        """
        key = self._key(found)
        if key is None or key not in self._known:
            result = self._search(found)
            if key is None or len(self._known) > _REMEMBERED:
                return result[0], _slid(found, result[1])
            self._known[key] = result
        reason, slide = self._known[key]
        return reason, _slid(found, slide)

    def _key(self, found: Found) -> object:
        """All that the reason depends on, for short runs; None: look anew."""
        left, right = found.left, found.right
        (start, stop), (there, end) = found.left_span, found.right_span
        if left is None or right is None or max(stop - start, end - there) > MOST:
            return None
        back = _BEFORE + _slides(found)
        ours = slice(max(0, start - back), stop)
        theirs = slice(max(0, there - back), end)
        sizes = start - ours.start, there - theirs.start, stop == len(left.ids)
        tokens = left.ids[ours], left.labels[ours], right.ids[theirs], right.labels[theirs]
        masks = left.mask[ours], right.mask[theirs]
        return found.kind, sizes, tokens, masks, end == len(right.ids), self._long(found)

    def _search(self, found: Found) -> tuple[Reason, int]:
        for slide in range(_slides(found) + 1):
            for seen in self._seen(_slid(found, slide)):
                reason = tokens_reason(self.entries, self.plan, seen)
                if reason is not None:
                    return reason, slide
        return self._unknown(found.kind), 0

    def _seen(self, found: Found) -> Iterator[Seen]:
        """The difference as the table sees it, once for either tool that it may be laid to."""
        texts = self._text(found.left, found.left_span), self._text(found.right, found.right_span)
        for side in self._owners(found):
            row, span = _side(found, side)
            other, there = _side(found, 1 - side)
            yield Seen(
                kind=found.kind,
                has=self.names[1 - side] if found.kind in ("cut", "dropped") else self.names[side],
                text=texts[side],
                other=texts[1 - side],
                before=self._text(row, (max(0, span[0] - _BEFORE), span[0])),
                count=span[1] - span[0],
                last=row is not None and span[1] == len(row.ids),
                long=self._long(found),
                turn=_trained(row, span[0] - 1) and _trained(other, there[0] - 1),
            )

    def _owners(self, found: Found) -> tuple[int, ...]:
        """The sides that have the tokens, or train on them."""
        if found.kind in ("labels", "mask") and found.left and found.right:
            on = tuple(_on(found.kind, *_side(found, side)) for side in (0, 1))
            return tuple(side for side in (0, 1) if on[side] and not on[1 - side])
        sizes = [stop - start for start, stop in (found.left_span, found.right_span)]
        return tuple(side for side in (0, 1) if sizes[side])

    def _long(self, found: Found) -> bool:
        sizes = [len(row.ids) for row in (found.left, found.right) if row is not None]
        return max(sizes) > self.plan.max_length

    def _text(self, row: Row | None, span: Span) -> str:
        return "" if row is None else "".join(self.pieces(row.ids[slice(*span)]))

    def _unknown(self, kind: Kind) -> Reason:
        exact = 'build both folders anew; if it stays, [data] tokens = "exact"'
        given = "build both folders anew; if it stays, tell us: this should not be"
        return Reason(
            name="",
            what=f"unexplained: {KINDS[kind]}",
            why=f"not a difference that ftc knows; perhaps {_UNKNOWN[kind]}",
            neutralise="never" if self.mode == "exact" or kind in _REMEDY else "exact",
            remedy=_REMEDY.get(kind, given if self.mode == "exact" else exact),
        )

    def spelt(self, found: Found, reason: Reason, place: str) -> RowDifference:
        """The difference with its tokens and the text around them."""
        sides = self._shown(found, 0), self._shown(found, 1)
        fuller = 0 if sides[0].count >= sides[1].count else 1
        row, (start, stop) = _side(found, fuller)
        return RowDifference(
            kind=found.kind,
            part=found.part,
            row=found.row,
            place=place,
            role=found.role,
            before=self._text(row, (max(0, start - AROUND), start)),
            after=self._text(row, (stop, stop + AROUND)),
            sides=sides,
            reason=reason,
        )

    def text(self, found: Found, side: int) -> str:
        """The text of the tokens on one side, of a long run only the start."""
        row, (start, stop) = _side(found, side)
        more = " ..." if stop - start > MOST else ""
        return self._text(row, (start, min(stop, start + MOST))) + more

    def _shown(self, found: Found, side: int) -> Side:
        row, (start, stop) = _side(found, side)
        near = slice(start, min(stop, start + MOST))
        ids = row.ids[near] if row else ()
        return Side(
            row=found.numbers[side],
            role=row.role if row else "",
            index=start,
            count=stop - start,
            ids=ids,
            texts=tuple(self.pieces(ids)),
            trained=tuple(label != UNTRAINED for label in row.labels[near]) if row else (),
            mask=row.mask[near] if row else (),
        )


def _side(found: Found, side: int) -> tuple[Row | None, Span]:
    return (found.left, found.left_span) if side == 0 else (found.right, found.right_span)


def _trained(row: Row | None, place: int) -> bool:
    return row is not None and place >= 0 and row.labels[place] != UNTRAINED


def _on(kind: Kind, row: Row | None, span: Span) -> bool:
    """All tokens of the span are trained on, or attended to."""
    if row is None:
        return False
    if kind == "mask":
        return all(row.mask[slice(*span)])
    return all(label == row.ids[span[0] + at] for at, label in enumerate(row.labels[slice(*span)]))


def _slides(found: Found) -> int:
    """By how many tokens a run that only one tool has can be moved to the left."""
    row, (start, stop) = _inserted(found)
    if row is None or found.kind != "ids":
        return 0
    other = found.right_span[0] if row is found.left else found.left_span[0]
    count = 0
    while (
        count < min(_SLIDES, start, other)
        and row.ids[start - 1 - count] == row.ids[stop - 1 - count]
    ):
        count += 1
    return count


def _inserted(found: Found) -> tuple[Row | None, Span]:
    """The row that alone has the tokens, None when both have some."""
    if found.left_span[0] == found.left_span[1]:
        return found.right, found.right_span
    if found.right_span[0] == found.right_span[1]:
        return found.left, found.left_span
    return None, found.left_span


def _slid(found: Found, count: int) -> Found:
    if not count:
        return found
    one, two = found.left_span, found.right_span
    return replace(
        found,
        left_span=(one[0] - count, one[1] - count),
        right_span=(two[0] - count, two[1] - count),
    )
