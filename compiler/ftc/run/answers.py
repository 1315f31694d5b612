"""Answers prompts with a model before and after training; runs inside a backend's interpreter.

python answers.py REQUEST.json ANSWERS.jsonl

Executed by path and never imported by ftc: it needs torch, transformers and peft, which ftc's own
interpreter has not (hence the ignored imports). REQUEST is what `ftc.run.compare` writes; ANSWERS
gets a line {side, index, text} an answer.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found]
from jinja2 import TemplateError
from transformers import (  # type: ignore[import-not-found]
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
)

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def main(request: dict[str, Any], out: Path) -> None:
    """Answers every prompt on both sides, one model in memory at a time."""
    torch.manual_seed(request["seed"])
    tokenizer = load_tokenizer(request)
    if request["kind"] == "adapter":
        # A full fine-tune does not need it.
        from peft import PeftModel  # type: ignore[import-not-found]  # noqa: PLC0415

        model = PeftModel.from_pretrained(load_model(request, request["model"]), request["output"])
        with model.disable_adapter():
            answer(model, tokenizer, request, "before", out)
        answer(model, tokenizer, request, "after", out)
        return
    for side, place in (("before", request["model"]), ("after", request["output"])):
        model = load_model(request, place)
        answer(model, tokenizer, request, side, out)
        del model


def load_tokenizer(request: dict[str, Any]) -> Any:
    """The base model's; the chat template of the trained folder where the base has none."""
    tokenizer = AutoTokenizer.from_pretrained(request["model"], revision=request["revision"])
    if request["chat"] and not tokenizer.chat_template:
        tokenizer.chat_template = AutoTokenizer.from_pretrained(request["output"]).chat_template
    return tokenizer


def load_model(request: dict[str, Any], place: str) -> Any:
    """On one device as it was trained: same precision, same quantisation of the base."""
    options: dict[str, Any] = {"dtype": DTYPES[request["dtype"]]}
    if place == request["model"]:
        options["revision"] = request["revision"]
    if request["device"] == "gpu":
        options["device_map"] = "auto"
    if request["bits"] == 4:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=DTYPES[request["dtype"]],
        )
    if request["bits"] == 8:
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    return AutoModelForCausalLM.from_pretrained(place, **options).eval()


def answer(model: Any, tokenizer: Any, request: dict[str, Any], side: str, out: Path) -> None:
    """Greedy decoding of every prompt, alone, so that padding cannot change an answer."""
    stops = stop_ids(model, tokenizer, request["turn_end"])
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else next(iter(stops), None)
    for index, prompt in enumerate(request["prompts"]):
        inputs = encoded(tokenizer, request, prompt).to(model.device)
        with torch.inference_mode():
            produced = model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                repetition_penalty=1.0,
                max_new_tokens=request["max_new_tokens"],
                eos_token_id=stops or None,
                pad_token_id=pad,
            )
        new = produced[0, inputs["input_ids"].shape[1] :]
        line = {"side": side, "index": index}
        line["text"] = tokenizer.decode(new, skip_special_tokens=True).strip()
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def encoded(tokenizer: Any, request: dict[str, Any], prompt: str) -> Any:
    """The prompt as a chat that waits for an answer, or as plain text to be continued.

    A system turn that the template refuses stands in front of the prompt, as in the rows.
    """
    if not (request["chat"] and tokenizer.chat_template):
        return tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    system = request["system"]
    if not system:
        return rendered(tokenizer, request, [{"role": "user", "content": prompt}])
    chat = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    try:
        return rendered(tokenizer, request, chat)
    except TemplateError:
        folded = f"{system.strip()}\n\n{prompt}"
        return rendered(tokenizer, request, [{"role": "user", "content": folded}])


def rendered(tokenizer: Any, request: dict[str, Any], chat: list[dict[str, str]]) -> Any:
    """The chat in the model's own template, told what it was told in training."""
    date = {"date_string": request["date"]} if request["date"] else {}
    return tokenizer.apply_chat_template(
        chat,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        enable_thinking=request["thinking"],
        **date,
    )


def stop_ids(model: Any, tokenizer: Any, turn_end: str) -> list[int]:
    """Tokens that end an answer: the tokenizer's, the model's own and the template's turn end."""
    config = getattr(model, "generation_config", None)
    own = getattr(config, "eos_token_id", None)
    found = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
    if turn_end in tokenizer.get_vocab():
        found.add(tokenizer.convert_tokens_to_ids(turn_end))
    return sorted(one for one in found if one is not None)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
