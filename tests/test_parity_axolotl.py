"""What Axolotl itself tells of small builds: rows, schedule, losses, in both of its versions.

Every test runs in a backend's own environment; one that is missing fails with the command that
makes it.
"""

from __future__ import annotations

import math
from collections import Counter

import parity_builds
import pytest
from backends import environment, examples
from tokenizers import Tokenizer

from ftc.parity import probe
from ftc.parity.records import UNTRAINED, Row

pytestmark = pytest.mark.backend
VERSIONS = ("0.19.0", "0.21.0")
STEPS = 12
FAMILY = "llama3"  # no blank between turns: nothing for the tools to disagree about
# Name of a build -> kind of rows, settings over the plan of parity_builds.
BUILDS = {
    "lora": ("sft", {}),
    "lora again": ("sft", {}),
    "lora by four": ("sft", {"accumulation": 4}),
    "full": ("sft", {"full": True}),
    "full by four": ("sft", {"full": True, "accumulation": 4}),
    "texts": ("pretrain", {}),
    "texts in full": ("pretrain", {"full": True, "accumulation": 4}),
    "dpo": ("dpo", {}),
    "dpo in full": ("dpo", {"full": True, "accumulation": 4}),
    "orpo": ("orpo", {}),
    "kto": ("kto", {"accumulation": 4}),
}
PREFERENCE = ("dpo", "orpo", "kto")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return examples.models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module", params=VERSIONS)
def folders(request, tmp_path_factory, models):
    """The version, and name -> build folder."""
    root = tmp_path_factory.mktemp(f"axolotl-{request.param}")
    made = {
        name: parity_builds.build(
            root / name.replace(" ", "-"),
            "axolotl",
            request.param,
            parity_builds.plan(FAMILY, kind, models[FAMILY], **settings),
        )
        for name, (kind, settings) in BUILDS.items()
    }
    return request.param, made


@pytest.fixture(scope="module")
def driven(folders):
    """Name -> rows and arguments as another script gets them from the same tool, shuffled."""
    version, made = folders
    wanted = {name: folder for name, folder in made.items() if name in ("lora", *PREFERENCE)}
    wanted["texts"] = made["texts"]
    job = {"folders": [str(folder) for folder in wanted.values()]}
    told = environment.drive("axolotl", version, "tokens", job)
    return {name: told[str(folder)] for name, folder in wanted.items()}


@pytest.fixture(scope="module")
def told(folders, tmp_path_factory):
    version, made = folders
    heard = []
    said = probe.several(
        list(made.values()),
        level="loss",
        steps=STEPS,
        offline=True,
        progress=lambda *line: heard.append(line),
        workspace=tmp_path_factory.mktemp("probe"),
    )
    assert ("training", STEPS, STEPS) in heard
    return version, dict(zip(made, said, strict=True))


def sequences(row):
    """The Rows that a row of the other script stands for."""
    if "prompt_ids" in row and "label" in row:
        return [_answered(row, "completion_ids", "desirable" if row["label"] else "undesirable")]
    if "prompt_ids" in row:
        return [_answered(row, f"{role}_ids", role) for role in ("chosen", "rejected")]
    prefixes = ("chosen_", "rejected_") if "chosen_labels" in row else ("",)
    return [
        Row(
            tuple(row[f"{prefix}input_ids"]),
            tuple(row[f"{prefix}labels"]),
            tuple(row[f"{prefix}attention_mask"]),
            prefix.removesuffix("_"),
        )
        for prefix in prefixes
    ]


def _answered(row, answer, role):
    prompt, said = row["prompt_ids"], row[answer]
    ids = (*prompt, *said)
    return Row(ids, (*[UNTRAINED] * len(prompt), *said), (1,) * len(ids), role)


def test_the_rows_are_those_that_the_trainers_get(told, driven):
    _, said = told
    for name, seen in driven.items():
        for part in ("train", "eval"):
            wanted = [one for row in seen[part] for one in sequences(row)]
            assert Counter(said[name].rows[part]) == Counter(wanted), (name, part)
            assert len(wanted) == parity_builds.ROWS * (2 if name in ("dpo", "orpo") else 1)


def test_the_rows_come_in_the_order_of_the_file(told, models):
    tokenizer = Tokenizer.from_file(str(models[FAMILY] / "tokenizer.json"))
    _, said = told
    for name, one in said.items():
        pair = 2 if BUILDS[name][0] in ("dpo", "orpo") else 1
        for place, row in enumerate(one.rows["train"]):
            text = tokenizer.decode(list(row.ids))
            assert f"Number {place // pair}." in text, name


def cosine(step, peak=2e-3, warmup=3, steps=STEPS):
    if step < warmup:
        return peak * step / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def test_the_rates_are_a_cosine_after_a_warm_up(told):
    version, said = told
    for name, one in said.items():
        assert one.version == version
        assert one.schedule.steps == STEPS, name
        wanted = [cosine(step) for step in range(STEPS)]
        assert one.schedule.rates == pytest.approx(wanted, rel=1e-12), name


def test_what_is_trained_has_the_names_of_the_real_model(told):
    _, said = told
    for name, one in said.items():
        kind = "full" if BUILDS[name][1].get("full") else "lora"
        names = set(one.schedule.trainable)
        held = {held for group in one.schedule.groups for held in group.names}
        if kind == "lora":
            parts = [f"self_attn.{x}_proj.lora_{y}.weight" for x in "qv" for y in "AB"]
            assert names == {f"model.layers.0.{part}" for part in parts}, name
            assert one.schedule.trainable["model.layers.0.self_attn.q_proj.lora_A.weight"] == (
                16,
                16,
            )
            assert one.schedule.adapter["targets"] == ["q_proj", "v_proj"]
        else:
            assert {"model.embed_tokens.weight", "model.norm.weight"} < names, name
            assert one.schedule.adapter == {}
            decay = {group.weight_decay for group in one.schedule.groups}
            assert decay == {0.0, 0.01}
        assert names <= held, name  # the shadow may have more layers


def test_the_version_says_how_it_averages(told):
    version, said = told
    for name, one in said.items():
        plain = version == "0.21.0" and BUILDS[name][0] not in PREFERENCE
        wanted = "tokens" if plain else "micro-batches"
        assert one.schedule.arguments["loss_average"] == wanted, name


def test_the_arguments_are_those_of_the_plan(told):
    _, said = told
    for name, one in said.items():
        kind, settings = BUILDS[name]
        accumulation = settings.get("accumulation", 1)
        wanted = {
            "max_steps": STEPS,
            "micro_batch": 2,
            "gradient_accumulation": accumulation,
            "effective_batch": 2 * accumulation,
            "warmup_steps": 3,
            "lr_scheduler": "cosine",
            "optimizer": "adamw_torch",
            "weight_decay": 0.01,
            "seed": 42,
        }
        if kind in PREFERENCE:
            wanted["preference_beta"] = 0.3
        if kind == "dpo":
            wanted["preference_loss"] = "sigmoid"
        assert wanted.items() <= one.schedule.arguments.items(), name


def test_training_lowers_the_loss_and_is_the_same_again(told):
    _, said = told
    for name, one in said.items():
        assert len(one.losses) == STEPS, name
        assert all(math.isfinite(loss) for loss in one.losses), name
        assert len(set(one.losses)) > STEPS // 2, name
        if BUILDS[name][1].get("full"):
            assert one.losses[-1] < one.losses[0], name
    assert said["lora"].losses == said["lora again"].losses
    assert said["lora"].losses != said["lora by four"].losses


# What both tools are asked of, and how LLaMA-Factory averages the micro-batches for it.
SHARED = ("lora", "lora by four", "full", "full by four", "texts in full", "dpo in full")
AVERAGING = {"0.19.0": "micro-batches", "0.21.0": None}


@pytest.fixture(scope="module")
def factory(told, models, tmp_path_factory):
    """Name -> what LLaMA-Factory tells of the same build, averaging as this Axolotl does."""
    version, _ = told
    root = tmp_path_factory.mktemp("factory")
    made = {
        name: parity_builds.build(
            root / name.replace(" ", "-"),
            "llamafactory",
            "0.9.5",
            parity_builds.plan(FAMILY, BUILDS[name][0], models[FAMILY], **BUILDS[name][1]),
        )
        for name in SHARED
    }
    said = probe.several(
        list(made.values()),
        level="loss",
        steps=STEPS,
        offline=True,
        averaging=AVERAGING[version],
        workspace=tmp_path_factory.mktemp("probe"),
    )
    return dict(zip(made, said, strict=True))


def test_both_tools_train_the_same_run(told, factory):
    version, said = told
    for name, theirs in factory.items():
        ours = said[name]
        assert ours.rows["train"] == theirs.rows["train"], name
        assert ours.schedule.rates == pytest.approx(theirs.schedule.rates, rel=1e-12), name
        assert ours.schedule.trainable == theirs.schedule.trainable, name
        assert ours.schedule.groups == theirs.schedule.groups, name
        if BUILDS[name][0] == "pretrain" and version == "0.21.0":
            continue
        close = 1e-5 if BUILDS[name][0] == "dpo" else 1e-6  # seen: 6e-6 and 2e-7
        assert ours.losses == pytest.approx(theirs.losses, rel=close), name


def test_the_first_token_of_a_text_counts_in_llamafactory(told, factory):
    """Its transformers divides by every label, the newer one by those that are predicted."""
    version, said = told
    name = "texts in full"
    if version == "0.19.0":  # the mean of micro-batches: neither tool divides by a count then
        return
    rows = said[name].rows["train"][: 2 * BUILDS[name][1]["accumulation"]]
    labels = sum(len(row.labels) for row in rows)
    expected = said[name].losses[0] * (labels - len(rows)) / labels
    assert factory[name].losses[0] == pytest.approx(expected, rel=1e-6)
