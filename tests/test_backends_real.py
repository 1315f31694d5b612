"""The real backends on what ftc writes: their validators, their tokens, DeepSpeed's own parser.

Every test runs in a backend's own environment; one that is missing fails with the command that
makes it.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from backends import environment, examples, plans

from ftc import backends
from ftc.backends import deepspeed
from ftc.backends.llamafactory_data import TEMPLATES

pytestmark = pytest.mark.backend
AXOLOTL = ("0.19.0", "0.21.0")
FACTORY = "0.9.5"
MATRIX = plans.matrix()
# Settings that LLaMA-Factory's parser holds in other words, and which.
HELD = {"report_to": ["none", ["[]"]]}


def cases(name, version):
    backend = backends.get(name)
    return [
        {"name": case, "config": backend.native(plan, version)} for case, plan in MATRIX.items()
    ]


@pytest.mark.parametrize("version", AXOLOTL)
def test_axolotl_accepts_every_plan_and_ignores_no_key(version):
    misspelt = backends.get("axolotl").native(plans.base(), version) | {"lora_rank": 4}
    misspelt["datasets"] = [misspelt["datasets"][0] | {"field_message": "messages"}]
    refused = backends.get("axolotl").native(plans.base(), version) | {"warmup_ratio": 0.1}
    controls = [{"name": "misspelt", "config": misspelt}, {"name": "refused", "config": refused}]
    job = {"cases": cases("axolotl", version) + controls}
    told = environment.drive("axolotl", version, "validate", job)
    assert {"lora_rank", "datasets.field_message"} <= set(told.pop("misspelt")["ignored"])
    assert "warmup" in told.pop("refused")["error"]
    assert told.keys() == MATRIX.keys()
    clean = {"error": "", "ignored": [], "changed": {}}
    assert {case: result for case, result in told.items() if result != clean} == {}


@pytest.fixture(scope="module")
def parsed():
    """What LLaMA-Factory's own parser makes of every plan, and the templates that it knows."""
    misspelt = backends.get("llamafactory").native(plans.base(), FACTORY) | {"lora_r": 4}
    controls = [{"name": "misspelt", "config": misspelt}]
    job = {"cases": cases("llamafactory", FACTORY) + controls}
    return environment.drive("llamafactory", FACTORY, "validate", job)


def test_llamafactory_accepts_every_plan_and_holds_every_value(parsed):
    results = dict(parsed["cases"])
    assert "lora_r" in results.pop("misspelt")["error"]
    assert results.keys() == MATRIX.keys()
    for case, result in results.items():
        plan = MATRIX[case]
        room = 1 if plan.stage == "pretrain" else 8
        held = [plan.max_length + room, [str(plan.max_length + room - 1)]]
        packed = {"cutoff_len": held}
        assert result["error"] == "", case
        assert result["changed"] == HELD | (packed if plan.packing else {}), case


def test_every_template_is_registered(parsed):
    told = parsed["templates"]
    reasoning = {name for name, kind in told.items() if "Reasoning" in kind}
    for family, template in TEMPLATES.items():
        assert template.name in told, family
        assert template.reasoning == (template.name in reasoning), family
    assert {"empty", "gemma3"} <= told.keys()


def test_deepspeed_reads_what_the_plan_says():
    made = {
        f"{stage} {offload}": plans.base(zero_stage=stage, offload_optimizer=offload)
        for stage in (1, 2, 3)
        for offload in (False, True)
    }
    configs = {name: json.loads(deepspeed.text(plan)) for name, plan in made.items()}
    told = environment.drive("llamafactory", FACTORY, "deepspeed", {"configs": configs})
    for name, plan in made.items():
        read = told[name]
        assert read["auto"] == 0, name
        assert read["stage"] == plan.zero_stage
        assert ("cpu" in read["offload"].lower()) is plan.offload_optimizer
        assert read["bf16"] is True
        assert (read["micro_batch"], read["accumulation"], read["clipping"]) == (2, 4, 0.5)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return examples.models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def builds(tmp_path_factory, models):
    """(backend, version) -> {(family, kind): folder}; every kind once, every family in chat."""
    wanted = [("chatml-smollm", kind) for kind in examples.KINDS if kind != "tools"]
    wanted += [(family, "sft") for family in models if family != "chatml-smollm"]
    tables = examples.FAMILIES["family"]
    wanted += [(family, "tools") for family in models if tables[family].get("tools")]
    wanted += [("llama3", "dpo")]  # a template that writes the BOS token itself
    root = tmp_path_factory.mktemp("builds")
    folders = {}
    for tool in [("axolotl", version) for version in AXOLOTL] + [("llamafactory", FACTORY)]:
        folders[tool] = {
            (family, kind): examples.build(
                root.joinpath(*tool) / f"{family}-{kind}",
                *tool,
                examples.plan(family, kind, models[family]),
                kind,
            )
            for family, kind in wanted
        }
    return folders


@pytest.fixture(scope="module")
def factory(builds):
    folders = builds["llamafactory", FACTORY]
    job = {"folders": [str(folder) for folder in folders.values()]}
    told = environment.drive("llamafactory", FACTORY, "tokens", job)
    return {case: told[str(folder)] for case, folder in folders.items()}


@pytest.fixture(scope="module", params=AXOLOTL)
def axolotl(builds, request):
    folders = builds["axolotl", request.param]
    job = {"folders": [str(folder) for folder in folders.values()]}
    told = environment.drive("axolotl", request.param, "tokens", job)
    return {case: told[str(folder)] for case, folder in folders.items()}


def trained(row):
    return [token for token in row["labels"] if token != -100]


def expected(case):
    """How many rows of a case have the same ids in both tools; families.toml knows which do not."""
    family, kind = case
    return len(examples.KINDS[kind]) - examples.FAMILIES["family"][family].get("differ", {}).get(
        kind, 0
    )


def test_chats_calls_and_texts_become_the_same_tokens(axolotl, factory):
    compared = 0
    for case, told in axolotl.items():
        if case[1] not in ("sft", "tools", "pretrain"):
            continue
        ours = {tuple(row["input_ids"]): row for row in told["train"]}
        theirs = {tuple(row["input_ids"]): row for row in factory[case]["train"]}
        assert len(ours) == len(theirs) == len(examples.KINDS[case[1]]), case
        same = ours.keys() & theirs.keys()
        assert len(same) == expected(case), case
        for ids in same:
            compared += 1
            check_labels(case, ids, ours[ids], theirs[ids])
        assert told["eval"], case
    assert compared > 15


def check_labels(case, ids, ours, theirs):
    """Equal labels, but for the blank around an answer, on which LLaMA-Factory trains too."""
    assert trained(ours), case
    if case[1] == "pretrain":  # LLaMA-Factory's collator makes the labels
        assert ours["labels"] == list(ids)
        return
    apart = [
        place
        for place, pair in enumerate(zip(ours["labels"], theirs["labels"], strict=True))
        if pair[0] != pair[1]
    ]
    answers = sum(
        1
        for place, label in enumerate(theirs["labels"])
        if label != -100 and (place == 0 or theirs["labels"][place - 1] == -100)
    )
    assert len(apart) <= answers, case
    assert all(ours["labels"][place] == -100 for place in apart), case


def test_preference_rows_become_the_same_tokens(axolotl, factory):
    for case in [("chatml-smollm", "dpo"), ("llama3", "dpo"), ("chatml-smollm", "kto")]:
        answer = "completion_ids" if case[1] == "kto" else "chosen_ids"
        ours = {tuple(row["prompt_ids"] + row[answer]) for row in axolotl[case]["train"]}
        column = "input_ids" if case[1] == "kto" else "chosen_input_ids"
        theirs = {tuple(row[column]) for row in factory[case]["train"]}
        assert ours == theirs, case
        assert len(ours) == len(examples.KINDS[case[1]])
    labels = {row["label"] for row in axolotl["chatml-smollm", "kto"]["train"]}
    assert (
        labels
        == {True, False}
        == {row["kto_tags"] for row in factory["chatml-smollm", "kto"]["train"]}
    )


def test_orpo_rows_differ_by_the_terminator_alone(axolotl, factory):
    case = ("chatml-smollm", "orpo")
    ours = {tuple(row["chosen_input_ids"][:-1]) for row in axolotl[case]["train"]}
    theirs = {tuple(row["chosen_input_ids"]) for row in factory[case]["train"]}
    assert ours == theirs
    assert all(trained({"labels": row["chosen_labels"]}) for row in axolotl[case]["train"])


def test_axolotl_trains_for_the_steps_of_the_plan(axolotl):
    for case, told in axolotl.items():
        said = told["arguments"]
        assert said["max_steps"] == 3, case
        assert said["warmup_steps"] == 0
        assert said["eval_steps"] == 2
        assert said["learning_rate"] == 2e-4
        assert said["load_best_model_at_end"] is True, case
        if case[1] in ("dpo", "orpo", "kto"):
            assert said["beta"] == 0.3, case
    assert axolotl["chatml-smollm", "dpo"]["arguments"]["loss_type"] == ["sigmoid"]


@pytest.mark.parametrize("kind", ["sft", "kto"])
def test_the_launch_script_of_a_build_trains(builds, kind):
    folder = builds["llamafactory", FACTORY]["chatml-smollm", kind]
    done = examples.launch("llamafactory", FACTORY, folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = (folder / "output" / "trainer_log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["current_steps"] == 3
    assert (folder / "output" / "adapter_model.safetensors").exists()


@pytest.mark.parametrize("version", AXOLOTL)
def test_the_launch_script_of_an_axolotl_build_trains(builds, version):
    folder = builds["axolotl", version]["chatml-smollm", "orpo"]
    done = examples.launch("axolotl", version, folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert max(line["step"] for line in lines) == 3
    assert any("eval_loss" in line for line in lines)
    assert (folder / "output" / "adapter_model.safetensors").exists()


@pytest.mark.parametrize("tool", [("axolotl", "0.21.0"), ("llamafactory", FACTORY)])
def test_packed_chats_train(tool, tmp_path, models):
    plan = replace(
        examples.plan("chatml-smollm", "sft", models["chatml-smollm"]),
        packing=True,
        max_length=256,
        micro_batch=1,
        effective_batch=1,
        eval_batch=1,
    )
    folder = examples.build(tmp_path / "build", *tool, plan, "sft", copies=40)
    done = examples.launch(*tool, folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (folder / "output" / "adapter_model.safetensors").exists()
