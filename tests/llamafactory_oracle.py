"""Counts the tokens of chats as LLaMA-Factory encodes them; runs inside its interpreter.

python llamafactory_oracle.py REQUESTS.json ANSWERS.json
"""

import json
import sys
from pathlib import Path

from llamafactory.data.template import get_template_and_fix_tokenizer
from llamafactory.hparams import DataArguments
from transformers import AutoTokenizer


def count(request):
    tokenizer = AutoTokenizer.from_pretrained(request["folder"])
    arguments = DataArguments(template=request["template"])
    template = get_template_and_fix_tokenizer(tokenizer, arguments)
    messages, system = request["messages"], None
    if messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    turns = template.encode_multiturn(tokenizer, messages, system, None)
    return sum(len(ids) for turn in turns for ids in turn) + bool(template.efficient_eos)


def main(requests: Path, answers: Path) -> None:
    found = [count(request) for request in json.loads(requests.read_text("utf-8"))]
    answers.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
