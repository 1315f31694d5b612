"""Originals, encrypted with a key that the user keeps: the only way back from placeholders.

AES-SIV of the `cryptography` package: authenticated, and the same text gives the same bytes, so
that a step that runs again writes what it wrote before.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from ftc.errors import FtcError

_LEAST = 32  # bytes of a key file
_MARK = "sealed:"
_MAKE = "make one with: openssl rand -base64 48 > FILE, and keep it apart from the data"


class Vault:
    """Seals and opens texts with the key of a file."""

    def __init__(self, path: Path) -> None:
        """FtcError when there is no such file, it is too short, or `cryptography` is missing."""
        try:
            secret = path.read_bytes().strip()
        except OSError as error:
            raise FtcError(f"redact.key: cannot read {path}", hint=_MAKE) from error
        if len(secret) < _LEAST:
            raise FtcError(f"redact.key: {path} has less than {_LEAST} bytes", hint=_MAKE)
        self._cipher = _cipher(secret)
        self._wrong: type[Exception] = _loaded("exceptions").InvalidTag

    def seal(self, row: str, pairs: Sequence[tuple[str, str]]) -> str:
        """The pairs (placeholder, original) of a row as one line of text."""
        plain = json.dumps(list(pairs), ensure_ascii=True).encode()
        sealed: bytes = self._cipher.encrypt(plain, [row.encode()])
        return _MARK + urlsafe_b64encode(sealed).decode()

    def open(self, row: str, line: str) -> list[tuple[str, str]]:
        """What `seal` closed for this row; FtcError with another key or a changed line."""
        try:
            plain = self._cipher.decrypt(
                urlsafe_b64decode(line.removeprefix(_MARK)), [row.encode()]
            )
        except (self._wrong, ValueError) as error:
            raise FtcError(
                f"row {row}: the originals were not sealed with this key",
                hint="name the key file that the data was prepared with",
            ) from error
        return [(placeholder, original) for placeholder, original in json.loads(plain)]


def _loaded(name: str) -> Any:  # Any: a module of an optional package
    try:
        return import_module(f"cryptography.{name}")
    except ModuleNotFoundError as error:
        raise FtcError(
            "redact.key needs the package cryptography", hint="pip install cryptography"
        ) from error


def _cipher(secret: bytes) -> Any:  # Any: a class of an optional package
    hashes = _loaded("hazmat.primitives.hashes")
    derived = _loaded("hazmat.primitives.kdf.hkdf").HKDF(
        algorithm=hashes.SHA512(), length=64, salt=None, info=b"ftc redact originals 1"
    )
    return _loaded("hazmat.primitives.ciphers.aead").AESSIV(derived.derive(secret))


def originals(ledger: pa.Table, key: Path) -> dict[str, list[tuple[str, str]]]:
    """(placeholder, original) of each row of the ledger of `redact`, in the order of the texts."""
    vault = Vault(key)
    sealed = zip(ledger["row"].to_pylist(), ledger["before"].to_pylist(), strict=True)
    return {row: vault.open(row, line) for row, line in sealed if line.startswith(_MARK)}


def restored(texts: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Texts of a row, as `redact` left them, with the originals in the place of placeholders."""
    found = list(texts)
    at, offset = 0, 0
    for placeholder, original in pairs:
        while at < len(found) and (start := found[at].find(placeholder, offset)) < 0:
            at, offset = at + 1, 0
        if at == len(found):
            break
        found[at] = found[at][:start] + original + found[at][start + len(placeholder) :]
        offset = start + len(original)
    return found
