"""Seeds on their way through the questions of a kind, a batch of them at each stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ftc.augment.kind import Made, Refused, Seed
from ftc.augment.kinds import wording
from ftc.augment.question import Ask, Fault
from ftc.prep.rows import Row

Answer = dict[str, Any]  # Any: strings and verdicts of a model, as the schema of a prompt has them


@dataclass(frozen=True)
class Work:
    """A seed, what was said about it so far, and the questions that it took."""

    seed: Seed
    said: Answer = field(default_factory=dict)
    calls: tuple[str, ...] = ()

    def knows(self, **said: Any) -> Work:  # Any: as above
        """The same with more that was said."""
        return replace(self, said=self.said | said)

    def refused(self, reason: str, detail: str = "", *, failed: bool = False) -> Refused:
        """The end of this seed."""
        return Refused(self.seed.row.id, failed, reason, detail, self.calls)


Works = list[Work | Refused]


def started(seeds: Sequence[Seed]) -> Works:
    """All seeds at their first stage."""
    return [Work(seed) for seed in seeds]


def asked(
    ask: Ask,
    prompt: str,
    works: Works,
    values: Callable[[Work], Mapping[str, Any]],
    take: Callable[[Work, Answer], Work | Refused],
    *,
    where: Callable[[Work], bool] = lambda _: True,
    model: str | None = None,
    samples: int = 1,
    sample: int = 0,
) -> Works:
    """One stage: the seeds that are still on their way, and `where` holds, are asked about.

    `take` gets each answer with its strings stripped, unless one recites the prompt. A seed's own
    number is the number of the sample, so that rows made of one seed are answers of their own; a
    kind that samples the same question several times says how many `samples`, and which this is.
    """
    on = [(i, work) for i, work in enumerate(works) if isinstance(work, Work) and where(work)]
    if not on:
        return works
    numbers = [work.seed.number * samples + sample for _, work in on]
    replies = ask(prompt, [values(work) for _, work in on], samples=numbers, model=model)
    done = list(works)
    for (i, work), reply in zip(on, replies, strict=True):
        after = replace(work, calls=(*work.calls, reply.key))
        if isinstance(reply, Fault):
            done[i] = after.refused(reply.reason, reply.detail, failed=True)
        else:
            said = _stripped(reply.value)
            leak = next((text for text in _texts(said) if _leaks(prompt, said, text)), "")
            done[i] = after.refused(wording.LEAK, leak[:200]) if leak else take(after, said)
    return done


def ended(works: Works, born: Callable[[Work], Row]) -> list[list[Made | Refused]]:
    """What came of each seed: its row, or why there is none."""
    return [[work if isinstance(work, Refused) else Made(born(work), work.calls)] for work in works]


def _leaks(prompt: str, said: Answer, text: str) -> bool:
    """Whether a text is the name of its own place in the answer, or orders of the prompt."""
    return text.casefold() in said or wording.recited(prompt, text)


def _texts(said: Answer) -> list[str]:
    """What a model wrote, verdicts and their reasons aside."""
    return [text for key, text in said.items() if isinstance(text, str) and key != "reason"]


def _stripped(value: Any) -> Answer:  # Any: JSON of a model that keeps to the prompt's schema
    return {
        key: said.strip() if isinstance(said, str) else said for key, said in dict(value).items()
    }
