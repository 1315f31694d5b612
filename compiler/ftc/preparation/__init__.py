"""`[prepare]`: where raw material lies and what is done to it, as the user says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ftc.part import Part, Text
from ftc.preparation.annotate import Annotate
from ftc.preparation.clean import Clean
from ftc.preparation.collect import Collect
from ftc.preparation.decontaminate import Decontaminate
from ftc.preparation.deduplicate import Deduplicate
from ftc.preparation.diversity import Diversity
from ftc.preparation.quality import Quality
from ftc.preparation.redact import Redact

Optional = Literal[
    "clean", "redact", "deduplicate", "decontaminate", "annotate", "diversity", "quality"
]


class Prepare(Part):
    """Settings of `ftc prepare`; each step has a table of its own below."""

    sources: list[Text] = Field(min_length=1, description="files, folders or globs of raw material")
    language: Text | None = Field(None, description="ISO 639-1 code that rows are expected in")
    strict: bool = Field(False, description="stop at the first bad file, instead of counting it")
    skip: list[Optional] = Field(default_factory=list, description="steps to leave out")
    out: Text | None = Field(None, description="folder of the results; default: prepared/NAME")
    collect: Collect = Field(default_factory=Collect)
    clean: Clean = Field(default_factory=Clean)
    redact: Redact = Field(default_factory=Redact)
    deduplicate: Deduplicate = Field(default_factory=Deduplicate)
    decontaminate: Decontaminate = Field(default_factory=Decontaminate)
    annotate: Annotate = Field(default_factory=Annotate)
    diversity: Diversity = Field(default_factory=Diversity)
    quality: Quality = Field(default_factory=Quality)

    def settled(
        self, stage: str, eval_path: str | None = None, sheet: str | None = None
    ) -> Prepare:
        """The same with what the rest of the recipe decides: what becomes of raw texts, that no row
        holds what the recipe evaluates on, and the sheet that `ftc augment` fills."""
        texts = stage == "pretrain"
        collect, annotate = self.collect, self.annotate
        if collect.documents == "auto":
            collect = collect.model_copy(update={"documents": "text" if texts else "chunk"})
        if annotate.unannotated == "auto":
            annotate = annotate.model_copy(update={"unannotated": "text" if texts else "drop"})
        clean_of = self.decontaminate
        if eval_path is not None and eval_path not in clean_of.against:
            clean_of = clean_of.model_copy(update={"against": [*clean_of.against, eval_path]})
        if sheet is not None:
            annotate = annotate.with_sheet(sheet)
        changes = {"collect": collect, "annotate": annotate, "decontaminate": clean_of}
        return self.model_copy(update=changes)
