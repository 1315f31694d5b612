"""Small model folders of the families: a real architecture's config, a real tokenizer's ways."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from tokenizers.models import BPE

HERE = Path(__file__).parent
TEMPLATES = HERE.parent / "data" / "templates"
ROWS = HERE / "rows"
VOCABULARY = 900
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
# The pre-tokenisers' patterns, as in the published tokenizer.json files.
_WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
QWEN = rf"{_SHORT}|{_WORD}|\p{{N}}|{_REST}"
LLAMA3 = rf"{_SHORT}|{_WORD}|\p{{N}}{{1,3}}|{_REST}"
BYTES = [f"<0x{number:02X}>" for number in range(256)]


def families() -> dict[str, dict[str, Any]]:
    """families.toml; one that is `like` another has all that it has."""
    table = tomllib.loads((HERE / "families.toml").read_text("utf-8"))
    return {name: table[row["like"]] | row if "like" in row else row for name, row in table.items()}


def make(folder: Path, name: str) -> Path:
    """A folder with config.json, tokenizer.json and tokenizer_config.json of a family."""
    row = families()[name]
    folder.mkdir(parents=True, exist_ok=True)
    core = Tokenizer.from_str(_trained(row["split"], tuple(row["special"])))
    _add(core, row)
    core.save(str(folder / "tokenizer.json"))
    nulls = dict.fromkeys(row.get("nulls", []))
    config = SIZES | row["config"] | nulls | {"vocab_size": core.get_vocab_size()}
    for key in ("bos", "eos", "pad"):
        if row.get(key):
            config[f"{key}_token_id"] = core.token_to_id(row[key])
    _write(folder / "config.json", config)
    said = {f"{key}_token": row[key] for key in ("bos", "eos", "pad", "unk") if row.get(key)}
    said |= {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    said["chat_template"] = (TEMPLATES / f"{row['template']}.jinja").read_text("utf-8").strip("\n")
    _write(folder / "tokenizer_config.json", said)
    return folder


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), "utf-8")


def _add(core: Tokenizer, row: Mapping[str, Any]) -> None:
    """Special tokens that swallow white space, added tokens that are not special, and BOS."""
    core.add_tokens([AddedToken(token, normalized=False) for token in row.get("plain", [])])
    core.add_special_tokens(
        [AddedToken(token, rstrip=True, special=True) for token in row.get("rstrip", [])]
    )
    if row["adds_bos"]:
        bos = row["bos"]
        core.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A",
            pair=f"{bos} $A {bos} $B",
            special_tokens=[(bos, core.token_to_id(bos))],
        )


@cache
def _trained(split: str, special: tuple[str, ...]) -> str:
    """tokenizer.json of a BPE trained on the matrix's own rows."""
    pieces = split not in ("qwen", "llama3", "smollm")
    core = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True) if pieces else BPE())
    _split(core, split)
    texts = _texts()
    options: dict[str, Any] = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
    if pieces:  # published ones have no piece over two words, and rare signs go through the bytes
        core.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n+|▁*[^▁\n]+|▁+"), "isolated")
        core.normalizer = normalizers.Replace(" ", "▁")
        options = {"limit_alphabet": 80}
    if split.startswith("metaspace"):  # so do their line breaks
        texts = [text.replace("\n", " ") for text in texts]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY + (256 if pieces else 0),
        special_tokens=[*special, *(BYTES if pieces else [])],
        show_progress=False,
        **options,
    )
    core.train_from_iterator(texts * 4, trainer)
    final = Tokenizer(core.model)
    _split(final, split)
    final.add_special_tokens([AddedToken(token, special=True) for token in special])
    return final.to_str()


def _split(core: Tokenizer, split: str) -> None:
    """The text's way to BPE and back."""
    if split in ("qwen", "llama3"):
        if split == "qwen":
            core.normalizer = normalizers.NFC()
        pattern = Regex(QWEN if split == "qwen" else LLAMA3)
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(pattern, "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        core.decoder = decoders.ByteLevel()
    elif split == "smollm":
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
        )
        core.decoder = decoders.ByteLevel()
    else:
        _sentence_pieces(core, split)


def _sentence_pieces(core: Tokenizer, split: str) -> None:
    """As SentencePiece models are converted: a visible sign for the space, bytes for the rest."""
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if split == "metaspace-first":
        core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    elif split == "metaspace-prepended":
        core.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:  # gemma
        core.normalizer = normalizers.Replace(" ", "▁")
        core.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    if split != "gemma":
        steps.append(decoders.Strip(" ", 1, 0))
    core.decoder = decoders.Sequence(steps)


def _texts() -> list[str]:
    """All texts of the rows, and line breaks that follow each other, so that they become tokens."""
    found: list[str] = ["a\n\nb\n\n\nc  d   e", "\n\n\n", "system user assistant model tool\n\n"]
    for path in sorted(ROWS.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            found += _strings(json.loads(line))
    return found


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for one in value for text in _strings(one)] if isinstance(value, list) else []
