"""What a run of `ftc augment` came to, by kind and as a whole, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ftc.augment.counted import Counts
from ftc.augment.stage import Shard


@dataclass
class Line:
    """One `[[augment.make]]`, or the judge.

    `seeds` were asked about; `other` are rows that are no seeds for the kind. Of the seeds came
    `made` rows, `failed` (no answer that can be used) and `refused` (by a check of the kind), by
    reason. Of the made rows `filtered` went, by reason, and `kept` are trained on. `questions`,
    `tokens` and `seconds` (of waiting, added up) are those of all answers, `paid` of this run.
    """

    number: int
    kind: str
    model: str
    seeds: int = 0
    other: Counter[str] = field(default_factory=Counter)
    made: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    scores: int = 0
    score_sum: float = 0.0
    questions: int = 0
    paid: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        """Mean of the judge's scores, from 0 to 1; None when no row was scored."""
        return self.score_sum / self.scores if self.scores else None

    def add(self, shard: Shard) -> None:
        """Count what came of some seeds, and what was asked about them."""
        self.asked(shard.counts)
        self.seeds += shard.seeds
        self.made += len(shard.rows)
        for it in shard.refused:
            (self.failed if it.failed else self.refused)[it.reason] += 1
        for row in shard.rows:
            if "judge" in row.notes:
                self.scores += 1
                self.score_sum += row.notes["judge"]["score"]

    def asked(self, counts: Counts) -> None:
        """Add what was asked."""
        self.questions += counts.asked
        self.paid += counts.paid
        self.tokens_in += counts.tokens_in
        self.tokens_out += counts.tokens_out
        self.seconds += counts.seconds

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        said = asdict(self) | {"score": self.score}
        del said["score_sum"]
        counters = ("other", "failed", "refused", "filtered")
        return said | {name: ordered(getattr(self, name)) for name in counters}


@dataclass(frozen=True)
class Report:
    """A whole run. `stopped` says which limit ended it; "" when it came to its end.

    `calls` are the sums of the ledger by endpoint, over all runs. `tokens` counts the tokens of the
    rows themselves: (human, made), and `counted` says by what. `tried` are rows that a try made,
    before any was filtered, as `ftc.prep.canonical.record` lays them out.
    """

    name: str
    folder: str
    lines: tuple[Line, ...]
    judging: Line
    judge: dict[str, Any]
    human: int
    held_out: int
    tokens: tuple[int, int]
    counted: str
    paid: int  # calls answered in this run
    calls: tuple[dict[str, Any], ...]
    faults: Mapping[str, int]
    tried: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    stopped: str = ""
    written: bool = True

    @property
    def kept(self) -> int:
        """Made rows that are trained on."""
        return sum(line.kept for line in self.lines)

    @property
    def share(self) -> float:
        """Made rows of all rows that are trained on."""
        return self.kept / max(1, self.human + self.kept)

    @property
    def token_share(self) -> float:
        """Tokens in made rows of those in all rows that are trained on."""
        human, made = self.tokens
        return made / max(1, human + made)

    @property
    def failed_share(self) -> float:
        """Seeds whose questions got no answer that can be used, of all seeds."""
        failed = sum(line.failed.total() for line in self.lines)
        return failed / max(1, sum(line.seeds for line in self.lines))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        lines = {"lines": [line.as_dict() for line in self.lines]}
        said = asdict(self) | lines | {"judging": self.judging.as_dict()}
        shares = {"share": self.share, "token_share": self.token_share}
        return said | shares | {"kept": self.kept, "failed_share": self.failed_share}


def ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Most first, then by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
