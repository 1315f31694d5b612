"""E-mail: single messages and mailboxes. Attachments are named and counted, not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from ftc.prep.collect import encoding, web
from ftc.prep.collect.encoding import Line
from ftc.prep.collect.opened import HELD_BYTES, Opened, raw_lines
from ftc.prep.collect.piece import Bad, Count, Found, Piece, Unreadable
from ftc.prep.collect.plain import paragraphs
from ftc.prep.collect.prose import cut
from ftc.preparation.collect import Collect

_ENVELOPE = re.compile(rb"From .{0,300}\d{1,2}:\d\d")  # "From " may begin a sentence too
_QUOTED = re.compile(rb">+From ")
_KEPT = ("from", "to", "cc", "date")


def read_one(file: Opened, settings: Collect) -> Iterator[Found]:
    """Chunks of one message."""
    yield from _message(file.whole(), 1, settings)


def read_box(file: Opened, settings: Collect) -> Iterator[Found]:
    """Chunks of each message of an mbox file, one message in memory at a time."""
    if not _ENVELOPE.match(file.head):
        raise Unreadable("not a mailbox", "it does not start with a line such as From a@b.c date")
    held: list[bytes] = []
    size, number, blank = 0, 0, True
    for item in raw_lines(file.stream):
        if isinstance(item, Bad):
            yield item
            continue
        raw = item[1]
        if blank and _ENVELOPE.match(raw):
            yield from _boxed(held, size, number, settings)
            held, size, number = [], 0, number + 1
            blank = False
            continue
        blank = not raw.strip()
        size += len(raw)
        if size <= HELD_BYTES:
            held.append(raw[1:] if raw[:1] == b">" and _QUOTED.match(raw) else raw)
    yield from _boxed(held, size, number, settings)


def _boxed(held: list[bytes], size: int, number: int, settings: Collect) -> Iterator[Found]:
    if size > HELD_BYTES:
        yield Bad(f"message {number}", "message too long", f"over {HELD_BYTES // 2**20} MiB")
    elif number:
        yield from _message(b"".join(held), number, settings)


def _message(raw: bytes, number: int, settings: Collect) -> Iterator[Found]:
    try:
        message = message_from_bytes(raw, policy=policy.compat32)  # others fail on broken headers
    except RecursionError:
        yield Bad(f"message {number}", "broken message", "nested too deeply")
        return
    name = header(message, "message-id").strip("<> ")
    place = f"message {name or number}"
    try:
        text, recoded, attached = _content(message)
    except (MessageError, LookupError, ValueError, RecursionError) as error:
        yield Bad(place, "broken message", str(error))
        return
    extra: dict[str, Any] = {key: value for key in _KEPT if (value := header(message, key))}
    if name:
        extra["message_id"] = name
    if reply := header(message, "in-reply-to").strip("<> "):
        extra["in_reply_to"] = reply
    if attached:
        extra["attachments"] = attached
        yield Count("collect.attachments", len(attached))
    if not text.strip():
        yield Bad(place, "no text in the message", header(message, "subject"))
        return
    title = header(message, "subject")
    lines = (Line(i, line, 0) for i, line in enumerate(text.split("\n"), 1))
    for block in cut(paragraphs(lines, []), settings):
        yield Piece(place, ("chunk", block.text), title, "mail", extra, recoded=recoded)
        recoded = 0


def header(message: Message, name: str) -> str:
    """A header as text on one line, whatever it is encoded in."""
    value = message.get(name)
    if value is None:
        return ""
    try:
        text = str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        text = str(value)
    raw = text.encode("utf-8", "surrogateescape") if not text.isascii() else b""
    return " ".join((encoding.decoded(raw)[0] if raw else text).split())


def _content(message: Message) -> tuple[str, int, list[str]]:
    """(text, lines that are no UTF-8, names of attachments); plain text goes before HTML."""
    plain: list[Message] = []
    pages: list[Message] = []
    attached: list[str] = []
    _walk(message, plain, pages, attached)
    found = [_decoded(part) for part in plain]
    if any(text.strip() for text, _ in found):
        return "\n\n".join(text for text, _ in found), sum(bad for _, bad in found), attached
    found = [_decoded(part) for part in pages]
    texts = [web.text(page) for page, _ in found if page.strip()]
    return "\n\n".join(texts), sum(bad for _, bad in found), attached


def _walk(part: Message, plain: list[Message], pages: list[Message], attached: list[str]) -> None:
    kind, name = part.get_content_type(), part.get_filename()
    if part.is_multipart() and kind.startswith("multipart/"):
        for inner in part.get_payload():
            if isinstance(inner, Message):
                _walk(inner, plain, pages, attached)
    elif name or part.get_content_disposition() == "attachment" or part.is_multipart():
        attached.append(" ".join(str(name or kind).split()))
    elif kind == "text/plain":
        plain.append(part)
    elif kind == "text/html":
        pages.append(part)
    else:
        attached.append(kind)


def _decoded(part: Message) -> tuple[str, int]:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return "", 0
    named = part.get_content_charset()
    if named and named not in ("us-ascii", "ascii", "utf-8"):
        try:
            return raw.decode(named).replace("\r\n", "\n"), 0
        except (LookupError, UnicodeDecodeError):
            pass
    return encoding.text(raw)
