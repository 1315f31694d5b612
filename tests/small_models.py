"""Small model folders in the families' own manner: real special tokens, real templates' logic."""

import json
import tomllib
from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

TEMPLATES = Path(__file__).parent / "data" / "templates"
TEXT = [
    "The cat sat on the mat, and the dog barked at the door all day long.",
    "You are a helpful assistant. Answer the question in one short sentence.",
    "def add(a, b):\n    return a + b\n\nprint(add(1, 2))",
    "Änderungen über größere Straßen; naïve café, 東京 and Ελλάδα",
]
FAMILIES = tomllib.loads((TEMPLATES / "families.toml").read_text("utf-8"))
CONFIG = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "vocab_size": 600,
    "tie_word_embeddings": True,
}


def make(folder: Path, family: str = "chatml", *, template: str | None = None) -> Path:
    """A folder with config.json and tokenizer files; `template` "" makes a base model."""
    row = FAMILIES[family]
    bos = row["bos"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": row["model_type"], **CONFIG}))
    (folder / "tokenizer.json").write_text(
        _tokenizer(tuple(row["special"]), bos if row["adds_bos"] else ""), "utf-8"
    )
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": row["eos"]}
    config["pad_token"] = row["eos"]
    if bos:
        config["bos_token"] = bos
    text = template_of(family) if template is None else template
    if text:
        config["chat_template"] = text
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def template_of(family: str) -> str:
    return (TEMPLATES / f"{family}.jinja").read_text("utf-8").removesuffix("\n")


@cache
def _tokenizer(special: tuple[str, ...], bos: str) -> str:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[AddedToken(token, special=True) for token in special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(TEXT * 3, trainer)
    if bos:
        core.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, core.token_to_id(bos))]
        )
    return core.to_str()
