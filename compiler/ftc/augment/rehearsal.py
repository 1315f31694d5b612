"""A rehearsal: kinds run over a few seeds with answers made up, and what they ask is counted.

So kinds with several stages reach their later ones, and 100,000 seeds need no pass of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, TypeVar

from ftc.augment import form
from ftc.augment.estimate import Line, Part, figures
from ftc.augment.filler import MOODS, Filler, Mood, chooses, expected, strings
from ftc.augment.kind import Kind, Made, Seed
from ftc.augment.prompts import Prompts, Template
from ftc.augment.providers.answer import estimate
from ftc.augment.providers.structured import said
from ftc.augment.question import Ask, Fault, Question, Reply
from ftc.augmentation import Augment, Make

TURN = 5  # control tokens of a message in common chat templates
IN_WORDS = ("json_object", "none")  # the schema is said in the prompt
A_TOKEN = 4  # characters, as `estimate` has it

Counted = Mapping[str, Callable[[str], int]]  # tokens of a text, by endpoint
Item = TypeVar("Item")


class Asked(NamedTuple):
    """One question, with tokens as they are likely."""

    prompt: str
    endpoint: str
    tokens_in: int
    tokens_out: int


class Run(NamedTuple):
    """One seed in one mood. `rows` is 0 when it was refused, so that stages may be missing."""

    mood: Mood
    asked: list[Asked]
    rows: int


@dataclass
class Rehearsal:
    """An `Ask` that makes answers up."""

    prompts: Prompts
    augment: Augment
    model: str  # of questions that name none
    files: Mapping[str, Path] = field(default_factory=dict)  # templates of the user, by prompt
    counted: Counted = field(default_factory=dict)
    mood: Mood = MOODS[0]
    asked: list[Asked] = field(default_factory=list)
    templates: dict[str, Template] = field(default_factory=dict)  # those that were reached

    def __call__(
        self,
        prompt: str,
        values: Sequence[Mapping[str, Any]],
        *,
        samples: Sequence[int] | None = None,
        model: str | None = None,
    ) -> list[Reply | Fault]:
        """As `Ask`; there are no faults."""
        if prompt not in self.templates:
            self.templates[prompt] = self.prompts.load(prompt, self.files.get(prompt))
        template, endpoint = self.templates[prompt], model or self.model
        found: list[Reply | Fault] = []
        for it, sample in zip(values, samples or [0] * len(values), strict=True):
            messages = template.render(it)
            question = Question(endpoint, messages, template.schema, sample, prompt)
            text = self._made_up(question, it)
            value = form.value(text) if template.schema else None
            found.append(Reply(question.key(""), text, value, paid=False))
        return found

    def _made_up(self, question: Question, values: Mapping[str, Any]) -> str:
        room = A_TOKEN * self.augment.models[question.endpoint].max_tokens
        count = self.counted.get(question.endpoint, estimate)
        sent = list(question.messages)
        if question.schema and self.augment.models[question.endpoint].structured in IN_WORDS:
            sent = said(sent, question.schema)
        read = sum(count(content) + TURN for _, content in sent)
        schema = _parsed(question.schema) if question.schema else {"type": "string"}
        written = -(-expected(schema, values) // A_TOKEN)
        self.asked.append(Asked(question.prompt, question.endpoint, read, written))
        filler = Filler(values, self.mood, question.key(""), room, strings(schema))
        value = filler.value(schema)
        return json.dumps(value, ensure_ascii=False) if question.schema else str(value)


def rehearse(
    make: Make,
    kind: Kind,
    sample: Sequence[Seed],
    seeds: int,
    prompts: Prompts,
    augment: Augment,
    *,
    files: Mapping[str, Path] | None = None,
    counted: Counted | None = None,
) -> Part:
    """What a kind will ask about `seeds` rows like those in `sample` (20 to 100 are enough).

    Nothing is asked.
    """
    model = augment.named(make.model)
    ask = Rehearsal(prompts, augment, model, files or {}, counted or {})

    def run(seed: Seed, ask: Ask) -> int:
        return sum(isinstance(one, Made) for one in kind.make([seed], make, ask)[0])

    return part(make.kind, run, sample, seeds, ask, expected=kind.prompts)


def part(
    what: str,
    run: Callable[[Item, Ask], int],
    sample: Sequence[Item],
    total: int,
    ask: Rehearsal,
    *,
    expected: Sequence[str] = (),
) -> Part:
    """The same for anything that asks about items one by one, such as the judge.

    `run` says how many rows came of an item, 0 when it did not come to its end. `expected` are
    the prompts that are counted once an item when no item of the sample comes to its end.
    """
    runs = []
    for mood in MOODS if total else ():
        if mood.verdict != "yes" and not any(chooses(it.schema) for it in ask.templates.values()):
            continue
        ask.mood = mood
        for item in sample:
            ask.asked = []
            came = run(item, ask)
            runs.append(Run(mood, ask.asked, came))
    whole = [it for it in runs if it.rows and not it.mood.long]
    lines = [_line(what, *key, runs, whole, total, ask) for key in _keys(runs)]
    if not whole:
        missing = [name for name in expected if name not in ask.templates]
        lines += [_unreached(what, name, lines, total, ask) for name in missing]
    rows = fmean(it.rows for it in whole) if whole else 1
    most = max((it.rows for it in runs), default=1) or 1
    return Part(what, total, round(total * rows), total * most, tuple(lines), bool(whole))


def _keys(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Prompts and endpoints in the order in which they were first asked."""
    return list(dict.fromkeys((it.prompt, it.endpoint) for run in runs for it in run.asked))


def _line(
    what: str,
    prompt: str,
    name: str,
    runs: Sequence[Run],
    whole: Sequence[Run],
    total: int,
    ask: Rehearsal,
) -> Line:
    def mine(run: Run) -> list[Asked]:
        return [it for it in run.asked if (it.prompt, it.endpoint) == (prompt, name)]

    endpoint = ask.augment.models[name]
    found = [mine(run) for run in runs]
    every = [it for some in found for it in some]
    usual = [it for run in runs if not run.mood.long for it in mine(run)] or every
    # Of runs that were refused it is not known what they would have asked later.
    counts = [len(mine(run)) for run in whole] or [len(some) for some in found if some]
    written = min(fmean(it.tokens_out for it in usual), endpoint.max_tokens)
    read, longest = fmean(it.tokens_in for it in usual), max(it.tokens_in for it in every)
    most = max(map(len, found)) * total * endpoint.attempts
    return Line(
        what,
        prompt,
        name,
        figures(fmean(counts) * total, read, written, endpoint),
        figures(most, longest, endpoint.max_tokens, endpoint),
        counted=name in ask.counted,
    )


def _unreached(what: str, prompt: str, others: Sequence[Line], total: int, ask: Rehearsal) -> Line:
    """A prompt that nobody has seen filled: once a seed, as long as the longest other."""
    endpoint = ask.augment.models[ask.model]
    per = [it.most.tokens_in / it.most.questions for it in others if it.most.questions]
    longest = max(per, default=endpoint.max_tokens)
    return Line(
        what,
        prompt,
        ask.model,
        figures(total, longest, endpoint.max_tokens / 2, endpoint),
        figures(total * endpoint.attempts, longest, endpoint.max_tokens, endpoint),
        reached=False,
    )


@lru_cache(64)
def _parsed(schema: str) -> Any:  # Any: JSON
    return json.loads(schema)
