"""The parity matrix, as far as every check can run it: tokens, steps, losses, changes by hand.

The whole matrix is `make parity`; docs/parity.md says what came of it.
"""

from __future__ import annotations

import pytest
from parity import cells, curves, matrix, models, mutations, page, schedules
from parity.pairs import Bench

from ftc.parity.report import Group, Reason

FAMILIES = ("qwen2.5", "llama3", "mistral")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("parity"))


@pytest.mark.parametrize("name", models.families())
def test_a_small_model_has_the_tokens_of_its_family(tmp_path, name):
    row = models.families()[name]
    folder = models.make(tmp_path / name, name)
    core = models.Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = "Grüße\n\n  東京 1234 🙂"
    for token in [*row["special"], *row.get("plain", [])]:
        assert core.encode(f"{text}{token}", add_special_tokens=False).tokens[-1] == token
    assert core.decode(core.encode(text).ids) == text
    starts = core.encode(text).tokens[0] == row["bos"]
    assert starts == row["adds_bos"]
    assert (folder / "tokenizer.json").stat().st_size < 100_000


def test_every_recipe_of_the_matrix_is_a_recipe_of_its_own():
    wanted = [it for mode in cells.MODES for it in matrix.cases(models.families(), mode)]
    assert len({it.name for it in wanted}) == len(wanted) > 200


@pytest.mark.backend
def test_tokens_are_equal_or_on_the_list(bench):
    found = cells.cells(bench, FAMILIES)
    assert [it.case.name for it in found if not it.good] == []
    kinds = {it.case.kind for it in found if it.rows}
    assert kinds == set(matrix.KINDS) - {"thoughts"}
    exact = [it for it in found if it.case.tokens == "exact" and it.state == "equal"]
    assert len(exact) == 5 * len(FAMILIES)  # the trainers make the tokens of preference rows
    assert sum(it.tokens for it in exact) > 5_000


@pytest.mark.backend
def test_steps_and_rates_are_equal(bench):
    found = schedules.lines(bench, schedules.combinations(short=True))
    assert len(found) == 3
    assert [(it.counted, it.steps, it.planned, it.largest) for it in found if not it.good] == []


@pytest.mark.backend
def test_losses_are_equal(bench):
    found = curves.curves(bench, curves.short())
    assert {it.case.method for it in found} == {"lora", "full"}
    assert [(it.case.name, it.curves.largest) for it in found if not it.good] == []
    for it in found:
        ours = it.curves.sides[0]
        assert ours[-1] < ours[0], it.case.name  # something was learnt


@pytest.mark.backend
def test_every_change_by_hand_is_noticed(bench):
    found = mutations.outcomes(bench, short=True)
    assert [it for it in found if not it.good] == []
    for tool in ("axolotl", "llamafactory"):
        assert sum(it.mutation is not None and it.mutation.backend == tool for it in found) >= 7
    assert sum(it.mutation is None for it in found) == len(mutations.table()[0])


def test_the_page_names_a_goal_that_is_missed():
    reason = Reason("", "ends with <|end|>", "why", "exact", "remedy")
    group = Group(reason, "ids", 3, 2, (("<|end|>", "\n", 2), ("", "ü", 1)), "train row 1")
    bad = cells.Cell(matrix.Case("qwen2.5", "chat"), "unexplained", 1, 2, (group,))
    refused = cells.Cell(matrix.Case("gemma2", "tools"), "refused", text="no tools")
    outcome = mutations.Outcome("chat", None, "steps: 1 difference")
    found = page.Findings([bad, refused], [], [], [outcome])
    text = page.text(found, {("axolotl", "0.21.0"): {"torch": "2"}}, "2026-01-01")
    assert "tokens: qwen2.5-chat-native-lora: not equal" in text
    assert "| cells of tokens, native | 1 no build, 1 not equal |" in text
    assert "control of chat" in text
    assert "| goals missed | none |" not in text
    said = r"ends with <\|end\|> | 3 in 2 | `<\|end\|>` → `\n` (2×); nothing → `ü` (1×) |"
    assert f"| qwen2.5 | chat | {said}" in text
    assert "| tools | gemma2 | no tools |" in text
