"""Makes docs/semantics.md from the backends' key tables, limits and row shapes.

`python tools/semantics_page.py --check` writes nothing and exits 1 when the page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ftc import backends
from ftc.backends import axolotl_data
from ftc.backends.llamafactory_data import TEMPLATES
from ftc.backends.protocol import Backend
from ftc.plan import PATHS, Plan
from ftc.render import cell, json_value, yaml_value

PAGE = Path(__file__).parents[1] / "docs" / "semantics.md"
MADE = "<!-- Made by `make docs` from the code; do not edit. -->\n\n"
TITLES = {"axolotl": "Axolotl", "llamafactory": "LLaMA-Factory"}
INTRO = """# One setting, two tools

ftc writes every key that changes training into both configs, so that nothing is left to a default:
the tools' defaults differ. One table a backend (`KEYS` in `compiler/ftc/backends`) serves both
writing and reading. The tests put every stage with every method on every kind of machine through
each tool's own validator, which must accept it, change no value and ignore no key.

## Settings and their keys

"""
ROWS = """
## Rows

Both tools read the same `train.jsonl` and `eval.jsonl`.

| stage | columns | Axolotl | LLaMA-Factory |
| --- | --- | --- | --- |
"""
COLUMNS = {
    "sft": ("`messages`", "`sharegpt` on `messages`"),
    "sft with tools": (
        "`messages` and `tools` as JSON text; `conversations`, `functions`",
        "`sharegpt` on `conversations`, calls as `function_call`, results as `observation`",
    ),
    "sft of segments": ("`segments`", "none: ftc writes tokens"),
    "pretrain": ("`text`", "`alpaca` with `text` as the prompt, stage `pt`"),
    "dpo": (
        "`prompt`, `chosen`, `rejected`; `better`, `worse`",
        "`sharegpt` ranking on `prompt`, `better`, `worse`",
    ),
    "orpo": ("as dpo", "as dpo, `pref_loss: orpo`"),
    "kto": (
        "`prompt`, `completion`, `label`; `conversations`",
        "`sharegpt` on `conversations`, `label`",
    ),
}
EQUAL = """
Seen by the tests, on both versions of Axolotl, with one tokenizer and each family's chat template:

- Chats, tool calls (several at once too) and plain texts become the same token ids in both tools,
  except where the table of templates says otherwise.
- LLaMA-Factory also trains on the blank that its template sets around an answer: the line break
  after `<|im_end|>` in ChatML families, the space before an answer of Mistral's. Axolotl does not.
- Preference pairs and feedback rows become the same ids. Axolotl gets them without a `type`: its
  trainer then renders the turns with the model's own template. The types that Axolotl has for them
  drop a system turn (`orpo`), know ChatML only (`kto`), or strip what the template sets after the
  end of an answer (`dpo`).
- What a template writes before every system text (Llama 3.1 and later: the end of its knowledge, a
  date) LLaMA-Factory's templates lack; ftc writes it into the rows that it reads. A date that would
  be that of the day is pinned for Axolotl: `date_string` in `chat_template_kwargs`, and in each
  preference row, where the trainer looks for it.
- In ORPO Axolotl's trainer ends an answer with one more end-of-sequence token.
- Read in the sources, not seen: for the KL term of KTO each tool pairs an answer with another
  row's prompt in its own way.

## Templates

LLaMA-Factory takes no chat template, only the name of a registered one.

| family | template | system turn of a row without one | lays out tools | known to differ |
| --- | --- | --- | --- | --- |
"""


def main() -> int:
    """Write the page, or compare it."""
    text = MADE + "\n".join(page()) + "\n"
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    if "--check" in sys.argv:
        print("out of date: semantics.md; run: make docs", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    return 0


def page() -> Iterator[str]:
    """The lines of the page."""
    tools = {name: backends.get(name) for name in backends.MODULES}
    yield INTRO.rstrip("\n") + "\n"
    yield "| recipe | " + " | ".join(TITLES[name] for name in tools) + " |"
    yield "| --- |" + " --- |" * len(tools)
    for setting in Plan.__dataclass_fields__:
        held = [_keys(tool, setting) for tool in tools.values()]
        if any(held):
            yield f"| `{PATHS.get(setting, setting)}` | {' | '.join(held)} |"
    for name, tool in tools.items():
        yield from _constants(TITLES[name], tool)
    yield ROWS.rstrip("\n")
    for stage, (columns, factory) in COLUMNS.items():
        words = stage.split()
        block = axolotl_data.BLOCKS.get(words[-1]) or axolotl_data.BLOCKS[words[0]]
        kind = f"`{yaml_value(block['type'])}`" if block["type"] else "no `type`"
        yield f"| {stage} | {columns} | {kind} | {factory} |"
    yield EQUAL.rstrip("\n")
    for family, entry in TEMPLATES.items():
        tools_too = "yes" if entry.tools else "no"
        yield f"| {family} | `{entry.name}` | {entry.system} | {tools_too} | {entry.differs} |"
    for name, tool in tools.items():
        yield from _limits(TITLES[name], tool)


def _keys(tool: Backend, setting: str) -> str:
    lines = [key for key in tool.KEYS if setting in key.settings]
    names = dict.fromkeys(native for key in lines for native in key.natives)
    if names:
        return ", ".join(f"`{native}`" for native in names)
    return cell(tool.UNCOVERED.get(setting, ""))


def _constants(title: str, tool: Backend) -> Iterator[str]:
    yield f"\n## What {title}'s config always says\n"
    yield "| key | value | why |"
    yield "| --- | --- | --- |"
    for key in tool.KEYS:
        if not key.settings:
            value = "" if key.constant is None else f"`{cell(json_value(key.constant))}`"
            yield f"| `{key.natives[0]}` | {value} | {cell(key.why)} |"


def _limits(title: str, tool: Backend) -> Iterator[str]:
    yield f"\n## What {title} cannot express, or does differently\n"
    yield "`ftc check` and `ftc build` say it where a plan meets it.\n"
    yield "| setting | severity | what | what to do |"
    yield "| --- | --- | --- | --- |"
    for limit in tool.LIMITS:
        place = PATHS.get(limit.setting, limit.setting)
        said = f"{cell(limit.message)} | {cell(limit.remedy)}"
        yield f"| `{place}` | {limit.severity} | {said} |"


if __name__ == "__main__":
    raise SystemExit(main())
