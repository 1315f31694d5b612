"""The figures of a folder of configs: goals, tables, and everything that has to be named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from backends import environment

from corpus.measure import RECIPE, TARGETS, TOOLS, File
from ftc.backends import versions
from ftc.convert.entry import CLASSES, counts

SHARE = 0.98  # of the plain configs that must be taken by the real parser
NAMED = (
    "source_refused",
    "refused",
    "failed",
    "no_recipe",
    "foreign",
    "unaccounted",
    "unexplained",
)
Verdicts = Mapping[str, Mapping[str, str]]  # target -> file -> why it is refused, "" where not


class Goal(NamedTuple):
    """What is required, and whether it is met."""

    text: str
    met: bool
    seen: str


def asked(found: Sequence[File]) -> tuple[Verdicts, Verdicts]:
    """What the real parsers say of the sources, and of what was made of them."""
    sources: dict[str, dict[str, str]] = {}
    made: dict[str, dict[str, str]] = {}
    for tool in TOOLS:
        cases = [{"name": f"{it.name}\n", "text": it.text} for it in found if it.tool == tool]
        for it in found:
            if it.tool == tool and it.again:
                cases.append({"name": it.name, "text": it.again, "files": it.beside})
            elif it.tool and tool in it.converted:
                new = it.converted[tool]
                cases.append({"name": it.name, "text": new.text, "files": dict(new.files)})
        version = versions.find(tool).version
        told = environment.drive(tool, version, "accept", {"cases": cases}) if cases else {}
        sources[tool] = {name[:-1]: why for name, why in told.items() if name.endswith("\n")}
        made[tool] = {name: why for name, why in told.items() if not name.endswith("\n")}
    return sources, made


def figures(found: Sequence[File], sources: Verdicts, made: Verdicts) -> dict[str, Any]:
    """Everything that is counted, as plain values."""
    training = [it for it in found if it.tool]
    return {
        "files": len(found),
        "kinds": dict(Counter(it.kind for it in found).most_common()),
        "refused": {it.name: it.refused for it in found if it.refused},
        "training": dict(Counter(it.tool for it in training)),
        "crashes": {it.name: it.crashes for it in found if it.crashes},
        "failed": {it.name: it.failed for it in training if it.failed},
        "keys": _keys(training),
        "unaccounted": {it.name: it.unaccounted for it in training if it.unaccounted},
        "unexplained": {it.name: it.unexplained for it in training if it.unexplained},
        "foreign": {it.name: it.foreign for it in training if it.foreign},
        "no_recipe": {it.name: it.recipe for it in training if it.recipe},
        "round_trip": {
            "exact_keys": sum(it.held for it in training),
            "configs": len(training),
            "apart": {it.name: it.apart for it in training if it.apart},
        },
        "source_refused": {
            it.name: sources[it.tool][it.name] for it in training if sources[it.tool][it.name]
        },
        "accepted": {
            _way(tool, target): _accepted(
                [it for it in training if it.tool == tool], target, sources, made
            )
            for tool in TOOLS
            for target in TOOLS
            if any(it.tool == tool for it in training)
        },
    }


def _way(tool: str, target: str) -> str:
    return f"{tool} -> recipe -> {tool}" if tool == target else f"{tool} -> {target}"


def _keys(training: Iterable[File]) -> dict[str, dict[str, int]]:
    """Keys by tool and target, in each class."""
    found: dict[str, Counter[str]] = {}
    for it in training:
        for target in TARGETS:
            if target in it.converted:
                name = f"{it.tool} -> {target}"
                found.setdefault(name, Counter()).update(counts(it.converted[target].entries))
    return {name: {kind: count[kind] for kind in CLASSES} for name, count in found.items()}


def _accepted(
    training: Sequence[File], target: str, sources: Verdicts, made: Verdicts
) -> dict[str, Any]:
    """The plain configs whose own tool takes them: how many of them the target takes."""
    plain = [it for it in training if it.plain]
    sound = [it for it in plain if not sources[it.tool][it.name]]
    taken = [it for it in sound if made[target].get(it.name) == ""]
    return {
        "configs": len(training),
        "taken": sum(made[target].get(it.name) == "" for it in training),
        "plain": len(plain),
        "plain_sound": len(sound),
        "plain_sound_taken": len(taken),
        "refused": {
            it.name: made[target].get(it.name, "not converted")
            for it in training
            if made[target].get(it.name) != ""
        },
    }


def goals(told: Mapping[str, Any]) -> list[Goal]:
    """What is required of any folder of configs."""
    apart = told["round_trip"]["apart"]
    found = [
        Goal("no crash", not told["crashes"], f"{len(told['crashes'])} files"),
        Goal("every training config converted", not told["failed"], f"{len(told['failed'])} not"),
        Goal("every key in one class", not told["unaccounted"], f"{len(told['unaccounted'])} not"),
        Goal("every key known to the target", not told["foreign"], f"{len(told['foreign'])} not"),
        Goal("every recipe loads", not told["no_recipe"], f"{len(told['no_recipe'])} do not"),
        Goal(
            "exact keys the same after config -> recipe -> config",
            not apart,
            f"{sum(map(len, apart.values()))} of {told['round_trip']['exact_keys']} keys differ,"
            f" in {len(apart)} configs",
        ),
    ]
    for name, it in told["accepted"].items():
        if "recipe" not in name and it["plain_sound"]:
            share = it["plain_sound_taken"] / it["plain_sound"]
            seen = f"{it['plain_sound_taken']} of {it['plain_sound']}"
            found.append(Goal(f"plain configs {name} taken by it", share >= SHARE, seen))
    return found


def page(told: Mapping[str, Any]) -> str:
    """The figures as text for a terminal."""
    lines = [f"{told['files']} files"]
    lines += [f"  {count:5} {kind}" for kind, count in told["kinds"].items()]
    lines += ["", "keys" + "".join(f"{kind:>16}" for kind in CLASSES)]
    for name, count in told["keys"].items():
        lines.append("    " + "".join(f"{count[kind]:16}" for kind in CLASSES) + f"  {name}")
    lines += ["", "taken by the real parser"]
    for name, it in told["accepted"].items():
        lines.append(
            f"  {name}: {it['taken']} of {it['configs']}; of the plain ones that their own tool"
            f" takes, {it['plain_sound_taken']} of {it['plain_sound']}"
        )
        lines += [f"    {path}: {_short(why)}" for path, why in it["refused"].items()]
    for name in (
        "source_refused",
        "refused",
        "failed",
        "no_recipe",
        "foreign",
        "unaccounted",
        "unexplained",
    ):
        lines += ["", f"{name} ({len(told[name])})"]
        lines += [f"  {path}: {_short(why)}" for path, why in told[name].items()]
    lines += ["", "apart after config -> recipe -> config"]
    for path, keys in told["round_trip"]["apart"].items():
        lines += [f"  {path}: {key}: {_short(old)} -> {_short(new)}" for key, old, new in keys]
    for path, texts in told["crashes"].items():
        lines += ["", f"crash: {path}", *texts]
    lines += [""]
    lines += [f"{'met   ' if it.met else 'MISSED'} {it.text}: {it.seen}" for it in goals(told)]
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 300 else f"{text[:297]}..."


__all__ = ["RECIPE", "Goal", "asked", "figures", "goals", "page"]
