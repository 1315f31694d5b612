"""From recipe and facts to a plan: what is chosen, what adds up, what is said about it."""

import tomllib
from dataclasses import replace
from math import ceil

import pytest
from bases import FACTS, RECIPE, SHAPE, facts, lengths, recipe
from hypothesis import given
from hypothesis import strategies as st

from ftc.errors import FtcError
from ftc.explain import setting_name
from ftc.factors.table import shipped
from ftc.plan import PATHS
from ftc.recipe import SHARES, parse
from ftc.resolve import resolve
from ftc.views import GROUPS, explain, plan


def resolved(text="", **parts):
    return resolve(recipe(text), facts(**parts), shipped())


def test_every_setting_has_an_origin_and_a_place_in_the_listing():
    it = resolved()
    assert set(it.values()) == set(it.origins)
    listed = {name for names in GROUPS.values() for name in names}
    assert set(it.values()) - listed == {"name", "model_revision"}
    assert all(origin.text for origin in it.origins.values())


def test_same_input_same_plan():
    assert resolved() == resolved()


def test_the_guides_case():
    it = resolved()
    assert it.method in ("lora", "qlora")
    assert 2e-5 <= it.learning_rate <= 5e-5
    assert 3 <= it.epochs <= 5
    assert it.effective_batch == 8
    assert it.max_length in (512, 1024)
    assert 30 <= it.warmup_steps <= 100
    assert (it.lora_rank, it.lora_alpha) == (8, 16)
    assert it.origins["learning_rate"].row_kind == "guide"


def test_published_values_by_one_line():
    it = resolved('[factors]\nprefer = "published"\n')
    assert it.learning_rate == 2e-4
    assert it.lora_rank == 16
    assert any("guide" in line for line in it.origins["learning_rate"].beside)


METHODS = {  # budget in GiB -> the method that fits an 8B model
    80.0: "lora",
    24.0: "lora",
    12.0: "qlora",
}


@pytest.mark.parametrize("budget", METHODS)
def test_method_follows_the_budget(budget):
    it = resolved(hardware={"vram_gb": budget})
    assert it.method == METHODS[budget]
    assert it.quant_bits == (4 if it.method == "qlora" else 0)


def test_nothing_fits_takes_what_needs_least_and_says_so():
    it = resolved(hardware={"vram_gb": 4.0})
    assert it.method == "qlora"
    assert "nothing fits" in it.origins["method"].text


def test_the_recipes_word_stands_and_the_table_is_shown_beside():
    it = resolved("[training]\nlearning_rate = 7e-5\nmicro_batch = 2\n")
    assert it.learning_rate == 7e-5
    assert it.origins["learning_rate"].kind == "recipe"
    assert any("factor table says" in line for line in it.origins["learning_rate"].beside)
    assert it.micro_batch == 2
    assert it.gradient_accumulation == 4


SAID = {  # plan setting -> a value that the table would not choose, in TOML
    "lora_rank": "3",
    "lora_alpha": "5",
    "lora_dropout": "0.25",
    "lora_targets": '["q_proj"]',
    "lora_modules_to_save": '["embed_tokens"]',
    "lora_dora": "true",
    "lora_rslora": "true",
    "loraplus_lr_ratio": "16.0",
    "quant_bits": "8",
    "learning_rate": "0.25",
    "lr_scheduler": '"linear"',
    "min_lr_ratio": "0.25",
    "warmup_steps": "3",
    "epochs": "2",
    "max_steps": "77",
    "effective_batch": "12",
    "micro_batch": "2",
    "gradient_accumulation": "8",
    "max_length": "800",
    "packing": "true",
    "optimizer": '"adamw_bnb_8bit"',
    "adam_beta1": "0.25",
    "adam_beta2": "0.25",
    "adam_epsilon": "0.25",
    "weight_decay": "0.25",
    "max_grad_norm": "0.25",
    "neftune_alpha": "5.0",
    "train_on_prompt": "true",
    "thinking": "true",
    "seed": "3",
    "dtype": '"fp16"',
    "tf32": "true",
    "attention": '"eager"',
    "gradient_checkpointing": "false",
    "liger_kernel": "true",
    "zero_stage": "2",
    "offload_optimizer": "true",
    "eval_steps": "3",
    "eval_batch": "5",
    "save_steps": "3",
    "save_total_limit": "7",
    "load_best": "false",
    "logging_steps": "3",
    "preference_beta": "0.25",
    "preference_loss": '"ipo"',
    "desirable_weight": "0.25",
    "undesirable_weight": "0.25",
}


@pytest.mark.parametrize("name", SAID)
def test_a_word_of_the_recipe_reaches_the_plan(name):
    table, key = PATHS[name].split(".")
    text = RECIPE.replace('task = "qa"', 'method = "qlora"') + f"[{table}]\n{key} = {SAID[name]}\n"
    it = resolve(parse(text, "r"), FACTS, shipped())
    said = tomllib.loads(f"it = {SAID[name]}")["it"]
    assert getattr(it, name) == (tuple(said) if isinstance(said, list) else said)
    assert it.origins[name].kind == "recipe"


def test_steps_may_be_said_by_shares():
    it = resolved("[training]\nwarmup_ratio = 0.1\nevals_per_epoch = 4\nsaves_per_epoch = 1\n")
    epoch = it.max_steps / it.epochs
    assert it.warmup_steps == int(0.1 * it.max_steps + 0.5) > 2
    assert it.eval_steps == epoch // 4
    assert it.save_steps % it.eval_steps == 0
    assert abs(it.save_steps - epoch) <= it.eval_steps
    for name in ("warmup_steps", "eval_steps", "save_steps"):
        assert it.origins[name].kind == "recipe"


@pytest.mark.parametrize(("share", "steps"), SHARES.items())
def test_a_share_and_steps_are_not_both_said(share, steps):
    with pytest.raises(FtcError, match=f"expected one of {steps} and {share}, not both"):
        recipe(f"[training]\n{steps} = 3\n{share} = {0.5 if share == 'warmup_ratio' else 2}\n")


def test_no_path_is_left_out():
    looked_up = {"stage", "task", "method", "model", "model_revision", "family", "device", "gpus"}
    looked_up |= {"tokens"}  # never None in a recipe
    assert set(SAID) | looked_up == set(PATHS)


def test_rows_over_the_length_do_not_count():
    data = {"train": replace(lengths(100), total=(300,) * 90 + (5000,) * 10)}
    it = resolved("[training]\nmax_length = 512\n", data=data)
    assert it.train_rows == 90


def test_a_single_outlier_does_not_set_the_length():
    totals = (300,) * 499 + (30000,)
    it = resolved(data={"train": replace(lengths(500), total=totals)})
    assert it.max_length == 512
    assert it.train_rows == 499


def test_length_within_what_the_model_knows():
    shape = replace(SHAPE, max_positions=2048)
    it = resolved(model={"shape": shape}, data={"train": lengths(500, 3000)})
    assert it.max_length == 2048


def test_full_fine_tuning_has_no_adapter():
    text = 'name = "x"\nmodel = "a/b"\nmethod = "full"\n[data]\npath = "x"\n'
    it = resolve(parse(text, "r"), facts(hardware={"vram_gb": 80.0}), shipped())
    assert it.lora_rank is None
    assert it.lora_targets == ()
    assert it.learning_rate == 1e-5


def test_several_cards_shard_a_full_model():
    text = 'name = "x"\nmodel = "a/b"\nmethod = "full"\n[data]\npath = "x"\n'
    it = resolve(parse(text, "r"), facts(hardware={"vram_gb": 32.0, "gpus": 8}), shipped())
    assert it.effective_batch == it.micro_batch * it.gradient_accumulation * 8
    assert it.zero_stage in (1, 2, 3)


def test_cpu_trains_in_fp32():
    cpu = {"device": "cpu", "vram_gb": None, "bf16": False}
    it = resolved(hardware=cpu)
    assert (it.dtype, it.optimizer, it.gradient_checkpointing) == ("fp32", "adamw_torch", False)
    assert it.micro_batch <= 4


def test_no_rows_held_out_means_no_evaluation():
    it = resolved(data={"eval": lengths(0)})
    assert it.eval_steps == 0
    assert not it.load_best
    assert it.save_steps >= 1


def test_pretraining_counts_pieces():
    text = 'name = "x"\nmodel = "a/b"\nstage = "pretrain"\n[data]\npath = "x"\n'
    it = resolve(
        parse(text, "r"),
        facts(data={"train": lengths(10, 10000), "eval": lengths(0)}),
        shipped(),
    )
    assert it.max_length == 2048
    assert it.train_rows >= 10 * 10000 / 2048


def test_pretraining_without_a_tokenizer_splits_nothing():
    text = 'name = "x"\nmodel = "a/b"\nstage = "pretrain"\n[data]\npath = "x"\n'
    data = {"train": lengths(10, 10000, exact=False), "eval": lengths(0)}
    assert resolve(parse(text, "r"), facts(data=data), shipped()).train_rows == 10


@given(
    rows=st.integers(1, 3000),
    total=st.integers(8, 4000),
    gpus=st.sampled_from([1, 2, 3, 8]),
    vram=st.sampled_from([None, 8.0, 24.0, 80.0]),
    effective=st.none() | st.integers(1, 64),
    epochs=st.none() | st.floats(0.1, 10),
)
def test_numbers_add_up(rows, total, gpus, vram, effective, epochs):
    text = "[training]\n"
    text += f"effective_batch = {effective}\n" if effective else ""
    text += f"epochs = {epochs}\n" if epochs else ""
    it = resolved(
        text,
        hardware={"gpus": gpus, "vram_gb": vram},
        data={"train": lengths(rows, total, total // 2), "eval": lengths(3, total, total // 2)},
    )
    if not effective or effective % gpus == 0:
        assert it.effective_batch == it.micro_batch * it.gradient_accumulation * gpus
    per_epoch = ceil(ceil(it.train_rows / (it.micro_batch * gpus)) / it.gradient_accumulation)
    assert it.max_steps == max(1, ceil(it.epochs * per_epoch))
    assert it.warmup_steps == 0 or 2 <= it.warmup_steps <= max(2, it.max_steps)
    assert it.save_steps % it.eval_steps == 0
    assert it.max_length >= min(total, it.max_length)


def test_listing_and_explanation_read_well():
    it = resolved()
    text = plan(it)
    assert "learning_rate" in text
    assert "guide" in text
    told = explain(it, setting_name("lora_r"))
    assert told.startswith("lora_rank = 8")
    assert "lora.rank = ... in the recipe" in told


def test_words_of_other_tools_name_settings():
    assert setting_name("num_train_epochs") == "epochs"
    assert setting_name("training.learning_rate") == "learning_rate"
    assert setting_name("cutoff_len") == "max_length"
    with pytest.raises(FtcError) as caught:
        setting_name("lerning_rate")
    assert "learning_rate" in caught.value.hint
