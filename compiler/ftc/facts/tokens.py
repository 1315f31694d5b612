"""Token lengths of rows, counted with the model's own tokenizer and chat template."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from ftc import recipe
from ftc.data.example import Example, Message
from ftc.errors import FtcError
from ftc.facts import template, tokenizer
from ftc.facts.records import Lengths, ModelFacts, TokenizerFacts

CHUNK = 1000  # rows a call: one huge call is half as fast (measured, 1 M rows)
BYTES_PER_TOKEN = 3.5
"""UTF-8 bytes a token when there is no tokenizer: a judgment. English prose has about 4 (OpenAI's
rule of thumb), code and other languages fewer; a length that is too high only costs memory. On
English scripts the estimate is 9 % above the count of SmolLM2's tokenizer."""
THINK = "<think>\n\n</think>\n\n"  # LLaMA-Factory 0.9.5, data/template.py, ReasoningTemplate
TURN_TOKENS = 5  # control tokens a turn in the ChatML, Llama 3 and Gemma templates
EXACT = ("sft", "pretrain")  # stages whose rows ftc can write as tokens
Progress = Callable[[int], None]


class RowRefused(FtcError):
    """The model's chat template refuses a row; `reason` says why, without the place."""

    def __init__(self, example: Example, reason: str) -> None:
        super().__init__(
            f"{example.file}:{example.line}: {reason}",
            hint="change the rows, or take a model whose template knows such turns",
        )
        self.reason = reason


@dataclass(frozen=True)
class Counter:
    """Counts with the tokenizer at `path` and `template`; `facts` gives the special tokens.

    The tokenizer is loaded when something is counted: remembered lengths need none.
    """

    path: Path
    template: str
    facts: TokenizerFacts
    reasoning: bool = False
    thinking: bool | None = None  # what the template is told, None: nothing

    @property
    def key(self) -> tuple[str, ...]:
        """All that decides what is counted, beside the rows."""
        known = self.facts
        special = [known.bos, known.eos, known.pad, known.adds_bos, self.reasoning, self.thinking]
        return known.sha256, self.template, json.dumps(special)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer, that neither cuts nor pads."""
        loaded = tokenizer.load(self.path)
        loaded.no_truncation()
        loaded.no_padding()
        return loaded

    @cached_property
    def think(self) -> int:
        """Tokens of an empty think block, 0 for families without one.

        LLaMA-Factory writes one before every answer, the models' own templates before the last or
        none: a length holds one for each, so that neither tool finds a row longer than ftc did.
        """
        if not self.reasoning:
            return 0
        return len(self.tokenizer.encode(THINK, add_special_tokens=False))

    def lengths(
        self, examples: Sequence[Example], stage: recipe.Stage, progress: Progress | None = None
    ) -> Lengths:
        """Tokens per row; RowRefused when the chat template refuses one."""
        total: list[int] = []
        prompt: list[int] = []
        for start in range(0, len(examples), CHUNK):
            part = examples[start : start + CHUNK]
            if stage == "pretrain":
                total += [count + self._extra() for count in self._counts(e.text for e in part)]
                prompt += [0] * len(part)
            else:
                for before, *answered in self._chat_counts(part):
                    prompt.append(before)
                    total.append(max(answered))
            if progress:
                progress(len(total))
        prompt = list(map(min, prompt, total))
        answer = [whole - before for whole, before in zip(total, prompt, strict=True)]
        return Lengths(True, tuple(total), tuple(prompt), tuple(answer))

    def document(self, text: str) -> int:
        """Tokens of a pre-training document as it is trained: with bos, if any, and eos."""
        return self._counts([text])[0] + self._extra()

    def starts(self, text: str) -> list[int]:
        """Where each token of a text starts, in characters."""
        return [start for start, _ in self.tokenizer.encode(text, add_special_tokens=False).offsets]

    def _chat_counts(self, examples: Sequence[Example]) -> Iterator[list[int]]:
        """Per row the tokens of the prompt, and those of prompt and answer for each answer.

        The prompt of a row of segments is all that is not trained.
        """
        rendered = [pieces(example) or self._rendered(example) for example in examples]
        counts = iter(self._counts(text for texts in rendered for text in texts))
        for example, texts in zip(examples, rendered, strict=True):
            own = list(islice(counts, len(texts)))
            if example.segments:
                yield [masked(example, own), sum(own)]
                continue
            yield [
                count + self._thought(example, text, answered=place > 0)
                for place, (count, text) in enumerate(zip(own, texts, strict=True))
            ]

    def _thought(self, example: Example, text: str, *, answered: bool) -> int:
        """Tokens of the empty think blocks that the text lacks, one for each answer."""
        if not self.think:
            return 0
        answers = sum(message.role == "assistant" for message in asked(example)) + answered
        return self.think * max(answers - text.count("</think>"), 0)

    def _extra(self) -> int:
        return 1 + self.facts.adds_bos

    def _counts(self, texts: Iterable[str]) -> list[int]:
        encoded = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(row) for row in encoded]

    def chat(self, example: Example, messages: Sequence[Message], prompt: bool = False) -> str:
        """The messages as the model reads them, with the example's tools; RowRefused."""
        special = tokenizer.variables(self.facts.bos, self.facts.eos, self.facts.pad)
        given = {} if self.thinking is None else {"enable_thinking": self.thinking}
        try:
            return template.render(
                self.template,
                messages,
                special,
                tools=example.tools,
                prompt=prompt,
                variables=given,
            )
        except template.TemplateFault as error:
            raise RowRefused(example, f"the model's chat template {error}") from error

    def _rendered(self, example: Example) -> tuple[str, ...]:
        """The prompt, then prompt and answer: once, or for chosen and for rejected."""
        messages, answers = asked(example), answers_of(example)
        prompt = self.chat(example, messages, prompt=True)
        whole = [self.chat(example, [*messages, answer]) for answer in answers]
        if not whole[0].startswith(prompt):  # the start of an answer holds more than the answer
            prompt = self.chat(example, messages)
        return prompt, *whole

    def refusal(self, example: Example) -> str:
        """Why the chat template refuses a row, "" when it does not, or is not asked."""
        if example.segments:
            return ""
        try:
            self._rendered(example)
        except RowRefused as refused:
            return refused.reason
        return ""


def counter(model: ModelFacts) -> Counter | None:
    """A counter for a model; None when it has no tokenizer. Without a template it uses ChatML."""
    if model.tokenizer is None or model.folder is None:
        return None
    reasons = model.family is not None and model.family.reasoning
    chat = model.tokenizer.chat_template or template.CHATML
    return Counter(model.folder / "tokenizer.json", chat, model.tokenizer, reasons)


def estimate(examples: Sequence[Example], stage: recipe.Stage) -> Lengths:
    """Lengths from UTF-8 bytes, for models without a tokenizer at hand; `exact` is False."""
    if stage == "pretrain":
        total = [_tokens(example.text) + 1 for example in examples]
        return Lengths(False, tuple(total), (0,) * len(total), tuple(total))
    parts = [_estimated(example) for example in examples]
    prompt, answer = [before for before, _ in parts], [after for _, after in parts]
    total = [before + after for before, after in parts]
    return Lengths(False, tuple(total), tuple(prompt), tuple(answer))


def _estimated(example: Example) -> tuple[int, int]:
    if example.segments:
        counts = [_tokens(part.text) for part in example.segments]
        return (before := masked(example, counts)), sum(counts) - before
    before = sum(map(_turn, asked(example))) + _tokens(str(example.tools or ""))
    return before, max(map(_turn, answers_of(example)))


def pieces(example: Example) -> tuple[str, ...]:
    """The texts of a row's segments, each of which is tokenised by itself."""
    return tuple(part.text for part in example.segments)


def masked(example: Example, counts: Sequence[int]) -> int:
    """Tokens that are not trained, of the tokens of each segment."""
    parts = zip(counts, example.segments, strict=True)
    return sum(count for count, part in parts if not part.trained)


def asked(example: Example) -> tuple[Message, ...]:
    """The turns before the (last) answer."""
    return example.messages if _pairs(example) else example.messages[:-1]


def answers_of(example: Example) -> tuple[Message, ...]:
    """The answers: one, or chosen and rejected."""
    found = [example.chosen, example.rejected, example.completion]
    return tuple(answer for answer in found if answer) or example.messages[-1:]


def _pairs(example: Example) -> bool:
    return example.chosen is not None or example.completion is not None


def _turn(message: Message) -> int:
    return _tokens(message.content + str(message.tool_calls or "")) + TURN_TOKENS


def _tokens(text: str) -> int:
    return -(-len(text.encode()) * 2 // int(BYTES_PER_TOKEN * 2))
