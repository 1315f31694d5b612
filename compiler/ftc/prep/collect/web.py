"""HTML: the text of a page without what stands around it, by trafilatura."""

from __future__ import annotations

import codecs
import html
import logging
import re
from collections.abc import Iterator

from ftc.prep.collect import encoding
from ftc.prep.collect.encoding import Line
from ftc.prep.collect.markdown import items
from ftc.prep.collect.opened import Opened
from ftc.prep.collect.piece import Count, Found, Unreadable
from ftc.prep.collect.sections import pieces
from ftc.preparation.collect import Collect

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEAD = 4096
_FENCE = "```"
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_TAG = re.compile(r"<[^<>]*>")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # faults are told by the ledger


def read(file: Opened, settings: Collect) -> Iterator[Found]:
    """Chunks of a page by its headings; places count the chunks, as a page has no lines."""
    page, recoded = decoded(file.whole())
    title, found, whole = main_text(page)
    if not found.strip():
        raise Unreadable("no text on the page")
    if whole:
        yield Count("collect.web.whole_body")
    lines = [Line(i, line, 0) for i, line in enumerate(found.split("\n"), 1)]
    blocks = (item._replace(text=_unescaped(item.text)) for item in items(lines))
    for number, piece in enumerate(pieces(blocks, settings, "web", title), 1):
        yield piece._replace(place=f"part {number}", recoded=recoded if number == 1 else 0)


def text(page: str) -> str:
    """The main text of a page by itself."""
    return "\n".join(map(_unescaped, main_text(page)[1].split("\n")))


def main_text(page: str) -> tuple[str, str, bool]:
    """(title, Markdown, whether the whole body was taken for want of a main part)."""
    import trafilatura  # noqa: PLC0415 - heavy, and few sources hold web pages

    tree = trafilatura.load_html(page)
    if tree is None:  # no page at all, in spite of its name
        return "", html.unescape(_TAG.sub(" ", page)).strip(), True
    title = " ".join((tree.findtext(".//title") or "").split())
    for node in tree.xpath("//b | //strong | //i | //em | //u"):
        node.drop_tag()  # else their signs stand in the Markdown
    found = trafilatura.extract(
        tree, output_format="markdown", include_comments=False, include_formatting=True
    )
    if found and found.strip():
        return title, found, False
    for node in tree.xpath("//head | //script | //style | //noscript | //template"):
        node.drop_tree()
    body = "\n".join(line.strip() for line in tree.text_content().split("\n"))
    return title, re.sub(r"\n{3,}", "\n\n", body).strip(), True


def _unescaped(text: str) -> str:
    """Text without the backslashes that keep it from being Markdown; code is left as it is."""
    return text if text.startswith(_FENCE) else _ESCAPED.sub(r"\1", text)


def decoded(raw: bytes) -> tuple[str, int]:
    """A page by the encoding that it names; else line by line, with the lines that are no UTF-8."""
    named = _CHARSET.search(raw[:_HEAD])
    if named and not encoding.wide_encoding(raw[:_HEAD]):
        try:
            return raw.decode(codecs.lookup(named[1].decode()).name), 0
        except (LookupError, UnicodeDecodeError, AssertionError):
            pass
    return encoding.text(raw)
