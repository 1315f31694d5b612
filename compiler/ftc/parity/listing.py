"""Lays rows that were taken apart out as lines: plain, coloured for a terminal, or as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ftc.parity.remarks import harmless
from ftc.parity.shown import LABELS, Shown, Span
from ftc.parity.sources import Kind
from ftc.render import render

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LEGEND: dict[str, str] = {
    "template": "control tokens, role headers and other text that stands in no message",
    "prompt": "system, user and tool messages",
    "answer": "assistant messages, or the text of pre-training",
    "turn end": "what ends an answer",
}
STYLES: dict[Kind, str] = {
    "control": "magenta",
    "template": "dim",
    "prompt": "default",
    "answer": "green",
    "terminator": "cyan",
}
MARGIN = 12  # characters before the text of a line
BREAK = "⏎"


@dataclass(frozen=True)
class Block:
    """Neighbouring spans that share a label and are all trained on or none; in shown characters."""

    label: str
    trained: bool
    spans: tuple[tuple[str, Kind], ...]
    tokens: int


def blocks(row: Shown) -> Iterator[Block]:
    """The parts of a row, in order. Each starts a line; a line break that the reader would not see
    so is a ⏎, and a control character is written `\\x1b`.
    """
    for (label, trained), run in groupby(row.spans, lambda it: (it.label, it.trained)):
        spans = list(run)
        texts = [(_visible(span), span.kind) for span in spans]
        last, kind = texts[-1]
        texts[-1] = last.removesuffix("\n"), kind
        yield Block(label, trained, tuple(texts), sum(len(span.ids) for span in spans))


def _visible(span: Span) -> str:
    text = harmless(span.text)
    content = text.rstrip("\n") if span.kind in ("prompt", "answer") else ""
    return content + text[len(content) :].replace("\n", f"{BREAK}\n")


def summary(row: Shown) -> str:
    """`row 1 (id): 312 tokens, 190 trained (61 %)`."""
    role = f", {row.role}" if row.role else ""
    counts = f"{row.tokens:,} tokens, {row.trained:,} trained ({row.share:.0%})"
    return f"row {row.number} ({', '.join(row.ids)}{role}): {counts}"


def text(rows: Iterable[Shown]) -> Iterator[str]:
    """The lines of plain text: a label, then the text, trained spans between [[ and ]]."""
    yield f"[[ ]] is trained on, {BREAK} is a line break"
    for row in rows:
        yield f"\n{summary(row)}"
        for block in blocks(row):
            shown = "".join(part for part, _ in block.spans)
            shown = f"[[{shown}]]" if block.trained else shown
            yield _indented(f"  {block.label}".ljust(MARGIN), shown)
        yield from _said(row)


def _indented(label: str, shown: str) -> str:
    first, *rest = shown.split("\n")
    return "\n".join([label + first, *(" " * MARGIN + line for line in rest)])


def _said(row: Shown) -> Iterator[str]:
    yield from (f"  note: {note}" for note in row.notes)
    yield from (f"  warning: {warning}" for warning in row.warnings)


def coloured(rows: Iterable[Shown], console: Console) -> None:
    """The same on a terminal: wrapped, kinds in colours, trained spans bold between [[ and ]]."""
    from rich.text import Text  # noqa: PLC0415 - rich costs start-up time

    def show(line: Text) -> None:
        console.print(line, soft_wrap=True, highlight=False)

    show(Text.assemble(*_legend()))
    for row in rows:
        show(Text(f"\n{summary(row)}", "bold"))
        for block in blocks(row):
            shown = Text()
            for part, kind in _bracketed(block):
                shown.append(part, STYLES[kind] + (" bold" if block.trained else ""))
            label = f"  {block.label}".ljust(MARGIN)
            for line in shown.wrap(console, max(console.width - MARGIN, 20), tab_size=4):
                show(Text(label, "dim") + line)
                label = " " * MARGIN
        for said in _said(row):
            show(Text(said, "yellow" if "warning:" in said[:12] else "dim"))


def _bracketed(block: Block) -> Iterator[tuple[str, Kind]]:
    spans = list(block.spans)
    if block.trained:
        spans = [("[[", spans[0][1]), *spans, ("]]", spans[-1][1])]
    yield from spans


def _legend() -> Iterator[tuple[str, str]]:
    """One line that shows each colour, and what the signs mean."""
    for kind, style in STYLES.items():
        word = "control token" if kind == "control" else LABELS[kind]
        yield from ((word, style), ("  ", ""))
    yield from (("[[ ]] trained", "bold"), (f"  {BREAK} line break", ""))


def page(rows: Iterable[Shown], title: str, backend: str, part: str) -> str:
    """The same as one HTML page that needs nothing else."""
    laid = [(row, summary(row), list(blocks(row))) for row in rows]
    return render(
        "report/show.html.j2",
        title=title,
        backend=backend,
        part=part,
        legend=LEGEND,
        rows=laid,
    )
