"""LLaMA-Factory itself, asked of small builds: rows, schedule, losses; and what stops it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import small_models
from backends import environment

from ftc import build, recipe
from ftc.errors import FtcError
from ftc.facts import model
from ftc.memory.formula import lora_parameters, parameters
from ftc.parity import pinned
from ftc.parity.probe import probe, several
from ftc.parity.records import UNTRAINED

TOOL = ("llamafactory", "0.9.5")
STEPS = 6
RATE = 2e-4
RECIPE = """
name = "{name}"
model = "./{model}"
stage = "{stage}"
method = "{method}"
[data]
path = "{stage}.jsonl"
{data}
[hardware]
device = "cpu"
[training]
learning_rate = {rate}
micro_batch = 2
epochs = 3
{training}
"""
LORA = "[lora]\ndropout = 0.1\nrank = 4\n"
# Name -> what the recipe says beside the defaults here.
CASES = {
    "lora": {"training": "gradient_accumulation = 1\nneftune_alpha = 5\n" + LORA},
    "lora-4": {"training": "gradient_accumulation = 4\nweight_decay = 0.1\n" + LORA},
    "full": {"method": "full", "training": "gradient_accumulation = 1\nweight_decay = 0.1"},
    "full-4": {"method": "full", "training": "gradient_accumulation = 4\nwarmup_steps = 3"},
    "exact": {"data": 'tokens = "exact"'},
    "gemma": {"model": "gemma"},
    "pretrain": {"stage": "pretrain"},
    "dpo": {"stage": "dpo", "training": "[preference]\nbeta = 0.3"},
    "orpo": {"stage": "orpo"},
    "kto": {"stage": "kto"},
}
ROLES = {"dpo": {"chosen", "rejected"}, "orpo": {"chosen", "rejected"}}
ROLES["kto"] = {"desirable", "undesirable"}


def rows(stage: str, number: int) -> dict[str, object]:
    more = "surely " * (number % 5)
    if stage == "pretrain":
        return {"text": f"The cat {number} sat on the mat. {more}"}
    if stage == "kto":
        return {"prompt": f"Say {number}", "completion": f"It is {more}", "label": number % 2 == 0}
    if stage == "sft":
        return {"instruction": f"Add {number} and 7", "output": f"It is {number + 7}, {more}"}
    return {"prompt": f"Say {number}", "chosen": f"It is {more}", "rejected": f"No {number}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows of every stage, and a small model of two families."""
    place = tmp_path_factory.mktemp("recipes")
    for stage in ("sft", "pretrain", "dpo", "orpo", "kto"):
        lines = [json.dumps(rows(stage, number)) + "\n" for number in range(30)]
        (place / f"{stage}.jsonl").write_text("".join(lines))
    small_models.make(place / "chatml-smollm", "chatml-smollm")
    small_models.make(place / "gemma", "gemma")
    return place


def made(folder: Path, name: str, text: str = RECIPE, **said: object) -> Path:
    """The build folder of a recipe."""
    default = {"model": "chatml-smollm", "stage": "sft", "method": "lora", "rate": RATE}
    values = {"name": name, "data": "", "training": "", **default, **said}
    path = folder / f"{name}.toml"
    path.write_text(text.format(**values))
    return build.build(path, *TOOL, out=folder / "builds", offline=True).folder


@pytest.fixture(scope="module")
def builds(folder):
    return {name: made(folder, name, **said) for name, said in CASES.items()}


@pytest.fixture(scope="module")
def told(builds):
    """What LLaMA-Factory says of every case, and of one of them a second time."""
    asked = [*builds.values(), builds["lora-4"]]
    *first, again = several(asked, level="loss", steps=STEPS, offline=True)
    return dict(zip(builds, first, strict=True)) | {"again": again}


def plan(build: Path) -> dict[str, object]:
    said = json.loads((build / "plan.json").read_text())
    return {name: entry["value"] for name, entry in said.items() if "value" in entry}


@pytest.mark.backend
def test_rows_are_those_that_llamafactory_makes(builds, told):
    natives = [str(folder) for name, folder in builds.items() if name != "exact"]
    known = environment.drive(*TOOL, "tokens", {"folders": natives})
    for name, place in builds.items():
        if name == "exact":
            continue
        for part in ("train", "eval"):
            ours = told[name].rows[part]
            theirs = list(sequences(known[str(place)][part], name == "pretrain"))
            assert [(row.ids, row.labels) for row in ours] == theirs, (name, part)
            assert {row.role for row in ours} <= ROLES.get(name, {""}), name
            assert all(len(row.ids) == len(row.mask) == sum(row.mask) for row in ours)
        train = told[name].rows["train"]
        assert {row.role for row in train} == ROLES.get(name, {""}), name
        assert len(train) >= 27


def sequences(said, whole):
    for row in said:
        for prefix in ("chosen_", "rejected_") if "chosen_input_ids" in row else ("",):
            ids = row[f"{prefix}input_ids"]
            # In pre-training its collator masks the pad token, which here is the last one, too.
            labels = [*ids[:-1], UNTRAINED] if whole else row[f"{prefix}labels"]
            yield tuple(ids), tuple(labels)


@pytest.mark.backend
def test_exact_tokens_are_read_as_they_are(builds, told):
    lines = (builds["exact"] / "train.tokens.jsonl").read_text().splitlines()
    written = [json.loads(line) for line in lines]
    assert [row.ids for row in told["exact"].rows["train"]] == [
        tuple(row["input_ids"]) for row in written
    ]
    assert [row.labels for row in told["exact"].rows["train"]] == [
        tuple(row["labels"]) for row in written
    ]
    assert not (builds["exact"] / "tokenized").exists()


@pytest.mark.backend
def test_rates_are_those_of_a_cosine_with_warm_up(builds, told):
    for name, place in builds.items():
        said, schedule = plan(place), told[name].schedule
        total, warm = said["max_steps"], said["warmup_steps"]
        expected = [RATE * i / warm for i in range(warm)]
        parts = [(i - warm) / (total - warm) for i in range(warm, total)]
        expected += [RATE * (1 + math.cos(math.pi * part)) / 2 for part in parts]
        assert schedule.rates == pytest.approx(expected, rel=1e-12, abs=1e-22), name
        assert schedule.steps == total
        for field in ("max_steps", "warmup_steps", "effective_batch", "micro_batch", "adam_beta2"):
            assert schedule.arguments[field] == said[field], (name, field)
        assert schedule.arguments["epochs"] == 3, name


@pytest.mark.backend
def test_groups_hold_every_trained_parameter_once(told):
    for name, one in told.items():
        names = [each for group in one.schedule.groups for each in group.names]
        assert sorted(names) == sorted(one.schedule.trainable), name
        assert all(group.rate == RATE for group in one.schedule.groups)
    decays = {group.weight_decay: group.names for group in told["full"].schedule.groups}
    assert set(decays) == {0.0, 0.1}
    assert all("norm" in each for each in decays[0.0])
    assert {group.weight_decay for group in told["lora-4"].schedule.groups} == {0.1}


@pytest.mark.backend
def test_what_the_config_says_beside_the_pinned_is_told(told):
    assert told["lora"].settings["neftune_alpha"] == 5
    assert told["lora"].settings["lora_dropout"] == 0.1
    assert told["lora"].schedule.arguments["neftune_alpha"] == 5
    assert told["lora"].schedule.adapter["dropout"] == 0.1
    assert told["lora"].schedule.adapter["rank"] == 4
    assert told["full"].schedule.adapter == {}
    assert told["dpo"].schedule.arguments["preference_beta"] == 0.3
    assert told["orpo"].schedule.arguments["preference_loss"] == "orpo"
    assert told["kto"].schedule.arguments["desirable_weight"] == 1.0
    assert {told[name].schedule.arguments["loss_average"] for name in ("lora", "full-4")} == {
        "tokens"
    }


@pytest.mark.backend
def test_losses_are_the_same_twice_and_change(told):
    for name, one in told.items():
        assert len(one.losses) == STEPS, name
        assert all(math.isfinite(loss) and loss > 0 for loss in one.losses)
        assert len(set(one.losses)) > 1, name
    assert told["again"].losses == told["lora-4"].losses
    # The adapter of the shadow is not zero: training starts elsewhere than the full model's.
    assert told["lora"].losses[0] != told["full"].losses[0]


@pytest.mark.backend
def test_micro_batches_are_averaged_as_asked(folder):
    """With weights that stay, the loss of a step is that of its micro-batches, by hand."""
    still = {"rate": 1e-9, "method": "full"}
    single = made(folder, "still", training="gradient_accumulation = 1", **still)
    four = made(folder, "still-4", training="gradient_accumulation = 4", **still)
    means = probe(single, level="loss", steps=4, offline=True)
    tokens = probe(four, level="loss", steps=1, offline=True).losses[0]
    averaged, alone = several(
        [four, single], level="loss", steps=4, offline=True, averaging="micro-batches"
    )
    trained = [sum(label != UNTRAINED for label in row.labels[1:]) for row in means.rows["train"]]
    weights = [sum(trained[i : i + 2]) for i in range(0, 8, 2)]
    assert len(set(weights)) > 1
    weighted = math.fsum(loss * w for loss, w in zip(means.losses, weights, strict=True))
    assert tokens == pytest.approx(weighted / sum(weights), rel=1e-6)
    assert averaged.losses[0] == pytest.approx(math.fsum(means.losses) / 4, rel=1e-6)
    assert tokens != pytest.approx(averaged.losses[0], rel=1e-4)
    assert alone.losses == pytest.approx(means.losses, rel=1e-6)


REAL = """
name = "{name}"
model = "./real"
method = "{method}"
[data]
path = "sft.jsonl"
[hardware]
gpu = "A100 80GB"
vram_gb = 80
"""


@pytest.mark.backend
def test_parameters_are_those_of_the_real_model(folder):
    """A config without weights, for a card that is not here: 4 bits, bf16, an 8-bit optimizer."""
    place = small_models.make(folder / "real", "llama3")
    row = model.catalogue()["meta-llama/Llama-3.2-1B"]
    config = {key: value for key, value in row.items() if key not in ("ids", "source", "family")}
    (place / "config.json").write_text(json.dumps(config))
    shape = model.gather(recipe.Model(id=str(place)), folder, offline=True).shape
    asked = {
        method: made(folder, f"real-{method}", REAL, method=method) for method in ("qlora", "full")
    }
    told = several(list(asked.values()), level="steps", offline=True)
    adapter, whole = (
        sum(math.prod(size) for size in one.schedule.trainable.values()) for one in told
    )
    said = plan(asked["qlora"])
    assert said["quant_bits"] == 4
    assert adapter == lora_parameters(shape, said["lora_rank"], said["lora_targets"])
    assert whole == parameters(shape)
    assert told[0].losses == ()
    assert told[0].schedule.adapter["dropout"] == said["lora_dropout"]


def test_a_model_that_is_not_here_is_named(folder):
    text = RECIPE.replace("./{model}", "meta-llama/Llama-3.2-1B")
    place = made(folder, "absent", text)
    with pytest.raises(FtcError, match=r"Llama-3.2-1B has no config.json") as caught:
        probe(place, level="tokens", offline=True)
    assert caught.value.exit_code == 2


@pytest.mark.backend
def test_a_config_that_the_backend_refuses_shows_its_words(folder, tmp_path):
    place = made(folder, "refused")
    path = place / "llamafactory.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lora_r": 3}))
    with pytest.raises(FtcError, match="lora_r") as caught:
        probe(place, level="tokens", offline=True, workspace=tmp_path)
    assert caught.value.exit_code == 4
    log = Path(str(caught.value).rpartition("whole log: ")[2])
    assert "lora_r" in log.read_text()


def test_a_pinned_build_leaves_the_build_as_it_was(folder, tmp_path):
    place = made(folder, "pinned", training="neftune_alpha = 5\n" + LORA)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    for level in ("steps", "loss"):
        pinned.pinned(
            place,
            tmp_path / level,
            backend=TOOL[0],
            shadow=tmp_path / "shadow",
            level=level,
            adapter=tmp_path / "adapter" if level == "loss" else None,
            rows=3,
        )
    assert before == {path.name: path.read_bytes() for path in place.iterdir()}
    steps, loss = (pinned.config(tmp_path / level, TOOL[0]) for level in ("steps", "loss"))
    assert steps["model_name_or_path"] == loss["model_name_or_path"] == str(tmp_path / "shadow")
    assert (steps["lora_dropout"], loss["lora_dropout"]) == (0.1, 0.0)
    assert "neftune_noise_alpha" in steps.keys() - loss.keys()
    assert loss.keys() - steps.keys() == {"adapter_name_or_path"}
    assert len((tmp_path / "loss" / "train.jsonl").read_text().splitlines()) == 3
    told = dict(pinned.changes(place, TOOL[0], "loss"))
    config = pinned.config(place, TOOL[0])
    assert {key for key in config if config[key] != loss.get(key)} <= told.keys()
    assert all(told.values())
