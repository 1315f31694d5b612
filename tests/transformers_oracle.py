"""Renders and counts chats with transformers; runs inside a backend's interpreter.

python transformers_oracle.py REQUEST.json ANSWER.json
"""

import json
import sys
from datetime import date
from pathlib import Path

from transformers import AutoTokenizer


def answer(request):
    tokenizer = AutoTokenizer.from_pretrained(request["folder"])
    options = {"strftime_now": date.fromisoformat(request["today"]).strftime}
    if request["template"]:
        options["chat_template"] = request["template"]
    if request["tools"]:
        options["tools"] = request["tools"]
    try:
        text = tokenizer.apply_chat_template(
            request["messages"],
            tokenize=False,
            add_generation_prompt=request["prompt"],
            **options,
        )
    except Exception as error:
        return {"error": str(error)}
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    document = len(tokenizer(request["messages"][0]["content"])["input_ids"])
    return {"text": text, "tokens": len(ids), "document": document}


def main(requests: Path, answers: Path) -> None:
    found = [answer(request) for request in json.loads(requests.read_text("utf-8"))]
    answers.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
