"""Runs inside LLaMA-Factory's interpreter: what DeepSpeed's own parser reads in a config.

transformers fills in every "auto" first, as both tools let it. Reads {"configs": {name: config}};
prints one line that starts with RESULT and holds JSON.
"""

import json
import os
import sys

from deepspeed.runtime.config import DeepSpeedConfig
from transformers import LlamaConfig, LlamaForCausalLM, TrainingArguments
from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig


def deepspeed(job):
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}
    shape = LlamaConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    model = LlamaForCausalLM(shape)
    result = {}
    for name, config in job["configs"].items():
        training = TrainingArguments(
            output_dir="out",
            use_cpu=True,
            bf16=True,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=4,
            max_grad_norm=0.5,
        )
        held = HfTrainerDeepSpeedConfig(config)
        held.trainer_config_process(training)
        held.trainer_config_finalize(training, model, 10)
        filled = held.config
        read = DeepSpeedConfig(filled)
        result[name] = {
            "auto": json.dumps(filled).count('"auto"'),
            "stage": int(read.zero_config.stage),
            "offload": str(getattr(read.zero_config.offload_optimizer, "device", "none")),
            "bf16": bool(filled["bf16"]["enabled"]),
            "micro_batch": read.train_micro_batch_size_per_gpu,
            "accumulation": read.gradient_accumulation_steps,
            "clipping": read.gradient_clipping,
        }
    return result


if __name__ == "__main__":
    print("RESULT" + json.dumps(deepspeed(json.load(sys.stdin))), flush=True)
