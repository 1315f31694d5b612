"""The pictures of an estimate: the same every time, whole, and safe to open."""

import dataclasses
import re
import xml.etree.ElementTree as Tree
from pathlib import Path

import pytest

from ftc.build import compile_recipe
from ftc.estimate import words
from ftc.estimate.figures import report
from ftc.estimate.hardware import overlaid
from ftc.memory.measured import shipped
from ftc.memory.phases import PARTS

plot = pytest.importorskip("ftc.estimate.plot", reason="the extra `plot`")
page = pytest.importorskip("ftc.estimate.page", reason="the extra `plot`")
ROOT = Path(__file__).parents[1]

DASHED = b"stroke-dasharray"  # the line of the budget


def made(name="qlora-8b-24gb", rows=(), **hardware):
    path = ROOT / "recipes" / f"{name}.toml"
    compiled = compile_recipe(path, offline=True, change=lambda it: overlaid(it, **hardware))
    return report(compiled, rows)


@pytest.fixture(scope="module")
def drawn():
    return made(rows=shipped())


def test_pictures_are_the_same_every_time(drawn):
    svg = plot.whole(drawn, "svg")
    assert svg == plot.whole(drawn, "svg")
    assert b"dc:date" not in svg
    Tree.fromstring(svg)
    png = plot.whole(drawn, "png")
    assert png == plot.whole(drawn, "png")
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "asked",
    [{"vram_gb": 4.0}, {"gpu": "B200"}, {"vram_gb": 1024.0}],
    ids=["nothing fits", "everything fits", "far from the border"],
)
def test_pictures_of_every_verdict(drawn, asked):
    svg = plot.whole(made(**asked), "svg")
    Tree.fromstring(svg)
    assert DASHED in svg


def test_a_picture_without_a_budget(drawn):
    svg = plot.whole(made("instagram-scripts"), "svg")
    Tree.fromstring(svg)
    assert DASHED not in svg


def test_every_part_has_a_colour(drawn):
    assert set(plot.COLOURS) == set(PARTS)


def test_page_stands_alone(drawn):
    said = page.page(drawn)
    assert said == page.page(drawn)
    assert "<script" not in said
    assert not re.search(r'(src|href)="(?!#)', said)
    assert "default-src 'none'" in said
    ids = re.findall(r'\bid="([^"]+)"', said)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', said)) <= set(ids)
    assert f"fill: {plot.INK}" not in said
    for tool in drawn.tools:
        for phase in tool.phases:
            assert words.gib(phase.needed) in said


def test_a_name_is_text_not_markup(drawn):
    named = dataclasses.replace(drawn.plan, model="<b>&model</b>", name="<i>x</i>")
    said = page.page(dataclasses.replace(drawn, plan=named))
    assert "<b>&model" not in said
    assert "<i>x" not in said
    assert "&lt;b&gt;&amp;model" in said
