"""Makes docs/rules.md from the rules' docstrings and the account of known faults.

`python tools/rule_pages.py --check` writes nothing and exits 1 when the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ftc.rules import RULES, Rule, pages
from ftc.rules.account import HELD, LATER

PAGE = Path(__file__).parents[1] / "docs" / "rules.md"
MADE = "<!-- Made by `make docs` from the code; do not edit. -->\n\n"
GROUPS = {
    "AUG": "Rows that models make",
    "CHAT": "Chat templates",
    "DATA": "Data",
    "EVAL": "Evaluating and saving",
    "HARD": "Hardware",
    "KEY": "Keys without effect",
    "LORA": "LoRA",
    "MODEL": "Model",
    "NATIVE": "Native keys of a backend",
    "PACK": "Packing",
    "PREC": "Precision",
    "PREF": "Preference training",
    "RATE": "Learning rate",
    "STEP": "Steps and batch",
    "TABLE": "Factor table",
    "VERS": "Backend versions",
    "VRAM": "Memory",
    "ZERO": "ZeRO",
}
INTRO = f"""# The rules of `ftc check`

`ftc check recipe.toml` runs {len(RULES)} rules over the recipe, the plan that follows from it
and the facts, and prints all that they find at once. An **error** would crash the run or train
something else than was asked, a **warning** is worth a look, an **info** is a remark. A rule may
raise or lower its severity with the case; its page says when. `--select` and `--ignore` take
names, codes or the beginning of either (`LORA`, `native-`); `ftc rules NAME` prints one page.
"""
HELD_INTRO = f"""## Faults that ftc does not write

{len(HELD)} known faults cannot happen to a config that ftc writes. Each is held by a test; where a
native key of the recipe could bring it back, a rule looks for that.

| fault | why it cannot happen | test | rule |
| --- | --- | --- | --- |
"""
LATER_INTRO = f"""## Faults that are not looked for yet

{len(LATER)} known faults need what ftc cannot see yet.

| fault | needs |
| --- | --- |
"""


def main() -> int:
    """Write the page, or compare it."""
    text = MADE + page()
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    if "--check" in sys.argv:
        print("out of date: rules.md; run: make docs", file=sys.stderr)
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, "utf-8")
    print("docs: rules.md changed")
    return 0


def page() -> str:
    """The whole of docs/rules.md, without its first line."""
    rows = [
        f"| {rule.code} | [{rule.name}](#{rule.name}) | {rule.severity} | {_summary(rule)} |"
        for rule in RULES
    ]
    table = "\n".join(["| code | rule | severity | fault |", "| --- | --- | --- | --- |", *rows])
    held = "\n".join(
        f"| {row.name} ({row.research}) | {row.why} | `{row.test}` | {_link(row.rule)} |"
        for row in HELD
    )
    later = "\n".join(f"| {row.name} ({row.research}) | {row.needs} |" for row in LATER)
    parts = [INTRO, table, "\n".join(_groups()), HELD_INTRO + held, LATER_INTRO + later]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _groups() -> Iterator[str]:
    for letters, rules in groupby(RULES, key=lambda rule: rule.code.rstrip("0123456789")):
        yield f"## {GROUPS[letters]}\n"
        for rule in rules:
            known = f", known fault {rule.research}" if rule.research else ""
            head = f"### {rule.name}\n\n`{rule.code}`, {rule.severity}{known}"
            yield f"{head}\n\n{pages.text(rule)}\n"


def _summary(rule: Rule) -> str:
    return pages.text(rule).partition("\n")[0].rstrip(".")


def _link(name: str) -> str:
    return f"[{name}](#{name})" if name else ""


if __name__ == "__main__":
    sys.exit(main())
