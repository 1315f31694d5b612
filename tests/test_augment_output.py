"""What ftc augment leaves, and that a build takes it, or says why it does not."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_models

from ftc import recipe as recipes
from ftc import resources
from ftc.augment import output, result
from ftc.augment.gates import Passed
from ftc.augment.kind import Made, Refused
from ftc.augment.prompts import Prompts
from ftc.augment.seeds import chunks, rows
from ftc.augment.sieve import LEDGER
from ftc.backends import versions
from ftc.build import build, compile_recipe
from ftc.data.example import Rejected
from ftc.data.load import load
from ftc.errors import FtcError
from ftc.prep.prepare import prepare
from ftc.prep.rows import Row, identity, table
from ftc.prep.store import write_table

RECIPE = """
name = "cats"
model = "model"
method = "full"
{more}
[hardware]
device = "cpu"
[training]
max_length = 200
micro_batch = 1
gradient_accumulation = 2
max_steps = 4
eval_steps = 4
save_steps = 4
logging_steps = 1
{tables}
[[augment.make]]
kind = "paraphrase"
"""
DATA = '[data]\npath = "rows.jsonl"\neval = 0.2\n'
PREPARE = '[prepare]\nsources = ["rows.jsonl"]\n'
IGNORED = ["too-many-epochs", "over-length"]


def written(path, tables=DATA, more="", count=20):
    lines = [
        {"instruction": f"Where is cat {i}?", "output": f"Cat {i} sits on mat {i * 7}."}
        for i in range(count)
    ]
    (path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return again(path, tables, more)


def again(path, tables=DATA, more=""):
    (path / "recipe.toml").write_text(RECIPE.format(tables=tables, more=more))
    return recipes.load(path / "recipe.toml")


def made(seed, number=1):
    said = f"On which mat does the cat of row {seed.id} sit?"
    return Row(
        id=identity("paraphrase", seed.id, said),
        file=seed.file,
        place=seed.place,
        turns=(("user", said), ("assistant", seed.turns[-1][1])),
        form="chat",
        parents=(seed.id, *seed.parents),
        notes={
            "augment": {"kind": "paraphrase", "make": number, "model": "m", "score": 0.75},
            "judge": {"score": 0.75},
        },
    )


def finished(path, recipe):
    """As the command does it, with rows that no model made."""
    if recipe.preparation is not None:
        prepare(recipe, path)
    state = result.now(recipe, path)
    seeds = rows(recipe, path)
    new = [made(seed) for seed in list(seeds.train())[:5]]
    told = output.story(
        [*(Made(row, ("k",)) for row in new), Refused("0" * 16, True, "no answer")], 1, "paraphrase"
    )
    return output.write(root(path), seeds, came_through(path, new[:4]), [told], state), seeds


def root(path):
    return path / "augmented" / "cats"


def came_through(path, rows):
    """What gates leave: two batches, the first of two rows."""
    batches = [path / "gates" / f"{i}.parquet" for i in range(2)]
    write_table(batches[0], table(rows[:2]))
    write_table(batches[1], table(rows[2:]))
    return Passed(tuple(batches), (), {}, Counter({1: len(rows)}), {})


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def files(root):
    return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}


@pytest.mark.parametrize("tables", [DATA, PREPARE], ids=["data", "prepare"])
def test_rows_of_yours_then_made_ones(tmp_path, tables):
    done, seeds = finished(tmp_path, written(tmp_path, tables))
    assert done.root == tmp_path / "augmented" / "cats"
    assert (done.human, done.made, done.eval) == (seeds.count, 4, seeds.held_out)
    train = (done.root / "train.jsonl").read_bytes()
    assert train.startswith(seeds.train_path.read_bytes())
    assert (done.root / "eval.jsonl").read_bytes() == seeds.eval_path.read_bytes()
    last = lines(done.root / "train.jsonl")[-4:]
    assert all(line["augment"]["score"] == 0.75 for line in last)
    assert [line["parents"][0] for line in last] == [it.id for it in list(seeds.train())[:4]]
    told = pq.read_table(done.root / "ledger.parquet")
    assert told.schema.equals(LEDGER)
    steps = [(line["step"], line["action"], line["make"]) for line in told.to_pylist()]
    assert steps == [
        *[("make", "made", 1)] * 5,
        ("model", "refused", 1),
        *[("kept", "made", 1)] * 4,
    ]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    recipe = written(tmp_path)
    done, _ = finished(tmp_path, recipe)
    before = files(done.root)
    assert set(before) == {"train.jsonl", "eval.jsonl", "ledger.parquet", "state.json"}
    finished(tmp_path, recipe)
    assert files(done.root) == before


def test_chats_of_which_pairs_were_made_are_not_trained_on(tmp_path):
    text = RECIPE.replace("paraphrase", "preference").format(tables=DATA, more='stage = "dpo"')
    written(tmp_path)
    (tmp_path / "recipe.toml").write_text(text)
    recipe = recipes.load(tmp_path / "recipe.toml")
    state, seeds = result.now(recipe, tmp_path), rows(recipe, tmp_path)
    pair = made(next(seeds.train()))._replace(
        form="preference", turns=(("user", "Where?"), ("chosen", "Here."), ("rejected", "No."))
    )
    done = output.write(root(tmp_path), seeds, came_through(tmp_path, [pair]), [], state)
    assert (done.human, done.made, done.eval) == (0, 1, 0)
    found = load(result.used(recipe, tmp_path).data, "dpo", tmp_path, 42, own_ids=True)
    assert [row.id for row in found.train] == [pair.id]


def test_no_held_out_rows(tmp_path):
    recipe = written(tmp_path)
    done, _ = finished(tmp_path, recipe)
    assert (done.root / "eval.jsonl").exists()
    recipe = again(tmp_path, DATA.replace("0.2", "0.0"))
    done, _ = finished(tmp_path, recipe)
    assert not (done.root / "eval.jsonl").exists()
    assert result.used(recipe, tmp_path).data.eval_path is None


def test_what_breaks_off_is_not_taken_for_finished(tmp_path):
    recipe = written(tmp_path)
    finished(tmp_path, recipe)
    state, seeds = result.now(recipe, tmp_path), rows(recipe, tmp_path)

    def broken():
        yield output.rejected([Rejected("rows.jsonl", 3, "empty answer")])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        output.write(root(tmp_path), seeds, came_through(tmp_path, []), broken(), state)
    with pytest.raises(FtcError, match="holds no augmented rows") as caught:
        result.used(recipe, tmp_path)
    assert caught.value.hint == "run first: ftc augment RECIPE"
    assert not [it for it in (tmp_path / "augmented/cats").iterdir() if it.name[0] == "."]


@pytest.mark.parametrize("tables", [DATA, PREPARE], ids=["data", "prepare"])
def test_the_recipe_takes_them(tmp_path, tables):
    recipe = written(tmp_path, tables)
    done, seeds = finished(tmp_path, recipe)
    data = result.used(recipe, tmp_path).data
    found = load(data, "sft", tmp_path, 42, own_ids=True)
    assert len(found.train) == done.human + done.made
    assert [row.id for row in found.eval] == [row.id for row in seeds.eval()]
    assert not found.rejected


CHANGES = {
    "settings": (DATA, 'kind = "paraphrase"', 'kind = "evolve"'),
    "data": (DATA, "eval = 0.2", "eval = 0.3"),
    "seed": (DATA, "max_length = 200", "max_length = 200\nseed = 7"),
    "prepare": (PREPARE, "[prepare]", "[prepare]\nlanguage = 'en'"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_settings_are_noticed(tmp_path, name):
    tables, old, new = CHANGES[name]
    finished(tmp_path, written(tmp_path, tables))
    path = tmp_path / "recipe.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(FtcError, match="was made with other settings") as caught:
        result.used(recipes.load(path), tmp_path)
    assert caught.value.hint == "run again: ftc augment RECIPE"


def test_what_decides_about_no_row_is_no_change(tmp_path):
    finished(tmp_path, written(tmp_path))
    path = tmp_path / "recipe.toml"
    more = "[augment]\nmax_failed = 0.5\n[augment.models.default]\nin_flight = 2\n[[augment"
    path.write_text(path.read_text().replace("[[augment", more).replace("= 0.2", "= 0.2\n"))
    result.used(recipes.load(path), tmp_path)


def test_changed_files_are_noticed(tmp_path):
    (tmp_path / "mine").mkdir()
    prompt = tmp_path / "mine" / "paraphrase.jinja"
    prompt.write_text("{% block user %}Say it again: {{ instruction }}{% endblock %}")
    recipe = written(tmp_path, DATA + '[augment]\nprompts = "mine"\n')
    finished(tmp_path, recipe)
    prompt.touch()
    result.used(recipe, tmp_path)
    prompt.write_text("{% block user %}Another one: {{ instruction }}{% endblock %}")
    with pytest.raises(FtcError, match=r"mine/paraphrase\.jinja has changed since rows were made"):
        result.used(recipe, tmp_path)
    finished(tmp_path, recipe)
    (tmp_path / "mine" / "restyle.jinja").write_text("{% block user %}{% endblock %}")
    with pytest.raises(FtcError, match=r"mine/restyle\.jinja is new since"):
        result.used(recipe, tmp_path)
    finished(tmp_path, recipe)
    with (tmp_path / "rows.jsonl").open("a") as stream:
        stream.write('{"instruction": "Where is the dog?", "output": "Outside."}\n')
    with pytest.raises(FtcError, match=r"rows\.jsonl has changed since"):
        result.used(recipe, tmp_path)


def test_other_prepared_rows_are_noticed(tmp_path):
    recipe = written(tmp_path, PREPARE)
    finished(tmp_path, recipe)
    with (tmp_path / "rows.jsonl").open("a") as stream:
        stream.write('{"instruction": "Where is the dog?", "output": "It is outside."}\n')
    with pytest.raises(FtcError, match=r"the data rows\.jsonl has changed since it was prepared"):
        result.used(recipe, tmp_path)
    prepare(recipe, tmp_path)
    with pytest.raises(FtcError, match="was made of other prepared rows"):
        result.used(recipe, tmp_path)


def test_a_recipe_without_augment_takes_its_own_rows(tmp_path):
    text = RECIPE.format(tables=DATA, more="").partition("[[augment")[0]
    recipe = recipes.parse(text, "recipe.toml")
    assert result.used(recipe, tmp_path) is recipe


@pytest.mark.parametrize("line", versions.VERSIONS, ids=lambda line: line.name)
@pytest.mark.parametrize("tokens", ["native", "exact"])
def test_a_build_holds_made_rows_and_nothing_of_how_they_were_made(tmp_path, line, tokens):
    small_models.make(tmp_path / "model", "llama3")
    recipe = written(tmp_path, DATA + f'tokens = "{tokens}"\n')
    done, _ = finished(tmp_path, recipe)
    built = build(
        tmp_path / "recipe.toml",
        line.backend,
        line.version,
        out=tmp_path / "build",
        offline=True,
        ignore=IGNORED,
    )
    train = lines(built.folder / "train.jsonl")
    assert [it["id"] for it in train] == [it["id"] for it in lines(done.root / "train.jsonl")]
    assert len({tuple(it) for it in train}) == 1  # all have the same columns
    assert not {"augment", "parents"} & set(train[0])
    if tokens == "exact":
        assert len(lines(built.folder / "train.tokens.jsonl")) == len(train)


def built(path):
    line = versions.VERSIONS[0]
    how = {"out": path / "build", "offline": True, "ignore": IGNORED}
    return build(path / "recipe.toml", line.backend, line.version, **how)


def test_a_lock_holds_prompts_models_and_files(tmp_path):
    small_models.make(tmp_path / "model", "llama3")
    (tmp_path / "mine").mkdir()
    prompt = tmp_path / "mine" / "paraphrase.jinja"
    prompt.write_text("{% block user %}Say it again: {{ instruction }}{% endblock %}")
    (tmp_path / "voice.txt").write_text("Does it sound like us?")
    more = '[augment]\nprompts = "mine"\n[augment.models.m]\nmodel = "models/cat.gguf"\n'
    more += '[augment.judge]\nrubric = "voice.txt"\n'
    recipe = written(tmp_path, DATA + more)
    finished(tmp_path, recipe)
    found = built(tmp_path)
    lock = json.loads((found.folder / "ftc.lock").read_text())["augment"]
    assert lock["models"] == {"m": "cat"}
    assert list(lock["prompts"]) == [
        "mine/paraphrase.jinja",
        "templates/augment/judge-rubric.jinja",
        "voice.txt",
    ]
    assert (
        lock["prompts"]["mine/paraphrase.jinja"]
        == Prompts(tmp_path / "mine").load("paraphrase").hash
    )
    for name, digest in (lock["files"] | {"../../voice.txt": lock["prompts"]["voice.txt"]}).items():
        assert sha256((root(tmp_path) / name).read_bytes()).hexdigest() == digest
    assert set(lock["files"]) == {"train.jsonl", "eval.jsonl"}
    assert lock["rows"]["made"] == 4
    prompt.write_text("{% block user %}Put it in other words: {{ instruction }}{% endblock %}")
    with pytest.raises(FtcError, match=r"mine/paraphrase\.jinja has changed since rows were made"):
        built(tmp_path)
    finished(tmp_path, recipe)
    again = built(tmp_path)
    assert again.folder != found.folder
    both = [json.loads((it.folder / "ftc.lock").read_text()) for it in (found, again)]
    assert both[0]["files"] == both[1]["files"]  # the rows are equal, their prompts are not
    assert both[0]["augment"]["prompts"] != both[1]["augment"]["prompts"]


def test_a_changed_template_of_ftc_is_noticed(tmp_path):
    """As after an update: the package lies elsewhere, with one template that says more."""
    recipe = written(tmp_path)
    finished(tmp_path, recipe)
    place = tmp_path / "site"
    shutil.copytree(resources.PACKAGE, place / "ftc", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(resources.folder("templates"), place / "ftc" / "templates")
    code = "import sys; from pathlib import Path; from ftc.augment import result; "
    code += "from ftc.recipe import load; path = Path(sys.argv[1]); "
    code += "print(result.used(load(path), path.parent).data.path)"

    def said():
        command = [sys.executable, "-c", code, str(tmp_path / "recipe.toml")]
        env = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)

    assert said().stdout == "augmented/cats/train.jsonl\n"
    with (place / "ftc/templates/augment/paraphrase.jinja").open("a") as stream:
        stream.write("{# more #}\n")
    assert "was made with other settings or prompts" in said().stderr


def test_a_lock_without_augment_says_nothing_of_it(tmp_path):
    small_models.make(tmp_path / "model", "llama3")
    written(tmp_path)
    path = tmp_path / "recipe.toml"
    path.write_text(path.read_text().partition("[[augment")[0])
    assert "augment" not in json.loads((built(tmp_path).folder / "ftc.lock").read_text())


def test_compiling_says_what_to_run_first(tmp_path):
    small_models.make(tmp_path / "model", "llama3")
    written(tmp_path)
    with pytest.raises(FtcError, match="holds no augmented rows"):
        compile_recipe(tmp_path / "recipe.toml", offline=True)


CHUNKS = 'name = "lamps"\nmodel = "m"\n[prepare]\nsources = ["raw"]\n[[augment.make]]\nkind = "annotate"\n'  # noqa: E501


def test_the_sheet_is_read_by_prepare(tmp_path):
    (tmp_path / "raw").mkdir()
    for i in range(4):
        words = f"The lantern of house {i} is made of brass and glass, and it is carried by hand."
        (tmp_path / "raw" / f"{i}.md").write_text(f"# Lantern {i}\n\n{words}\n")
    (tmp_path / "recipe.toml").write_text(CHUNKS)
    recipe = recipes.load(tmp_path / "recipe.toml")
    with pytest.raises(
        FtcError, match=r"augmented/lamps/annotations\.jsonl: no such file"
    ) as caught:
        prepare(recipe, tmp_path)
    assert caught.value.hint == "run first: ftc augment RECIPE, which fills it"
    prepare(recipe, tmp_path, last="decontaminate")
    source = chunks(recipe, tmp_path)

    def annotated():
        for number in (1, 2):
            for chunk in list(source.train())[number:]:
                yield made(chunk, number)

    assert output.sheet(recipe, tmp_path, annotated(), source) == 5
    sheet = lines(tmp_path / "augmented/lamps/annotations.jsonl")
    texts = {chunk.id: chunk.turns[0][1] for chunk in source.train()}
    assert all(line["text"] == texts[line["id"]] for line in sheet)
    done = prepare(recipe, tmp_path)
    annotate = next(it.done for it in done.ran if it.done.step == "annotate")
    assert annotate.figures["annotate.model"] == 3  # the second kind said the same again
    ready = [
        line
        for name in ("train", "eval")
        for line in lines(tmp_path / f"prepared/lamps/{name}.jsonl")
    ]
    assert sum("augment" in line for line in ready) == 3
    assert output.sheet(recipe, tmp_path, [], source) == 0
    with pytest.raises(FtcError, match=r"no row is left after this step \(4 x not annotated\)"):
        prepare(recipe, tmp_path)


def test_a_row_of_no_chunk_is_a_bug(tmp_path):
    class Nothing:
        def train(self):
            return iter(())

    recipe = recipes.parse(CHUNKS, "recipe.toml")
    stray = made(Row("1" * 16, "f", "line 1", (("chunk", "text"),)))
    with pytest.raises(ValueError, match="made of no chunk"):
        output.sheet(recipe, tmp_path, [stray], Nothing())
    assert not (tmp_path / "augmented/lamps/annotations.jsonl").exists()


def test_bad_rows_of_the_data_stand_in_the_ledger():
    told = output.rejected([Rejected("rows.jsonl", 3, "empty answer")])
    assert isinstance(told, pa.Table)
    (line,) = told.to_pylist()
    assert (line["step"], line["place"], line["detail"]) == ("data", "line 3", "empty answer")
