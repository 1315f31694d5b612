"""The command, the config file and the environment variables with which each backend is started."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftc.backends.versions import LAUNCHER, PEAK, TOKENIZED
from ftc.errors import FtcError
from ftc.render import json_value
from ftc.run import environments, peak
from ftc.run.environments import Environment
from ftc.run.progress import METRICS

# What to try when a file of a build folder is broken: building alone would find the folder there.
REBUILD = "remove the build folder, and build again"
# The file of a build folder that the backend reads.
CONFIGS: dict[str, str] = {"axolotl": "axolotl.yaml", "llamafactory": "llamafactory.json"}
_QUIET = {
    "FTC_METRICS": METRICS["axolotl"],
    "FTC_PEAK": peak.FOLDER,
    "NO_COLOR": "1",
    "TERM": "dumb",
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_MININTERVAL": "5",  # the log is a file: a bar drawn ten times a second only fills it
}
# What a launcher of the user's shell may have left behind, and both tools would obey.
_STRAY = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "FORCE_TORCHRUN", "NNODES",
          "NODE_RANK", "NPROC_PER_NODE", "USE_RAY", "USE_MCA", "ALLOW_EXTRA_ARGS",
          "LLAMABOARD_ENABLED")  # fmt: skip


def config_of(backend: str) -> str:
    """Name of the file of a build folder that `backend` reads. Raises FtcError on another name."""
    if backend not in CONFIGS:
        raise FtcError(f"unknown backend {backend!r}", hint=f"one of: {', '.join(CONFIGS)}")
    return CONFIGS[backend]


def write_config(folder: Path, backend: str, parent: str) -> str:
    """Writes the config that is handed over into the run folder; its name, relative to it.

    The build's own file stays as it is. `parent` is the checkpoint to go on from, or "".
    Raises FtcError when the build's file is missing or is not what its name says.
    """
    source = folder / CONFIGS[backend]
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise FtcError(f"{source}: cannot be read: {error.strerror}", hint=REBUILD) from error
    target = folder / (backend + (".resume.yaml" if parent else ".yaml"))
    if backend == "llamafactory":
        text = _llamafactory(source, text, parent)
    elif parent:
        text = _with_line(text, "resume_from_checkpoint", parent)
    if target != source:
        target.write_text(text, encoding="utf-8")
    return target.name


def write_measure(folder: Path, backend: str) -> None:
    """Lays the measure of memory into the run folder, and for LLaMA-Factory what starts it.

    Raises FtcError when the folder cannot be written.
    """
    for source in (PEAK, *((LAUNCHER,) if backend == "llamafactory" else ())):
        try:
            shutil.copyfile(source, folder / source.name)
        except OSError as error:
            raise FtcError(
                f"{folder / source.name}: cannot be written: {error.strerror}",
                hint="make room, or choose another place for runs",
            ) from error


def _with_line(text: str, key: str, value: str) -> str:
    """YAML with one top-level key set, everything else and all comments as they were."""
    kept = re.sub(rf"(?m)^{key}\s*:.*\n?", "", text)
    return f"{kept.rstrip()}\n{key}: {json_value(value)}\n"


def _llamafactory(source: Path, text: str, parent: str) -> str:
    """JSON, which 0.9.5 opens only in a file that is called .yaml.

    With `overwrite_output_dir` it would delete its own log of the steps before the checkpoint.
    """
    try:
        config: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise FtcError(f"{source}: is not JSON: {error}", hint=REBUILD) from error
    if parent:
        config |= {"resume_from_checkpoint": parent, "overwrite_output_dir": False}
        return json_value(config, indent=2) + "\n"
    return text


def command(backend: str, python: Path, config: str, plan: Mapping[str, Any]) -> tuple[str, ...]:
    """What is executed, with the run folder as working directory: only relative names in it.

    One process is started plainly: `accelerate launch`, Axolotl's usual way, would take settings
    from a file in the user's home. DeepSpeed and several cards need torchrun. LLaMA-Factory is
    started by a file that `write_measure` lays there, and that does what its own command does.
    """
    if backend == "llamafactory":
        if distributed(plan) and re.search(r"\s", str(python)):
            raise FtcError(
                f"{python}: LLaMA-Factory cannot start torchrun from a path with a space",
                hint="set FTC_CACHE to a folder without spaces and install the environment there",
            )
        train = (str(python), LAUNCHER.name, "train", config)
        return (str(python), TOKENIZED.name, *train) if plan.get("tokens") == "exact" else train
    axolotl = (str(python), "-m", "axolotl.cli.main", "train", config, "--launcher")
    if not distributed(plan):
        return (*axolotl, "python")
    processes = f"--nproc_per_node={plan['gpus']}"
    return (*axolotl, "torchrun", "--", "--standalone", processes)


def environment(backend: str, version: str, plan: Mapping[str, Any]) -> Environment:
    """The environment for the plan's device. Raises FtcError with the command that makes one."""
    if plan["device"] == "gpu":
        return environments.require(backend, version, "gpu")
    small = environments.locate(backend, version, "cpu")
    return small or environments.require(backend, version)


def distributed(plan: Mapping[str, Any]) -> bool:
    """Whether torchrun is needed. On CPU never: both tools train there in one process."""
    return plan["device"] == "gpu" and bool(plan["gpus"] > 1 or plan["zero_stage"] > 0)


def variables(
    backend: str, plan: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment's own variables, with the device pinned to what the plan counts on."""
    result = {name: value for name, value in environment.items() if name not in _STRAY}
    result |= _QUIET | {"FTC_DEVICE": str(plan["device"])}
    result["CUDA_VISIBLE_DEVICES"] = _cards(plan, environment)
    if backend == "llamafactory" and distributed(plan):
        result |= {"FORCE_TORCHRUN": "1", "NPROC_PER_NODE": str(plan["gpus"])}
    return result


def _cards(plan: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The first cards that are visible, as many as planned: LLaMA-Factory takes every one it sees
    and multiplies the batch."""
    if plan["device"] == "cpu":
        return ""
    wanted = int(plan["gpus"])
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return ",".join(str(number) for number in range(wanted))
    cards = [card.strip() for card in chosen.split(",") if card.strip()]
    if len(cards) < wanted:
        raise FtcError(
            f"CUDA_VISIBLE_DEVICES: names {len(cards)} cards, the recipe plans {wanted}",
            hint="set hardware.gpus in the recipe, or make more cards visible",
        )
    return ",".join(cards[:wanted])


def settings(folder: Path) -> dict[str, Any]:
    """The plan's values from plan.json, by name, without their origins."""
    path = folder / "plan.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        plan = {
            name: entry["value"] if isinstance(entry, dict) and "value" in entry else entry
            for name, entry in raw.items()
        }
        return {name: plan[name] for name in _NEEDED} | plan
    except OSError as error:
        raise FtcError(
            f"{folder}: is not a build folder, it has no plan.json", hint="ftc build makes one"
        ) from error
    except (ValueError, AttributeError, KeyError) as error:
        raise FtcError(f"{path}: is not a plan: {error}", hint=REBUILD) from error


_NEEDED = ("model", "stage", "device", "gpus", "zero_stage", "max_steps")
