"""YAML as the tools read it, with lines and comments; nothing is made or expanded unbounded.

Axolotl reads with PyYAML's safe_load, where 1e-4 is text; LLaMA-Factory with OmegaConf, where it is
a number and 2026-01-01 is text. Dates are text here for both: no key of either tool is one.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml

from ftc.convert.found import (
    MOST_DEPTH,
    MOST_NODES,
    Found,
    above,
    comment,
    join,
    refuse,
    too_deep,
    twice,
)

SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # C where PyYAML was built with it
_CONSTRUCT = yaml.constructor.SafeConstructor()
_TAG = "tag:yaml.org,2002:"
_STR, _MERGE, _MAP, _SEQ = f"{_TAG}str", f"{_TAG}merge", f"{_TAG}map", f"{_TAG}seq"
_SCALARS: dict[str, Any] = {
    _STR: lambda node: node.value,
    f"{_TAG}timestamp": lambda node: node.value,
    f"{_TAG}null": lambda node: None,
    f"{_TAG}bool": _CONSTRUCT.construct_yaml_bool,
    f"{_TAG}int": _CONSTRUCT.construct_yaml_int,
    f"{_TAG}float": _CONSTRUCT.construct_yaml_float,
}
_OPENED = ("quoted scalar", "flow sequence", "flow mapping")
_KEYS = {"int": "a number", "float": "a number", "bool": "true or false", "null": "null"}
_HINTS = {
    r"'\t'": "indent with spaces: YAML takes no tabs",
    "tab": "indent with spaces: YAML takes no tabs",
    "mapping values": "put a value with ': ' in it in quotes, or mend the indentation",
    "another document": "one config a file: split it at the line ---",
    "alias": "define the anchor (&name) above its use",
    "characters are not allowed": "save the file as plain text",
    "Unicode character escape": "write the character itself instead of its \\u escapes",
    "cannot start any token": "put the value in quotes",
    "": "mend the indentation, the brackets or the quotes there",
}
_PLACEHOLDER = re.compile(r"\{\{|\{%")
# Behind a value, and behind a key whose value begins below, or was given a name or is one.
_AFTER_VALUE = re.compile(r"[ \t,]*(?<=[ \t])#.*")
_AFTER_KEY = re.compile(r"[ \t]*:[ \t]+(?:[&!*]\S+[ \t]+)*(#.*)")
_AFTER_BLOCK = re.compile(r"(?:[&!]\S+[ \t]+)*[|>][-+0-9]*[ \t]+(#.*)")


class _Bounded(SAFE):  # type: ignore[misc]  # which class it is depends on the installation
    """Counts depth where libyaml would follow it until the stack ends (a crash of Python)."""

    depth = 0

    def descend_resolver(self, parent: Any, index: Any) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH + 1:  # with the value in the deepest
            too_deep(parent.start_mark.line + 1)

    def ascend_resolver(self) -> None:
        self.depth -= 1


class _Omega(_Bounded):
    """What OmegaConf takes as a number, and as no date (omegaconf/_yaml.py::get_yaml_loader)."""


_Omega.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"""^(?:
         [-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
        |[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)
        |\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?
        |[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*)$""",
        re.X,
    ),
    list("-+0123456789."),
)


def parse(text: str, omega: bool = False) -> Found:
    """What the text says to Axolotl, with `omega` to LLaMA-Factory; Refused where it says nothing
    that is sure."""
    if "\t" in text:
        _scan(text)
    try:
        node = yaml.compose(text, Loader=_Omega if omega else _Bounded)
    except yaml.YAMLError as error:
        _broken(text, error)
    if node is None:
        return Found(None, {}, {})
    _measure(node, {})
    walk = _Walk(text)
    return Found(walk.value(node, ""), walk.lines, walk.comments)


def _scan(text: str) -> None:
    """Refuse tabs where Axolotl's parser, PyYAML's own, does, and libyaml does not."""
    try:
        for _ in yaml.scan(text, Loader=yaml.SafeLoader):
            pass
    except yaml.YAMLError as error:
        _broken(text, error)


def _broken(text: str, error: yaml.YAMLError) -> NoReturn:
    problem = str(getattr(error, "problem", "") or getattr(error, "reason", error))
    mark = getattr(error, "problem_mark", None)
    if str(getattr(error, "context", "")).endswith(_OPENED):
        mark = getattr(error, "context_mark", mark)  # where it began: the end is far away
        problem += " of what is opened here"
    line = mark.line + 1 if mark else 0
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
    written = text.split("\n")
    if 0 < line <= len(written) and _PLACEHOLDER.search(written[line - 1]):
        refuse(line, "holds a placeholder", "fill it in first: nothing is expanded here")
    hint = next(hint for part, hint in _HINTS.items() if part in problem)
    refuse(line, f"is not YAML: {problem}", hint)


def _measure(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many nodes there are with all aliases followed, and how deep they lie."""
    if id(node) in known:
        size, depth = known[id(node)]
        if not size:
            refuse(node.start_mark.line + 1, "an anchor holds itself", "write its values out")
        return size, depth
    if isinstance(node, yaml.ScalarNode):
        return 1, 0
    known[id(node)] = (0, 0)
    pairs = isinstance(node, yaml.MappingNode)
    inner = [each for pair in node.value for each in pair] if pairs else node.value
    sizes = [_measure(each, known) for each in inner]
    size, depth = 1 + sum(it[0] for it in sizes), 1 + max((it[1] for it in sizes), default=0)
    if size > MOST_NODES:
        refuse(
            node.start_mark.line + 1,
            f"holds more than {MOST_NODES:,} keys and values with its anchors written out",
            "name a data file in the config instead, or take the anchors out",
        )
    if depth > MOST_DEPTH:
        too_deep(node.start_mark.line + 1)
    known[id(node)] = (size, depth)
    return size, depth


class _Walk:
    """One way through the nodes: values come back, lines and comments are kept."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[str, int] = {}
        self.comments: dict[str, str] = {}
        self.commented = "#" in text
        self.solid = 0  # where the last value ended: a # before it is no comment

    def value(self, node: yaml.Node, path: str) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
            return [self._item(each, f"{path}[{at}]") for at, each in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode) or node.tag != _MAP:
            _tag(node)
        return {key.value: self._entry(key, inner, path) for key, inner in _pairs(node)}

    def _scalar(self, node: yaml.ScalarNode, path: str) -> Any:
        self.solid = max(self.solid, node.end_mark.index)
        if node.tag not in _SCALARS:
            _tag(node)
        try:
            return _SCALARS[node.tag](node)
        except (ValueError, KeyError, IndexError):
            kind, line = node.tag.removeprefix(_TAG), node.start_mark.line + 1
            refuse(
                line, f"{path}: {node.value[:60]!r} is no {kind}", "put it in quotes, or mend it"
            )

    def _item(self, node: yaml.Node, path: str) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if not self.commented:
            return self.value(node, path)
        said = self._above(node, lambda before: before.strip() == "-")
        value = self.value(node, path)
        if isinstance(node, yaml.ScalarNode):
            said += self._behind(_AFTER_VALUE, node.end_mark.index)
        self._note(path, said)
        return value

    def _entry(self, key: yaml.Node, node: yaml.Node, path: str) -> Any:
        here = join(path, key.value)
        self.lines[here] = key.start_mark.line + 1
        if not self.commented:
            return self.value(node, here)
        said = self._above(key, lambda before: not before.strip())
        value = self.value(node, here)
        self._note(here, said + self._after(key, node))
        return value

    def _above(self, node: yaml.Node, allowed: Any) -> list[str]:
        return above(self.text, node.start_mark.index, allowed, self.solid)

    def _after(self, key: yaml.Node, node: yaml.Node) -> list[str]:
        alias = node.start_mark.index < key.end_mark.index
        block = isinstance(node, yaml.CollectionNode) and not node.flow_style
        if alias or block:
            return self._behind(_AFTER_KEY, key.end_mark.index)
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            return self._behind(_AFTER_BLOCK, node.start_mark.index)
        return self._behind(_AFTER_VALUE, node.end_mark.index)

    def _behind(self, pattern: re.Pattern[str], start: int) -> list[str]:
        found = pattern.match(self.text, start)
        return [found[0][found[0].index("#") :]] if found else []

    def _note(self, path: str, said: list[str]) -> None:
        if said and (text := comment(said)):
            self.comments[path] = text


def _pairs(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    """The keys of a table, those of `<<` first, each key once."""
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (_STR, _MERGE):
            _no_key(key)
        if key.value in own:
            twice(key.value, own[key.value][0].start_mark.line + 1, key.start_mark.line + 1)
        own[key.value] = (key, value)
    if "<<" not in own or own["<<"][0].tag != _MERGE:
        return list(own.values())
    merged = {key.value: (key, value) for key, value in _merged(own.pop("<<")[1])}
    return list((merged | own).values())


def _merged(node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
    """What `<<` brings: the first table of several that has a key gives its value."""
    tables = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for table in tables:
        if not isinstance(table, yaml.MappingNode):
            refuse(table.start_mark.line + 1, "<< names what is no table", "name an anchored table")
    return [pair for table in reversed(tables) for pair in _pairs(table)]


def _no_key(key: yaml.Node) -> NoReturn:
    line, kind = key.start_mark.line + 1, key.tag.removeprefix(_TAG)
    if isinstance(key, yaml.MappingNode) and key.flow_style:  # {{ name }}, without quotes
        refuse(line, "holds a placeholder", "fill it in first: nothing is expanded here")
    if not isinstance(key, yaml.ScalarNode):
        refuse(line, "a list or a table stands where a key should", "a key is text")
    what = _KEYS.get(kind, f"a {kind}")
    refuse(line, f"the key {key.value or 'null'} is {what}, not text", "put the key in quotes")


def _tag(node: yaml.Node) -> NoReturn:
    name = node.tag.replace(_TAG, "!!")
    if name == "!!value":
        refuse(node.start_mark.line + 1, "a lone = is no value", "put it in quotes")
    refuse(
        node.start_mark.line + 1,
        f"the tag {name} would make an object",
        "write text, a number, true, false, a list or a table",
    )
