"""Makes the rows of a chunk, and keeps the ledger and the figures of a batch."""

from __future__ import annotations

import json
from collections import Counter

from ftc.prep.annotate import rules
from ftc.prep.annotate.draft import Draft
from ftc.prep.annotate.hand import Answer
from ftc.prep.annotate.recording import PART, Spoken
from ftc.prep.annotate.sheet import MADE
from ftc.prep.ledger import Ledger
from ftc.prep.rows import Row, identity
from ftc.preparation.annotate import Annotate

PAIRS = next(entry.reason for entry in rules.RULES if entry.name == "pairs")
BY_HAND = "written by hand"
BY_MODEL = "written by a model"
CHANGED = "chunk has changed since it was annotated"
# What `extra` says of a finished row alone, or of a chunk alone.
OTHERS = ("tools", "tool_calls", "label", PART)


class Maker:
    """`ledger` and `figures` grow with every chunk."""

    def __init__(self, settings: Annotate) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self.figures: Counter[str] = Counter()

    def rows(
        self, row: Row, part: bool, written: list[Answer], spoken: list[Spoken] | None
    ) -> list[Row]:
        """By hand, else by the first rule that fits, else what the recipe says of the others.

        `part` says that the chunk is not the whole of its text; `spoken` are the pairs of a whole
        recording that begin in it, None where the chunk has no part in any.
        """
        if written:
            return self._by_hand(row, written)
        if spoken is not None:
            self.figures["annotate.pairs"] += len(spoken)
            return [self._chat(row, it.draft, "pairs", PAIRS, it) for it in spoken]
        found = rules.first(row, self.settings, part) if self.settings.uses("rules") else None
        if found is not None:
            entry, drafts = found
            self.figures[f"annotate.{entry.name}"] += len(drafts)
            return [self._chat(row, draft, entry.name, entry.reason) for draft in drafts]
        text = row.turns[0][1]
        if self.settings.unannotated == "text":
            self.figures["annotate.text"] += 1
            self.ledger.add("changed", row.id, "kept as text", file=row.file, place=row.place)
            return [row._replace(form="text", turns=(("text", text),))]
        self.figures["annotate.dropped"] += 1
        self.ledger.add(
            "dropped",
            row.id,
            "not annotated",
            detail="part of a longer text" if part else "",
            file=row.file,
            place=row.place,
            before=text,
        )
        return []

    def _by_hand(self, row: Row, written: list[Answer]) -> list[Row]:
        text = row.turns[0][1]
        answers = {(answer.user, answer.answer): answer for answer in written}
        changed = [it for it in written if it.text.strip() and it.text.split() != text.split()]
        if changed:
            self.ledger.add(
                "flagged",
                row.id,
                CHANGED,
                detail=f"{changed[0].file} {changed[0].place}",
                file=row.file,
                place=row.place,
                before=changed[0].text,
                after=text,
            )
        models = sum(bool(answer.augment) for answer in answers.values())
        self.figures["annotate.hand"] += len(answers) - models
        if models:
            self.figures["annotate.model"] += models
        self.figures["annotate.changed_since"] += bool(changed)
        whole = (0, len(text))
        return [
            self._written(row, Draft(answer.user, answer.answer, whole), answer.augment)
            for answer in answers.values()
        ]

    def _written(self, row: Row, draft: Draft, augment: str) -> Row:
        if not augment:
            return self._chat(row, draft, "hand", BY_HAND)
        made = self._chat(row, draft, "model", BY_MODEL)
        return made._replace(notes=made.notes | {MADE: json.loads(augment)})

    def _chat(
        self, row: Row, draft: Draft, way: str, reason: str, spoken: Spoken | None = None
    ) -> Row:
        """A finished row; the chunk is its parent, or all those that it was said in."""
        made = identity(row.id, draft.user, draft.answer)
        start, end = draft.evidence
        parents = spoken.parents if spoken else (row.id,)
        self.ledger.add(
            "made",
            made,
            reason,
            detail=f"chunk {' and '.join(parents)}, characters {start} to {end}",
            file=row.file,
            place=row.place,
            before=spoken.said if spoken else row.turns[0][1][start:end],
            after=f"{draft.user}\n{draft.answer}",
        )
        system = (("system", self.settings.system),) if self.settings.system else ()
        return row._replace(
            id=made,
            parents=parents,
            form="chat",
            turns=(*system, ("user", draft.user), ("assistant", draft.answer)),
            extra={key: value for key, value in row.extra.items() if key not in OTHERS},
            notes=row.notes | {"by": way, "evidence": [start, end]},
        )
