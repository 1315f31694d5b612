"""Rows of a data set on the Hugging Face hub, through `datasets`, an optional extra."""

from __future__ import annotations

import os
import socket
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ftc import recipe
from ftc.data.table import Table
from ftc.errors import FtcError


def read(data: recipe.Rows, offline: bool = False) -> Table:
    """Download (or take from the cache) one split; rows are numbered from 1.

    FtcError: extra missing, id, subset or split unknown, gated, no network, script-only data set.
    """
    name = f"hub:{data.hub}"
    if offline or not reachable():  # read when `datasets` is imported; it retries for 25 s else
        os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    try:
        datasets: Any = import_module("datasets")  # Any: it has no types
        hub: Any = import_module("huggingface_hub")
    except ImportError as error:
        raise FtcError(
            f"{name}: data sets of the hub need `datasets`, which is not installed",
            hint="pip install 'ftc[data]', or download a file and give it as path",
        ) from error
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    hub.logging.set_verbosity_error()
    try:
        rows = datasets.load_dataset(
            data.hub, data.subset, split=data.split, revision=data.revision
        ).to_list()
    except (ValueError, RuntimeError, OSError, datasets.exceptions.DatasetsError) as error:
        raise _explained(name, data, error) from error
    if not rows:
        raise FtcError(f"{name}: split {data.split!r} holds no rows", hint="name another split")
    return Table(name, "hub", list(enumerate(rows, 1)), [])


def reachable(seconds: float = 5) -> bool:
    """Whether the hub answers at all; a proxy is trusted to do so."""
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=seconds):
            return True
    except OSError:
        return False


def _explained(name: str, data: recipe.Rows, error: Exception) -> FtcError:
    """Tell by the kind and the text of an error of `datasets` what the user can do."""
    text = " ".join(str(error).split())[:300]
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "gated" in text.lower() or "GatedRepoError" in kinds:
        hint = (
            f"accept its terms at https://huggingface.co/datasets/{data.hub}, then: hf auth login"
        )
        return FtcError(f"{name}: is gated", hint=hint)
    if "OfflineModeIsEnabled" in kinds or "offline" in text.lower() or _unreachable(kinds, text):
        hint = "go online once to fill the cache, or download a file and give it as path"
        return FtcError(f"{name}: is not in the cache and the hub cannot be reached", hint=hint)
    if "DatasetNotFoundError" in kinds:
        hint = "check the spelling: OWNER/NAME; private data sets need: hf auth login"
        return FtcError(f"{name}: no such data set on the hub", hint=hint)
    if "Unknown split" in text or "split" in text.lower():
        return FtcError(f"{name}: {text}", hint="set data.split to one of the splits it names")
    if "BuilderConfig" in text or "Config name" in text:
        return FtcError(f"{name}: {text}", hint="set data.subset to one of the names it gives")
    return FtcError(f"{name}: cannot be loaded: {text}", hint="give a downloaded file as path")


def _unreachable(kinds: set[str], text: str) -> bool:
    network = {"ConnectionError", "ConnectError", "TimeoutException", "LocalEntryNotFoundError"}
    return bool(kinds & network) or "Couldn't reach" in text
