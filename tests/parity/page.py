"""docs/parity.md: what the sections found, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ftc.parity.losses import TOLERANCE
from ftc.parity.report import Group
from parity import matrix, models
from parity.cells import MODES, WORDS, Cell
from parity.curves import STEPS, Curve
from parity.mutations import Outcome
from parity.pairs import Tool
from parity.schedules import Line

SIGNS = {
    "equal": "equal",
    "harmless": "equal¹",
    "known": "known",
    "refused": "–",
    "unexplained": "**not equal**",
}
HEAD = """<!-- Made by `make parity`; do not edit. -->
# Do both tools train the same run?

Every figure here was made by the tools themselves, on {date}, on a CPU: {tools}. Small models and
tokenizers stand in for the published ones: the architecture, the special tokens, the way of cutting
text and what the chat template prints are theirs (`tests/parity`), the vocabulary and the weights
are not. `make parity` makes this page anew; `make parity FAMILIES="qwen2.5 mistral"` runs a part.

{summary}
"""
SHOWN = 4  # pairs of tokens that are spelt out
LIBRARIES = ("torch", "transformers", "peft", "trl")


@dataclass(frozen=True)
class Findings:
    """What every section found."""

    cells: Sequence[Cell]
    lines: Sequence[Line]
    curves: Sequence[Curve]
    outcomes: Sequence[Outcome]

    def missed(self) -> list[str]:
        """Each goal that was not met, in a line."""
        found = [f"tokens: {it.case.name}: {WORDS[it.state]}" for it in self.cells if not it.good]
        found += [f"steps: {it.counted}: {it.steps}" for it in self.lines if not it.good]
        found += [
            f"losses: {it.case.name}, Axolotl {it.version}: {it.curves.largest:.1e}"
            for it in self.curves
            if not it.good
        ]
        return found + [f"mutations: {_changed(it)}" for it in self.outcomes if not it.good]


def text(found: Findings, libraries: Mapping[Tool, Mapping[str, str]], date: str) -> str:
    """The whole page."""
    tools = "; ".join(_tool(tool, said) for tool, said in sorted(libraries.items()))
    head = HEAD.format(date=date, tools=tools, summary=_summary(found))
    sections = (
        _tokens(found.cells),
        _steps(found.lines),
        _losses(found.curves),
        _mutations(found.outcomes),
    )
    return head + "".join(f"\n{section}" for section in sections)


def _tool(tool: Tool, said: Mapping[str, str]) -> str:
    more = ", ".join(f"{name} {said[name]}" for name in LIBRARIES if name in said)
    return f"{tool[0]} {tool[1]} ({more})"


def _summary(found: Findings) -> str:
    rows = [
        (f"cells of tokens, {mode}", _states([it for it in found.cells if it.case.tokens == mode]))
        for mode in MODES
    ]
    rows += [
        ("steps and learning rates", _met(found.lines, "equal")),
        ("losses", _met(found.curves, "within the tolerance")),
        ("changes by hand, and controls", _met(found.outcomes, "judged as they should be")),
    ]
    missed = found.missed()
    rows.append(("goals missed", "; ".join(missed) if missed else "none"))
    return table(("what", "found"), rows)


def _states(cells: Sequence[Cell]) -> str:
    """How many cells came out in which way, none left out."""
    count = Counter(it.state for it in cells)
    return ", ".join(f"{count[state]} {words}" for state, words in WORDS.items() if count[state])


def _met(items: Sequence[Line | Curve | Outcome], words: str) -> str:
    return f"{sum(it.good for it in items)} of {len(items)} {words}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([str(cell).replace("|", "\\|") for cell in line] for line in lines)
    return "".join("| " + " | ".join(line) + " |\n" for line in cells)


def _tokens(cells: Sequence[Cell]) -> str:
    parts = [
        "## Tokens and labels\n",
        "Each cell: all rows of a kind, every token id, which tokens are trained on, which are\n"
        "attended to, as both tools' own preprocessing makes them. `equal¹`: but for the line\n"
        "break after the end of a turn, on which LLaMA-Factory trains too. `known`: a difference\n"
        "that is on ftc's list, below. `–`: ftc refuses the recipe, for the reason below.\n",
    ]
    for mode in MODES:
        mine = [it for it in cells if it.case.tokens == mode]
        said = "as the tools make them" if mode == "native" else '`[data] tokens = "exact"`'
        count = f"{sum(it.rows for it in mine)} rows, {sum(it.tokens for it in mine)} tokens"
        parts += [f"### {mode.capitalize()}: {said} ({count} in each tool)\n", _grid(mine)]
    return "\n".join([*parts, _known(cells), _refused(cells)])


def _grid(cells: Sequence[Cell]) -> str:
    names = {it.case.family: models.families()[it.case.family] for it in cells}
    by = {(it.case.family, it.case.kind): SIGNS[it.state] for it in cells}
    kinds = [kind for kind in matrix.KINDS if any(it.case.kind == kind for it in cells)]
    return table(
        ("family", "as", *kinds),
        [
            (name, row["model"], *(by.get((name, kind), "") for kind in kinds))
            for name, row in names.items()
        ],
    )


def _known(cells: Sequence[Cell]) -> str:
    """A line for each family and reason, with the kinds of rows that have it."""
    found: dict[tuple[str, str], list[tuple[str, Group]]] = {}
    for it in cells:
        for group in it.groups:
            if not group.reason.harmless:
                found.setdefault((it.case.family, group.reason.what), []).append(
                    (it.case.kind, group)
                )
    rows = [
        (
            family,
            ", ".join(dict.fromkeys(kind for kind, _ in groups)),
            what,
            f"{sum(group.count for _, group in groups)} in {sum(g.rows for _, g in groups)}",
            _exactly(group for _, group in groups),
        )
        for (family, what), groups in found.items()
    ]
    head = ("family", "rows of", "what", "times, in rows", "tokens: Axolotl → LLaMA-Factory")
    return "### Every difference that is not harmless, with its tokens\n\n" + table(head, rows)


def _exactly(groups: Iterable[Group]) -> str:
    """The tokens in either tool, the most frequent first."""
    count: Counter[tuple[str, str]] = Counter()
    for group in groups:
        for ours, theirs, times in group.tokens:
            count[ours, theirs] += times
    shown = [
        f"{_code(ours)} → {_code(theirs)} ({n}×)" for (ours, theirs), n in count.most_common(SHOWN)
    ]
    return "; ".join(shown) + (f"; {len(count) - SHOWN} more" if len(count) > SHOWN else "")


def _code(said: str) -> str:
    short = said if len(said) <= 60 else f"{said[:40]} … {said[-15:]}"
    shown = short.replace("\n", "\\n").replace("\t", "\\t").replace("`", "'")
    return f"`{shown}`" if said else "nothing"


def _refused(cells: Sequence[Cell]) -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    for it in cells:
        if it.state == "refused":
            families = rows.setdefault((it.case.kind, it.text), [])
            if it.case.family not in families:
                families.append(it.case.family)
    lines = [(kind, ", ".join(names), why) for (kind, why), names in rows.items()]
    return "### What ftc refuses\n\n" + table(("rows of", "families", "why"), lines)


def _steps(lines: Sequence[Line]) -> str:
    rows = [
        (
            it.counted,
            it.case.rows,
            it.case.training["micro_batch"],
            it.case.training["gradient_accumulation"],
            it.case.training["epochs"],
            it.case.training["lr_scheduler"],
            *it.steps,
            f"{it.largest:.0e}" if it.largest else "0",
            "equal" if it.good else "**not equal**",
        )
        for it in lines
    ]
    head = (
        *("why it is here", "rows", "batch", "accumulation", "epochs", "schedule"),
        *("steps in Axolotl", "in LLaMA-Factory", "largest relative difference", "all else"),
    )
    return (
        "## Steps and learning rates\n\nAs both trainers plan the whole run: the number of "
        "optimizer steps, the learning rate at each,\nand (all else) their arguments, the groups "
        "of parameters, and the names and shapes of what is\ntrained. Rates must agree within "
        "1e-12.\n\n" + table(head, rows)
    )


def _losses(curves: Sequence[Curve]) -> str:
    rows = [
        (
            it.version,
            it.case.family,
            it.case.method,
            it.accumulation,
            it.case.tokens,
            f"{it.curves.sides[0][0]:.4f} … {it.curves.sides[0][-1]:.4f}",
            f"{it.curves.between:.1e}",
            _held(it),
            "yes" if it.good else "**no**",
        )
        for it in curves
    ]
    head = (
        *("Axolotl", "family", "method", "accumulation", "tokens", "loss", "between the tools"),
        *("held to", "within"),
    )
    limits = ", ".join(f"{mode} {limit:g}" for mode, limit in TOLERANCE.items())
    return (
        f"## Losses\n\nBoth tools train the same small model for {STEPS} steps in fp32, unshuffled,"
        f" without dropout, from the\nsame weights and the same adapter. Largest relative "
        f"difference over all steps; allowed: {limits}.\nAxolotl before 0.21.0 averages the loss "
        "over micro-batches; its curve is held to LLaMA-Factory's,\naveraged in that way.\n\n"
        + table(head, rows)
    )


def _held(it: Curve) -> str:
    largest = f"{it.curves.largest:.1e}"
    return f"the prediction: {largest}" if it.curves.against == "prediction" else "the other tool"


def _mutations(outcomes: Sequence[Outcome]) -> str:
    head = ("build", "tool", "change", "what `ftc verify` says")
    return (
        "## Changes by hand\n\nOne setting of a finished build folder is changed; `-`: taken out. "
        "Without a change the verdict\nis equal (the control).\n\n"
        + table(head, list(_outcomes(outcomes)))
    )


def _outcomes(outcomes: Sequence[Outcome]) -> Iterator[Sequence[str]]:
    for it in outcomes:
        tool = it.mutation.backend if it.mutation else "both"
        said = it.noticed or ("equal" if it.mutation is None else "**equal: not noticed**")
        yield it.base, tool, _changed(it), said


def _changed(it: Outcome) -> str:
    return f"`{it.mutation.name}`" if it.mutation else f"none (control of {it.base})"
