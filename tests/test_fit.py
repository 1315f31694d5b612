"""The search for what fits: what it chooses, what it says of it, and what would help."""

from dataclasses import replace

import pytest
from bases import FACTS, RECIPE, facts

from ftc.backends import axolotl, llamafactory
from ftc.backends.memory import CUT_CROSS_ENTROPY
from ftc.backends.memory import job as backend_job
from ftc.factors.table import load, shipped
from ftc.memory.formula import estimate
from ftc.recipe import parse
from ftc.resolve import resolve
from ftc.resolve.changes import cheapest
from ftc.resolve.memory import plan_job

SHAPE = FACTS.model.shape
BUDGETS = (6.0, 8.0, 10.0, 12.0, 16.0, 24.0, 32.0, 48.0, 80.0)


def recipe(text=""):
    """The base recipe with keys of the top level first and tables after them in `text`."""
    top, bracket, tables = text.partition("[")
    return parse(RECIPE.replace('task = "qa"\n', f'task = "qa"\n{top}') + bracket + tables, "r")


def resolved(text="", table=None, **parts):
    return resolve(recipe(text), facts(**parts), table or shipped())


def need(plan):
    return estimate(SHAPE, plan_job(plan)).needed


@pytest.mark.parametrize("budget", BUDGETS)
def test_what_is_chosen_fits_or_says_that_it_does_not(budget):
    it = resolved(hardware={"vram_gb": budget})
    verdict = it.origins["micro_batch"].text
    assert ("does not fit" in verdict) == (need(it) > budget)
    assert it.micro_batch * it.gradient_accumulation * it.gpus == it.effective_batch


def test_methods_are_given_up_in_the_tables_order_only():
    methods = [resolved(hardware={"vram_gb": budget}).method for budget in BUDGETS]
    assert methods == sorted(methods, reverse=True)  # qlora below, lora above
    assert set(methods) == {"lora", "qlora"}


def test_a_larger_budget_is_never_slower():
    """Checkpointing goes away, batches grow, and neither comes back."""
    text = 'method = "qlora"\n[training]\neffective_batch = 16\nmax_length = 2048\n'
    plans = [resolved(text, hardware={"vram_gb": budget}) for budget in BUDGETS]
    checkpointed = [it.gradient_checkpointing for it in plans]
    assert checkpointed == sorted(checkpointed, reverse=True)
    assert {True, False} == set(checkpointed)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gradient_checkpointing", "false"),
        ("liger_kernel", "false"),
        ("optimizer", '"adamw_bnb_8bit"'),
        ("micro_batch", "2"),
        ("gradient_accumulation", "4"),
        ("eval_batch", "1"),
    ],
)
def test_the_recipes_word_is_not_searched(name, said):
    it = resolved(f"[training]\n{name} = {said}\n")
    assert str(getattr(it, name)).lower() == said.strip('"')
    assert it.origins[name].kind == "recipe"


def test_every_choice_says_what_it_bought():
    it = resolved('method = "qlora"\n[training]\nmax_length = 8192\n')
    origin = it.origins["gradient_checkpointing"]
    assert it.gradient_checkpointing
    assert origin.kind == "budget"
    assert "GiB less than false" in origin.text
    assert "slower" in origin.text
    assert origin.row == "checkpointing-gpu"
    bought = need(replace(it, gradient_checkpointing=False)) - need(it)
    assert f"{bought:.1f} GiB less" in origin.text


def test_the_optimizer_changes_only_when_nothing_else_fits():
    text = 'method = "full"\n[training]\nmax_length = 512\n'
    for budget in (48.0, 64.0, 80.0, 100.0, 140.0):
        it = resolved(text, hardware={"vram_gb": budget})
        fits = need(replace(it, optimizer="adamw_torch_fused", gradient_checkpointing=True)) <= (
            budget
        )
        if it.optimizer != "adamw_torch_fused":
            assert not fits or it.micro_batch > 1
    assert resolved(text, hardware={"vram_gb": 140.0}).optimizer == "adamw_torch_fused"
    assert resolved(text, hardware={"vram_gb": 48.0}).optimizer == "paged_adamw_8bit"


def test_several_cards_shard_what_does_not_fit_alone():
    text = 'method = "full"\n'
    it = resolved(text, hardware={"vram_gb": 24.0, "gpus": 8})
    assert it.zero_stage == 3
    assert "GiB" in it.origins["zero_stage"].text
    assert resolved('method = "lora"\n', hardware={"vram_gb": 80.0, "gpus": 2}).zero_stage == 0
    assert resolved('method = "lora"\n', hardware={"vram_gb": 14.0, "gpus": 4}).zero_stage == 3


def test_a_team_can_end_the_search(tmp_path):
    own = tmp_path / "team.toml"
    own.write_text(
        '[[value]]\nid = "ours"\nparameter = "gradient_checkpointing"\n'
        'value = true\nsource = "us"\n'
    )
    it = resolved(table=load([own]), hardware={"vram_gb": 80.0})
    assert it.gradient_checkpointing
    assert it.origins["gradient_checkpointing"].row == "ours"


def test_without_a_budget_memory_is_spared():
    it = resolved(hardware={"vram_gb": None, "name": ""})
    assert (it.gradient_checkpointing, it.liger_kernel, it.micro_batch) == (True, True, 1)


def test_evaluation_fits_too():
    """Liger makes all logits when a model is only evaluated."""
    it = resolved('method = "qlora"\n[training]\nmax_length = 8192\neffective_batch = 16\n')
    assert it.eval_batch <= it.micro_batch
    assert need(it) <= 24.0


@pytest.mark.parametrize(
    "text",
    [
        'method = "full"\n',
        "[training]\nmax_length = 65536\n",
        'method = "lora"\n[lora]\nrank = 4096\n',
        'method = "lora"\n[training]\ngradient_checkpointing = false\nmax_length = 8192\n',
    ],
)
def test_the_changes_that_are_offered_fit(text):
    them = facts(hardware={"vram_gb": 20.0})
    it = resolve(recipe(text), them, shipped())
    assert need(it) > 20.0
    offered = cheapest(them, it)
    assert 1 <= len(offered) <= 3
    own = [change for change in offered if not change.text.startswith("a card")]
    assert all(change.needed <= 20.0 for change in own)
    assert any(change.text.startswith("a card") for change in offered) or len(own) == 3


def test_a_change_that_is_taken_fits():
    them = facts(hardware={"vram_gb": 20.0})
    text = "[training]\nmax_length = 65536\n"
    offered = cheapest(them, resolve(recipe(text), them, shipped()))
    length = int(offered[0].text.split(" = ")[1].split()[0])
    again = resolve(recipe(f"[training]\nmax_length = {length}\n"), them, shipped())
    assert need(again) <= 20.0


def test_no_length_is_offered_that_the_model_does_not_know():
    them = facts(hardware={"vram_gb": 80.0})
    it = resolve(recipe("[training]\nmax_length = 10_000_000\n"), them, shipped())
    (length,) = (change for change in cheapest(them, it) if "max_length" in change.text)
    assert int(length.text.split(" = ")[1].split()[0]) <= SHAPE.max_positions


def test_nothing_is_offered_where_nothing_is_known():
    them = facts(hardware={"vram_gb": None, "name": ""})
    assert cheapest(them, resolve(recipe(), them, shipped())) == []


# The job of a rendered config


def rendered(plan, **native):
    return (
        backend_job(plan, "axolotl", "0.21.0", axolotl.native(plan, "0.21.0") | native),
        backend_job(plan, "llamafactory", "0.9.5", llamafactory.native(plan, "0.9.5") | native),
    )


@pytest.mark.parametrize("text", ["", 'method = "full"\n', 'method = "qlora"\n', 'stage = "dpo"\n'])
def test_both_tools_do_the_plans_job(text):
    it = resolved(text)
    assert rendered(it) == (plan_job(it), plan_job(it))


def test_native_keys_change_the_job():
    it = resolved('method = "qlora"\n')
    assert rendered(it, sample_packing=True)[0].packing
    assert rendered(it, packing=True)[1].packing
    assert rendered(it, micro_batch_size=7)[0].micro_batch == 7
    stock = rendered(it, liger_fused_linear_cross_entropy=False)[0]
    assert (stock.loss, stock.liger) == ("stock", True)
    plugins = ["ftc_axolotl.FtcPlugin", CUT_CROSS_ENTROPY]
    cut = rendered(it, liger_fused_linear_cross_entropy=False, plugins=plugins)[0]
    assert cut.loss == "fused"


def test_llamafactory_upcasts_what_is_not_pure():
    it = resolved('method = "full"\n[training]\nzero_stage = 3\n', hardware={"gpus": 4})
    theirs, ours = rendered(it)
    assert (theirs.master, ours.master) == ("bf16", "fp32")
