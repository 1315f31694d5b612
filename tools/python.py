"""Makes sure that there is a Python for Axolotl 0.21.0, which wants 3.12: else uv fetches one.

Only for setting up a checkout; what uv downloads goes below ftc's cache folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ftc import resources
from ftc.backends import versions
from ftc.errors import FtcError
from ftc.run import interpreters


def main() -> int:
    """The exit code: 0 when one can be found, or was fetched."""
    wanted = versions.find("axolotl", "0.21.0").interpreters
    try:
        interpreters.find(wanted)
    except FtcError as missing:
        print(f"{missing}\nuv fetches Python {wanted[0]}", flush=True)
        folder = str(resources.cache() / interpreters.PYTHONS)
        command = [str(Path(sys.executable).with_name("uv")), "python", "install", wanted[0]]
        done = subprocess.run(command, env=os.environ | {"UV_PYTHON_INSTALL_DIR": folder})
        if done.returncode:
            print(f"error: Axolotl 0.21.0 has no Python\n  try: {missing.hint}", file=sys.stderr)
        return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
