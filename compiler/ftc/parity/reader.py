"""What is needed to read a backend's rows: the model's tokenizer and the plan of the build."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.facts import snapshot, tokenizer
from ftc.parity.pieces import Pieces, pieces
from ftc.run import launch


@dataclass(frozen=True)
class Reader:
    """Texts of tokens, and what the plan says of them.

    `control` holds the id of every added token, and whether it is a special one; `ends` those of
    the tokens that end a turn or a text; `rewritten` gives what the tokenizer makes of a text.
    """

    texts: Pieces
    control: Mapping[int, bool]
    ends: frozenset[int]
    default_system: str
    rewritten: Callable[[str], str]
    max_length: int
    train_on_prompt: bool
    packing: bool = False


def reader(build: Path) -> Reader:
    """The reader of a build folder. FtcError without a plan or a tokenizer.json."""
    plan = launch.settings(build)
    folder = _model(plan)
    facts = tokenizer.read(folder)
    if facts is None:
        raise FtcError(
            f"{folder}: has no tokenizer.json to read the tokens with",
            hint="save the tokenizer with transformers' save_pretrained; that writes one",
        )
    core = tokenizer.load(folder / "tokenizer.json")
    core.no_truncation()
    core.no_padding()
    texts = pieces(core)
    ends = (core.token_to_id(token) for token in (plan.get("turn_end"), facts.eos) if token)
    return Reader(
        texts,
        {number: it.special for number, it in core.get_added_tokens_decoder().items()},
        frozenset(number for number in ends if number is not None),
        facts.default_system,
        lambda text: "".join(texts(core.encode(text, add_special_tokens=False).ids)),
        int(plan.get("max_length") or 0),
        bool(plan.get("train_on_prompt")) or plan["stage"] == "pretrain",
        bool(plan.get("packing")),
    )


def _model(plan: Mapping[str, Any]) -> Path:
    """The folder of the plan's model; a hub id's small files are in the cache since the build."""
    folder = Path(plan["model"])
    if folder.is_dir():
        return folder
    cached = snapshot.cached(plan["model"], plan.get("model_revision"))
    if cached is None:
        raise FtcError(
            f"{plan['model']}: neither a folder nor in the hub cache, so it has no tokenizer here",
            hint="build with a connection to the hub, or name a model folder in the recipe",
        )
    return cached


def records(build: Path, part: str) -> list[dict[str, Any]]:
    """The rows that ftc wrote for a part. FtcError when there are none."""
    path = build / f"{part}.jsonl"
    try:
        with path.open(encoding="utf-8") as lines:
            found: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    except FileNotFoundError:
        found = []
    except (OSError, ValueError) as error:
        raise FtcError(f"{path}: cannot be read: {error}", hint=launch.REBUILD) from error
    if not found:
        hint = "data.eval = 0.1 in the recipe holds rows out" if part == "eval" else launch.REBUILD
        raise FtcError(f"{build}: has no rows to {part} on", hint=hint)
    return found


def numbers(records: Sequence[Mapping[str, Any]], ids: Iterable[str]) -> list[int]:
    """Where the rows of these ids stand, from 0, in order. FtcError for an id that there is not."""
    known = {str(record["id"]): number for number, record in enumerate(records)}
    missing = [wanted for wanted in ids if wanted not in known]
    if missing:
        near = nearest(missing[0], known)
        raise FtcError(
            f"no row has the id {missing[0]!r}",
            hint=f"did you mean {near}?" if near else f"the first one is {next(iter(known))}",
        )
    return sorted(known[wanted] for wanted in ids)
