"""A model folder's tokenizer files: special tokens, chat template, and the tokenizer itself."""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypedDict

from tokenizers import Tokenizer

from ftc import kept
from ftc.data.example import Role
from ftc.errors import FtcError
from ftc.facts import preamble, template
from ftc.facts.records import TokenizerFacts


class _Habits(TypedDict):
    """The fields of TokenizerFacts that rendering the chat template fills."""

    default_system: str
    system_turns: bool
    trims: tuple[Role, ...]
    loses_system: bool
    preamble: str
    date: str


@lru_cache(maxsize=4)
def load(path: Path) -> Tokenizer:
    """The tokenizer in a tokenizer.json; FtcError when the file is broken."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:
        if type(error) is not Exception:  # what the library raises for a file it cannot use
            raise
        raise FtcError(
            f"{path}: is not a usable tokenizer.json: {error}", hint="download the model again"
        ) from error


def read(folder: Path) -> TokenizerFacts | None:
    """What the tokenizer files say; None when the folder has no tokenizer.json."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    config = read_json(folder / "tokenizer_config.json")
    special = {**read_json(folder / "special_tokens_map.json"), **config}
    digest = sha256(path.read_bytes()).hexdigest()
    bos, eos, pad = (_token(special.get(f"{kind}_token")) for kind in ("bos", "eos", "pad"))
    chat = chat_template(folder, config)
    special_tokens = variables(bos, eos, pad)
    key = (sha256(chat.encode()).hexdigest(), json.dumps(special_tokens))
    found = kept.remember("chats", key, lambda: _rendered(chat, special_tokens), _turns)
    vocabulary, first, added = kept.remember("tokenizers", (digest,), lambda: _told(path), _tell)
    return TokenizerFacts(
        bos=bos,
        eos=eos,
        pad=pad,
        chat_template=chat,
        adds_bos=bool(bos) and first == bos,
        vocabulary=vocabulary,
        added=added,
        sha256=digest,
        **found,
    )


def _told(path: Path) -> Any:
    """Size of the vocabulary, the token that every text starts with or "", and added tokens."""
    tokenizer = load(path)
    first = tokenizer.encode("").tokens[:1]
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    return [tokenizer.get_vocab_size(with_added_tokens=True), *(first or [""]), added]


def _tell(value: Any) -> tuple[int, str, tuple[str, ...]]:
    vocabulary, first, added = value
    return int(vocabulary), str(first), tuple(map(str, added))


def _rendered(chat: str, special_tokens: dict[str, str]) -> Any:
    """What rendering tells of a template.

    Renderings and a compilation: measured, some 5 ms of every command.
    """
    injected, accepts = template.system_turn(chat, special_tokens)
    return {
        "default_system": injected,
        "system_turns": accepts,
        "trims": template.trims(chat, special_tokens),
        "loses_system": template.loses_system(chat, special_tokens),
        "preamble": preamble.preamble(chat, special_tokens),
        "date": preamble.date(chat, special_tokens),
    }


def _turns(value: Any) -> _Habits:
    return _Habits(
        default_system=str(value["default_system"]),
        system_turns=bool(value["system_turns"]),
        trims=tuple(value["trims"]),
        loses_system=bool(value["loses_system"]),
        preamble=str(value["preamble"]),
        date=str(value["date"]),
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, {} when there is no file; FtcError when it is broken."""
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise FtcError(f"{path}: is not JSON: {error}", hint="download the model again") from error
    except OSError as error:
        raise FtcError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(value, dict):
        raise FtcError(f"{path}: holds no JSON object", hint="download the model again")
    return value


def chat_template(folder: Path, config: dict[str, Any]) -> str:
    """The model's Jinja template, "" when it has none; a file of its own wins, as everywhere."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text("utf-8")
    value = read_json(folder / "chat_template.json").get("chat_template")
    value = value or config.get("chat_template")
    if isinstance(value, list):
        named = {item.get("name"): item.get("template") for item in value if isinstance(item, dict)}
        value = named.get("default")
    return value if isinstance(value, str) else ""


def variables(bos: str, eos: str, pad: str) -> dict[str, str]:
    """The special tokens as chat templates know them; one that is not there stays undefined."""
    named = {"bos_token": bos, "eos_token": eos, "pad_token": pad}
    return {name: token for name, token in named.items() if token}


def _token(value: Any) -> str:
    value = value.get("content") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""
