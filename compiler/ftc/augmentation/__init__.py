"""`[augment]`: what a model makes of the rows, as the user says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ftc.augmentation.endpoint import Endpoint
from ftc.augmentation.judge import Judge
from ftc.augmentation.limits import Limits
from ftc.augmentation.make import CHUNKS, Kind, Make
from ftc.part import Part, Share, Text

__all__ = ["CHUNKS", "Augment", "Endpoint", "Judge", "Kind", "Limits", "Make"]

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Augment(Part):
    """Settings of `ftc augment`; `[[augment.make]]` stands once for each kind of rows."""

    make: list[Make] = Field(min_length=1, description="what to make, one table each")
    models: dict[Name, Endpoint] = Field(
        default_factory=lambda: {"default": Endpoint.model_validate({})},
        description="models by a name of yours; default: the small one that comes with ftc",
    )
    model: Name | None = Field(
        None,
        description="model of every kind that names none; default: the first of augment.models",
    )
    judge: Judge | None = Field(None, description="a model that scores rows; default: none does")
    limits: Limits = Field(default_factory=Limits, description="where to stop, whatever is missing")
    max_failed: Share = Field(
        0.2, description="share of failed generations from which the command ends with an error"
    )
    prompts: Text | None = Field(
        None, description="folder of prompt templates that replace those of ftc, by name"
    )
    out: Text | None = Field(None, description="folder of the results; default: augmented/NAME")

    @model_validator(mode="after")
    def _once(self) -> Augment:
        """No table stands twice: it would ask the same and make the same."""
        for number, make in enumerate(self.make, start=1):
            if (first := self.make.index(make) + 1) < number:
                raise PydanticCustomError(
                    "augment",
                    "each [[augment.make]] once: {number} is the same as {first}; "
                    "per_row makes more rows of each",
                    {"number": number, "first": first},
                )
        return self

    @model_validator(mode="after")
    def _priced(self) -> Augment:
        """A limit of the cost has something to count."""
        prices = [price for it in self.models.values() for price in (it.price_in, it.price_out)]
        if self.limits.cost is not None and not any(prices):
            raise PydanticCustomError(
                "augment",
                "price_in and price_out of a model, with limits.cost: none costs anything",
            )
        return self

    @model_validator(mode="after")
    def _known(self) -> Augment:
        """Names of models that are used are names of models that are there."""
        places = {"model": self.model, "judge.model": self.judge.model if self.judge else None}
        for number, make in enumerate(self.make, start=1):
            places[f"make {number} model"] = make.model
            places[f"make {number} check_model"] = make.check_model
        for place, name in places.items():
            if name is not None and name not in self.models:
                known = ", ".join(self.models) or "none"
                raise PydanticCustomError(
                    "augment",
                    "models of [augment.models]: {place} is {name}, known are {known}",
                    {"place": place, "name": name, "known": known},
                )
        return self

    def folder(self, name: str) -> str:
        """Where the results of recipe `name` lie, relative to the recipe's folder."""
        return self.out or f"augmented/{name}"

    def sheet(self, name: str) -> str | None:
        """The sheet of annotations that `ftc augment` fills for `[prepare.annotate]`, relative to
        the recipe's folder; None when no kind takes raw chunks."""
        chunks = any(make.kind in CHUNKS for make in self.make)
        return f"{self.folder(name)}/annotations.jsonl" if chunks else None

    def named(self, name: str | None) -> str:
        """The name of the model that a kind or the judge uses, which may name none."""
        return name or self.model or next(iter(self.models))

    def judges_itself(self) -> str:
        """Which kinds of rows their own maker judges, as a warning; "" when none are."""
        if self.judge is None:
            return ""
        judge = self.models[self.named(self.judge.model)].model
        kinds = [it.kind for it in self.make if self.models[self.named(it.model)].model == judge]
        if not kinds:
            return ""
        told = ", ".join(dict.fromkeys(kinds))
        return f"the judge also makes the rows of kind {told}: models prefer their own text"
