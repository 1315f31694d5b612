"""`[prepare.annotate]`: how raw chunks become rows of instruction, input and output."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from ftc.part import Count, Part, Text

FIELDS = ("title", "file", "place", "sender", "recipient", "date")
Way = Literal["rules", "file", "argilla"]
WAYS: tuple[Way, ...] = ("rules", "file", "argilla")
Rule = Literal["pairs", "replies", "questions", "headings", "subjects", "titles"]


def _template(value: str) -> str:
    """A `str.format` text of plain `FIELDS`; anything else is refused when the recipe is read."""
    try:
        parts = list(Formatter().parse(value))
    except ValueError as error:
        raise _fault(f"a template; a brace that is meant is written twice ({error})") from error
    for _, name, spec, conversion in parts:
        if name is not None and (name not in FIELDS or spec or conversion):
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise _fault(f"a template with these fields: {known}; {{{name}}} is none of them")
    return value


def _speaker(value: str) -> str:
    """A name, or a regular expression between slashes."""
    if len(value) > 2 and value[0] == value[-1] == "/":
        try:
            re.compile(value[1:-1])
        except re.error as error:
            raise _fault(f"a regular expression between slashes ({error})") from error
    return value


def _ways(value: Any) -> Any:
    """One way may stand without a list; a model is not one of the ways of this step."""
    ways = [value] if isinstance(value, str) and value != "auto" else value
    if ways == "auto" or (isinstance(ways, list) and all(way in WAYS for way in ways)):
        return ways
    more = ': by = "model" needs ftc augment' if isinstance(ways, list) and "model" in ways else ""
    raise _fault(f'"auto" or a list of {", ".join(WAYS)}{more}')


def _fault(expected: str) -> PydanticCustomError:
    return PydanticCustomError("annotate", "{expected}", {"expected": expected})


Template = Annotated[Text, AfterValidator(_template)]
Speaker = Annotated[Text, AfterValidator(_speaker)]


class Pairs(Part):
    """Transcripts: what one speaker asks and the other answers."""

    ask: list[Speaker] = Field(
        min_length=1, description="speakers who ask: names, or /a regular expression/"
    )
    answer: list[Speaker] = Field(
        min_length=1, description="speakers who answer: names, or /a regular expression/"
    )
    min_words: Count = Field(
        4, description='shorter turns ("Got it.") neither ask nor answer and are skipped'
    )


class Questions(Part):
    """Blocks of "Q: ... A: ..."."""

    markers: list[Annotated[list[Text], Field(min_length=2, max_length=2)]] = Field(
        default=[
            ["Q", "A"],
            ["Question", "Answer"],
            ["F", "A"],
            ["Frage", "Antwort"],
            ["Q", "R"],
            ["Question", "Réponse"],
            ["P", "R"],
            ["Pregunta", "Respuesta"],
        ],
        description="what stands before a question and before its answer",
    )


class Subjects(Part):
    """E-mails: the subject asks for the body."""

    template: Template = Field(
        "Write the e-mail with this subject: {title}",
        description="instruction made of {title}, {file}, {place}, {sender}, {recipient}, {date}",
    )


class Titles(Part):
    """Documents: the title asks for the text."""

    template: Template = Field(
        description="instruction made of {title}, {file}, {place}: Write an article about {title}"
    )


class Annotate(Part):
    """Rows by hand come before rows by rules; of the rules, the first that fits a chunk counts."""

    by: Annotated[Literal["auto"] | list[Way], BeforeValidator(_ways)] = Field(
        "auto", description="auto: by hand where a file is named, and by rules; or a list of ways"
    )
    file: Text | list[Text] | None = Field(
        None,
        description="sheet that a person filled, or several: JSONL or CSV, from ftc data annotate",
    )
    argilla: Text | None = Field(
        None, description="records with responses, as Argilla 2 exports them (folder or JSON)"
    )
    rules: list[Rule] | None = Field(
        None, description="rules to use; default: every one that has what it needs"
    )
    pairs: Pairs | None = None
    questions: Questions = Field(default_factory=Questions)
    subjects: Subjects = Field(default_factory=Subjects)
    titles: Titles | None = None
    system: Text | None = Field(None, description="system turn of every row made here")
    unannotated: Literal["auto", "drop", "text"] = Field(
        "auto",
        description="chunks that nothing annotates; text: they go on as pre-training rows; "
        "auto: so with stage = 'pretrain', else they are dropped",
    )

    @model_validator(mode="after")
    def _complete(self) -> Annotate:
        """What is asked for by name has what it needs."""
        ways = () if self.by == "auto" else self.by
        for way in ("file", "argilla"):
            if way in ways and getattr(self, way) is None:
                raise _fault(f'prepare.annotate.{way} beside by = ["{way}"]')
        for rule in ("pairs", "titles"):
            if rule in (self.rules or ()) and getattr(self, rule) is None:
                raise _fault(f"a table [prepare.annotate.{rule}] beside rules = [{rule!r}]")
        return self

    @property
    def sheets(self) -> list[str]:
        """The sheets to read, in their order."""
        if self.file is None or not self.uses("file"):
            return []
        return [self.file] if isinstance(self.file, str) else self.file

    def with_sheet(self, sheet: str) -> Annotate:
        """The same with one sheet more, whatever else rows are made by."""
        by = self.by if self.by == "auto" or "file" in self.by else [*self.by, "file"]
        return self.model_copy(update={"file": [*self.sheets, sheet], "by": by})

    def uses(self, way: Way) -> bool:
        """Whether rows are made this way."""
        if self.by != "auto":
            return way in self.by
        return way == "rules" or getattr(self, way) is not None
