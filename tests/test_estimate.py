"""What an estimate says: verdicts, ranges, bars, grids and the document."""

import dataclasses
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import RECIPES, ROOT, place

from ftc import recipe as recipes
from ftc.build import compile_recipe
from ftc.errors import FtcError
from ftc.estimate import bars, moments, text, words
from ftc.estimate.figures import kept, report, row_tokens
from ftc.estimate.grid import grid
from ftc.estimate.hardware import overlaid
from ftc.estimate.report import FIGURES
from ftc.estimate.verdict import judged
from ftc.facts.records import Lengths
from ftc.memory.confidence import Confidence
from ftc.memory.measured import shipped
from ftc.memory.phases import PARTS, phases

UNITS = (
    "gib", "tokens", "rows", "passes", "factor", "steps", "flops", "hours", "per_second", "share",
    "price", "parameters", "gpus", "kept", "bits", "rank", "stage", "distance", "value",
)  # fmt: skip


def made(name="qlora-8b-24gb", rows=(), **hardware):
    path = ROOT / "recipes" / f"{name}.toml"
    compiled = compile_recipe(path, offline=True, change=lambda it: overlaid(it, **hardware))
    return report(compiled, rows)


@pytest.fixture(scope="module", params=RECIPES, ids=[path.stem for path in RECIPES])
def each(request):
    return report(compile_recipe(place(request.param), offline=True), shipped())


# Verdicts


SURE = Confidence("high", 0.95, 1.1, ())
UNSURE = Confidence("low", 0.8, 1.1, ())


@pytest.mark.parametrize(
    ("needed", "confidence", "budget", "verdict"),
    [
        (20, SURE, None, "not judged"),
        (20, SURE, 24, "fits"),
        (21.9, SURE, 24, "may not fit"),
        (24, SURE, 24, "may not fit"),
        (24.1, SURE, 24, "does not fit"),
        (20, UNSURE, 24, "may not fit"),
        (19.6, UNSURE, 24, "fits"),
        (24.1, UNSURE, 24, "does not fit"),
    ],
)
def test_verdict(needed, confidence, budget, verdict):
    assert judged(needed, confidence, budget) == verdict


@given(st.floats(0.1, 500), st.floats(0.1, 500), st.floats(1, 3))
def test_low_confidence_never_fits_near_the_border(needed, budget, high):
    confidence = Confidence("low", 0.5, high, ())
    if needed * high > 0.9 * budget:
        assert judged(needed, confidence, budget) != "fits"


def test_an_unknown_architecture_is_never_sure(tmp_path):
    config = {
        "model_type": "strange",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32000,
        "max_position_embeddings": 8192,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    source = (ROOT / "recipes" / "qlora-8b-24gb.toml").read_text()
    source = source.replace("meta-llama/Llama-3.1-8B-Instruct", str(tmp_path))
    source = source.replace("data/", f"{ROOT / 'recipes' / 'data'}/")
    (tmp_path / "recipe.toml").write_text(source)

    def at(budget):
        change = lambda it: overlaid(it, vram_gb=budget)  # noqa: E731
        return report(compile_recipe(tmp_path / "recipe.toml", offline=True, change=change))

    found = at(24)
    for tool in found.tools:
        assert tool.confidence.level == "low"
        assert "strange" in " ".join(tool.confidence.reasons)
        assert "attention, mlp, norms" in " ".join(tool.confidence.reasons)
    for budget in (3, 4, 5, 6, 7, 8, 10, 12, 16, 20):
        for tool in at(budget).tools:
            assert (tool.verdict == "fits") <= (tool.span(tool.fullest)[1] <= 0.9 * budget)


# The report


def test_parts_make_the_whole_and_nothing_is_negative(each):
    for tool in each.tools:
        assert [phase.name for phase in tool.phases] == ["train step", "evaluation step", "load"]
        for phase in tool.phases:
            assert set(phase.parts) <= set(PARTS) == set(bars.LETTERS)
            assert sum(phase.parts.values()) == pytest.approx(phase.device)
            assert min(phase.parts.values()) > 0
            assert 0 < phase.allocated <= phase.reserved <= phase.device
            for name in FIGURES:
                low, high = tool.span(phase, name)
                assert 0 < low <= getattr(phase, name) <= high
        assert tool.fullest.needed == max(phase.needed for phase in tool.phases)
        assert len(tool.near) == 3
        assert tool.timing.tokens > 0
        assert tool.disk.total > 0


def test_every_moment_has_words(each):
    for tool in each.tools:
        train, evaluation, load = tool.phases
        assert train.peak_at in moments.TRAIN
        assert evaluation.peak_at in moments.EVALUATION
        assert moments.meaning(load) == load.peak_at


def test_document(each):
    told = json.loads(json.dumps(each.as_dict()))
    for path, number in _numbers(told):
        assert any(part.endswith(UNITS) for part in path), path
        assert number >= 0, path
    assert told["verdict"] in ("fits", "may not fit", "does not fit", "not judged")


def test_every_key_of_the_document_is_documented():
    page = (ROOT / "docs" / "estimate.md").read_text("utf-8")
    short = made("full-7b-80gb", shipped(), vram_gb=4.0)
    assert short.remedies
    assert short.findings
    for key in _keys(short.as_dict(), skip=("parts_gib", "findings")):
        assert f"`{key}`" in page, key


def test_text_fits_a_terminal(each):
    said = text.plain(text.lines(each))
    longest = max((line for line in said.splitlines()), key=len)
    assert len(longest) <= text.WIDTH, longest
    for tool in each.tools:
        assert tool.name in said
        assert f"{words.gib(tool.fullest.needed)} GiB" in said


def test_control_characters_are_escaped():
    row = shipped()[0]._replace(name="evil\x1b[2J", source="x\x07y")
    said = text.plain(text.lines(made(rows=[row])))
    assert "\x1b" not in said
    assert "\x07" not in said
    assert r"evil\x1b[2J" in said


def test_styles_are_known(each):
    styles = {style for line in text.lines(each) for _, style in line}
    assert styles <= {*text.STYLES, ""}
    assert set(PARTS) <= set(text.STYLES)


def test_tools_that_hold_the_same_are_told_once():
    same = made("dpo-8b-24gb")
    said = text.plain(text.lines(same))
    apart = dataclasses.replace(
        same,
        tools=(
            same.tools[0],
            dataclasses.replace(same.tools[1], verdict="may not fit"),
        ),
    )
    assert said.count("train step   ") < text.plain(text.lines(apart)).count("train step   ")


def test_what_does_not_fit_is_told_what_would():
    short = made("full-7b-80gb", vram_gb=12.0)
    assert short.verdict == "does not fit"
    assert not short.fits
    assert 1 <= len(short.remedies) <= 3
    assert all(it.needed > 0 for it in short.remedies)
    assert "what would fit" in text.plain(text.lines(short))
    assert "vram-budget" not in {it.rule for it in short.findings}


def test_native_keys_that_are_too_much_are_named(tmp_path):
    source = (ROOT / "recipes" / "full-7b-80gb.toml").read_text()
    source = source.replace("data/", f"{ROOT / 'recipes' / 'data'}/")
    source += "\n[backend.llamafactory]\npure_bf16 = false\n"
    (tmp_path / "recipe.toml").write_text(source)
    change = lambda it: overlaid(it, vram_gb=60.0)  # noqa: E731
    found = report(compile_recipe(tmp_path / "recipe.toml", offline=True, change=change))
    assert found.tools[0].verdict != "does not fit"
    assert found.tools[1].verdict == "does not fit"
    (remedy,) = found.remedies
    assert "[backend.llamafactory]: pure_bf16" in remedy.text
    assert remedy.needed == pytest.approx(found.tools[0].fullest.needed)


def test_nothing_is_chosen_for_a_budget_that_is_not_there():
    free = made("instagram-scripts")
    assert free.hardware.vram_gb is None
    assert free.verdict == "not judged"
    assert free.fits
    assert free.choices == ()
    assert made().choices


def test_price_is_hours_times_cards_times_rate():
    found = dataclasses.replace(made(), price_per_hour=2.0)
    tool = found.tools[0]
    low, high = tool.timing.hours
    assert found.price(tool) == (2 * low, 2 * high)
    assert "price " in text.plain(text.lines(found))
    assert dataclasses.replace(found, price_per_hour=None).price(tool) is None
    nowhere = dataclasses.replace(tool, timing=tool.timing._replace(hours=None))
    assert found.price(nowhere) is None


def test_unknown_sizes_are_an_error():
    compiled = compile_recipe(ROOT / "recipes" / "qlora-8b-24gb.toml", offline=True)
    model = dataclasses.replace(compiled.facts.model, shape=None, source="not looked up")
    facts = dataclasses.replace(compiled.facts, model=model)
    with pytest.raises(FtcError, match="not looked up") as raised:
        report(dataclasses.replace(compiled, facts=facts))
    assert raised.value.exit_code == 2


def test_tokens_of_a_row():
    compiled = compile_recipe(ROOT / "recipes" / "qlora-8b-24gb.toml", offline=True)
    plan = dataclasses.replace(compiled.plan, max_length=100, train_rows=2)
    data = dataclasses.replace(
        compiled.facts.data, train=Lengths(True, (40, 60, 500), (0, 0, 0), (0, 0, 0))
    )
    facts = dataclasses.replace(compiled.facts, data=data)
    assert row_tokens(facts, plan) == 50
    pieces = dataclasses.replace(plan, stage="pretrain", train_rows=7)
    assert row_tokens(facts, pieces) == pytest.approx(600 / 7)


@pytest.mark.parametrize(
    ("steps", "every", "limit", "best", "count"),
    [
        (100, 10, 3, True, 3),
        (5, 10, 3, True, 1),
        (15, 10, 3, False, 2),
        (100, 10, 1, True, 2),
        (100, 10, 1, False, 1),
    ],
)
def test_checkpoints_on_the_disk(steps, every, limit, best, count):
    plan = compile_recipe(ROOT / "recipes" / "qlora-8b-24gb.toml", offline=True).plan
    changed = {"max_steps": steps, "save_steps": every, "save_total_limit": limit}
    changed["load_best"] = best
    assert kept(dataclasses.replace(plan, **changed)) == count


# The hardware asked about


RECIPE = """
name = "x"
model = "Qwen/Qwen2.5-7B-Instruct"
[data]
path = "rows.jsonl"
[hardware]
{}
"""


@pytest.mark.parametrize(
    ("said", "asked", "gpu", "vram_gb"),
    [
        ('gpu = "RTX 4090"\nvram_gb = 20', {"gpu": "H200"}, "H200", None),
        ('gpu = "RTX 4090"\nvram_gb = 20', {"vram_gb": 24.0}, "RTX 4090", 24),
        ('gpu = "RTX 4090"', {"vram_gb": 25.0}, None, 25),
        ("vram_gb = 20", {"vram_gb": 12.0}, None, 12),
        ("vram_gb = 20", {"gpu": "T4", "vram_gb": 12.0}, "T4", 12),
        ('device = "cpu"', {"gpu": "T4"}, "T4", None),
    ],
)
def test_hardware_asked_about(said, asked, gpu, vram_gb):
    it = overlaid(recipes.parse(RECIPE.format(said), "x"), **asked).hardware
    assert (it.device, it.gpu, it.vram_gb) == ("gpu", gpu, vram_gb)


def test_a_budget_over_the_card_is_said():
    assert "not the 80 asked for" in words.headline(made(gpu="RTX 4090", vram_gb=80.0))
    assert "asked for" not in words.headline(made(gpu="RTX 4090", vram_gb=20.0))
    assert "asked for" not in words.headline(made(gpu="RTX 4090"))


def test_nothing_asked_changes_nothing():
    it = recipes.parse(RECIPE.format('gpu = "T4"\ngpus = 2\nprice_per_hour = 1.5'), "x")
    assert overlaid(it) is it
    other = overlaid(it, gpu="A10").hardware
    assert (other.gpus, other.price_per_hour) == (2, 1.5)


# Bars


SIZES = st.dictionaries(st.sampled_from(PARTS), st.floats(0, 50), min_size=1)


@given(SIZES, st.integers(10, 100))
def test_a_bar_is_as_long_as_its_total(parts, width):
    total = sum(parts.values())
    row = "".join(text for _, text in bars.cells(parts, max(total, 1), width, None))
    assert abs(len(row) - total * width / max(total, 1)) <= 0.5 + 1e-6


@given(SIZES, st.floats(1, 100), st.integers(10, 100))
def test_a_mark_stands_where_the_budget_ends(parts, budget, width):
    scale = max(budget, sum(parts.values()))
    row = "".join(text for _, text in bars.cells(parts, scale, width, budget))
    assert row.index(bars.MARK) == 0 or (
        abs(row.index(bars.MARK) + 1 - budget * width / scale) <= 0.5 + 1e-6
    )
    assert len(row) <= width + 1


def test_letters_are_one_each():
    assert len(set(bars.LETTERS.values())) == len(bars.LETTERS)


# Words


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ((0.001, 0.002), "3.6 to 7.2 seconds"),
        ((0.02, 0.04), "1.2 to 2.4 minutes"),
        ((0.3, 1.5), "18 to 90 minutes"),
        ((3, 12), "3 to 12 hours"),
        ((30, 120), "1.2 to 5 days"),
    ],
)
def test_hours_in_words(hours, said):
    assert words.spell(*hours) == said


@pytest.mark.parametrize(
    ("size", "said"), [(0.004, "0.00"), (9.876, "9.88"), (123.44, "123.4"), (12345.6, "12,346")]
)
def test_sizes_in_words(size, said):
    assert words.gib(size) == said


# The grid


def test_grid_stands_around_the_plan(each):
    for tool in each.tools:
        it = grid(each, tool)
        (planned,) = [cell for row in it.rows for cell in row if cell.planned]
        assert planned.needed == pytest.approx(tool.fullest.needed)
        assert planned.verdict == tool.verdict
        assert all(length <= max(planned.length, each.shape.max_positions) for length in it.lengths)
        for row in it.rows:
            sizes = [cell.needed for cell in row]
            assert sizes == sorted(sizes)
        for below, above in itertools.pairwise(it.fitting(24.0)):
            assert below >= above or tool.job.full


def test_grid_of_an_odd_plan():
    found = made()
    job = dataclasses.replace(found.tools[0].job, max_length=1000, micro_batch=3)
    tool = dataclasses.replace(found.tools[0], job=job, phases=phases(found.shape, job))
    it = grid(found, tool)
    assert it.lengths == (125, 250, 500, 1000, 2000, 4000, 8000)
    assert it.batches == (1, 3, 6, 12, 24)


def _numbers(told, path=()):
    if isinstance(told, dict):
        for key, it in told.items():
            yield from _numbers(it, (*path, key))
    elif isinstance(told, list):
        for it in told:
            yield from _numbers(it, path)
    elif isinstance(told, int | float) and not isinstance(told, bool):
        yield path, told


def _keys(told, skip):
    if isinstance(told, dict):
        for key, it in told.items():
            yield key
            if key not in skip:
                yield from _keys(it, skip)
    elif isinstance(told, list | tuple):
        for it in told:
            yield from _keys(it, skip)
