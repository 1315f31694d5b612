"""The list of cards, how a name finds its row, and the hardware facts of a recipe."""

import tomllib
from pathlib import Path

import pytest

from ftc.errors import FtcError
from ftc.facts.hardware import gather
from ftc.memory.cards import TABLE, cards, find
from ftc.recipe import Hardware

CASES = tomllib.loads((Path(__file__).parent / "memory" / "cards.toml").read_text())


def test_every_card_is_found_by_its_own_name():
    assert len(cards()) >= 85
    for card in cards():
        assert find(card.name) is card


def test_every_card_is_whole():
    names = [card.name for card in cards()]
    assert len(names) == len(set(names))
    for card in cards():
        assert card.source
        assert 0.9 * card.memory_gb <= card.gib <= 1.02 * card.memory_gb, card.name
        if card.capability:
            assert card.bf16 == card.flash == (card.capability >= (8, 0)), card.name


CHECKED = {"formula", "looked up", "looked up, formula", "sources disagree", "typed from memory"}


def test_every_card_has_its_speed():
    for card in cards():
        assert card.speed_source, card.name
        assert card.checked in CHECKED, card.name
        assert 100 < card.bandwidth < 10_000, card.name
        assert card.tflops_fp32 <= card.tflops < 3000, card.name
        assert 16 <= card.link <= 1000, card.name
    memory = [card.name for card in cards() if card.checked == "typed from memory"]
    assert len(memory) <= 5, memory


ROWS = tomllib.loads(TABLE.read_text())["card"]
CHECKABLE = [row for row in ROWS if "sms" in row]


@pytest.mark.parametrize("row", CHECKABLE, ids=[row["name"] for row in CHECKABLE])
def test_speed_follows_from_the_chip(row):
    """Multiprocessors x clock x operations of each, and bus width x data rate of a pin."""
    clocks = row["sms"] * row["clock_mhz"] / 1e6
    assert clocks * row["per_clock"] == pytest.approx(row["tflops"], rel=0.015)
    assert row["bus"] * row["pin_gbit"] / 8 == pytest.approx(row["bandwidth"], rel=0.015)
    if "fp32_per_clock" in row:
        assert clocks * row["fp32_per_clock"] == pytest.approx(row["tflops_fp32"], rel=0.03)


def test_most_speeds_are_checked_by_formula():
    assert len(CHECKABLE) >= 0.9 * len(ROWS)


def test_geforce_cards_sum_in_fp32_at_half_speed():
    """The rate of a data sheet's headline (sparse, summed in fp16) is four times of it."""
    for row in CHECKABLE:
        if "GeForce RTX" in row["name"]:
            assert row["per_clock"] == 512, row["name"]


@pytest.mark.parametrize(("name", "card"), CASES["means"].items())
def test_find(name, card):
    assert find(name).name == card


@pytest.mark.parametrize("case", CASES["fails"], ids=[case["name"] for case in CASES["fails"]])
def test_find_says_what_to_try(case):
    with pytest.raises(FtcError) as caught:
        find(case["name"])
    assert case["message"] in str(caught.value)
    assert case["hint"] in caught.value.hint


@pytest.mark.parametrize(
    ("given", "vram_gb", "said"),
    [
        ({"gpu": "RTX 4090"}, 24, "NVIDIA GeForce RTX 4090, 24 GB"),
        ({"gpu": "L40S"}, 46068 / 1024, "the driver lists 45.0 GiB"),
        ({"gpu": "L40S", "vram_gb": 20.0}, 20, "a budget below NVIDIA L40S"),
        ({"gpu": "L40S", "vram_gb": 48.0}, 46068 / 1024, "the driver lists 45.0 GiB"),
        ({"gpu": "T4", "vram_gb": 80.0}, 15, "vram_gb = 80 is more than the card has"),
        ({"vram_gb": 24.0}, 24, "bf16 assumed"),
        ({}, None, "no card and no budget"),
        ({"device": "cpu"}, None, "cpu"),
    ],
)
def test_memory_of_a_recipe(given, vram_gb, said):
    facts = gather(Hardware(**given))
    assert facts.vram_gb == vram_gb
    assert said in facts.source


def test_capabilities_of_a_recipe():
    ada = gather(Hardware(gpu="RTX 4090", gpus=2))
    assert (ada.bf16, ada.flash_attention, ada.capability, ada.gpus) == (True, True, (8, 9), 2)
    turing = gather(Hardware(gpu="T4"))
    assert (turing.bf16, turing.flash_attention, turing.capability) == (False, False, (7, 5))
    amd = gather(Hardware(gpu="MI300X"))
    assert (amd.bf16, amd.flash_attention, amd.capability) == (True, True, None)
    unnamed = gather(Hardware(vram_gb=24.0))
    assert (unnamed.name, unnamed.bf16, unnamed.capability) == ("", True, None)
    cpu = gather(Hardware(device="cpu"))
    assert (cpu.device, cpu.bf16, cpu.flash_attention) == ("cpu", False, False)


def test_unknown_card_stops():
    with pytest.raises(FtcError, match="unknown card"):
        gather(Hardware(gpu="RTX 9999"))
