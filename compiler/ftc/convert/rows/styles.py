"""What each `type` of an Axolotl data set reads, and where LLaMA-Factory makes the same text of it.

Read in `axolotl/prompt_strategies`, `prompters.py` and `prompt_tokenizers.py` of 0.21.0; those of
0.19.0 are the same but for reasoning in preference rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Style(NamedTuple):
    """One type.

    `columns` are those that it reads, by role; `named` that keys of the data set name them.
    `template` is the registered template that makes nearly the same text, "" for none, with
    `system` as its system text; `why` says what differs, or why there is none.
    """

    word: str
    layout: str
    columns: Mapping[str, str]
    named: bool = False
    template: str = ""
    system: str = ""
    why: str = ""


_TURNS = {"messages": "messages", "role": "role", "content": "content"}
_ALPACA = {"instruction": "instruction", "input": "input", "output": "output"}
_ASKED = {"instruction": "question", "output": "response", "system": "system_prompt"}
_PAIR = {"chosen": "chosen", "rejected": "rejected"}
_BELOW = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request."
)
_INPUT = (
    "rows with an input have it, and a system text of their own, under '### Input:' in Axolotl; "
    "LLaMA-Factory puts it below the instruction and trains on a blank line after each answer"
)
_OWN_TEXT = "Axolotl writes these rows with a text of its own that no template of LLaMA-Factory has"
_CODE = "made by code of Axolotl's own; LLaMA-Factory reads no such rows"
_WHOLE = (
    "the answers are whole chats in a column; LLaMA-Factory reads a single turn or a text there"
)
EOS = "the text of the turns is equal; the token that ends an answer may differ"

# Rendered by the chat template: the word is made of the stage and the layout again.
TEMPLATED: tuple[Style, ...] = (
    Style("chat_template", "messages", _TURNS, named=True),
    Style("chat_template.default", "preference", {**_TURNS, **_PAIR}, named=True),
)


def _own(word: str, layout: str, columns: Mapping[str, str], why: str = _OWN_TEXT) -> Style:
    return Style(word, layout, columns, why=why)


def _marked(family: str) -> tuple[Style, ...]:
    """The types that write the turns of one family themselves."""
    asked = {
        "intel": "question",
        "icr": "input",
        "prompt_pairs": "prompt",
        "default": "prompt",
    }
    pairs = [
        Style(
            f"{family}.{name}",
            "preference",
            {"instruction": column, "system": "system", **_PAIR},
            template=family,
            why=EOS,
        )
        for name, column in asked.items()
    ]
    rated = {
        "argilla": "instruction",
        "intel": "question",
        "prompt_pairs": "prompt",
        "ultra": "prompt",
    }
    answers = [
        Style(
            f"kto/{family}.{name}",
            "kto",
            {
                "instruction": column,
                "system": "system",
                "completion": "completion",
                "label": "label",
            },
            template=family,
            why=EOS,
        )
        for name, column in rated.items()
    ]
    chats = {"instruction": "prompt", "system": "system", **_PAIR}
    return (
        *pairs,
        _own(f"{family}.ultra", "preference", chats, _WHOLE),
        _own(f"{family}.argilla_chat", "preference", _PAIR, _WHOLE),
        *answers,
        _own(
            f"kto/{family}.argilla_chat",
            "kto",
            {"completion": "completion", "label": "label"},
            _WHOLE,
        ),
    )


WRITTEN: tuple[Style, ...] = (
    Style("alpaca", "alpaca", _ALPACA, template="alpaca", system=f"{_BELOW}\n\n", why=_INPUT),
    Style(
        "alpaca:instruct", "alpaca", _ALPACA, template="alpaca", system=f"{_BELOW}\n\n", why=_INPUT
    ),
    Style(
        "alpaca:chatml",
        "alpaca",
        _ALPACA,
        template="chatml",
        system=_BELOW,
        why="rows with an input have a system text of their own in Axolotl",
    ),
    _own("alpaca:chat", "alpaca", _ALPACA),
    _own("alpaca:phi", "alpaca", _ALPACA),
    _own("alpaca_chat", "alpaca", _ALPACA),
    _own("alpaca_chat.load_concise", "alpaca", _ALPACA),
    _own("alpaca_chat.load_qa", "alpaca", {"instruction": "question", "output": "answer"}),
    _own(
        "alpaca_chat.load_camel_ai", "alpaca", {"instruction": "message_1", "output": "message_2"}
    ),
    _own("alpaca_chat.load_no_prompt", "alpaca", _ALPACA),
    _own("alpaca_instruct", "alpaca", _ALPACA),
    _own("alpaca_instruct.load_no_prompt", "alpaca", _ALPACA),
    _own("alpaca_w_system", "alpaca", {**_ALPACA, "system": "system"}),
    _own("alpaca_w_system.load_chat", "alpaca", {**_ALPACA, "system": "system"}),
    _own("alpaca_w_system.load_instruct", "alpaca", {**_ALPACA, "system": "system"}),
    _own("alpaca_w_system.load_open_orca", "alpaca", _ASKED),
    Style("alpaca_w_system.load_open_orca_chatml", "alpaca", _ASKED, template="chatml", why=EOS),
    _own("gpteacher", "alpaca", {**_ALPACA, "output": "response"}),
    _own("oasst", "alpaca", {"instruction": "INSTRUCTION", "output": "RESPONSE"}),
    _own(
        "jeopardy", "alpaca", {"instruction": "question", "input": "category", "output": "answer"}
    ),
    _own("summarizetldr", "alpaca", {"instruction": "article", "output": "summary"}),
    _own("explainchoice", "custom", {"instruction": "question"}),
    _own("concisechoice", "custom", {"instruction": "question"}),
    _own("reflection", "custom", _ALPACA),
    _own("context_qa", "custom", {"instruction": "question", "output": "answer"}),
    _own("context_qa.load_v2", "custom", {"instruction": "question", "output": "answer"}),
    _own("context_qa.load_404", "custom", {"instruction": "unanswerable_question"}),
    _own(
        "orcamini", "alpaca", {"instruction": "instruction", "output": "output", "system": "system"}
    ),
    _own("creative_acr.load_answer", "custom", {"instruction": "instruction"}),
    _own("creative_acr.load_critique", "custom", {"instruction": "instruction"}),
    _own("creative_acr.load_revise", "custom", {"instruction": "instruction"}),
    _own("metharme", "alpaca", {"instruction": "prompt", "output": "generation"}),
    _own("pygmalion", "custom", {"messages": "conversations"}),
    _own("llama2_chat", "custom", {"messages": "conversations"}),
    _own(
        "bradley_terry.llama3", "preference", {"instruction": "input", "system": "system", **_PAIR}
    ),
    _own("chat_template.argilla", "preference", {"instruction": "prompt", **_PAIR}, _WHOLE),
    Style("chat_template.argilla_chat", "preference", _PAIR, named=True, why=_WHOLE),
    _own("passthrough", "preference", _PAIR, "rows that the trainer reads as they are"),
    _own("zephyr.nectar", "custom", {"instruction": "prompt"}, _CODE),
    _own("_synthetic", "custom", {}, "rows of random tokens, to measure speed with"),
    *_marked("chatml"),
    *_marked("llama3"),
)
# Types that the layout, the stage and the place alone tell: no `prompt` is kept of them.
PLAIN: tuple[Style, ...] = (
    Style(
        "bradley_terry.chat_template",
        "preference",
        {"instruction": "input", "system": "system", **_PAIR},
    ),
    Style("completion", "text", {"text": "text"}, named=True),
    Style("pretrain", "text", {"text": "text"}, named=True),
    _own("input_output", "segments", {"segments": "segments"}, "LLaMA-Factory has no such rows"),
    _own(
        "stepwise_supervised", "steps", {"instruction": "prompt"}, "LLaMA-Factory has no such stage"
    ),
    *TEMPLATED,
)
_BY_WORD = {style.word: style for style in (*WRITTEN, *PLAIN)}


def find(word: str, stage: str = "sft") -> Style:
    """The style of a word in a stage; an unknown one is code of the user's, or of a plugin's."""
    if word == "chat_template" and stage in ("dpo", "simpo"):
        word = "chat_template.default"
    known = _BY_WORD.get(f"{stage}/{word}") or _BY_WORD.get(word)
    return known or Style(word, "custom", {}, named=True, why=_CODE)


def plain(word: str) -> bool:
    """Whether the type is made again of the layout and the stage."""
    return any(style.word == word for style in PLAIN)
