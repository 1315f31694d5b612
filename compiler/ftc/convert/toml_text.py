"""TOML with the line and the comments of every statement; the values are those of tomllib."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from ftc.convert.found import MOST_DEPTH, Found, above, comment, join, refuse, too_deep, twice
from ftc.convert.meaning import leaves

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
    r"|#[^\n]*|\n|[\[\]{}=.,]|[A-Za-z0-9_-]+|[^\s\[\]{}=.,#\"']+",
    re.S,
)


class _Statement(NamedTuple):
    """`start` is the index of its first character; `behind` the comment that ends it."""

    path: str
    line: int
    start: int
    behind: str


def parse(text: str) -> Found:
    """What the text says; Refused where it is no TOML. Keys of an inline table share its line."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _broken(text, error)
    except RecursionError:
        too_deep(0)
    except ValueError as error:  # numbers of thousands of digits
        refuse(0, f"is not TOML: {error}", "write a number that a setting can have")
    values = _plain(raw)
    lines: dict[str, int] = {}
    comments: dict[str, str] = {}
    for each in _statements(text):
        lines.setdefault(each.path, each.line)
        said = [*above(text, each.start, lambda before: not before.strip()), each.behind]
        if words := comment(said):
            comments[each.path] = words
    for path, _ in leaves(values):
        _fill(lines, path)
    return Found(values, lines, comments)


def _plain(value: Any, depth: int = 0) -> Any:
    """Dates and times as text: no key is one."""
    if depth > MOST_DEPTH:
        too_deep(0)
    if isinstance(value, dict):
        return {key: _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value]
    return value if isinstance(value, (str, int, float)) else value.isoformat()


def _broken(text: str, error: tomllib.TOMLDecodeError) -> NoReturn:
    first: dict[str, int] = {}
    again = "overwrite" in str(error) or "twice" in str(error)
    for each in _statements(text) if again else ():
        if each.path in first:
            twice(each.path, first[each.path], each.line)
        first[each.path] = each.line
    at = re.search(r" \(at line (\d+), column \d+\)", str(error))
    what = str(error).replace(at[0], "") if at else str(error)
    line = int(at[1]) if at else text.rstrip().count("\n") + 1
    refuse(line, f"is not TOML: {what}", "text stands in quotes, tables in [brackets]")


def _fill(lines: dict[str, int], path: str) -> None:
    above_it = path
    while above_it and above_it not in lines:
        above_it = re.sub(r"(?:\[\d+\]|\.[^.\[]*|^[^.\[]*)$", "", above_it)
    lines[path] = lines.get(above_it, 1)


def _statements(text: str) -> Iterator[_Statement]:
    table, arrays = "", Counter[str]()
    line = 1
    tokens: list[tuple[str, int, int]] = []
    depth = 0
    for found in _TOKEN.finditer(text + "\n"):
        token = found[0]
        if token == "\n" and not depth:
            if any(it[0][0] != "#" for it in tokens):
                made = _statement(tokens, table, arrays)
                table = made.path if tokens[0][0] == "[" else table
                yield made
            tokens = []
        elif token != "\n":
            tokens.append((token, line, found.start()))
            depth += (token in "[{") - (token in "]}")
        line += token.count("\n")


def _statement(tokens: list[tuple[str, int, int]], table: str, arrays: Counter[str]) -> _Statement:
    words = [token for token, _, _ in tokens]
    first, line, start = tokens[0]
    behind = words[-1] if words[-1][0] == "#" else ""
    if first == "[":
        return _Statement(_header(words, arrays), line, start, behind)
    path = table
    for word in words[: words.index("=")] if "=" in words else ():
        path = path if word == "." else join(path, _key(word))
    return _Statement(path, line, start, behind)


def _header(words: list[str], arrays: Counter[str]) -> str:
    """The path of a table, with a number behind each array of tables in it."""
    keys = [_key(word) for word in words[: words.index("]")] if word not in "[."]
    path = ""
    for at, key in enumerate(keys, 1):
        path = join(path, key)
        if words[1] == "[" and at == len(keys):
            arrays[path] += 1
        if arrays[path]:
            path = f"{path}[{arrays[path] - 1}]"
    return path


def _key(word: str) -> str:
    if word[0] == "'":
        return word.strip("'")
    return str(tomllib.loads(f"k = {word}")["k"]) if word[0] == '"' else word
