"""Lays the rows of tokens out as LLaMA-Factory reads them: a saved DatasetDict at `tokenized_path`.

Runs inside LLaMA-Factory's interpreter, in the build folder, and imports nothing of ftc:

python ftc_tokenized.py [COMMAND ...]

The folder is made when it is missing, half made, or of other rows; else it stays. COMMAND takes
this process's place then.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

CONFIG = Path("llamafactory.json")
ROWS = {"train": Path("train.tokens.jsonl"), "validation": Path("eval.tokens.jsonl")}
MARKER = "ftc.json"  # written last: the hashes of the files that the folder was made of
COLUMNS = ("input_ids", "attention_mask", "labels")


def main(command: list[str]) -> None:
    """Makes the folder if it is not there yet, then becomes the command."""
    target = Path(json.loads(CONFIG.read_text("utf-8"))["tokenized_path"])
    parts = {name: path for name, path in ROWS.items() if path.exists()}
    if "train" not in parts:
        sys.exit(f"{ROWS['train'].absolute()}: no such file; build the recipe again")
    made_of = {name: _sha256(path) for name, path in parts.items()}
    if _marker(target) != made_of:
        _make(target, parts, made_of)
    if command:
        os.execvp(command[0], command)


def _make(target: Path, parts: dict[str, Path], made_of: dict[str, str]) -> None:
    """Writes beside the target and renames, so that what has the name is whole."""
    # Not above: a folder that is there already needs none of it.
    from datasets import (  # type: ignore[import-untyped]  # noqa: PLC0415
        Dataset,
        DatasetDict,
        disable_progress_bars,
    )

    disable_progress_bars()
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.absolute().parent))
    try:
        made = {name: Dataset.from_dict(_columns(path)) for name, path in parts.items()}
        DatasetDict(made).save_to_disk(str(beside))
        (beside / MARKER).write_text(json.dumps(made_of), "utf-8")
        beside.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # gone already when it was renamed
    counts = ", ".join(f"{len(rows)} {name}" for name, rows in made.items())
    print(f"ftc: {target} holds the tokens of {counts} rows", flush=True)


def _columns(path: Path) -> dict[str, list[list[int]]]:
    """The rows of a file as columns; ends the process at a row that is none."""
    columns: dict[str, list[list[int]]] = {name: [] for name in COLUMNS}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                cells = [row[name] for name in COLUMNS]
            except (ValueError, KeyError, TypeError):
                sys.exit(f"{path}:{number}: is not a row of tokens; build the recipe again")
            if len({len(cell) for cell in cells}) != 1:
                sys.exit(f"{path}:{number}: columns of unequal length; build the recipe again")
            for name, cell in zip(COLUMNS, cells, strict=True):
                columns[name].append(cell)
    return columns


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _marker(target: Path) -> object:
    try:
        return json.loads((target / MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
