"""What pinning does to an Axolotl config, for every plan of the matrix."""

from __future__ import annotations

from pathlib import Path

import pytest
from backends import plans

from ftc.backends import axolotl
from ftc.parity import override, pinned_axolotl
from ftc.parity.records import LEVELS

VERSIONS = ("0.19.0", "0.21.0")
SHADOW, ADAPTER = Path("/shadow"), Path("/adapter")
# What a comparison is to notice stays at every level.
KEPT = {
    "datasets",
    "test_datasets",
    "rl",
    "chat_template",
    "chat_template_kwargs",
    "eot_tokens",
    "train_on_inputs",
    "sequence_len",
    "excess_length_strategy",
    "sample_packing",
    "learning_rate",
    "lr_scheduler",
    "lr_scheduler_kwargs",
    "warmup_steps",
    "max_steps",
    "micro_batch_size",
    "gradient_accumulation_steps",
    "weight_decay",
    "max_grad_norm",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "lora_r",
    "lora_alpha",
    "lora_target_modules",
    "lora_modules_to_save",
    "peft_use_dora",
    "peft_use_rslora",
    "loraplus_lr_ratio",
    "rl_beta",
    "dpo_loss_type",
    "seed",
}


def pinned(config, level, adapter=ADAPTER):
    return override.applied(
        config, pinned_axolotl.OVERRIDES, level=level, shadow=SHADOW, adapter=adapter
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("level", LEVELS)
def test_only_listed_settings_change(level, version):
    listed = {one.key for one in pinned_axolotl.OVERRIDES}
    assert not listed & KEPT
    for name, plan in plans.matrix().items():
        before = axolotl.native(plan, version)
        after = pinned(before, level)
        changed = {key for key in before | after if before.get(key) != after.get(key)}
        assert changed <= listed, name
        assert after["base_model"] == str(SHADOW)
        assert not (after["bf16"] or after["fp16"] or after["load_in_4bit"])
        assert "deepspeed" not in after, name
        assert after["plugins"] == ["ftc_axolotl.FtcPlugin"], name
        assert not any(key.startswith("liger") for key in after), name


@pytest.mark.parametrize("level", LEVELS)
def test_an_adapter_stays_one_and_full_stays_full(level):
    for name, plan in plans.matrix().items():
        after = pinned(axolotl.native(plan, "0.21.0"), level)
        assert after["adapter"] == (None if plan.method == "full" else "lora"), name
        assert ("lora_model_dir" in after) is (plan.method != "full"), name
        assert "lora_model_dir" not in pinned(axolotl.native(plan, "0.21.0"), level, adapter=None)


def test_noise_is_left_out_of_the_loss_alone():
    noisy = axolotl.native(plans.base(neftune_alpha=5.0), "0.21.0")
    for level in ("tokens", "steps"):
        after = pinned(noisy, level)
        assert after["neftune_noise_alpha"] == 5.0
        assert after["lora_dropout"] == noisy["lora_dropout"] > 0
        assert after["num_epochs"] == noisy["num_epochs"]
    after = pinned(noisy, "loss")
    assert "neftune_noise_alpha" not in after
    assert after["lora_dropout"] == 0.0
