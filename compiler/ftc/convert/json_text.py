"""JSON with the line of every key; the values are those of Python's json."""

from __future__ import annotations

import json
import re
from math import isinf

from ftc.convert.found import MOST_DEPTH, Found, join, refuse, too_deep, twice

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|\n|[^\s"{}\[\]:,]+', re.S)
_NAMED = ("NaN", "Infinity", "-Infinity")


def parse(text: str) -> Found:
    """What the text says; Refused where it is no JSON, or says a thing twice."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        refuse(error.lineno, f"is not JSON: {error.msg}", _hint(error))
    except RecursionError:
        too_deep(0)
    except ValueError as error:  # numbers of thousands of digits
        refuse(0, f"is not JSON: {error}", "write a number that a setting can have")
    return Found(values, _lines(text), {})


def _hint(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos :].lstrip()
    if error.msg == "Extra data":
        return "a config is one table; a file of rows is named in it"
    if rest.startswith(("//", "/*", "#")):
        return "JSON takes no comments: take them out, or save it as YAML"
    if rest.startswith(("}", "]")) or "trailing comma" in error.msg:
        return "take out the comma before the bracket"
    return "keys and text stand in double quotes, with commas between"


class _Place:
    """An open table or list: where its values are."""

    def __init__(self, path: str, table: bool) -> None:
        self.path, self.table = path, table
        self.at, self.key = 0, ""
        self.expects_key = table
        self.seen: dict[str, int] = {}

    def here(self) -> str:
        return join(self.path, self.key) if self.table else f"{self.path}[{self.at}]"


def _lines(text: str) -> dict[str, int]:
    """Path -> line, of a text that is known to be JSON."""
    line, lines = 1, dict[str, int]()
    place = _Place("", False)  # as if the whole were an item
    open_ = [place]
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token in ("}", "]"):
            open_.pop()
            place = open_[-1]
        elif token == ",":
            place.at, place.expects_key = place.at + 1, place.table
        elif place.expects_key:
            _key(place, json.loads(token), line)
            lines[place.here()] = line
        elif token != ":":
            here = place.here() if len(open_) > 1 else ""
            if not place.table and here:
                lines[here] = line
            _checked(token, line)
            if token in ("{", "["):
                place = _Place(here, token == "{")
                open_.append(place)
                if len(open_) - 1 > MOST_DEPTH:
                    too_deep(line)
    return lines


def _key(place: _Place, key: str, line: int) -> None:
    if key in place.seen:
        twice(key, place.seen[key], line)
    place.seen[key] = line
    place.key, place.expects_key = key, False


def _checked(token: str, line: int) -> None:
    number = token[0] in "-0123456789" and token[-1].isdigit()
    if token in _NAMED or (number and isinf(float(token))):
        refuse(line, f"{token} is no number of JSON", "write a number, or leave the key out")
