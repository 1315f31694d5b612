"""Starts LLaMA-Factory's training as its own command does, with ftc's measure of memory in it.

Runs inside LLaMA-Factory's interpreter (0.9.5) and imports nothing of ftc:

python ftc_llamafactory.py train CONFIG

`run_exp` takes callbacks, the command line does not: that is all this file is for.
"""

import os
import sys
from pathlib import Path

# Neither is found where ftc is checked.
from ftc_peak import peak  # type: ignore[import-not-found]
from llamafactory import launcher  # type: ignore[import-not-found]


def main() -> None:
    """Starts torchrun where ftc asks for it; trains in a process alone and in each of torchrun's.

    LLaMA-Factory gives torchrun the launcher's own file to run in every process: this one then.
    """
    if os.environ.get("FORCE_TORCHRUN") and "LOCAL_RANK" not in os.environ:
        launcher.__file__ = Path(__file__).name  # in the working folder, so that no space is in it
        launcher.launch()
        return
    # Not above: torchrun's own process needs none of it.
    from llamafactory.train.tuner import (  # type: ignore[import-not-found]  # noqa: PLC0415
        run_exp,
    )

    if sys.argv[1:2] == ["train"]:
        del sys.argv[1]
    measure = peak()
    if measure is None:
        run_exp()
        return
    measure.begun()
    run_exp(callbacks=[measure])


if __name__ == "__main__":
    main()
