"""A model for Distilabel's tasks that hands what it is asked to the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.front import LLM
from ftc.augment.question import Engine, Fault, Question, Reply


class EngineLLM(LLM):  # type: ignore[misc]  # Distilabel has no types
    """One model of the recipe. `samples` numbers the inputs of a call, all of them 0 by default; an
    input may carry a schema and a sample number of its own, as Distilabel's structured inputs do.

    Each output has the engine's reply or fault as `reply`; a fault has no text.
    """

    engine: Any  # an Engine: pydantic cannot check a protocol
    endpoint: str
    prompt: str
    samples: Sequence[int] | None = None

    @property
    def model_name(self) -> str:
        """As the recipe names it."""
        return self.endpoint

    def generate(
        self, inputs: list[Any], num_generations: int = 1, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """All inputs in one batch; Stopped and FtcError as from `Engine.ask`."""
        engine: Engine = self.engine
        samples = self.samples or [0] * len(inputs)
        questions = [
            self._question(it, sample * num_generations + number)
            for it, sample in zip(inputs, samples, strict=True)
            for number in range(num_generations)
        ]
        found = engine.ask(questions)
        size = num_generations
        return [_output(found[at : at + size]) for at in range(0, len(found), size)]

    def _question(self, given: Any, sample: int) -> Question:
        messages, how = given if isinstance(given, tuple) else (given, {})
        said = tuple((it["role"], it["content"]) for it in messages)
        schema = how.get("schema", "")
        return Question(self.endpoint, said, schema, how.get("sample", sample), self.prompt)


def _output(found: Sequence[Reply | Fault]) -> dict[str, Any]:
    replies = [it if isinstance(it, Reply) else None for it in found]
    return {
        "generations": [it.text if it else None for it in replies],
        "statistics": {
            "input_tokens": [it.tokens_in if it else 0 for it in replies],
            "output_tokens": [it.tokens_out if it else 0 for it in replies],
        },
        "reply": list(found),
    }
