"""The process that serves a GGUF model: started by `embedded` as a script, ends with its parent.

It needs the standard library and xllamacpp. Standard input brings one line of JSON, the settings,
and stays open as long as the parent lives; standard output tells the address once it answers.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

WATCH = 0.5  # seconds between looks at who the parent is


def main() -> None:
    """Serve until the parent is gone."""
    parent = os.getppid()
    settings = json.loads(sys.stdin.readline())
    try:
        server = start(settings)
    except RuntimeError:
        sys.exit(1)
    print(json.dumps({"url": server.listening_address}), flush=True)
    threading.Thread(target=_until_closed, daemon=True).start()
    # A process that ftc forked may hold the other end of standard input open after ftc is gone.
    while os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(0)


def start(settings: dict[str, Any]) -> Any:
    """A server that answers; RuntimeError when llama.cpp cannot load the model (its log says why).

    xllamacpp keeps the interpreter's lock until the model is loaded.
    """
    import xllamacpp  # noqa: PLC0415 - loads llama.cpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.model_alias = {settings["model"]}
    params.api_keys = [settings["key"]]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["slots"] * settings["context"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.verbosity = 2  # errors and warnings: other levels have five lines a question
    params.ui = False
    params.endpoint_slots = False  # shows what others ask
    params.cache_ram_mib = 0  # by default up to 8 GiB of old prompts
    return xllamacpp.Server(params)


def _until_closed() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
