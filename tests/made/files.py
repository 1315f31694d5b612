"""Files as people have them, good and broken, and what the step `collect` makes of a folder."""

import io
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import docx
import pypdf
from reportlab.pdfgen.canvas import Canvas

from ftc.prep import rows
from ftc.prep.collect import found, read
from ftc.prep.step import Inputs
from ftc.preparation import Prepare


class Collected(NamedTuple):
    """Everything that a run over a folder gave."""

    rows: list
    ledger: list
    figures: Counter

    def texts(self):
        return [row.turns[0][1] for row in self.rows]

    def refused(self):
        return [(line["file"], line["place"], line["reason"]) for line in self.ledger]


def inputs(folder, *sources, **settings):
    prepare = Prepare.model_validate({"sources": list(sources) or ["."], "collect": settings})
    return Inputs(Path(folder), prepare, prepare.collect, seed=0)


def collect(folder, *sources, **settings):
    """Read all sources of a folder."""
    known = inputs(folder, *sources, **settings)
    gathered, ledger, figures = [], [], Counter()
    for source in found(known):
        for outcome in read(source, known):
            outcome.rows.validate(full=True)
            assert outcome.rows.schema == rows.SCHEMA
            assert outcome.rows.num_rows <= 8192
            gathered += rows.each(outcome.rows)
            ledger += outcome.ledger.to_pylist()
            figures.update(outcome.figures)
    assert len({row.id for row in gathered}) == len(gathered)
    assert figures["collect.rows"] == len(gathered)
    assert figures["collect.refused"] == sum(line["action"] == "refused" for line in ledger)
    return Collected(gathered, ledger, figures)


def pdf(path, pages, title="", password=""):
    """A PDF with one text a page; a page of None holds a drawing and no text."""
    held = io.BytesIO()
    canvas = Canvas(held)
    canvas.setTitle(title)
    for text in pages:
        for number, line in enumerate((text or "").split("\n")):
            if line:
                canvas.drawString(72, 800 - 14 * number, line)
        if text is None:
            canvas.rect(100, 100, 200, 300, fill=1)
        canvas.showPage()
    canvas.save()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(held.getvalue()))
    if password:
        user = "" if password.startswith("owner:") else password
        writer.encrypt(user, password.removeprefix("owner:"), algorithm="RC4-128")
    writer.write(path)


def word(path, title=""):
    """A DOCX with headings, paragraphs and a table with a merged cell."""
    document = docx.Document()
    document.core_properties.title = title
    document.add_heading("Handbook", 0)
    document.add_paragraph("Read this first.")
    document.add_heading("Hours", 1)
    document.add_paragraph("We open at nine.")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Day", "Time", "Monday", ""), strict=True):
        cell.text = text
    table.cell(1, 0).merge(table.cell(1, 1))
    document.add_heading("Sundays", 2)
    document.add_paragraph("Closed.")
    document.save(str(path))


def word_transcript(path):
    """A meeting as Teams gives it for download: a paragraph a turn, its name and time on top."""
    document = docx.Document()
    document.add_paragraph("Weekly call-20261123")
    for text in ("Anna Berg   0:03\nWelcome everybody.", "Tom   0:09\nThanks.\nLet us begin."):
        document.add_paragraph(text)
    document.save(str(path))


def broken_word(path, fault):
    """A DOCX that is cut off, has no document in it, or broken XML."""
    word(path)
    raw = path.read_bytes()
    if fault == "cut":
        path.write_bytes(raw[: len(raw) // 2])
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            if entry.filename != "word/document.xml":
                new.writestr(entry, old.read(entry))
            elif fault == "xml":
                new.writestr(entry, old.read(entry)[:-200])
