"""An `Ask` that renders prompts as the engine does, and answers from a list, in order."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import jsonschema

from ftc.augment.prompts import Prompts, Template
from ftc.augment.question import Fault, Reply


@cache
def template(name: str) -> Template:
    """A template of ftc."""
    return Prompts(None).load(name)


class Prepared:
    """Each answer is {template: value}; a text instead of an object is the reason of a fault."""

    def __init__(self, answers: Iterable[Mapping[str, Any]]) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []
        self.models: list[str | None] = []
        self.samples: list[int] = []

    def __call__(
        self,
        prompt: str,
        values: Sequence[Mapping[str, Any]],
        *,
        samples: Sequence[int] | None = None,
        model: str | None = None,
    ) -> list[Reply | Fault]:
        """As `ftc.augment.question.Ask`."""
        numbers = samples or [0] * len(values)
        return [
            self._one(prompt, it, number, model) for it, number in zip(values, numbers, strict=True)
        ]

    def _one(
        self, prompt: str, values: Mapping[str, Any], sample: int, model: str | None
    ) -> Reply | Fault:
        said = "\n".join(content for _, content in template(prompt).render(values))
        self.prompts.append(said)
        self.models.append(model)
        self.samples.append(sample)
        key = f"call {len(self.prompts)}"
        assert self.answers, f"no answer prepared for: {said}"
        ((name, answer),) = self.answers.pop(0).items()
        assert name == prompt
        if isinstance(answer, str):
            return Fault(key, answer)
        jsonschema.validate(answer, json.loads(template(prompt).schema))
        return Reply(key, json.dumps(answer), answer)
