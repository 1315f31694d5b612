"""Files whose rows count as there already: they are read as sources are, and never dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ftc.prep.deduplicate import meaning
from ftc.prep.deduplicate.gathered import gather
from ftc.prep.step import Inputs


def files(inputs: Inputs) -> Sequence[Path]:
    """What the step reads beside its rows: files to compare with, and the sentence model."""
    settings = inputs.settings
    paths: list[Path] = []
    if settings.against:
        from ftc.prep.collect import found  # noqa: PLC0415 - loads the readers of all documents

        paths += [item.path for item in found(_as_sources(inputs))]
    if settings.meaning is not None:
        model = meaning.folder(inputs)
        paths += [model / name for name in ("config.json", "tokenizer.json", "model.safetensors")]
    return paths


def gathered(inputs: Inputs, folder: Path) -> list[Path]:
    """What `gather` writes of these files, in this folder."""
    if not inputs.settings.against:
        return []
    from ftc.prep.collect import found, read  # noqa: PLC0415 - loads the readers of all documents

    sources = _as_sources(inputs)
    paths: list[Path] = []
    for item in found(sources):
        for outcome in read(item, sources):
            path = folder / f"against-{len(paths):05}.arrow"
            gather(outcome.rows, inputs, path)
            paths.append(path)
    return paths


def _as_sources(inputs: Inputs) -> Inputs:
    prepare = inputs.prepare.model_copy(update={"sources": list(inputs.settings.against)})
    return replace(inputs, prepare=prepare, settings=prepare.collect)
