"""Writes `compiler/ftc/backends/schemas/` anew from the installed backends, or compares with them.

    python tools/snapshot_schemas.py [--check] [BACKEND@VERSION ...]

Each environment's own Python runs `schema_<backend>.py`; ftc imports no backend. With `--check`
nothing is written and the exit code is 1 when a file differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ftc.backends import versions
from ftc.backends.versions import Version
from ftc.errors import FtcError
from ftc.run import environments

HERE = Path(__file__).parent
FOLDER = HERE.parent / "compiler" / "ftc" / "backends" / "schemas"


def snapshot(line: Version) -> str:
    """The schema file of an installed backend version; FtcError when it is not installed."""
    env = environments.require(line.backend, line.version, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "schema.json"
        done = subprocess.run(
            [str(env.python), str(HERE / f"schema_{line.backend}.py"), str(out)],
            capture_output=True,
            text=True,
            check=False,
            env=environments.variables(env, offline=True),
            cwd=folder,
        )
        if done.returncode != 0:
            raise FtcError(f"{line.name}: {done.stderr.strip()}", exit_code=4)
        return text(json.loads(out.read_text(encoding="utf-8")))


def text(schema: dict[str, Any]) -> str:
    """Sorted JSON with a line for each property, nested ones too: diffs stay small."""
    return _object(schema, depth=4) + "\n"


def _object(value: Any, depth: int, indent: int = 0) -> str:
    if not isinstance(value, dict) or not value or depth == 0 or _is_leaf(value):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    pad = " " * (indent + 1)
    lines = [
        f"{pad}{json.dumps(key)}: {_object(value[key], depth - 1, indent + 1)}"
        for key in sorted(value)
    ]
    return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"


def _is_leaf(value: dict[str, Any]) -> bool:
    """A schema that describes no keys of its own."""
    return bool({"type", "anyOf", "enum", "$ref"} & value.keys()) and "properties" not in value


def main(arguments: list[str]) -> int:
    """Writes or compares; the number of files that differ makes the exit code."""
    check = "--check" in arguments
    names = [each for each in arguments if not each.startswith("--")]
    lines = [versions.parse(name) for name in names] or list(versions.VERSIONS)
    different = 0
    for line in lines:
        path = FOLDER / f"{line.backend}-{line.version}.json"
        new = snapshot(line)
        same = path.is_file() and path.read_text(encoding="utf-8") == new
        different += not same
        if not check:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(new, encoding="utf-8")
        print(f"{path.name}: {'as installed' if same else 'differs' if check else 'written'}")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
