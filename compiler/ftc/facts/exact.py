"""Rows as tokens, made once for both tools: the model's own template and tokenizer, and a mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from tokenizers import Encoding

from ftc import recipe
from ftc.data.example import Example
from ftc.errors import FtcError
from ftc.facts import spans, tokens
from ftc.facts.records import Lengths, ModelFacts

UNTRAINED = -100  # the label that the loss of every tool leaves out


@dataclass(frozen=True)
class Row:
    """A row as both tools read it: token ids, and for each of them its id or `UNTRAINED`."""

    ids: Sequence[int]
    labels: Sequence[int]


@dataclass(frozen=True)
class ExactCounter(tokens.Counter):
    """Counts, and makes, the tokens that ftc writes; `end` is the text that ends a turn."""

    end: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """All that decides what is counted, beside the rows."""
        return ("exact", self.end, *super().key)

    def lengths(
        self,
        examples: Sequence[Example],
        stage: recipe.Stage,
        progress: tokens.Progress | None = None,
    ) -> Lengths:
        """Tokens per row; RowRefused where a row's answers cannot be told from the rest."""
        if stage == "pretrain":
            return super().lengths(examples, stage, progress)
        total: list[int] = []
        prompt: list[int] = []
        for start in range(0, len(examples), tokens.CHUNK):
            part = examples[start : start + tokens.CHUNK]
            for example, (parts, found) in zip(part, self._encoded(part), strict=True):
                total.append(sum(map(len, parts)))
                prompt.append(
                    sum(end <= found[-1][0] for _, end in parts[0].offsets)
                    if found
                    else tokens.masked(example, list(map(len, parts)))
                )
            if progress:
                progress(len(total))
        answer = [whole - before for whole, before in zip(total, prompt, strict=True)]
        return Lengths(True, tuple(total), tuple(prompt), tuple(answer))

    def refusal(self, example: Example) -> str:
        """Why a row cannot be written as tokens, "" when it can."""
        if example.segments:
            return ""
        try:
            spans.answers(example, self, self.end)
        except tokens.RowRefused as refused:
            return refused.reason
        return ""

    def rows(
        self, examples: Sequence[Example], stage: recipe.Stage, *, everything: bool
    ) -> Iterator[Row]:
        """The rows of a file, in order; RowRefused, FtcError where there is no end of text.

        Chats train each answer with its end, or every token with `everything`; documents are
        bos, where the tokenizer writes one, text and eos, and train every token. Segments stand one
        behind the other with nothing between or around them, as `type: input_output` of Axolotl
        writes them; those that are labelled are trained. The first token of a row is never trained:
        nothing predicts it, but LLaMA-Factory would count it when it averages the loss, and Axolotl
        would not.
        """
        for start in range(0, len(examples), tokens.CHUNK):
            part = examples[start : start + tokens.CHUNK]
            if stage == "pretrain":
                yield from self._documents(part)
                continue
            for example, (parts, found) in zip(part, self._encoded(part), strict=True):
                ids = [number for encoding in parts for number in encoding.ids]
                if everything:
                    labels = _all(ids)
                else:
                    labels = _labels(parts[0], found) if found else _kept(example, parts)
                yield Row(ids, labels)

    def _encoded(
        self, examples: Sequence[Example]
    ) -> Iterator[tuple[list[Encoding], list[spans.Span]]]:
        """A chat whole, and where its answers stand; segments one by one, and no such places."""
        told = [self._told(example) for example in examples]
        every = [text for texts, _ in told for text in texts]
        encoded = iter(self.tokenizer.encode_batch(every, add_special_tokens=False))
        for texts, found in told:
            yield list(islice(encoded, len(texts))), found

    def _told(self, example: Example) -> tuple[Sequence[str], list[spans.Span]]:
        if example.segments:
            return tokens.pieces(example), []
        text, found = spans.answers(example, self, self.end)
        return [text], found

    def _documents(self, examples: Sequence[Example]) -> Iterator[Row]:
        first = [self._id(self.facts.bos)] if self.facts.adds_bos else []
        last = [self._id(self.facts.eos)]
        texts = [example.text for example in examples]
        for encoding in self.tokenizer.encode_batch(texts, add_special_tokens=False):
            ids = [*first, *encoding.ids, *last]
            yield Row(ids, _all(ids))

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token) if token else None
        if found is None:
            raise FtcError(
                f"{self.path}: has no token {token!r}" if token else f"{self.path}: names no eos",
                hint='leave data.tokens = "exact" out, or mend the tokenizer files',
            )
        return int(found)


def counter(model: ModelFacts, thinking: bool) -> ExactCounter | None:
    """A counter of exact tokens for a model; None when it has no tokenizer at hand."""
    native = tokens.counter(model)
    if native is None:
        return None
    family = model.family
    asks = thinking or (family is not None and family.reasoning)
    return ExactCounter(
        native.path,
        native.template,
        native.facts,
        thinking=thinking if asks else None,
        end=(family.turn_end if family else "") or native.facts.eos,
    )


def _all(ids: Sequence[int]) -> list[int]:
    return [UNTRAINED, *ids[1:]]


def _kept(example: Example, parts: Sequence[Encoding]) -> list[int]:
    labels = [
        number if segment.trained else UNTRAINED
        for segment, encoding in zip(example.segments, parts, strict=True)
        for number in encoding.ids
    ]
    return [UNTRAINED, *labels[1:]] if labels else []


def _labels(encoding: Encoding, found: Sequence[spans.Span]) -> list[int]:
    """A token is trained when it holds a sign of an answer, were it with the blank before it."""
    labels = [UNTRAINED] * len(encoding)
    ahead = chain(found, [(1 << 62, 1 << 62)])
    start, stop = next(ahead)
    for place, (token, (first, last)) in enumerate(
        zip(encoding.ids, encoding.offsets, strict=True)
    ):
        while first >= stop:
            start, stop = next(ahead)
        if last > start:
            labels[place] = token
    return labels
