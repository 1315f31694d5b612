"""A few examples of every kind, and the folders of a tiny build of them."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from backends import environment, plans

from ftc import backends, recipe
from ftc.backends import rows, versions
from ftc.data.example import Example, Message
from ftc.facts import exact, model
from ftc.plan import Plan
from ftc.run import environments

HERE = Path(__file__).parent
FAMILIES = tomllib.loads((HERE / "families.toml").read_text(encoding="utf-8"))
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ROME = {"name": "weather", "arguments": {"city": "Rome"}}
OSLO = {"name": "weather", "arguments": {"city": "Oslo"}}


def _turns(*contents: str, system: str = "") -> tuple[Message, ...]:
    roles = ("user", "assistant")
    turns = [Message(roles[i % 2], text) for i, text in enumerate(contents)]
    return tuple([Message("system", system), *turns] if system else turns)


def _example(number: int, **parts: Any) -> Example:
    return Example(id=f"row{number}", file="rows.jsonl", line=number, **parts)


ONE = _turns("Say hi", "Hi there, friend.")
MANY = _turns("What is 12?", "A number.", "Go on", "It is even.", system="Be brief.")
CHATS = (_example(1, messages=ONE), _example(2, messages=MANY))
CALLS = (
    _example(3, messages=ONE),  # the first row fixes the columns, and has no tools
    _example(
        4,
        messages=(
            Message("user", "Weather in Rome?"),
            Message("assistant", "", (ROME,)),
            Message("tool", '{"degrees": 21}'),
            Message("assistant", "It is 21 degrees."),
        ),
        tools=(TOOL,),
    ),
    _example(
        5,
        messages=(
            Message("system", "Be brief."),
            Message("user", "Rome and Oslo?"),
            Message("assistant", "Let me look.", (ROME, OSLO)),
            Message("tool", "21"),
            Message("tool", "3"),
            Message("assistant", "21 and 3."),
        ),
        tools=(TOOL,),
    ),
)
PAIRS = tuple(
    _example(
        number,
        messages=prompt,
        chosen=Message("assistant", "Yes, surely."),
        rejected=Message("assistant", "No idea."),
    )
    for number, prompt in ((6, ONE[:1]), (7, MANY[:-1]))
)
RATED = tuple(
    _example(number, messages=pair.messages, completion=pair.chosen, label=number % 2 == 0)
    for number, pair in enumerate(PAIRS)
)
TEXTS = tuple(_example(number, text=f"A text about {number}.\nTwo lines.") for number in range(3))
KINDS = {
    "sft": CHATS,
    "tools": CALLS,
    "dpo": PAIRS,
    "orpo": PAIRS,
    "kto": RATED,
    "pretrain": TEXTS,
}


def models(folder: Path) -> dict[str, Path]:
    """A tiny model for each family of families.toml; made once, with one tokenizer for all."""
    table = FAMILIES["family"]
    shipped = [entry["shipped"] for entry in table.values() if "shipped" in entry]
    jinja = environment.drive("axolotl", "0.21.0", "jinja", {"names": shipped})
    made = {name: folder / name for name in table}
    texts = [turn.content for kind in KINDS.values() for row in kind for turn in row.messages]
    job = {
        "special": FAMILIES["special"],
        "texts": [*texts, "system user assistant model tool weather city degrees"] * 3,
        "folders": {
            str(made[name]): {
                "template": entry.get("template") or jinja[entry["shipped"]],
                "bos": entry["bos"],
                "eos": entry["eos"],
                "pad": "<|endoftext|>",
            }
            for name, entry in table.items()
        },
    }
    environment.drive("llamafactory", "0.9.5", "model", job)
    return made


def plan(family: str, kind: str, model: Path) -> Plan:
    """A plan that trains the tiny model on a CPU for three steps."""
    stage = "sft" if kind == "tools" else kind
    preference = stage in ("dpo", "orpo", "kto")
    return plans.base(
        stage=stage,
        has_tools=kind == "tools",
        family=family,
        turn_end=FAMILIES["family"][family]["turn_end"],
        model=str(model),
        device="cpu",
        dtype="fp32",
        tf32=False,
        gradient_checkpointing=False,
        lora_targets=["q_proj", "v_proj"],
        max_length=1000,
        micro_batch=2,
        gradient_accumulation=1,
        effective_batch=2,
        max_steps=3,
        warmup_steps=0,
        eval_steps=2,
        save_steps=2,
        load_best=True,
        preference_beta=0.3 if preference else None,
        preference_loss="sigmoid" if stage == "dpo" else None,
    )


def build(folder: Path, backend: str, version: str, made: Plan, kind: str, copies: int = 1) -> Path:
    """A build folder with the config and the rows of one kind, each of them `copies` times."""
    folder.mkdir(parents=True)
    module = backends.get(backend)
    files = module.artifacts(made, module.native(made, version), version)
    lines = [
        json.dumps(record, ensure_ascii=False) + "\n"
        for record in rows.records(KINDS[kind] * copies, made.stage, made.has_tools)
    ]
    files |= {"train.jsonl": "".join(lines), "eval.jsonl": "".join(lines)}
    if made.tokens == "exact":
        ready = "".join(json.dumps(row) + "\n" for row in tokens(made, kind, copies))
        files |= {"train.tokens.jsonl": ready, "eval.tokens.jsonl": ready}
        files[versions.TOKENIZED.name] = versions.TOKENIZED.read_text("utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def tokens(made: Plan, kind: str, copies: int = 1) -> list[dict[str, Any]]:
    """The rows of one kind as ftc writes them with tokens = "exact"."""
    wanted = recipe.Model(id=made.model, family=made.family)
    count = exact.counter(model.gather(wanted, HERE, True), made.thinking)
    assert count is not None
    found = count.rows(KINDS[kind] * copies, made.stage, everything=made.train_on_prompt)
    return [
        {"input_ids": row.ids, "attention_mask": [1] * len(row.ids), "labels": row.labels}
        for row in found
    ]


def launch(backend: str, version: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """run.sh of a build folder, in the backend's environment, offline."""
    variables = environment.variables(environments.require(backend, version))
    return subprocess.run(
        ["bash", "run.sh"], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
