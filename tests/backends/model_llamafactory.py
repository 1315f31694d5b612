"""Makes tiny random Llamas whose one tokenizer knows every family's control tokens.

python make_model.py < {"folders": {folder: {"template", "bos", "eos", "pad"}}, "special", "texts"}
Runs inside a backend's interpreter; prints one line that starts with RESULT.
"""

import json
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def main(job):
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=job["special"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(job["texts"], trainer)
    config = LlamaConfig(
        vocab_size=core.get_vocab_size(),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    for folder, said in job["folders"].items():
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=core,
            bos_token=said["bos"],
            eos_token=said["eos"],
            pad_token=said["pad"],
            model_max_length=1024,
        )
        tokenizer.chat_template = said["template"]
        tokenizer.save_pretrained(folder)
        torch.manual_seed(0)
        config.bos_token_id = tokenizer.bos_token_id
        config.eos_token_id = tokenizer.eos_token_id
        config.pad_token_id = tokenizer.pad_token_id
        LlamaForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    main(json.load(sys.stdin))
    print("RESULT{}")
