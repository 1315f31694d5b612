"""An `Ask` that renders ftc's templates and answers from a list of prepared JSON, in order."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import jsonschema

from ftc import resources
from ftc.augment.question import Fault, Reply

FOLDER = resources.folder("templates") / "augment"


def data(text: str, tag: str) -> str:
    """A row's text between tags."""
    return f"<{tag}>\n{text}\n</{tag}>"


_LOADED = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_LOADED.filters["data"] = data


def rendered(prompt: str, values: Mapping[str, Any]) -> str:
    """The block `system`, a blank line, and the block `user`."""
    template = _LOADED.get_template(f"{prompt}.jinja")
    context = template.new_context(dict(values))
    return "\n".join("".join(template.blocks[name](context)) for name in ("system", "user"))


def schema(prompt: str) -> dict[str, Any]:
    """The schema beside a template."""
    found: dict[str, Any] = json.loads(Path(FOLDER / f"{prompt}.schema.json").read_text("utf-8"))
    return found


class Prepared:
    """Each answer is {template: value}; a text instead of an object is the reason of a fault."""

    def __init__(self, answers: Iterable[Mapping[str, Any]]) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []
        self.samples: list[int] = []
        self.models: list[str | None] = []

    def __call__(
        self,
        prompt: str,
        values: Sequence[Mapping[str, Any]],
        *,
        samples: Sequence[int] | None = None,
        model: str | None = None,
    ) -> list[Reply | Fault]:
        """As `ftc.augment.question.Ask`."""
        found: list[Reply | Fault] = []
        for number, value in enumerate(values):
            self.prompts.append(rendered(prompt, value))
            self.samples.append(samples[number] if samples else 0)
            self.models.append(model)
            key = f"call {len(self.prompts)}"
            assert self.answers, f"no answer prepared for: {self.prompts[-1]}"
            ((name, said),) = self.answers.pop(0).items()
            assert name == prompt
            if isinstance(said, str):
                found.append(Fault(key, said))
                continue
            jsonschema.validate(said, schema(prompt))
            found.append(Reply(key, json.dumps(said), said))
        return found
