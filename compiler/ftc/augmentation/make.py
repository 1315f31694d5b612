"""`[[augment.make]]`: one kind of rows to make, of which rows and how many."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ftc.part import Count, Part, Text

Kind = Literal[
    "paraphrase",
    "evolve",
    "self-instruct",
    "restyle",
    "answer",
    "multi-turn",
    "preference",
    "translate",
    "annotate",
    "document-qa",
]
# What of its aims the rows of a kind can meet. Paraphrase words its questions in the tone; answers,
# which tones are measured of, stay.
AIMS: dict[str, tuple[str, ...]] = {
    "paraphrase": ("tone",),
    "evolve": ("task", "tone", "length", "difficulty"),
    "self-instruct": ("task", "tone", "length", "difficulty"),
    "restyle": ("tone", "length"),
    "answer": ("tone", "length"),
    "multi-turn": ("tone", "length"),
    "preference": (),
    "translate": (),
    "annotate": ("task", "tone", "length", "difficulty"),
    "document-qa": ("tone", "length", "difficulty"),
}
CHUNKS: tuple[Kind, ...] = ("annotate", "document-qa")  # kinds that take raw chunks, not rows


class Make(Part):
    """What to make; `task`, `tone`, `length` and `difficulty` aim at what is missing."""

    kind: Kind = Field(description="paraphrase, evolve, self-instruct, restyle, answer, ...")
    model: Text | None = Field(None, description="one of augment.models; default: augment.model")
    rows: Count | None = Field(None, description="rows to make at most; default: per_row for each")
    per_row: Count = Field(1, description="rows to make of one row")
    how: Literal["harder", "broader", "flawed", "ranked"] | None = Field(
        None,
        description="evolve: harder (default) or broader; preference: the answer against a flawed "
        "one (default), or two answers ranked",
    )
    part: Literal["instruction", "input"] | None = Field(
        None, description="paraphrase: what is said in other words; default: instruction"
    )
    task: Text | None = Field(None, description="task type of the new rows, such as summarization")
    tone: Text | None = Field(None, description="tone of the new rows, such as formal")
    length: Literal["short", "medium", "long"] | None = Field(None, description="of the answers")
    difficulty: Literal["easy", "medium", "hard"] | None = None
    language: Text | None = Field(None, description="translate: the language to translate into")
    turns: int = Field(3, ge=2, le=8, description="multi-turn: questions in one chat")
    prompt: Text | None = Field(
        None, description="template file of yours instead of templates/augment/KIND.jinja"
    )
    check_model: Text | None = Field(
        None, description="document-qa: model that checks each pair; default: the same"
    )

    @model_validator(mode="after")
    def _whole(self) -> Make:
        """Keys that a kind needs are there, and keys of other kinds are not."""
        only: dict[str, tuple[str, ...]] = {
            "how": ("evolve", "preference"),
            "part": ("paraphrase",),
            "language": ("translate",),
            "check_model": ("document-qa",),
            "turns": ("multi-turn",),
        }
        for aim in ("task", "tone", "length", "difficulty"):
            only[aim] = tuple(kind for kind, aims in AIMS.items() if aim in aims)
        for key, kinds in only.items():
            if key in self.model_fields_set and self.kind not in kinds:
                raise PydanticCustomError(
                    "augment", "no {key} with kind = {kind}", {"key": key, "kind": self.kind}
                )
        ways = {"evolve": ("harder", "broader"), "preference": ("flawed", "ranked")}
        if self.how is not None and self.how not in ways[self.kind]:
            known = " or ".join(ways[self.kind])
            raise PydanticCustomError(
                "augment", "how = {known} with kind = {kind}", {"known": known, "kind": self.kind}
            )
        if self.how == "ranked" and self.prompt is not None:
            raise PydanticCustomError(
                "augment",
                "no prompt with how = ranked: its answers are asked for by answer.jinja",
                {},
            )
        if self.kind == "translate" and self.language is None:
            raise PydanticCustomError("augment", "a language with kind = translate", {})
        if self.kind == "restyle" and self.tone is None and self.length is None:
            raise PydanticCustomError("augment", "a tone or a length with kind = restyle", {})
        return self
