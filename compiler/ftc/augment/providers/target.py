"""An endpoint of the recipe made ready to be asked: where it is, by which name and with which key.

A key comes out of the environment or from ftc's own server, and goes nowhere but to that server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ftc.augmentation import Endpoint
from ftc.errors import FtcError

WEIGHTS = (".safetensors", ".bin", ".json", ".model", ".txt", ".jinja")
HOSTED = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": ("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
}


@dataclass(frozen=True)
class Target:
    """A model to ask. `content` is a hash of the model's own files where ftc reads them; where ftc
    serves it, `ended` says how its server ended, "" while it runs."""

    name: str  # in `augment.models`
    endpoint: Endpoint
    model: str
    url: str = ""
    key: str = field(default="", repr=False)
    content: str = ""
    ended: Callable[[], str] = field(default=str, repr=False, compare=False)

    @property
    def identity(self) -> str:
        """Everything of the model that decides about answers, as one line of text."""
        it = self.endpoint
        url = "" if it.provider == "embedded" else self.place
        parts = [it.provider, "" if self.content else self.model, url, self.content]
        return json.dumps([*parts, it.temperature, it.top_p, it.max_tokens, it.structured])

    @property
    def place(self) -> str:
        """The URL without a query, which may hold a key."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))

    @property
    def what(self) -> str:
        """How messages name it."""
        return f"augment.models.{self.name}" + (f" ({self.place})" if self.url else "")

    def scrubbed(self, text: str) -> str:
        """A text of the server without the key, cut to what a message can hold."""
        return (text.replace(self.key, "***") if self.key else text)[:500]


def targets(
    models: Mapping[str, Endpoint],
    served: Mapping[str, Target] | None = None,
    folder: Path | None = None,
) -> dict[str, Target]:
    """The models of a recipe, ready to be asked; `served` are those that ftc itself serves, and
    `folder` is that of the recipe, where folders of models are looked for.

    FtcError when a key is not in the environment.
    """
    served, folder = served or {}, folder or Path()
    return {name: served.get(name) or _target(name, it, folder) for name, it in models.items()}


def _target(name: str, endpoint: Endpoint, folder: Path) -> Target:
    if endpoint.provider == "transformers":
        model = endpoint.model or ""
        path = folder / model
        content = _content(path) if path.is_dir() else ""
        return Target(name, endpoint, str(path) if content else model, content=content)
    url, key_env = HOSTED.get(endpoint.provider, ("", ""))
    if endpoint.url is not None:
        url, key_env = endpoint.url, ""
    key_env = endpoint.key_env or key_env
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise FtcError(
            f"augment.models.{name}: {url!r} is no address of a server",
            hint='give the base URL with its scheme, such as "http://host:8000/v1"',
        )
    if "@" in urlsplit(url).netloc:
        raise FtcError(
            f"augment.models.{name}: the url holds a user name or a password",
            hint="a recipe is no place for it: key_env = ... names an environment variable",
        )
    key = os.environ.get(key_env, "").strip() if key_env else ""
    if key_env and not key:
        raise FtcError(
            f"augment.models.{name}: the environment variable {key_env} is not set",
            hint=f"put the key of the API there: export {key_env}=...",
        )
    if not (key.isascii() and key.isprintable()):
        raise FtcError(
            f"augment.models.{name}: {key_env} holds what is in no key",
            hint="letters, digits and signs of ASCII only: is it the key that stands there?",
        )
    return Target(name, endpoint, endpoint.model or "", url, key)


def _content(folder: Path) -> str:
    """A hash of the files in a folder that answers depend on."""
    paths = sorted(it for it in folder.iterdir() if it.suffix in WEIGHTS and it.is_file())
    found = sha256()
    for path in paths:
        with path.open("rb") as file:
            found.update(f"{path.name} {file_digest(file, 'sha256').hexdigest()}\n".encode())
    return found.hexdigest() if paths else ""
