"""Builds a recipe: facts, plan, findings, native config, and the folder that holds them."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftc import __version__, backends, rules
from ftc.augment.result import locked, used
from ftc.backends import versions
from ftc.backends.rows import records
from ftc.data.chunks import split
from ftc.data.example import Dataset, Example
from ftc.diagnostics import SEVERITIES, Finding, Severity, ordered
from ftc.errors import FtcError
from ftc.factors.table import Table, load
from ftc.facts.gather import gather
from ftc.facts.records import Facts
from ftc.facts.tokens import counter
from ftc.plan import Plan
from ftc.progress import Progress
from ftc.recipe import Recipe, parse, read_text
from ftc.resolve import resolve
from ftc.rules.case import Case

PREFERRED = tuple((line.backend, line.version) for line in versions.VERSIONS if line.default)


@dataclass(frozen=True)
class Compiled:
    """A recipe as far as it can be worked out without writing anything."""

    path: Path
    text: str
    recipe: Recipe
    facts: Facts
    dataset: Dataset
    table: Table
    plan: Plan


@dataclass(frozen=True)
class Built:
    """A finished build folder, what there was to say, and the examples of each file of rows."""

    folder: Path
    plan: Plan
    findings: list[Finding]
    rows: dict[str, Any]
    reused: bool
    examples: dict[str, list[Example]]


def compile_recipe(
    path: Path,
    targets: Iterable[tuple[str, str]] = (),
    *,
    offline: bool = False,
    progress: Progress | None = None,
    change: Callable[[Recipe], Recipe] = lambda recipe: recipe,
) -> Compiled:
    """Load, `change`, look up, resolve; `targets` are (backend, version); FtcError if unusable."""
    text = read_text(path)
    folder = path.absolute().parent
    recipe = used(change(parse(text, str(path))), folder)
    table = load([folder / name for name in recipe.factors.tables])
    facts, dataset = gather(
        recipe,
        folder,
        backends=tuple(targets) or PREFERRED,
        offline=offline,
        seed=recipe.seed,
        progress=progress,
    )
    return Compiled(path, text, recipe, facts, dataset, table, resolve(recipe, facts, table))


def findings(
    compiled: Compiled, select: Iterable[str] = (), ignore: Iterable[str] = ()
) -> list[Finding]:
    """All that rules and backends have to say, worst first."""
    case = Case(compiled.recipe, compiled.plan, compiled.facts, compiled.table)
    found = rules.check(case, select=tuple(select), ignore=tuple(ignore))
    if select:
        return ordered(found)
    said = {(it.where, severity) for it in found for severity in _at_most(it.severity)}
    for name, version in compiled.facts.backends:
        limits = backends.get(name).unsupported(compiled.plan, version)
        found += [it for it in limits if (it.where, it.severity) not in said]
        found += native(compiled, name, version)[1]
    return ordered(found)


def _at_most(severity: Severity) -> tuple[Severity, ...]:
    """A severity and the milder ones: a rule that says as much of a place says it better."""
    return SEVERITIES[SEVERITIES.index(severity) :]


def native(compiled: Compiled, backend: str, version: str) -> tuple[dict[str, Any], list[Finding]]:
    """The native config with the recipe's own keys on top, and a finding for each of them."""
    tool = backends.get(backend)
    overrides = getattr(compiled.recipe.backend, backend)
    return tool.overridden(tool.native(compiled.plan, version), overrides)


def build(
    path: Path,
    backend: str,
    version: str,
    *,
    out: Path,
    templates: Path | None = None,
    offline: bool = False,
    strict: bool = False,
    ignore: Iterable[str] = (),
    progress: Progress | None = None,
) -> Built:
    """Write the build folder of one recipe for one backend, or raise Refused when findings forbid.

    The folder is named by its content and appears whole: it is written beside and renamed.
    """
    compiled = compile_recipe(path, [(backend, version)], offline=offline, progress=progress)
    found = findings(compiled, ignore=ignore)
    if any(f.severity == "error" or (strict and f.severity == "warning") for f in found):
        raise Refused(found)
    config, _ = native(compiled, backend, version)
    files = backends.get(backend).artifacts(compiled.plan, config, version, templates)
    if versions.find(backend, version).plugin:  # for those who start the build by hand
        files[versions.PLUGIN.name] = versions.PLUGIN.read_text("utf-8")
    files["recipe.toml"] = compiled.text
    files["plan.json"] = _json(compiled.plan.as_dict())
    train, held = _rows(compiled)
    files["train.jsonl"] = _records(compiled.plan, train)
    if held:
        files["eval.jsonl"] = _records(compiled.plan, held)
    if compiled.plan.tokens == "exact":
        files |= _tokens(compiled, {"train": train, "eval": held})
        if backend == "llamafactory":
            files[versions.TOKENIZED.name] = versions.TOKENIZED.read_text("utf-8")
    report = _report(compiled, train, held)
    files["data.json"] = _json(report)
    files["ftc.lock"] = _json(_lock(compiled, backend, version, files))
    folder = out / f"{compiled.recipe.name}-{backend}-{_digest(files['ftc.lock'])[:8]}"
    reused = _write(folder, files)
    return Built(folder, compiled.plan, found, report, reused, {"train": train, "eval": held})


class Refused(Exception):
    """Findings that forbid a build; not an FtcError, since they are shown as findings."""

    def __init__(self, found: list[Finding]) -> None:
        super().__init__(f"{len(found)} findings")
        self.findings = found


def _rows(compiled: Compiled) -> tuple[list[Example], list[Example]]:
    """Train and eval rows that fit, split first where the stage is pre-training."""
    plan, facts, dataset = compiled.plan, compiled.facts, compiled.dataset
    if plan.stage == "pretrain":
        count = counter(facts.model)
        if count is None:
            return list(dataset.train), list(dataset.eval)
        return (
            split(dataset.train, count, plan.max_length),
            split(dataset.eval, count, plan.max_length),
        )
    train = [e for e, long in zip(dataset.train, _long(compiled, "train"), strict=True) if not long]
    held = [e for e, long in zip(dataset.eval, _long(compiled, "eval"), strict=True) if not long]
    return train, held


def _records(plan: Plan, examples: list[Example]) -> str:
    return _lines(
        records(
            examples,
            plan.stage,
            plan.has_tools,
            preamble=plan.system_preamble,
            date=plan.template_date,
        )
    )


def _tokens(compiled: Compiled, parts: dict[str, list[Example]]) -> dict[str, str]:
    """train.tokens.jsonl and eval.tokens.jsonl: the rows as the ids and labels of the plan."""
    from ftc.facts import exact  # noqa: PLC0415 - start-up cost, for builds that do without

    plan = compiled.plan
    count = exact.counter(compiled.facts.model, plan.thinking)
    if count is None:
        raise FtcError(
            f"{plan.model}: has no tokenizer at hand to make tokens with",
            hint='download the model, or leave data.tokens = "exact" out',
        )
    files = {}
    for part, examples in parts.items():
        if not examples:
            continue
        rows = list(count.rows(examples, plan.stage, everything=plan.train_on_prompt))
        for example, row in zip(examples, rows, strict=True):
            if len(row.ids) > plan.max_length:
                raise FtcError(
                    f"{example.file}:{example.line}: has {len(row.ids)} tokens with thinking = "
                    f"{str(plan.thinking).lower()}, over {plan.max_length}",
                    hint="set training.thinking in the recipe, or raise training.max_length",
                )
        files[f"{part}.tokens.jsonl"] = _lines(
            {"input_ids": row.ids, "attention_mask": [1] * len(row.ids), "labels": row.labels}
            for row in rows
        )
    return files


def _long(compiled: Compiled, part: str) -> list[bool]:
    lengths = getattr(compiled.facts.data, part)
    limit = compiled.plan.max_length
    return [lengths.exact and total > limit for total in lengths.total]


def _report(compiled: Compiled, train: list[Example], held: list[Example]) -> dict[str, Any]:
    """Where every row went: kept, too long (with ids), refused (with place and reason)."""
    dataset, long = compiled.dataset, {}
    if compiled.plan.stage != "pretrain":
        for part in ("train", "eval"):
            examples = getattr(dataset, part)
            flags = zip(examples, _long(compiled, part), strict=True)
            long[part] = [{"id": e.id, "file": e.file, "line": e.line} for e, over in flags if over]
    return {
        "source": dataset.source,
        "format": dataset.format,
        "sha256": compiled.facts.data.sha256,
        "train": len(train),
        "eval": len(held),
        "too_long": long,
        "max_length": compiled.plan.max_length,
        "left_out": dataset.left_out,
        "rejected": [asdict(row) for row in dataset.rejected],
    }


def _lock(compiled: Compiled, backend: str, version: str, files: dict[str, str]) -> dict[str, Any]:
    model = compiled.facts.model
    return {
        "ftc": __version__,
        "backend": backend,
        "version": version,
        "model": model.id,
        "model_revision": model.revision,
        "tokenizer_sha256": model.tokenizer.sha256 if model.tokenizer else None,
        "data_sha256": compiled.facts.data.sha256,
        "files": {name: _digest(text) for name, text in sorted(files.items())},
        **locked(compiled.recipe, compiled.path.absolute().parent),
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write(folder: Path, files: dict[str, str]) -> bool:
    """True when the folder was there already; equal names mean equal bytes."""
    if (folder / "ftc.lock").is_file():
        return True
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise FtcError(
            f"{folder.parent}: cannot be written: {error.strerror}", hint="choose another --out"
        ) from error
    try:
        for name, text in files.items():
            (beside / name).write_text(text, "utf-8", newline="\n")
            if name.endswith(".sh"):
                (beside / name).chmod(0o755)
        beside.chmod(0o755)
        beside.replace(folder)
    except OSError as error:
        raise FtcError(
            f"{folder}: cannot be written: {error.strerror}",
            hint="free some space, or choose another --out",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # gone already when it was renamed
    return False
