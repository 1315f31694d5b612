"""What ftc finds on a machine: its own folders, the cache folder, processors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The shipped folder `templates` or `recipes`: in the wheel, else in the checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parents[1] / name


def cache() -> Path:
    """The one cache folder: `FTC_CACHE`, else the user cache folder of the operating system."""
    if chosen := os.environ.get("FTC_CACHE"):
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path  # noqa: PLC0415 - costs start-up time, seldom needed

    return user_cache_path("ftc")


def processors() -> int:
    """Processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
