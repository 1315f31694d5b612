"""A data file before it is parsed: is it there, is it text, how is it encoded, is it packed."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from ftc.diagnostics import nearest
from ftc.errors import FtcError

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt")
HEAD_BYTES = 65_536
_BINARY = {
    b"PK\x03\x04": "a ZIP archive (or .xlsx, .docx)",
    b"%PDF": "a PDF",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x80\x04\x95": "a Python pickle",
    b"GGUF": "a GGUF model",
    b"\x89PNG": "a picture",
}


class Source(NamedTuple):
    """`suffix` is that of the unpacked file, `head` its first bytes, unpacked."""

    path: Path
    name: str
    suffix: str
    packed: bool
    head: bytes

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The unpacked bytes; FtcError when the file breaks off or cannot be read."""
        try:
            if self.packed:
                with gzip.open(self.path) as stream:
                    yield cast(BinaryIO, stream)
            else:
                with self.path.open("rb") as stream:
                    yield stream
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FtcError(
                f"{self.name}: is a broken .gz file: {error}", hint="pack or copy it again"
            ) from error
        except OSError as error:
            raise FtcError(f"{self.name}: cannot be read: {error.strerror or error}") from error

    def text(self) -> str:
        """The whole file as text, without a byte order mark; FtcError when it is not UTF-8."""
        with self.open() as stream:
            raw = stream.read()
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise not_utf8(self.name, error.start) from error


def find(path: Path, name: str) -> Source:
    """Look at a data file; FtcError when it is missing, a folder, empty or not a data file."""
    if path.is_dir():
        raise FtcError(f"{name}: is a folder, not a data file", hint=_inside(path))
    if path.is_fifo() or path.is_char_device():  # read several times, and a pipe gives once
        raise FtcError(f"{name}: is a pipe or a device", hint="write the rows into a file first")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise FtcError(f"{name}: no such file", hint=_near(path, name)) from error
    except OSError as error:
        raise FtcError(f"{name}: cannot be read: {error.strerror or error}") from error
    packed = head.startswith(b"\x1f\x8b")
    names = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    source = Source(path, name, names[-1] if names else "", packed, head)
    if packed:
        with source.open() as stream:
            head = stream.read(HEAD_BYTES)
        source = Source(path, name, source.suffix, packed, head)
    if not head.removeprefix(codecs.BOM_UTF8).strip():
        raise FtcError(f"{name}: is empty", hint="give a file with at least one row")
    if not head.startswith(b"PAR1"):
        _refuse_binary(name, head)
    return source


def not_utf8(name: str, offset: int) -> FtcError:
    """The error for text in another encoding; `offset` counts bytes from the start, at 0."""
    return FtcError(
        f"{name}: is not UTF-8 text (byte {offset})",
        hint=f"convert it, for example: iconv -f LATIN1 -t UTF-8 {name} > utf8-{Path(name).name}",
    )


def _refuse_binary(name: str, head: bytes) -> None:
    kind = next((kind for magic, kind in _BINARY.items() if head.startswith(magic)), "")
    if kind:
        raise FtcError(f"{name}: is {kind}, not a data file", hint=_readable())
    zeros = head.count(b"\0")
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if wide or zeros > len(head) // 4:
        raise FtcError(
            f"{name}: is UTF-16 text, not UTF-8 (byte 0)",
            hint=f"convert it: iconv -f UTF-16 -t UTF-8 {name} > utf8-{Path(name).name}",
        )
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head[:4096])
    if zeros or control > len(head[:4096]) // 50:
        offset = next(i for i, b in enumerate(head) if b < 32 and b not in b"\t\n\r\f\x1b")
        raise FtcError(f"{name}: is binary, not text (byte {offset})", hint=_readable())
    try:
        codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        raise not_utf8(name, error.start) from error


def _readable() -> str:
    return f"ftc reads {', '.join(SUFFIXES)}, and .gz of these"


def data_files(folder: Path) -> list[str]:
    """Names of the files in a folder that ftc could read, sorted."""
    names = [p.name for p in folder.iterdir() if p.is_file()]
    return sorted(n for n in names if n.removesuffix(".gz").lower().endswith(SUFFIXES))


def _inside(folder: Path) -> str:
    names = data_files(folder)
    if not names:
        return f"there is no data file in it; {_readable()}"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"name one of the files in it: {', '.join(names[:8])}{more}"


def _near(path: Path, name: str) -> str:
    if path.parent.is_dir() and (guess := nearest(path.name, data_files(path.parent))):
        return f"did you mean {Path(name).with_name(guess)}?"
    parts = name.split("/")
    if len(parts) == 2 and "." not in parts[1] and parts[0] not in ("", ".", ".."):
        return f"for a data set on the hub write: hub = {name!r} instead of path"
    return "paths are relative to the folder of the recipe"
