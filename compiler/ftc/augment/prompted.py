"""A Distilabel Task that asks by one of our templates."""

from __future__ import annotations

from typing import Any

from ftc.augment import form
from ftc.augment.front import Task


class Prompted(Task):  # type: ignore[misc]  # Distilabel has no types
    """Rows with `values` for the template and a `sample` number; each gets `text`, and `value`, the
    JSON of an answer that is bound to a schema. Both are None when the model gave nothing that can
    be used."""

    template: Any  # a Template: pydantic need not look into it
    add_raw_input: bool = False  # would render every prompt again
    add_raw_output: bool = False

    @property
    def inputs(self) -> list[str]:
        """Columns."""
        return ["values", "sample"]

    @property
    def outputs(self) -> list[str]:
        """Columns."""
        return ["text", "value"]

    def format_input(self, input: dict[str, Any]) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """The chat, and what its answer is bound to."""
        messages = self.template.render(input["values"])
        chat = [{"role": role, "content": content} for role, content in messages]
        return chat, {"schema": self.template.schema, "sample": input["sample"]}

    def format_output(
        self, output: str | None, input: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The columns of one answer; the engine has seen that it can be used."""
        if output is None or not self.template.schema:
            return {"text": output, "value": None}
        return {"text": output, "value": form.value(output)}
