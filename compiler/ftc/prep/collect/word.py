"""DOCX: paragraphs, tables and headings in their order, by python-docx.

Headers, footers, footnotes, comments and text boxes are not read.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from ftc.prep.collect import transcript
from ftc.prep.collect.encoding import Line
from ftc.prep.collect.opened import HELD_BYTES, Opened
from ftc.prep.collect.piece import Found, Unreadable
from ftc.prep.collect.prose import Block
from ftc.prep.collect.sections import Heading, pieces
from ftc.preparation.collect import Collect

_OLE = b"\xd0\xcf\x11\xe0"  # old .doc, and .docx under a password
_HEADING = re.compile(r"heading ?(\d)$", re.IGNORECASE)
_CELLS = " | "


def read(file: Opened, settings: Collect) -> Iterator[Found]:
    """Chunks by headings; places count paragraphs and tables of the document from 1.

    A transcript, as Teams writes it, is read as one.
    """
    if file.head.startswith(_OLE):
        raise Unreadable("encrypted DOCX, or an old .doc file")
    document = _document(file)
    items = list(_items(document))
    if not items:
        raise Unreadable("no text in the DOCX")
    lines = [line for item in items for line in item.text.split("\n")]
    form = transcript.shape(lines)
    if form is None:
        yield from pieces(items, settings, "prose", _title(document))
    else:
        yield from transcript.read((Line(i, t, 0) for i, t in enumerate(lines, 1)), form, settings)


def _document(file: Opened) -> Any:  # Any: python-docx comes without types
    import docx  # noqa: PLC0415 - heavy, and few sources hold Word files
    from docx.opc.exceptions import PackageNotFoundError  # noqa: PLC0415

    stream = file.seekable()
    try:
        with zipfile.ZipFile(stream) as archive:
            size = sum(entry.file_size for entry in archive.infolist() if _is_text(entry.filename))
            if size > HELD_BYTES:
                raise Unreadable("file too large to be read whole", f"{size // 2**20} MiB unpacked")
        stream.seek(0)
        return docx.Document(stream)
    except (zipfile.BadZipFile, EOFError, zlib.error, PackageNotFoundError) as error:
        raise Unreadable("broken DOCX", str(error) or "not a ZIP archive") from error
    except Unreadable:
        raise
    except (KeyError, ValueError, SyntaxError, NotImplementedError, RuntimeError) as error:
        raise Unreadable("broken DOCX", str(error).splitlines()[0][:200]) from error


def _is_text(name: str) -> bool:
    return name.endswith((".xml", ".rels"))


def _title(document: Any) -> str:
    return " ".join((document.core_properties.title or "").split())


def _items(document: Any) -> Iterator[Heading | Block]:
    for number, item in enumerate(document.iter_inner_content(), 1):
        place = f"paragraph {number}"
        if hasattr(item, "rows"):
            text = "\n".join(_row(row) for row in item.rows)
            if text.strip(" |\n"):
                yield Block(place, text)
            continue
        text = item.text.strip()
        level = _level(item)
        if text and level is not None:
            yield Heading(level, " ".join(text.split()), place)
        elif text:
            yield Block(place, text)


def _row(row: Any) -> str:
    """The cells of a table's row; merged ones, which come once a column, are taken once."""
    cells: list[Any] = []
    for cell in row.cells:
        if not cells or cell._tc is not cells[-1]._tc:  # the only mark of a merged cell
            cells.append(cell)
    return _CELLS.join(" ".join(cell.text.split()) for cell in cells)


def _level(paragraph: Any) -> int | None:
    """0 for a title, n for a heading of that level, None for text; styles derive from these."""
    style = paragraph.style
    while style is not None:
        if style.name == "Title":
            return 0
        if match := _HEADING.match(style.name or ""):
            return int(match[1])
        style = style.base_style
    return None
