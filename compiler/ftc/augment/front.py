"""Distilabel, loaded so that it stays quiet.

Loading it makes Python print the values of local variables with every error, keys among them; that
is undone here. Its log is for pipelines, which ftc does not run.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import warnings

from ftc.errors import FtcError

__all__ = ["LLM", "Task", "TransformersLLM"]

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
logging.getLogger("distilabel").setLevel(logging.CRITICAL)
# Of newer releases of pydantic, for each class that is made of Distilabel's.
warnings.filterwarnings("ignore", message="The 'default' attribute with value None")
_hook = sys.excepthook
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import distilabel.pipeline  # noqa: F401 - the first task would load it
        from distilabel.models.llms import LLM, TransformersLLM
        from distilabel.steps.tasks import Task
except ModuleNotFoundError as error:
    raise FtcError(
        f"ftc augment needs Distilabel: {error}", hint='pip install "ftc[augment]"'
    ) from error
finally:
    sys.excepthook = _hook

gc.freeze()  # looking through half a million objects of libraries takes a fifth of a run's time
