"""`[augment.models.NAME]`: a model and how it is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ftc.part import Count, Part, Text

Provider = Literal["embedded", "openai", "anthropic", "transformers"]
Structured = Literal["auto", "json_schema", "json_object", "none"]


class Endpoint(Part):
    """A model: served by ftc itself, behind an API, or loaded in this process."""

    provider: Provider = Field(
        "embedded",
        description="embedded: served on this machine by ftc; openai: any server with that API",
    )
    model: Text | None = Field(
        None, description="name at the server, a GGUF file, or a folder; default: SmolLM2-135M"
    )
    url: Text | None = Field(None, description="base URL of the API, such as http://host:8000/v1")
    key_env: Text | None = Field(
        None, description="environment variable that holds the API key; never the key itself"
    )
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: Count = Field(512, description="tokens of an answer at most")
    structured: Structured = Field(
        "auto", description="how answers are bound to a schema; auto: as well as the server can"
    )
    in_flight: Count = Field(8, description="questions asked at a time")
    per_minute: Count | None = Field(None, description="questions a minute at most")
    timeout: float = Field(120, gt=0, description="seconds to wait for an answer")
    attempts: Count = Field(4, description="times that a question is asked before it is given up")
    price_in: float = Field(0, ge=0, description="price of a million tokens of the prompt")
    price_out: float = Field(0, ge=0, description="price of a million tokens of the answer")

    @model_validator(mode="after")
    def _whole(self) -> Endpoint:
        """What a provider cannot do without is there."""
        if self.provider in ("openai", "anthropic", "transformers") and self.model is None:
            raise PydanticCustomError(
                "augment", "a model name with provider = {provider}", {"provider": self.provider}
            )
        if self.provider in ("embedded", "transformers") and (self.url or self.key_env):
            raise PydanticCustomError(
                "augment",
                "no url and no key_env with provider = {provider}",
                {"provider": self.provider},
            )
        return self
