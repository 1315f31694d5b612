"""The same prompts answered by the model before and after a run, in the run's own environment."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftc import recipe, resources
from ftc.errors import FtcError
from ftc.run import environments, failures, launch, process, record
from ftc.run.progress import Tail
from ftc.run.record import Record

SCRIPT = resources.PACKAGE / "run" / "answers.py"
LOG = "compare.log"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Pair:
    """One prompt and both answers, without special tokens."""

    prompt: str
    before: str
    after: str

    def as_dict(self) -> dict[str, str]:
        """Plain data for `--format json`."""
        return asdict(self)


def compare(
    run: Path,
    prompts: Sequence[str] = (),
    max_new_tokens: int | None = None,
    *,
    offline: bool = False,
    progress: Progress = lambda text: None,
) -> list[Pair]:
    """`answers` with the recipe's own prompts and length where none are given.

    Raises FtcError when the run is not finished or there is no prompt.
    """
    record.read(run)  # a folder that is no run is told so first
    said = recipe.load(run / "recipe.toml")
    asked = list(prompts) or list(said.compare.prompts)
    if not asked:
        raise FtcError(
            f"{run}: no prompt to answer", hint="set compare.prompts in the recipe, or give one"
        )
    return answers(
        run,
        asked,
        max_new_tokens or said.compare.max_new_tokens,
        seed=0,
        system=said.data.system or "",
        offline=offline,
        progress=progress,
    )


def answers(
    run: Path,
    prompts: Sequence[str],
    max_new_tokens: int,
    seed: int,
    *,
    system: str = "",
    offline: bool = False,
    progress: Progress = lambda text: None,
) -> list[Pair]:
    """Greedy answers of at most `max_new_tokens` tokens, before and after the run in folder `run`.

    Chat models get the prompt as a user turn in their own template, after the `system` turn;
    pre-training runs continue it as text. Raises FtcError with exit code 4 when loading fails.
    """
    old = record.read(run)
    if old.result is None:
        raise FtcError(
            f"{run}: this run is {old.state}, it has no result to compare",
            hint="the same ftc run command with --resume goes on with it",
        )
    plan = launch.settings(run)
    request = _request(plan, old) | {
        "prompts": list(prompts),
        "system": system,
        "max_new_tokens": max_new_tokens,
        "seed": seed,
    }
    texts = _asked(request, plan, old, offline, progress)
    return [
        Pair(prompt, texts["before", index], texts["after", index])
        for index, prompt in enumerate(prompts)
    ]


def _request(plan: Mapping[str, Any], old: Record) -> dict[str, Any]:
    return {
        "model": plan["model"],
        "revision": plan.get("model_revision"),
        "output": str(old.result),
        "kind": old.kind,
        "device": plan["device"],
        "dtype": plan.get("dtype", "fp32"),
        "bits": plan.get("quant_bits", 0),
        "chat": plan["stage"] != "pretrain",
        "thinking": bool(plan.get("thinking")),
        "turn_end": plan.get("turn_end", ""),
        "date": plan.get("template_date", ""),
    }


def _asked(
    request: Mapping[str, Any],
    plan: Mapping[str, Any],
    old: Record,
    offline: bool,
    progress: Progress,
) -> dict[tuple[str, int], str]:
    """Text by (side, number of the prompt)."""
    home = launch.environment(old.backend, old.version, plan)
    variables = launch.variables(old.backend, plan, environments.variables(home, offline))
    total = 2 * len(request["prompts"])
    found: dict[tuple[str, int], str] = {}
    log = (old.folder / LOG).absolute()
    with tempfile.TemporaryDirectory(prefix="ftc-compare-") as name:
        folder = Path(name)
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        tail = Tail(folder / "answers.jsonl")

        def tick() -> None:
            for line in tail.lines():
                said = json.loads(line)
                found[said["side"], said["index"]] = said["text"]
                progress(f"answer {len(found)} of {total}")

        progress("loading the model")
        offset = log.stat().st_size if log.exists() else 0
        command = (str(home.python), str(SCRIPT), "request.json", "answers.jsonl")
        status = process.run(command, folder, variables, log, tick)
    if status or len(found) < total:
        raise failures.failed(f"{old.folder}: the answers failed", status, log, offset=offset)
    return found
