"""Chat templates by one name each: the word of Axolotl, that of LLaMA-Factory, what differs.

"equal" was seen: Axolotl 0.21.0's Jinja text and LLaMA-Factory 0.9.5's template were rendered for
chats of one and two questions, with and without a system turn, and gave the same text.
"""

from __future__ import annotations

from typing import NamedTuple

from ftc.backends import llamafactory_data

OWN = "own"  # the one that the model brings
JINJA = "jinja"  # a text or a file of the config's own


class Pair(NamedTuple):
    """`name` is ftc's family where it has one; a tool's word is "" where it has none; `near` what
    differs, "" where they were equal."""

    name: str
    axolotl: str
    llamafactory: str
    near: str = ""


_SYSTEM = "equal but for a system turn, which the two put in other places"
_UNSEEN = "the two texts have not been seen to be equal"
_THINK = "LLaMA-Factory puts empty think blocks where the other text has none, and the reverse"
_MARK = "the marks around the turns are equal; how tools and think blocks are laid out is not"

PAIRS: tuple[Pair, ...] = (
    Pair("chatml", "chatml", "chatml"),
    Pair("falcon-h1", "falcon_h1", "falcon_h1"),
    Pair("gemma3", "gemma3", "gemma3"),
    Pair("gemma3n", "gemma3n", "gemma3n"),
    Pair("gemma", "gemma", "gemma", "Axolotl's refuses a system turn"),
    Pair("llama3", "llama3", "llama3"),
    Pair("llama4", "llama4", "llama4"),
    Pair("phi3", "phi_35", "phi"),
    Pair(
        "phi-3",
        "phi_3",
        "phi",
        "Axolotl's phi_3 begins with the token <s>, LLaMA-Factory's has none",
    ),
    Pair("qwen2.5", "qwen_25", "qwen"),
    Pair("qwen2-vl", "qwen2_vl", "qwen2_vl"),
    Pair("nemotron-h", "nemotron_h", "chatml", _MARK),
    Pair("mistral", "mistral_v2v3", "mistral", _SYSTEM),
    Pair("mistral-nemo", "mistral_v3_tekken", "ministral", _SYSTEM),
    Pair("mistral-small", "mistral_v7_tekken", "mistral_small", "equal with a system turn only"),
    Pair("pixtral", "pixtral", "pixtral", _SYSTEM),
    Pair("deepseek-v2", "deepseek_v2", "deepseek", _UNSEEN),
    Pair("deepseek-v3", "deepseek_v3", "deepseek3", _UNSEEN),
    Pair("qwen3", "qwen3", "qwen3", _THINK),
    Pair("qwen3-instruct", "chatml", "qwen3_nothink", _MARK),
    Pair("qwen3.5", "qwen3_5", "qwen3_5", _THINK),
    Pair("gemma4", "gemma4", "gemma4", _UNSEEN),
    *(
        Pair(name, "", word, _UNSEEN)
        for name, word in (
            ("phi4", "phi4"),  # Axolotl's phi_4 is a file that its schema refuses
            ("phi4-mini", "phi4_mini"),
            ("llama2", "llama2"),
            ("deepseek-r1", "deepseekr1"),
            ("chatml-smollm", "smollm"),
        )
    ),
    Pair("cohere", "cohere", "cohere", _UNSEEN),
    Pair("alpaca", "alpaca", "alpaca", _UNSEEN),
)
_BY_AXOLOTL = {pair.axolotl: pair for pair in reversed(PAIRS) if pair.axolotl}
_BY_LLAMAFACTORY = {pair.llamafactory: pair for pair in reversed(PAIRS)}
BY_NAME = {pair.name: pair for pair in PAIRS}
_AXOLOTL, _LLAMAFACTORY = "axolotl:", "llamafactory:"
_FALLBACK = "tokenizer_default_fallback_"


def from_axolotl(word: str) -> str:
    """ftc's name of a `chat_template`; with "axolotl:" in front where only Axolotl has it."""
    if word == "tokenizer_default":
        return OWN
    if word.startswith(_FALLBACK):
        return f"{OWN}, else {from_axolotl(word.removeprefix(_FALLBACK))}"
    if word == JINJA:
        return JINJA
    pair = _BY_AXOLOTL.get(word)
    return pair.name if pair else _AXOLOTL + word


def to_axolotl(name: str) -> str | None:
    """The `chat_template` of a name; None where Axolotl has none."""
    if name == OWN:
        return "tokenizer_default"
    if name.startswith(f"{OWN}, else "):
        inner = to_axolotl(name.partition(", else ")[2])
        return _FALLBACK + inner if inner else "tokenizer_default"
    if name == JINJA:
        return JINJA
    if name.startswith(_AXOLOTL):
        return name.removeprefix(_AXOLOTL)
    return (BY_NAME[name].axolotl or None) if name in BY_NAME else None


def from_llamafactory(word: str) -> str:
    """ftc's name of a `template`; with "llamafactory:" in front where only that tool has it."""
    pair = _BY_LLAMAFACTORY.get(word)
    return pair.name if pair else _LLAMAFACTORY + word


def to_llamafactory(name: str) -> str | None:
    """The `template` of a name; None where LLaMA-Factory has none, or takes it from the model."""
    if name.startswith(_LLAMAFACTORY):
        return name.removeprefix(_LLAMAFACTORY)
    return BY_NAME[name].llamafactory if name in BY_NAME else None


class Turns(NamedTuple):
    """A question of one turn as text, {instruction} and {input}, and its system turn, {system}."""

    system: str
    both: str
    alone: str


def _turns(system: str, before: str, after: str) -> Turns:
    return Turns(
        system, f"{before}{{instruction}}\n{{input}}{after}", f"{before}{{instruction}}{after}"
    )


_CHATML = _turns(
    "<|im_start|>system\n{system}<|im_end|>\n",
    "<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n",
)
# The slots of LLaMA-Factory's templates of these names, for rows that Axolotl has no template for.
TURNS: dict[str, Turns] = {
    "chatml": _CHATML,
    "qwen2.5": _CHATML,
    "qwen3-instruct": _CHATML,
    "chatml-smollm": _CHATML,
    "llama3": _turns(
        "<|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>",
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "phi3": _turns("<|system|>\n{system}<|end|>\n", "<|user|>\n", "<|end|>\n<|assistant|>\n"),
}
# The system text that LLaMA-Factory's template of these names adds where a config and a row have
# none. The others of TURNS add none: `smollm` is the text of the model only where ftc writes it.
SYSTEMS: dict[str, str] = {"qwen2.5": llamafactory_data.TEMPLATES["qwen2.5"].system}
