"""ftc diff: one meaning in two texts is no difference, and both sides see the same one."""

import json
import re
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import shipped
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftc.build import build, compile_recipe
from ftc.cli import cli
from ftc.convert.contrast import text
from ftc.convert.convert import convert, understood
from ftc.convert.diff import compared, diff, side
from ftc.convert.meaning import leaves
from ftc.convert.sides import place
from ftc.convert.silent import SILENT
from ftc.convert.source import read
from ftc.errors import FtcError
from ftc.run import record
from ftc.run.peak import Peak

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE / "convert" / "diff.toml").read_text("utf-8"))
CONFIGS = [
    path
    for path in sorted((HERE / "convert" / "configs").rglob("*.*"))
    if path.name != "dataset_info.json"
]
RECIPES = [path for path in shipped.RECIPES if path.stem != "instagram-transcripts"]
ENDINGS = {"axolotl": ".yaml", "llamafactory": ".json"}
VERSIONS = {"axolotl": "0.21.0", "llamafactory": "0.9.5"}


def written(folder, case):
    """The two configs of a case as files."""
    paths = []
    for name in ("left", "right"):
        ((tool, config),) = case[name].items()
        path = folder / f"{name}-{tool}.yaml"
        path.write_text(config)
        paths.append(path)
    return paths


def run(*arguments):
    return CliRunner().invoke(cli, ["diff", *map(str, arguments)], standalone_mode=False)


def plainly(shown):
    """The text with the columns taken out."""
    return re.sub(r"\s+", " ", shown)


@pytest.mark.parametrize("case", CASES["same"], ids=lambda case: case["why"])
def test_the_same_in_other_words(tmp_path, case):
    found = diff(*written(tmp_path, case))
    assert [it.name for it in found.differences] == case.get("beside", [])
    assert not found.training
    assert run(*written(tmp_path, case)).return_value == 0


@pytest.mark.parametrize("case", CASES["other"], ids=lambda case: case["why"])
def test_what_differs_is_told(tmp_path, case):
    left, right = written(tmp_path, case)
    found = diff(left, right)
    assert sorted(it.name for it in found.differences if it.training) == case["differs"]
    assert [it.name for it in found.differences if not it.training] == case.get("beside", [])
    shown = text(found)
    for part in case.get("says", ()):
        assert plainly(part) in plainly(shown), shown
    done = run(left, right)
    assert done.return_value == 1
    assert done.stdout.rstrip("\n") == shown
    assert all(len(line) <= 80 for line in shown.splitlines() if str(tmp_path) not in line)


def test_json_says_the_same(tmp_path):
    done = run(*written(tmp_path, CASES["other"][0]), "--format", "json")
    said = json.loads(done.stdout)
    assert (said["training"], said["left"]["tool"], done.return_value) == (True, "axolotl", 1)
    batch = next(it for it in said["differences"] if it["name"] == "effective_batch")
    assert (batch["left"], batch["right"], batch["group"]) == (32, 64, "optimisation")
    assert not batch["left_default"]
    tokens = next(it for it in said["effects"] if it["name"].startswith("tokens a step"))
    assert tokens["ratio"] == 4


def test_all_lists_what_is_only_counted(tmp_path):
    case = next(it for it in CASES["other"] if "nobody reads" in it["why"])
    left, right = written(tmp_path, case)
    assert "lora_rr" not in run(left, right).stdout
    shown = run(left, right, "--all").stdout
    assert "lora_rr" in shown
    assert "wandb_project" in shown


def plain(name):
    """A concept of any data set."""
    return re.sub(r"\[.*\]", "[]", name)


def told(made, source, side):
    """The concepts, and the keys that stand for none, which a ledger calls neither exact nor
    converted; and those that no key says."""
    reading = understood(side.tool, side.version, source)
    paths = [it.path for it in made.entries if it.kind not in ("exact", "converted")]
    found = {plain(it) for path in paths for it in (path, *reading.heard.get(path, ()))}
    texts = {"data.train[].prompt", "data.train[].layout"}  # how rows become text
    found |= {"data.template"} if texts & found else set()
    found |= {"data.train[].samples"} if "data.samples" in found else set()
    found |= {"data.train[]"} if any(it.startswith("data.train[]") for it in found) else set()
    columns = "data.train[].columns."  # where those told are not there, it looks for others
    if any(it.startswith(columns) for it in found):
        found |= {columns + role for role in ("instruction", "input", "system")}
    return found | ({it.concept for it in SILENT} if made.differences else set())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configs_against_themselves_and_the_other_tool(tmp_path, path):
    """Nothing differs from itself; a conversion differs in training in nothing but what its ledger
    names."""
    source, one = read(path), side(place(path))
    itself = compared(one, one)
    assert not (itself.differences or itself.effects or itself.site or itself.dead)
    target = next(tool for tool in VERSIONS if tool != one.tool)
    made = convert(source, target)
    out = tmp_path / f"converted{ENDINGS[target]}"
    out.write_text(made.text)
    for name, content in made.files.items():
        (tmp_path / name).write_text(content)
    found = compared(one, side(place(out)))
    assert found.mirrored() == compared(found.right, found.left)
    allowed = told(made, source, one)
    differ = {plain(it.name) for it in found.differences if it.training}
    assert differ <= allowed, text(found)


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Recipe -> its builds for both tools."""
    out = tmp_path_factory.mktemp("builds")
    return {
        path: [
            build(path, tool, version, out=out, offline=True).folder
            for tool, version in VERSIONS.items()
        ]
        for path in RECIPES
    }


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_its_plan_and_its_builds_are_one(tmp_path, path, builds):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(compile_recipe(path, offline=True).plan.as_dict()))
    axolotl, llamafactory = builds[path]
    for left, right in (
        (path, path),
        (path, plan),
        (path, axolotl),
        (path, llamafactory),
        (plan, axolotl),
        (axolotl, llamafactory),
        (llamafactory / "llamafactory.json", axolotl / "axolotl.yaml"),
    ):
        found = diff(left, right, offline=True)
        assert not found.differences, text(found)
        assert not found.effects
        assert found.mirrored() == compared(found.right, found.left)


@pytest.mark.parametrize("path", shipped.RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_itself(path):
    found = diff(path, path, offline=True)
    assert not (found.differences or found.effects or found.site or found.dead)


def test_recipes_with_other_rows_and_other_settings():
    found = diff(*(shipped.ROOT / "recipes" / f"{name}.toml" for name in (
        "qlora-8b-24gb", "lora-7b-48gb")), offline=True)  # fmt: skip
    names = {it.name for it in found.differences if it.training}
    assert {"model", "method", "effective_batch", "data.rows"} <= names
    assert {"trained parameters", "steps in all"} <= {it.name for it in found.effects}
    (rows,) = (it for it in found.differences if it.name == "data.rows")
    assert (rows.left, rows.right, rows.note) == (86, 36, "none of them in both")


def test_native_keys_of_a_recipe_count(tmp_path, builds):
    path = RECIPES[0]
    other = tmp_path / "other.toml"
    data = str(shipped.ROOT / "recipes" / "data")
    said = path.read_text().replace('"data/', f'"{data}/')
    other.write_text(f"{said}\n[backend.axolotl]\nlearning_rate = 0.005\nuse_pose = true\n")
    named = {it.name for it in diff(path, other, offline=True).differences}
    assert named == {"backend.axolotl.learning_rate", "backend.axolotl.use_pose"}
    against = diff(other, builds[path][0], offline=True)
    assert {it.name for it in against.differences} == {"learning_rate", "use_pose"}
    assert against.training
    assert not diff(other, builds[path][1], offline=True).differences  # for LLaMA-Factory: nothing


def test_a_config_that_was_changed_by_hand_in_its_build(tmp_path, builds):
    before = builds[RECIPES[0]][0]
    after = shutil.copytree(before, tmp_path / "changed")
    config = after / "axolotl.yaml"
    config.write_text(re.sub(r"(?m)^learning_rate:.*$", "learning_rate: 0.005", config.read_text()))
    (one,) = diff(before, after).differences
    assert (one.name, one.right, one.right_default) == ("learning_rate", 0.005, False)


def test_rows_that_are_not_the_same(tmp_path):
    recipe = 'name = "small"\nmodel = "Qwen/Qwen2.5-7B-Instruct"\ndata.path = "rows.jsonl"\n'
    for name, count in (("one", 120), ("two", 130)):
        (tmp_path / name).mkdir()
        rows = ({"instruction": f"Add {n} and {n}.", "output": f"{2 * n}"} for n in range(count))
        (tmp_path / name / "rows.jsonl").write_text("".join(f"{json.dumps(it)}\n" for it in rows))
        (tmp_path / name / "recipe.toml").write_text(f"{recipe}hardware.vram_gb = 24\n")
    found = diff(tmp_path / "one" / "recipe.toml", tmp_path / "two" / "recipe.toml", offline=True)
    (rows,) = (it for it in found.differences if it.name == "data.rows")
    assert rows.left < rows.right
    assert re.fullmatch(r"\d+ of them in both", rows.note)
    assert rows.training


def test_a_recipe_whose_rows_are_out_of_reach(tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "small"\nmodel = "Qwen/Qwen2.5-7B-Instruct"\nmethod = "lora"\n'
        '[data]\npath = "gone.jsonl"\n[training]\nlearning_rate = 2e-4\nepochs = 2\n'
    )
    config = tmp_path / "config.yaml"
    config.write_text(CASES["other"][0]["left"]["axolotl"])
    assert not diff(recipe, recipe).differences
    found = diff(recipe, config)
    assert "only what it says itself is compared" in found.left.remarks[0]
    assert "gone.jsonl" in found.left.remarks[0]
    assert {it.name for it in found.differences} >= {"data.train[gone.jsonl]"}
    assert not {"learning_rate", "length", "lora_rank"} & {it.name for it in found.differences}
    assert "only what it says itself" in plainly(run(recipe, config).stdout)


def test_two_runs_say_how_they_ended(tmp_path, builds):
    folders = []
    for name, loss, peak in (("one", 1.5, 10.0), ("two", 1.2, 12.0)):
        folder = shutil.copytree(builds[RECIPES[0]][0], tmp_path / name)
        made = record.Record(folder, "finished", "axolotl", "0.21.0", str(folder), {})
        record.write(replace(made, last_loss=loss, seconds=60.0, peak=Peak(allocated=peak)))
        folders.append(folder)
    found = diff(*folders)
    assert not found.training
    shown = plainly(text(found))
    assert "run folder of Axolotl 0.21.0" in shown
    assert "final loss 1.5 -> 1.2; x0.8" in shown
    assert "GiB of memory at the peak 10 -> 12; x1.2" in shown
    assert "seconds" not in shown  # equal in both


BAD = {
    "a folder of anything": ("folder", None, "neither a build folder nor a run folder"),
    "no file": ("gone.yaml", None, "no such file"),
    "a config of DeepSpeed": (
        "ds.json",
        '{"zero_optimization": {"stage": 2}, "train_micro_batch_size_per_gpu": 1}',
        "no training config",
    ),
    "a plan of another ftc": (
        "plan.json",
        '{"model": {"value": "x", "origin": {"kind": "recipe"}}}',
        "is no plan of this ftc",
    ),
    "a recipe with a fault": (
        "bad.toml",
        'name = "x"\nmodell = "y"\n[data]\npath = "z"\n',
        "model",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_compared(tmp_path, name):
    file, content, says = BAD[name]
    path = tmp_path / file
    if content is None and not path.suffix:
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    good = tmp_path / "good.yaml"
    good.write_text(CASES["other"][0]["left"]["axolotl"])
    for pair in ((good, path), (path, good)):
        with pytest.raises(FtcError, match=says):
            diff(*pair)


def test_a_build_folder_that_is_broken(tmp_path, builds):
    folder = shutil.copytree(builds[RECIPES[0]][0], tmp_path / "broken")
    (folder / "plan.json").write_text("{")
    with pytest.raises(FtcError, match="is not JSON"):
        diff(folder, folder)


# Values that people give to keys of the tools, for configs that are put together by chance.
AXOLOTL = {
    "base_model": ["Qwen/Qwen2.5-7B-Instruct", "acme/model"],
    "adapter": ["lora", "qlora", None],
    "load_in_4bit": [True, False],
    "lora_r": [8, 16],
    "lora_alpha": [16, 32.0],
    "lora_target_linear": [True],
    "lora_target_modules": [["q_proj", "v_proj"], "all-linear"],
    "micro_batch_size": [1, 2, "4"],
    "gradient_accumulation_steps": [1, 8],
    "num_epochs": [1, 2.5],
    "max_steps": [100],
    "learning_rate": [2e-4, "2e-4", "1e-5"],
    "lr_scheduler": ["cosine", "linear", "rex"],
    "warmup_steps": [10],
    "warmup_ratio": [0.05],
    "optimizer": ["adamw_torch", "lion_8bit", "paged_adamw_8bit"],
    "sequence_len": [1024, 4096],
    "sample_packing": [True, False],
    "bf16": ["auto", True, False],
    "flash_attention": [True],
    "deepspeed": ["zero2.json"],
    "val_set_size": [0.1, 0],
    "chat_template": ["chatml", "llama3"],
    "rl": ["dpo", "grpo"],
    "datasets": [
        [{"path": "acme/support", "type": "chat_template"}],
        [{"path": "acme/support", "type": "alpaca"}, {"path": "acme/sales", "split": "train[:9]"}],
        "nonsense",
    ],
    "wandb_project": ["mine"],
    "use_pose": [True, False],
    "lora_rr": [8],
}
LLAMAFACTORY = {
    "model_name_or_path": ["Qwen/Qwen2.5-7B-Instruct"],
    "stage": ["sft", "pt", "dpo", "rm"],
    "finetuning_type": ["lora", "full", "freeze"],
    "dataset": ["support", "support,sales"],
    "template": ["qwen", "llama3", "unheard_of"],
    "cutoff_len": [1024],
    "max_samples": [100],
    "lora_rank": [8],
    "lora_target": ["all", "q_proj,v_proj"],
    "quantization_bit": [4, 8],
    "per_device_train_batch_size": [1, 2],
    "num_train_epochs": [1.0, 3],
    "max_steps": [100, -1],
    "warmup_ratio": [0.1],
    "learning_rate": [1e-4],
    "packing": [True],
    "pref_beta": [0.1],
    "bf16": [True],
    "val_size": [0.1, 50],
    "use_badam": [True],
    "report_to": ["none", "wandb"],
}


def chosen(table, model):
    drawn = st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in table.items()})
    return drawn.map(lambda it: {model: table[model][0], "do_train": True, **it})


configs = st.one_of(
    chosen(AXOLOTL, "base_model").map(lambda it: {"val_set_size": 0.05, "adapter": None, **it}),
    chosen(LLAMAFACTORY, "model_name_or_path").map(lambda it: {"cutoff_len": 512, **it}),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs, configs)
def test_any_two_configs_mirror_each_other(tmp_path_factory, left, right):
    folder = tmp_path_factory.mktemp("pair", numbered=True)
    paths = [folder / "left.yaml", folder / "right.yaml"]
    for path, config in zip(paths, (left, right), strict=True):
        path.write_text(yaml.safe_dump(config))
    try:
        one, two = (side(place(path)) for path in paths)
    except FtcError:
        return
    found = compared(one, two)
    assert found.mirrored() == compared(two, one)
    assert found.mirrored().mirrored() == found
    assert not compared(one, one).differences
    assert dict(leaves(found.as_dict()))  # plain values all through
    json.dumps(found.as_dict())
    assert text(found, whole=True)
