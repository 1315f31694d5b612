"""Renders a model's own chat template as transformers does, within limits of time and memory.

Templates come with downloaded models, so they run in Jinja's sandbox, and loops, calls and the
size of texts are counted: one that hangs or explodes ends in a `TemplateFault`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache, wraps
from types import MappingProxyType
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from ftc.data.chat import turns
from ftc.data.example import Message, Role

STEPS = 300_000  # loop rounds and calls of one rendering; a long chat takes some thousands
TEXT = 20_000_000  # characters of one text
TODAY = date(2024, 7, 26)  # some templates print the date; this is Llama 3.1's own default
# Filters that make much of little, or draw lots; no published chat template was seen to use one.
LEFT_OUT = (
    *("batch", "center", "filesizeformat", "format", "pprint", "random"),
    *("slice", "urlize", "wordwrap", "xmlattr"),
)
# What no chat holds: rendered in a turn's place, they show what the template puts around it.
MARK, USER = "ftc-system-7f3a9c", Message("user", "ftc-user-51b2e0")
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


class TemplateFault(ValueError):
    """Why a chat template could not render a chat: its own message, or a limit."""


class _Generation(Extension):
    """{% generation %} marks the assistant's part for transformers; it prints nothing itself."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance attribute

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with a budget of `steps` for one rendering."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    steps = 0

    def tick(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > STEPS:
            raise TemplateFault(f"needs more than {STEPS:,} steps for one chat")

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        self.tick()
        _check_numbers((*args, *kwargs.values()))
        return _checked(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator in ("*", "**") and _product(left, right) > TEXT:
            raise TemplateFault("multiplies beyond all bounds")
        return _checked(super().call_binop(context, operator, left, right))

    def counted(self, values: Any) -> Iterator[Any]:
        """Wraps what a loop runs over."""
        for value in values:
            self.tick()
            yield value

    def limited(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A filter that counts as a step and takes and gives nothing out of bounds."""

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            _check_numbers((*args[1:], *kwargs.values()))
            return _checked(function(*args, **kwargs))

        return run


class _Limits(NodeTransformer):
    """Puts the counters into a parsed template: around what loops run over, and around `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "ftc_counted", [], [], None, None)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return nodes.Filter(node, "ftc_checked", [], [], None, None)


def _checked(value: Any) -> Any:
    if isinstance(value, str | list | tuple) and len(value) > TEXT:
        raise TemplateFault(f"makes a text of more than {TEXT:,} characters")
    return value


def _check_numbers(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, int) and abs(value) > STEPS:
            raise TemplateFault(f"calls a function with the number {value:.3g}")


def _product(left: Any, right: Any) -> int:
    """An upper bound of what a multiplication makes, in digits or items."""

    def size(value: Any) -> int:
        if isinstance(value, int):
            return abs(value)
        return len(value) if isinstance(value, str | list | tuple) else 0

    return size(left) * size(right)


def render(
    text: str,
    messages: Sequence[Message],
    special: dict[str, str],
    *,
    tools: Sequence[dict[str, Any]] = (),
    prompt: bool = False,
    variables: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The chat as the model reads it; `prompt` adds the start of an answer. TemplateFault.

    `variables` are those that this template asks for beside the usual ones.
    """
    environment, template = _compiled(text)
    environment.steps = 0
    chat = {"messages": list(turns(messages)), "tools": list(tools) or None, "documents": None}
    given = {**special, **variables, **chat}
    parts: list[str] = []
    size = 0
    try:
        for part in template.generate(**given, add_generation_prompt=prompt):
            size += len(part)
            if size > TEXT:
                raise TemplateFault(f"makes a text of more than {TEXT:,} characters")
            parts.append(part)
    except TemplateError as error:
        raise TemplateFault(f"says: {error.message or type(error).__name__}") from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        if isinstance(error, TemplateFault):
            raise
        raise TemplateFault(f"fails: {type(error).__name__}: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise TemplateFault("nests too deeply or needs too much memory") from error
    return "".join(parts)


def system_turn(text: str, special: dict[str, str]) -> tuple[str, bool]:
    """(system turn that the template adds to a chat without one, whether it accepts one).

    Found by rendering: what stands where a marker system turn stood, if that very text given as
    a system turn renders the same.
    """
    if not text:
        return "", True
    try:
        given = render(text, [Message("system", MARK), USER], special)
    except TemplateFault:
        return "", False
    if MARK not in given:
        return "", False
    try:
        bare = render(text, [USER], special)
        before, after = given.split(MARK, 1)
        if not (bare.startswith(before) and bare.endswith(after)):
            return "", True
        found = bare[len(before) : len(bare) - len(after)]
        if len(bare) <= len(before) + len(after) or not found.strip():
            return "", True
        same = render(text, [Message("system", found), USER], special) == bare
    except TemplateFault:
        return "", True
    return (found, True) if same else ("", True)


def loses_system(text: str, special: dict[str, str]) -> bool:
    """Whether a template that takes a system turn leaves it out of a chat that ends in an answer.

    Those of Mistral models put it before the last user turn, if nothing follows that.
    """
    rest = (Message("user", "a"), Message("assistant", "b"))
    try:
        given = text and render(text, [Message("system", MARK), *rest[:1]], special)
        whole = text and render(text, [Message("system", MARK), *rest], special)
    except TemplateFault:
        return False
    return MARK in given and MARK not in whole


def trims(text: str, special: dict[str, str]) -> tuple[Role, ...]:
    """The roles around whose contents the template takes white space away, found by rendering."""
    bare: tuple[Message, ...] = (Message("user", "a"), Message("assistant", "b"))
    roles: tuple[Role, ...] = ("system", "user", "assistant")
    found: list[Role] = []
    for role in roles:
        chat = (Message("system", "s"), *bare, *bare) if role == "system" else (*bare, *bare)
        padded = [
            Message(turn.role, f" \n{turn.content} \n") if turn.role == role else turn
            for turn in chat
        ]
        try:
            if text and render(text, chat, special) == render(text, padded, special):
                found.append(role)
        except TemplateFault:
            continue
    return tuple(found)


@lru_cache(maxsize=16)
def _compiled(text: str) -> tuple[_Environment, Any]:  # Any: jinja2.Template
    environment = _Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    for name in LEFT_OUT:
        del environment.filters[name]
    for name, function in environment.filters.items():
        environment.filters[name] = environment.limited(function)
    environment.filters["ftc_counted"] = environment.counted
    environment.filters["ftc_checked"] = _checked
    environment.globals.pop("lipsum")
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = TODAY.strftime
    try:
        tree = _Limits().visit(environment.parse(text))
        return environment, environment.from_string(tree)
    except TemplateError as error:
        raise TemplateFault(f"is not valid Jinja: {error}") from error
    except RecursionError as error:
        raise TemplateFault("is nested too deeply") from error


def _tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    """As in transformers: without HTML escapes, which Jinja's own filter adds."""
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _raise(message: str) -> None:
    raise TemplateError(message)
