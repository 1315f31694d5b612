"""Looks a model up: local folder, hub cache, hub, then the shipped catalogue."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ftc import kept, recipe
from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.facts import architecture, family, snapshot, tokenizer
from ftc.facts.records import Family, ModelFacts, TokenizerFacts
from ftc.memory.shape import Shape

CATALOGUE = Path(__file__).with_name("catalogue.toml")


def gather(model: recipe.Model, folder: Path, offline: bool) -> ModelFacts:
    """The facts of a model; relative folders are relative to `folder`, that of the recipe.

    FtcError for a folder without config.json and for an id the hub does not know. A hub id that
    cannot be looked up has no shape and no tokenizer, and `source` says why.
    """
    local = _local(model.id, folder)
    if local is not None:
        return _read(model, local, str(local), "config.json in the model folder")
    if not snapshot.HUB_ID.match(model.id):
        raise FtcError(
            f"model.id: {model.id!r} is neither a folder nor a hub id",
            hint="a hub id is OWNER/NAME; a folder is relative to that of the recipe",
        )
    found, source, missed = snapshot.cached(model.id, model.revision), "hub cache", "offline"
    if found is None and not (offline or snapshot.is_offline()):
        source = "hub"
        found, missed = snapshot.download(model.id, model.revision)
    if found is not None:
        return _read(model, found, model.id, f"config.json from the {source}")
    return _catalogued(model, missed)


def catalogue() -> dict[str, dict[str, Any]]:
    """Every id that ships with ftc -> its config.json keys, with `source` and `family`."""
    return {model_id: row for row in catalogued() for model_id in row["ids"]}


@cache
def catalogued() -> list[dict[str, Any]]:
    """The rows of the catalogue, as they stand there."""
    rows: list[dict[str, Any]] = kept.table(CATALOGUE)["model"]
    return [_nulled(row) for row in rows]


def _nulled(row: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null; "null" stands for it."""
    return {
        key: _nulled(value) if isinstance(value, dict) else None if value == "null" else value
        for key, value in row.items()
    }


def _local(model_id: str, folder: Path) -> Path | None:
    """The folder that an id means; FtcError when it means a path and there is no folder."""
    path = (folder / Path(model_id).expanduser()).absolute()
    if path.is_dir():
        return path.resolve()
    if path.is_file():
        hint = f"name its folder: {path.parent}"
        if path.suffix == ".gguf":
            hint = "convert it to a folder with config.json and safetensors first"
        raise FtcError(f"model.id: {model_id} is a file, not a model folder", hint=hint)
    if model_id.startswith((".", "/", "~")) or model_id.count("/") > 1:
        near = nearest(path.name, _folders(path.parent))
        hint = (
            f"did you mean {path.with_name(near)}?" if near else "relative to the recipe's folder"
        )
        raise FtcError(f"model.id: no folder {path}", hint=hint)
    return None


def _folders(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _read(model: recipe.Model, folder: Path, model_id: str, source: str) -> ModelFacts:
    path = folder / "config.json"
    config = tokenizer.read_json(path)
    if not path.is_file():
        hint = "a model folder holds config.json, tokenizer.json and the weights"
        if (folder / "adapter_config.json").is_file():
            hint = "this is an adapter; merge it into its base model first, or name the base"
        raise FtcError(f"model.id: {folder} has no config.json", hint=hint)
    shape = architecture.shape(config, str(path))
    tokens = tokenizer.read(folder)
    if tokens is None:
        source += "; it has no tokenizer.json, so lengths are estimated"
    return ModelFacts(
        id=model_id,
        revision=model.revision,
        folder=folder,
        source=source + _remark(shape),
        shape=shape,
        tokenizer=tokens,
        family=_family(model, shape, tokens),
        linear_modules=shape.modules,
    )


def _family(model: recipe.Model, shape: Shape, tokens: TokenizerFacts | None) -> Family | None:
    if model.family:
        return family.named(model.family)
    template, added = (tokens.chat_template, tokens.added) if tokens else ("", ())
    return family.recognise(template, added, shape.model_type, model.id)


def _remark(shape: Shape) -> str:
    """What the shape leaves out or takes on trust, to stand behind its source."""
    recurrent = ", for its recurrent blocks too" if "recurrent blocks" in shape.guessed else ""
    kind, rough = repr(shape.model_type), "mlp" in shape.guessed
    known = shape.model_type in architecture.known()
    told = {
        f"model_type {kind} is not known, so Llama's layers are assumed{recurrent}": (
            rough and not known
        ),
        f"this kind of {kind} is only roughly known": rough and known,
        "what its blocks keep is guessed": (
            not rough and bool({"attention", "recurrent blocks"} & {*shape.guessed})
        ),
        f"{shape.beside / 1e9:.2f} billion parameters beside the decoder are loaded, not trained": (
            shape.beside > 0
        ),
        "its vision or audio tower is not counted": "vision" in shape.guessed,
    }
    return "".join(f"; {text}" for text, applies in told.items() if applies)


def _catalogued(model: recipe.Model, missed: str) -> ModelFacts:
    row = catalogue().get(model.id)
    if row is None:
        guess = nearest(model.id, catalogue())
        meant = f"; did you mean {guess}?" if guess else ""
        source, shape = f"not looked up ({missed}), and not in the catalogue{meant}", None
    else:
        source = f"catalogue, since {missed}; compared with {row['checked']}"
        shape = architecture.shape(row, "catalogue")
        source += _remark(shape)
    name = model.family or (row["family"] if row else "")
    return ModelFacts(
        id=model.id,
        revision=model.revision,
        folder=None,
        source=source,
        shape=shape,
        tokenizer=None,
        family=family.named(name) if name else None,
        linear_modules=shape.modules if shape else (),
    )
