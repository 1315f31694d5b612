"""Finds the small files of a hub model: in the local hub cache, else by downloading them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ftc.data.hub import reachable
from ftc.errors import FtcError

FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
)
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")
TIMEOUT = 10  # seconds for the first answer of the hub


def cached(model_id: str, revision: str | None) -> Path | None:
    """The folder of a model in the hub cache, when config.json is in it; imports nothing."""
    repo = _cache() / f"models--{model_id.replace('/', '--')}"
    reference = repo / "refs" / (revision or "main")
    commit = reference.read_text("utf-8").strip() if reference.is_file() else revision or ""
    folder = repo / "snapshots" / commit
    return folder if commit and (folder / "config.json").is_file() else None


def download(model_id: str, revision: str | None) -> tuple[Path | None, str]:
    """(folder, "") after downloading the small files, or (None, why not) when out of reach.

    FtcError when the hub says that there is no such model or revision.
    """
    if not reachable():
        return None, "the hub cannot be reached"
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import huggingface_hub  # noqa: PLC0415 - costs start-up time, needed for downloads only
    from huggingface_hub import errors  # noqa: PLC0415 - the same

    try:
        folder = huggingface_hub.snapshot_download(
            model_id, revision=revision, allow_patterns=list(FILES), etag_timeout=TIMEOUT
        )
    except errors.GatedRepoError:
        return None, f"gated: accept its terms at https://huggingface.co/{model_id}"
    except errors.RepositoryNotFoundError as error:
        raise FtcError(
            f"model.id: no model {model_id!r} on the hub, or it is private",
            hint="check the spelling: OWNER/NAME; private models need: hf auth login",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise FtcError(
            f"model.revision: {model_id} has no revision {revision!r}",
            hint="leave model.revision out for the newest one",
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError):
        return None, "the hub cannot be reached"
    except ValueError as error:
        return None, f"the hub cannot be asked: {error}"
    found = Path(folder)
    return (found, "") if (found / "config.json").is_file() else (None, "it has no config.json")


def is_offline(environment: Any = os.environ) -> bool:
    """Whether the user's environment forbids the hub, in the hub's own words."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(environment.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in names)


def _cache() -> Path:
    if chosen := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(chosen).expanduser()
    home = os.environ.get("HF_HOME")
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home or base).expanduser() / "hub"
