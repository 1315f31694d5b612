"""The shadow of a build's model: where the real one's config lies, and the tiny model made of it.

The making itself is `inside/shadow.py`; it runs in a backend's environment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftc import recipe
from ftc.errors import FtcError
from ftc.facts import model

LAYERS = 2  # the least that shows a model whose layers are of two kinds
SEED = 42


@dataclass(frozen=True)
class Shadow:
    """Folders of the shadow model and of its adapter, and the config.json of the real model."""

    model: Path
    adapter: Path | None
    real_config: Path
    request: Mapping[str, Any]

    @property
    def made(self) -> bool:
        """Whether it is there already; config.json alone may be of one that was cut short."""
        last = self.adapter or self.model
        name = "adapter_config.json" if self.adapter else "model.safetensors"
        return (last / name).is_file()


def of(plan: Mapping[str, Any], workspace: Path, *, offline: bool) -> Shadow:
    """The shadow of a plan's model below `workspace`, to be made; equal ones have one folder.

    FtcError when the model's config.json is not at hand.
    """
    folder = _folder(plan, offline)
    said = {
        "config": str(folder / "config.json"),
        "tokenizer": str(folder),
        "seed": SEED,
        "layers": LAYERS,
        "adapter": _adapter(plan),
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]
    place = (workspace / f"shadow-{digest}").absolute()
    adapter = place / "adapter" if said["adapter"] else None
    outs = {"out": str(place / "model"), "adapter_out": str(place / "adapter")}
    return Shadow(place / "model", adapter, folder / "config.json", said | outs)


def _folder(plan: Mapping[str, Any], offline: bool) -> Path:
    name, revision = str(plan["model"]), plan.get("model_revision")
    facts = model.gather(recipe.Model(id=name, revision=revision), Path("/"), offline)
    if facts.folder is None:
        raise FtcError(
            f"model.id: {name} has no config.json and no tokenizer here: {facts.source}",
            hint="a comparison needs no weights, but these files: go online once, or name a folder",
        )
    return facts.folder


def _adapter(plan: Mapping[str, Any]) -> dict[str, Any] | None:
    if plan.get("method") == "full":
        return None
    return {
        "rank": plan["lora_rank"],
        "alpha": plan["lora_alpha"],
        "targets": list(plan["lora_targets"]),
        "dora": bool(plan.get("lora_dora")),
        "rslora": bool(plan.get("lora_rslora")),
        "modules_to_save": list(plan.get("lora_modules_to_save") or ()),
    }
