"""Counts differences by kind and reason, and keeps the first of each to spell out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ftc.parity.report import Group, Reason

TEXTS = 5  # texts of tokens that a group lists


class Tally:
    """Grows with each difference; `listed` says whether one is to be spelt out."""

    def __init__(self, shown: int) -> None:
        self.kinds: Counter[str] = Counter()
        self.listed: Counter[str] = Counter()
        self._shown = shown
        self._groups: dict[tuple[str, str], _Group] = {}

    def add(self, kind: str, reason: Reason, where: str, texts: tuple[str, str] | None) -> bool:
        """Counts one difference at a row (or of a value); True for the first few of its group."""
        group = self._groups.setdefault(
            (kind, reason.name or reason.what), _Group(kind, reason, where)
        )
        group.count += 1
        group.rows.add(where)
        if texts is not None:
            group.texts[texts] += 1
        self.kinds[kind] += 1
        wanted = group.count <= self._shown
        self.listed[kind] += wanted
        return wanted

    def of(self, *, harmless: bool, known: bool) -> int:
        """How many differences are of that sort."""
        return sum(
            group.count
            for group in self._groups.values()
            if group.reason.harmless is harmless and bool(group.reason.name) is known
        )

    def groups(self) -> Iterator[Group]:
        """Unexplained ones first, harmless ones last; the more frequent first."""

        def order(it: _Group) -> tuple[bool, bool, int]:
            return it.reason.harmless, bool(it.reason.name), -it.count

        for it in sorted(self._groups.values(), key=order):
            texts = tuple((*pair, count) for pair, count in it.texts.most_common(TEXTS))
            yield Group(it.reason, it.kind, it.count, len(it.rows), texts, it.first)


class _Group:
    def __init__(self, kind: str, reason: Reason, first: str) -> None:
        self.kind, self.reason, self.first = kind, reason, first
        self.count = 0
        self.rows: set[str] = set()
        self.texts: Counter[tuple[str, str]] = Counter()
