"""The judge of `ftc augment`: the cases of tests/augment/judge/*.toml over a server on loopback."""

import json
import re
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest
from augment.fault_server import FAULTS, FaultServer, Say
from hypothesis import given
from hypothesis import strategies as st

from ftc.augment.asker import asker
from ftc.augment.calls import opened
from ftc.augment.engine import Waits, running
from ftc.augment.judge import (
    NOT_JUDGED,
    Tally,
    agreement,
    chosen_human,
    judged,
    prompts,
    verdicts,
)
from ftc.augment.judge.alpha import alpha, interval, nominal
from ftc.augment.judge.method import METHODS
from ftc.augment.judge.rubric import read
from ftc.augment.kind import Refused
from ftc.augment.prompts import Prompts
from ftc.augment.providers import targets
from ftc.augmentation import Augment, Endpoint, Judge, Limits
from ftc.errors import FtcError
from ftc.prep.rows import Row, each, identity, table

CASES = Path(__file__).parent / "augment" / "judge"


def cases(name, part):
    found = tomllib.loads((CASES / f"{name}.toml").read_text("utf-8"))[part]
    assert found
    return [pytest.param(case, id=case["why"]) for case in found]


def row(turns, **more):
    turns = tuple((role, content) for role, content in turns)
    named = {"id": identity(*map(":".join, turns)), "file": "rows.jsonl", "place": "", **more}
    return Row(turns=turns, **{"form": "chat", **named, "parents": tuple(named.get("parents", ()))})


def said(answer, reason="Because."):
    """What a plain question and its answer are as a row."""
    return row([["user", f"What about {answer}?"], ["assistant", str(answer)]])


@contextmanager
def asking(folder, plan, **more):
    """An `Ask` over the whole engine, and the server that is asked."""
    with FaultServer(plan) as server:
        told = {"provider": "openai", "model": "m", "url": server.url, "attempts": 2, **more}
        models = {"default": Endpoint.model_validate(told)}
        with (
            opened(folder) as calls,
            running(targets(models), calls, Limits(), waits=Waits(first=0.01)) as engine,
        ):
            yield asker(engine, Prompts(None), "default"), server


def scripted(says):
    """A plan that answers by the first pattern that matches the prompt."""

    def plan(asked):
        for it in says:
            if re.search(it["holds"], asked.prompt, re.DOTALL):
                return Say(it.get("text") or json.dumps(it["value"]))
        raise AssertionError(asked.prompt)

    return plan


def mark(score):
    return Say(json.dumps({"reason": "Because.", "score": score}))


@pytest.mark.parametrize("case", cases("scores", "case"))
def test_what_comes_of_a_row(case, tmp_path):
    judge = Judge.model_validate(case["judge"])
    parent = row(**case["parent"]) if "parent" in case else None
    one = row(**{"parents": [parent.id] if parent else [], **case["row"]})
    parents = {parent.id: parent} if parent else {}
    with asking(tmp_path, scripted(case["says"])) as (ask, server):
        (found,) = judged([one], judge, ask, parents=parents, model="m")
    if "silent" in case:
        assert isinstance(found, Refused)
        assert (found.seed, found.reason) == (one.id, NOT_JUDGED)
        assert found.failed == case.get("asked", False)
        assert bool(found.calls) == found.failed
        assert case["silent"] in found.detail
    else:
        assert found._replace(notes={}) == one
        note = found.notes["judge"]
        assert {**note, **case["note"]} == note
        assert (note["method"], note["model"]) == (judge.method, "m")
        assert next(each(table([found]))) == found
    asked = ["\n".join(it["content"] for it in one.body["messages"]) for one in server.requests]
    for text in case.get("shows", []):
        assert any(text in prompt for prompt in asked), asked
    for text in case.get("hides", []):
        assert not any(text in prompt for prompt in asked), asked


def test_every_method_has_cases_and_a_prompt():
    methods = {case.values[0]["judge"]["method"] for case in cases("scores", "case")}
    assert methods == set(METHODS)
    for method in METHODS:
        judge = Judge.model_validate({"method": method})
        (name,) = prompts(judge)
        template = Prompts(None).load(name)
        assert json.loads(template.schema)["additionalProperties"] is False


def test_rows_keep_their_order_and_a_fault_is_that_of_its_own_row(tmp_path):
    def plan(asked):
        number = int(re.search(r"What about (\d+)", asked.prompt)[1])
        return FAULTS["not-json"] if number % 7 == 3 else mark(1 + number % 5)

    rows = [said(number) for number in range(40)]
    with asking(tmp_path, plan) as (ask, _):
        found = judged(rows, Judge(), ask)
    for number, (one, it) in enumerate(zip(rows, found, strict=True)):
        if number % 7 == 3:
            assert isinstance(it, Refused) and it.seed == one.id and it.failed
        else:
            assert it.id == one.id and it.notes["judge"]["given"] == 1 + number % 5


@pytest.mark.parametrize("case", cases("rubrics", "good"))
def test_a_rubric_of_the_recipe(case, tmp_path):
    (tmp_path / case["file"]).write_text(case["text"], "utf-8")
    judge = Judge.model_validate({"method": case["method"], "rubric": case["file"]})
    rubric = read(judge, tmp_path)
    assert (rubric.criterion, rubric.levels) == (case["criterion"], case["levels"])
    with asking(tmp_path, lambda asked: mark(2)) as (ask, server):
        judged([said("bees")], judge, ask, rubric=rubric)
    assert case["criterion"] in server.requests[0].prompt
    assert all(f"5: {level}" in server.requests[0].prompt for level in case["levels"][4:])


@pytest.mark.parametrize("case", cases("rubrics", "bad"))
def test_a_rubric_that_cannot_be_used(case, tmp_path):
    if "text" in case:
        (tmp_path / case["file"]).write_text(case["text"], "utf-8")
    judge = Judge.model_validate({"method": case["method"], "rubric": case["file"]})
    with pytest.raises(FtcError, match=case["says"]) as error:
        read(judge, tmp_path)
    assert error.value.hint


def test_a_rubric_that_was_not_read_is_not_passed_over():
    with pytest.raises(ValueError, match=r"mine\.md"):
        judged([said(1)], Judge.model_validate({"rubric": "mine.md"}), lambda *_, **__: [])


def test_a_rubric_where_no_method_reads_it():
    told = {"make": [{"kind": "answer"}], "judge": {"method": "pairwise", "rubric": "mine.md"}}
    with pytest.raises(ValueError, match="no rubric with method = pairwise"):
        Augment.model_validate(told)


def test_alpha_of_a_published_table():
    told = tomllib.loads((CASES / "alpha.toml").read_text("utf-8"))
    units = [[it for it in unit if it] for unit in zip(*told["observers"].values(), strict=True)]
    assert alpha(units, nominal) == pytest.approx(told["alpha"]["nominal"], abs=0.0005)
    assert alpha(units, interval) == pytest.approx(told["alpha"]["interval"], abs=0.0005)


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=4), min_size=1, max_size=20))
def test_alpha_does_not_hang_on_order_and_is_one_when_all_agree(units):
    found = alpha(units, nominal)
    turned = [list(reversed(unit)) for unit in reversed(units)]
    assert found is None or found == pytest.approx(alpha(turned, nominal))
    assert found is None or found <= 1
    alone = [[unit[0]] * len(unit) for unit in units]
    assert alpha(alone, nominal) in (None, 1)
    assert (alpha(alone, nominal) is None) == (len({unit[0] for unit in units}) == 1)


def test_agreement_asks_again_and_compares(tmp_path):
    """Two runs that give 2 and 4 in turn to every other row, and 3 to the rest."""
    judge = Judge.model_validate({"agreement_rows": 20, "threshold": 0.5})
    rows = [said(number) for number in range(60)]

    def plan(asked):
        number = int(re.search(r"What about (\d+)", asked.prompt)[1])
        return mark(3 if number % 2 else 2 + 2 * (asked.before % 2))

    with asking(tmp_path, plan, in_flight=1) as (ask, server):
        found = agreement(rows, judge, ask)
        again = agreement(reversed(rows), judge, ask)
    alike = found.decided
    assert (found.rows, found.runs, found.missing) == (20, 2, 0)
    assert found == again and server.asked == 40
    assert 0 < alike < 20 and found.equal == alike / 20
    assert found.difference == pytest.approx(0.5 * (20 - alike) / 20)
    assert found.alpha_decisions < 0.667 and "not to be relied on" in found.warnings()[0]
    assert found.as_dict()["equal"] == found.equal


def test_agreement_takes_the_first_run_from_what_was_judged(tmp_path):
    judge = Judge.model_validate({"agreement_rows": 5, "runs": 3})
    rows = [said(number) for number in range(5)]
    with asking(tmp_path, lambda asked: mark(1 + asked.number % 5)) as (ask, server):
        judged(rows, judge, ask)
        assert server.asked == 5
        agreement(rows, judge, ask)
        assert server.asked == 15


def test_agreement_counts_rows_without_a_score(tmp_path):
    def plan(asked):
        return FAULTS["not-json"] if "What about 3?" in asked.prompt else mark(5)

    with asking(tmp_path, plan) as (ask, _):
        found = agreement([said(number) for number in range(12)], Judge(), ask)
    assert (found.rows, found.missing, found.equal) == (11, 1, 1.0)
    assert found.alpha_scores is None and "tells no rows apart" in found.warnings()[0]


def test_agreement_of_one_run_says_nothing(tmp_path):
    judge = Judge.model_validate({"runs": 1})
    with asking(tmp_path, lambda asked: mark(5)) as (ask, _):
        found = agreement([said(1)], judge, ask)
    assert (found.rows, found.runs, found.equal, found.warnings()) == (1, 1, None, [])


def test_human_rows_are_chosen_by_what_they_are():
    judge = Judge.model_validate({"human_rows": 10})
    rows = [said(number) for number in range(200)]
    texts = [row([["text", f"story {number}"]], form="text") for number in range(50)]
    found = chosen_human(rows, judge, 1)
    assert len(found) == 10
    assert found == chosen_human([*texts, *reversed(rows)], judge, 1)
    assert found != chosen_human(rows, judge, 2)
    without = [it for it in rows if it != found[3]]
    others = chosen_human(without, judge, 1)
    assert [it for it in found if it not in others] == [found[3]]
    assert chosen_human(rows, Judge.model_validate({"method": "pairwise"}), 1) == []


def scored(scores, **more):
    """Rows as `judged` gives them; None is a row that was not judged."""
    return [
        said(number)._replace(notes={"judge": {"score": score, **more}})
        if score is not None
        else Refused(str(number), True, NOT_JUDGED)
        for number, score in enumerate(scores)
    ]


def tally(scores, **more):
    counts = Tally()
    for start in range(0, len(scores), 7):
        counts.add(scored(scores[start : start + 7], **more))
    return counts


GOOD, BAD = [0.75, 1.0] * 10, [0.0, 0.25, 0.5, 0.75] * 5
WARNED = [
    (GOOD, BAD, []),
    ([], BAD, []),
    (GOOD[:5], [1.0] * 5, []),
    (GOOD, [1.0] * 20, ["20 of 20 made rows the score 1", "does not score your own rows higher"]),
    (BAD, BAD, ["does not score your own rows higher", "would drop 10 of 20 rows"]),
    (BAD, GOOD, ["does not score your own rows higher", "would drop 10 of 20 rows"]),
]


@pytest.mark.parametrize(("human", "made", "warned"), WARNED)
def test_what_is_warned_of(human, made, warned):
    found = verdicts(tally(made), tally(human), Judge())
    assert len(found.warnings) == len(warned)
    for text, warning in zip(warned, found.warnings, strict=True):
        assert text in warning


def test_figures_of_all_verdicts():
    found = verdicts(tally([*BAD, None, None]), tally(GOOD), Judge())
    assert (found.made.judged, found.made.unjudged, found.made.below) == (20, 2, 10)
    assert found.made.mean == pytest.approx(0.375) and found.human.mean == pytest.approx(0.875)
    assert found.made.spread == {"0": 5, "0.25": 5, "0.5": 5, "0.75": 5}
    assert found.human_above == pytest.approx(1 - 0.5 * 0.5 * 0.25) and found.sure
    json.dumps(found.as_dict())


def test_a_judge_that_goes_by_order():
    rows = tally([0.5] * 6 + [0.0] * 3 + [1.0] * 3, orders=["A", "A"])
    found = verdicts(rows, Tally(), Judge.model_validate({"method": "pairwise"}))
    assert found.made.torn == 12 and found.human_above is None
    assert "goes by the order in 12 of 12 pairs" in found.warnings[0]
