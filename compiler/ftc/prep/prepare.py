"""`ftc prepare` as a whole: the steps, the files of rows, and the word that they are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftc.errors import FtcError
from ftc.prep import collect, pipeline, result, runner, split
from ftc.prep.alone import alone
from ftc.prep.engine import Engine
from ftc.prep.pipeline import COLLECT
from ftc.prep.runner import Job, Ran
from ftc.progress import Progress, quiet
from ftc.recipe import Recipe


@dataclass(frozen=True)
class Prepared:
    """What a run of the steps came to. `split` is None when it stopped before the end."""

    root: Path
    ran: tuple[Ran, ...]
    split: split.Split | None


def prepare(
    recipe: Recipe,
    folder: Path,
    *,
    last: str | None = None,
    engine: Engine = "local",
    cores: int | None = None,
    progress: Progress = quiet,
) -> Prepared:
    """Bring the prepared data of a recipe in `folder` up to date, through step `last` or whole.

    FtcError when a source is missing, no row is left, or another run is at the same data.
    """
    settings = recipe.preparation
    if settings is None:
        raise FtcError(
            "the recipe has no [prepare]",
            hint='add one, for example: [prepare] with sources = ["raw/"]',
        )
    augment = recipe.augmentation
    sheet = augment.sheet(recipe.name) if augment else None
    settings = settings.settled(recipe.stage, recipe.data.eval_path, sheet)
    known = runner.names(settings)
    if last is not None and last not in known:
        raise FtcError(f"no step {last!r} in this recipe", hint=f"its steps: {', '.join(known)}")
    root = result.root(recipe, folder)
    job = Job(settings, folder, root, recipe.seed, engine, progress, cores)
    steps = known if last is None else known[: known.index(last) + 1]
    with alone(root, "prepare"):
        sources = collect.found(job.inputs(COLLECT))
        read = [result.seen(it.path, job.folder) for it in sources if it.path.is_file()]
        hashes = {job.folder / it.path: it.sha256 for it in read}
        for _ in _beside(job, steps):
            pass  # FtcError when one is missing, before the first step
        ran = runner.run(job, last, hashes)
        if last is not None and last != known[-1]:
            return Prepared(root, tuple(ran), None)
        return Prepared(root, tuple(ran), _finished(recipe, job, ran, read))


def _finished(
    recipe: Recipe, job: Job, ran: Sequence[Ran], sources: Sequence[result.Read]
) -> split.Split:
    """Write the files of rows, unless those that are there come from the same steps."""
    steps = {it.done.step: it.done.key for it in ran}
    settings = result.settings(recipe)
    beside = [result.seen(path, job.folder) for path in _beside(job, list(steps))]
    files = tuple(dict.fromkeys((*sources, *beside)))
    before = result.read(job.root)
    if before and (before.settings, before.steps) == (settings, steps) and _there(job.root, before):
        result.write(job.root, result.State(settings, steps, files, before.train, before.eval))
        return split.Split(before.train, before.eval, {})
    (job.root / result.STATE).unlink(missing_ok=True)
    last = ran[-1]
    share = recipe.data.eval if recipe.data.eval_path is None else 0.0
    found = split.write(
        [last.folder.rows(batch.name) for batch in last.done.batches],
        job.root,
        job.root / "steps" / "split.parquet",
        stage=recipe.stage,
        share=share,
        seed=job.seed,
    )
    result.write(job.root, result.State(settings, steps, files, found.train, found.eval))
    return found


def _there(root: Path, state: result.State) -> bool:
    return (root / "train.jsonl").is_file() and (root / "eval.jsonl").is_file() == bool(state.eval)


def _beside(job: Job, steps: Sequence[str]) -> Iterator[Path]:
    """The files that steps after the first read beside their rows."""
    for step in steps[1:]:
        files = pipeline.load(step).files
        yield from files(job.inputs(step)) if files else ()
