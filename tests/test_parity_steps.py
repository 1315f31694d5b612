"""The comparison of steps, settings and losses: every change of one value must be found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from backends import plans
from parity_told import Words, cases, plan, schedule, told

from ftc import backends
from ftc.parity import values
from ftc.parity.compare import compare
from ftc.parity.records import Group
from ftc.parity.text import text
from ftc.plan import PATHS

WORDS = Words()
ROWS = (WORDS.row("Hi¦*Yes¦*<|im_end|>¦\n"),)


def changed(it, case, made):
    """A schedule with the changes of a case."""
    change = dict(case.get("change", {}))
    arguments = {**it.arguments, **change.pop("arguments", {})}
    adapter = {**it.adapter, **change.pop("adapter", {})}
    if case.get("reverse_targets"):
        adapter["targets"] = adapter["targets"][::-1]
    if "steps" in change:
        return schedule(made, **change)
    it = replace(it, arguments=arguments, adapter=adapter)
    if "scale" in case:
        rates = list(it.rates)
        rates[case["scale"]["step"]] *= case["scale"]["by"]
        it = replace(it, rates=tuple(rates))
    if "decay" in case:
        norms = Group(case["decay"], it.groups[1].rate, it.groups[1].names)
        it = replace(it, groups=(it.groups[0], norms))
    if case.get("lose_group"):
        it = replace(it, groups=it.groups[:1])
    names = sorted(it.trainable)
    if case.get("lose_trained"):
        it = replace(it, trainable={names[0]: it.trainable[names[0]]})
    if "shape" in case:
        it = replace(it, trainable={**it.trainable, names[0]: tuple(case["shape"])})
    return it


@pytest.mark.parametrize("case", cases("steps"), ids=lambda it: it["name"])
def test_schedules(case):
    made = plan(**case.get("plan", {}))
    left = schedule(made)
    right = changed(left, case, made)
    if case.get("both"):
        left = right
    if "average" in case:
        left = replace(left, arguments={**left.arguments, "loss_average": case["average"]})
    if "left_warmup" in case:
        left = replace(left, arguments={**left.arguments, "warmup_steps": case["left_warmup"]})
    versions = {"axolotl": "0.21.0"} | case.get("versions", {})
    both = (
        told("axolotl", ROWS, schedule=left, version=versions["axolotl"]),
        told("llamafactory", ROWS, schedule=right),
    )
    report = compare(made, both, "steps", WORDS.pieces)
    assert sorted(it.what for it in report.values) == case["what"], text(report)
    assert report.equal is not bool(case["what"])
    assert report.verdicts[0].state == "equal"
    reasons = case.get("reasons", [""] if case["what"] else [])
    assert sorted({it.reason.name for it in report.values}) == reasons
    for it in report.values:
        assert it.text in " ".join(text(report).split())


def losing(losses, average="tokens", version="0.21.0", backend="axolotl", **settings):
    made = plan(**settings)
    arguments = {"loss_average": average}
    return told(
        backend,
        ROWS,
        version=version,
        losses=tuple(losses),
        schedule=schedule(made, arguments=arguments),
    )


LOSSES = (7.630088, 7.385120, 7.226046)


def pair(losses, **settings):
    return losing(LOSSES, **settings), losing(
        losses, version="0.9.5", backend="llamafactory", **settings
    )


@pytest.mark.parametrize(
    ("tokens", "off", "equal"),
    [
        ("exact", 5e-7, True),
        ("exact", 2e-6, False),
        ("native", 5e-5, True),
        ("native", 2e-4, False),
    ],
)
def test_losses_keep_to_the_tolerance_of_the_mode(tokens, off, equal):
    losses = (LOSSES[0], LOSSES[1] * (1 + off), LOSSES[2])
    report = compare(plan(tokens=tokens), pair(losses), "loss", WORDS.pieces)
    assert report.equal is equal
    assert report.losses.at == 2
    assert report.losses.largest == pytest.approx(off, rel=1e-3)
    assert [it.what for it in report.values] == ([] if equal else ["losses"])


@pytest.mark.parametrize(
    "losses", [LOSSES[:2], (), (7.630088, float("nan"), 7.226046), (float("inf"), *LOSSES[1:])]
)
def test_losses_that_are_missing_or_no_number_are_not_equal(losses):
    report = compare(plan(), pair(losses), "loss", WORDS.pieces)
    assert not report.equal
    assert report.verdicts[2].state == ("different" if losses else "not told")


@pytest.mark.parametrize(("off", "as_predicted"), [(0.0, True), (1e-3, False)])
def test_a_prediction_is_what_the_odd_tool_is_held_to(off, as_predicted):
    odd = losing(LOSSES, average="micro-batches", version="0.19.0")
    other = losing([it * 1.01 for it in LOSSES], backend="llamafactory", version="0.9.5")
    predicted = replace(other, losses=tuple(it * (1 + off) for it in LOSSES))
    report = compare(plan(), (odd, other), "loss", WORDS.pieces, predicted=predicted)
    assert report.losses.against == "prediction"
    assert report.losses.within is as_predicted
    assert report.losses.between == pytest.approx(0.01, rel=0.02)
    assert not report.equal
    verdict = report.verdicts[2].text
    assert ("as predicted:" in verdict) is as_predicted
    assert {it.reason.name for it in report.values} == {"mean-of-micro-batches"}


def test_a_prediction_counts_for_nothing_where_tools_average_alike():
    both = pair([it * 1.01 for it in LOSSES])
    report = compare(plan(), both, "loss", WORDS.pieces, predicted=both[0])
    assert report.losses.against == "tools"
    assert not report.equal


def test_levels_not_told_are_not_equal():
    both = told("axolotl", ROWS), told("llamafactory", ROWS)
    report = compare(plan(), both, "loss", WORDS.pieces)
    assert [it.state for it in report.verdicts] == ["equal", "not told", "not told"]
    assert not report.equal
    assert compare(plan(), both, "tokens", WORDS.pieces).equal


@pytest.mark.parametrize(
    ("setting", "value", "level"),
    [
        ("max_length", 99, "tokens"),
        ("learning_rate", 3e-4, "steps"),
        ("lora_dropout", 0.1, "steps"),
    ],
)
def test_a_config_that_leaves_the_plan_is_found_at_its_level(setting, value, level):
    made = plan()
    ours = {"max_length": made.max_length, "learning_rate": made.learning_rate}
    both = (
        told("axolotl", ROWS, schedule=schedule(made), settings=ours | {setting: value}),
        told("llamafactory", ROWS, schedule=schedule(made), settings=ours),
    )
    report = compare(made, both, "steps", WORDS.pieces)
    (found,) = report.values
    assert (found.what, found.level) == (f"settings.{setting}", level)
    assert "axolotl" in found.text
    assert "llamafactory" not in found.text
    assert PATHS[setting] in found.reason.remedy
    states = {it.level: it.state for it in report.verdicts}
    assert states[level] == "different"
    assert compare(made, both, "tokens", WORDS.pieces).equal is (level == "steps")


@pytest.mark.parametrize("version", ["0.19.0", "0.21.0"])
def test_no_config_that_ftc_writes_leaves_its_plan(version):
    """Else every build would be reported."""
    for name, made in plans.matrix().items():
        both = tuple(
            told(tool, ROWS, version=line, settings=module.read(module.native(made, line), line))
            for tool, line in (("axolotl", version), ("llamafactory", "0.9.5"))
            for module in [backends.get(tool)]
        )
        assert all(len(it.settings) > 20 for it in both)
        assert not list(values.settings(made, both, "tokens")), name
        assert not list(values.settings(made, both, "steps")), name


def test_a_floor_that_no_tool_knows_is_named():
    made = plan(lr_scheduler="linear", min_lr_ratio=0.1)
    both = tuple(
        told(tool, ROWS, settings=module.read(module.native(made, line), line))
        for tool, line in (("axolotl", "0.21.0"), ("llamafactory", "0.9.5"))
        for module in [backends.get(tool)]
    )
    found = compare(made, both, "steps", WORDS.pieces).values
    assert [(it.what, it.reason.name) for it in found] == [
        ("settings.min_lr_ratio", "floor-of-the-rate")
    ]
