"""A config while it is rewritten: key by key, in its values and in its text."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

from ftc.convert import edit
from ftc.convert.edit import Cannot
from ftc.convert.source import Source, parse


class Draft:
    """The config on its way: its values and its text say the same after every step."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.values, self.text = deepcopy(source.values), source.text
        self.lines = dict(source.lines)

    def line(self, path: str) -> int:
        """Where a key, or the nearest one above it, stands in the file as it was; 0: nowhere."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 0)

    def rename(self, path: str, to: str) -> None:
        where, name = edit.parts(path), str(edit.parts(to)[-1])
        if self.source.form == "yaml":
            self.text = edit.rename(self.text, where, name)
        table = edit.look(self.values, where[:-1])
        pairs = [(name if key == where[-1] else key, value) for key, value in table.items()]
        table.clear()
        table.update(pairs)

    def write(self, path: str, value: Any, after: str) -> None:
        where, behind = edit.parts(path), edit.parts(after)
        table = edit.look(self.values, where[:-1])
        there = isinstance(table, dict) and where[-1] in table
        if self.source.form == "yaml":
            if there:
                self.text = edit.replace(self.text, where, value)
            else:
                self.text = edit.insert(self.text, where, value, behind)
        edit.put(self.values, where, value)

    def remove(self, path: str) -> None:
        if self.source.form == "yaml":
            self.text = edit.remove(self.text, edit.parts(path))
        edit.take(self.values, edit.parts(path))

    def check(self) -> None:
        """Cannot where the text does not say what the values are."""
        if self.source.form != "yaml":
            return
        if parse(self.text, self.source.path, "yaml").values != self.values:
            raise Cannot("an anchor stands for it")

    def finished(self) -> str:
        if self.source.form == "yaml" or self.values == self.source.values:
            return self.text
        indent = re.search(r"\n([ \t]+)", self.source.text)
        dumped = json.dumps(
            self.values,
            indent=indent[1] if indent else None,
            ensure_ascii=self.source.text.isascii(),
        )
        end = self.source.text[len(self.source.text.rstrip()) :]
        newline = "\r\n" if "\r\n" in self.source.text else "\n"
        return dumped.replace("\n", newline) + end
