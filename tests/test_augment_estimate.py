"""What a run of `ftc augment` will ask, rehearsed with the real kinds and their real templates."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftc.augment.calls import Totals
from ftc.augment.estimate import Estimate, Figures, Line, Part
from ftc.augment.filler import LIKELY, MOODS, Filler, expected, strings
from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import KINDS
from ftc.augment.prompts import Prompts
from ftc.augment.question import Ask, Fault
from ftc.augment.rehearsal import Rehearsal, part, rehearse
from ftc.augmentation import Augment, Endpoint, Limits, Make
from ftc.prep.rows import Row

SHIPPED = Prompts(None)


def told(folder: Path, **schemas: dict[str, Any]) -> Prompts:
    """Templates by name, each with the value `text`; {} for answers that say nothing."""
    for name, properties in schemas.items():
        (folder / f"{name}.jinja").write_text("{% block user %}{{ text }}{% endblock %}")
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        (folder / f"{name}.schema.json").write_text(json.dumps(schema))
    return Prompts(folder)


def seeds(count: int, said: str = "What is the fee of account {}? See [EMAIL_1].") -> list[Seed]:
    return [
        Seed(
            Row(
                id=f"{number:016x}",
                file="a.jsonl",
                place=f"line {number}",
                form="chat",
                turns=(
                    ("user", said.format(number)),
                    ("assistant", "Accounts have a fee of 3 euros a month. " * (1 + number % 4)),
                ),
            )
        )
        for number in range(count)
    ]


def augment(**models: dict[str, Any]) -> Augment:
    return Augment.model_validate(
        {"make": [{"kind": "answer"}], "models": models or {"default": {}}}
    )


DEAR = {"max_tokens": 100, "attempts": 3, "price_in": 2.0, "price_out": 10.0}


def test_a_kind_of_two_stages_reaches_both_and_is_scaled_to_all_seeds() -> None:
    settings = augment(default=DEAR)
    found = rehearse(Make(kind="evolve"), KINDS["evolve"], seeds(20), 1000, SHIPPED, settings)
    assert [(line.prompt, line.endpoint) for line in found.lines] == [
        ("evolve", "default"),
        ("answer", "default"),
    ]
    assert (found.rows, found.rows_most) == (1000, 1000)
    for line in found.lines:
        assert line.reached and not line.counted
        assert (line.likely.questions, line.most.questions) == (1000, 3000)
        assert line.most.tokens_out == 3000 * 100
        assert 1000 * 30 < line.likely.tokens_in < 1000 * 400
        assert 1000 * 10 < line.likely.tokens_out <= 1000 * 100
        assert line.most.tokens_in >= 3 * line.likely.tokens_in
        cost = (2 * line.likely.tokens_in + 10 * line.likely.tokens_out) / 1e6
        assert line.likely.cost == pytest.approx(cost)


CHUNK = Row(
    id="c" * 16,
    file="manual.md",
    place="page 1",
    form="chunk",
    turns=(("chunk", "The pump has a filter of steel. It is cleaned with water every week. " * 6),),
)
ROWS = [*seeds(6, "Why does cat {} purr when it sits on a warm stove in winter?"), Seed(CHUNK)]
MAKES: list[dict[str, Any]] = [
    {"kind": "paraphrase"},
    {"kind": "evolve", "how": "broader"},
    {"kind": "self-instruct", "task": "summarization", "length": "short"},
    {"kind": "restyle", "tone": "formal"},
    {"kind": "answer"},
    {"kind": "multi-turn", "turns": 4},
    {"kind": "preference"},
    {"kind": "preference", "how": "ranked"},
    {"kind": "translate", "language": "French"},
    {"kind": "annotate"},
    {"kind": "document-qa"},
]
QUESTIONS = {  # of a seed, likely and at most, where it is not one
    "evolve": (2, 2),
    "self-instruct": (2, 2),
    "multi-turn": (6, 6),
    "preference ranked": (4, 4),
    "translate": (2, 2),
    "document-qa": (None, 4),
}


def test_all_kinds_are_rehearsed_here() -> None:
    assert {it["kind"] for it in MAKES} == set(KINDS)


@pytest.mark.parametrize("settings", MAKES, ids=lambda it: " ".join(map(str, it.values())))
def test_every_kind_comes_to_its_end_in_a_rehearsal(settings: dict[str, Any]) -> None:
    make = Make.model_validate(settings)
    kind = KINDS[make.kind]
    rows = [seed for seed in ROWS if not kind.takes(seed.row, make)]
    assert rows, "no row of the test is a seed of this kind"
    sample = [it._replace(others=tuple(one.row for one in rows if one != it)) for it in rows]
    models = augment(default={"attempts": 1})
    found = rehearse(make, kind, sample, 500, SHIPPED, models)
    assert found.complete
    assert found.rows == found.rows_most == 500
    assert all(line.reached and line.prompt in kind.prompts for line in found.lines)
    name = " ".join([make.kind, "ranked"] if make.how == "ranked" else [make.kind])
    likely, most = QUESTIONS.get(name, (1, 1))
    total = Estimate((found,))
    assert total.most.questions == 500 * most
    if likely:
        assert total.likely.questions == 500 * likely
    assert rehearse(make, kind, sample, 500, SHIPPED, models) == found


def test_the_long_run_of_one_seed_bounds_all_seeds(tmp_path: Path) -> None:
    """A kind that asks each seed as often as it has words."""

    def make(some: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
        done: list[list[Made | Refused]] = []
        for seed in some:
            for word in seed.row.turns[0][1].split():
                ask("word", [{"text": word}])
            done.append([Made(seed.row, ())])
        return done

    kind = Kind("answer", ("word",), lambda row, make: "", make)
    sample = [*seeds(3, "one two"), *seeds(1, "one two three four five six")]
    prompts = told(tmp_path, word={})
    found = rehearse(Make(kind="answer"), kind, sample, 100, prompts, augment(default=DEAR))
    (line,) = found.lines
    assert line.likely.questions == 100 * 3  # the mean of 2, 2, 2 and 6
    assert line.most.questions == 100 * 6 * 3


def test_stages_after_a_refusal_are_counted_as_by_those_that_came_through(tmp_path: Path) -> None:
    def make(some: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
        done: list[list[Made | Refused]] = []
        for seed in some:
            ask("first", [{"text": "a"}])
            if seed.row.id.endswith("0"):
                done.append([Refused(seed.row.id, False, "no")])
                continue
            ask("second", [{"text": "b"}, {"text": "c"}])
            done.append([Made(seed.row, ()), Made(seed.row, ())])
        return done

    kind = Kind("answer", ("first", "second"), lambda row, make: "", make)
    prompts = told(tmp_path, first={}, second={})
    made = Make(kind="answer")
    found = rehearse(made, kind, seeds(4), 100, prompts, augment())
    assert [line.likely.questions for line in found.lines] == [100, 200]
    assert (found.rows, found.rows_most) == (200, 200)
    lost = rehearse(made, kind, seeds(1), 100, prompts, augment())
    assert [line.likely.questions for line in lost.lines] == [100, 100]
    assert [line.reached for line in lost.lines] == [True, False]
    assert lost.rows == 100
    assert found.complete and not lost.complete


def test_checks_that_may_fail_bring_their_repair_into_the_upper_bound(tmp_path: Path) -> None:
    def make(some: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
        done: list[list[Made | Refused]] = []
        for seed in some:
            for _ in range(2):
                (reply,) = ask("check", [{"text": "a"}], model="judge")
                assert not isinstance(reply, Fault)
                if good := reply.value["good"]:
                    break
                ask("repair", [{"text": "b"}])
            done.append([Made(seed.row, ()) if good else Refused(seed.row.id, False, "bad")])
        return done

    kind = Kind("answer", ("check", "repair"), lambda row, make: "", make)
    prompts = told(tmp_path, check={"good": {"type": "boolean"}}, repair={})
    settings = augment(default={"attempts": 1}, judge={"attempts": 2})
    found = rehearse(Make(kind="answer"), kind, seeds(5), 10, prompts, settings)
    check, repair = found.lines
    assert (check.endpoint, repair.endpoint) == ("judge", "default")
    assert (check.most.questions, repair.most.questions) == (40, 20)
    assert 10 <= check.likely.questions < 20


def test_a_tokenizer_counts_where_there_is_one_and_a_template_of_the_user_is_used(
    tmp_path: Path,
) -> None:
    mine = tmp_path / "mine.jinja"
    mine.write_text("{% block user %}Answer: {{ request }}{% endblock %}")
    make = Make(kind="answer")

    def tokens(files: dict[str, Path], structured: str = "auto") -> int:
        models = augment(default={"structured": structured})
        counted = {"default": lambda text: 1000 + len(text)}
        found = rehearse(
            make, KINDS["answer"], ROWS[:3], 1, SHIPPED, models, files=files, counted=counted
        )
        (line,) = found.lines
        assert line.counted
        return line.likely.tokens_in

    request = ROWS[0].row.turns[0][1]
    own = tokens({"answer": mine})
    assert own == 1005 + len("Answer: ") + len(request)
    assert tokens({}) > 2010  # two messages
    assert tokens({"answer": mine}, "none") > own + len('{"answer": "string"}')  # the schema


def test_nothing_to_do_is_nothing_to_pay() -> None:
    found = rehearse(Make(kind="answer"), KINDS["answer"], [], 0, SHIPPED, augment())
    assert Estimate((found,)).most == Figures()
    assert found.rows == 0


def test_the_judge_is_rehearsed_in_the_same_way(tmp_path: Path) -> None:
    ask = Rehearsal(told(tmp_path, rubric={}), augment(), "default")

    def run(row: Row, ask: Ask) -> int:
        ask("rubric", [{"text": row.turns[0][1]}] * 2, samples=[0, 1])
        return 1

    found = part("judge", run, [seed.row for seed in seeds(4)], 50, ask)
    (line,) = found.lines
    assert (line.what, line.likely.questions) == ("judge", 100)


def figures(tokens: int, cost: float) -> Figures:
    return Figures(tokens // 100, tokens // 2, tokens - tokens // 2, cost)


def estimate(*each: tuple[int, float], rows: int = 10) -> Estimate:
    lines = [
        Line("answer", "answer", f"m{number}", figures(*it), figures(it[0] * 4, it[1] * 4))
        for number, it in enumerate(each)
    ]
    return Estimate((Part("answer", rows, rows, rows, tuple(lines)),))


@pytest.mark.parametrize(
    ("limits", "spent", "rows", "expected"),
    [
        ({}, (0, 0.0), 0, None),
        ({"rows": 10, "tokens": 3000, "cost": 6.0}, (0, 0.0), 0, None),
        ({"tokens": 1500}, (0, 0.0), 0, ("tokens", 0.5)),
        ({"tokens": 1500, "cost": 1.5}, (0, 0.0), 0, ("cost", 0.25)),
        ({"tokens": 3000}, (1500, 0.0), 0, ("tokens", 0.5)),
        ({"cost": 2.0}, (0, 5.0), 0, ("cost", 0.0)),
        ({"rows": 10}, (0, 0.0), 4, ("rows", 0.6)),
        ({"cost": 0}, (0, 0.0), 0, ("cost", 0.0)),
    ],
)
def test_the_first_limit_is_named_with_the_share_that_is_done_by_then(
    limits: dict[str, Any],
    spent: tuple[int, float],
    rows: int,
    expected: tuple[str, float] | None,
) -> None:
    found = estimate((1000, 2.0), (2000, 4.0)).limit(
        Limits.model_validate(limits), figures(*spent), rows
    )
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert found.limit == expected[0]
    assert found.share == pytest.approx(expected[1])


def test_models_without_a_price_meet_no_cost_limit() -> None:
    assert estimate((1000, 0.0)).limit(Limits(cost=0)) is None


def test_time_comes_from_earlier_calls_and_from_questions_a_minute() -> None:
    found = estimate((1000, 0.0), (2000, 0.0))
    models = {"m0": Endpoint(in_flight=2), "m1": Endpoint()}
    earlier = [Totals("m0", "model", answered=3, tokens_out=100, seconds=10.0)]
    assert found.seconds(models, earlier) == {"m0": pytest.approx(25.0), "m1": None}
    slow = {"m0": Endpoint(in_flight=2, per_minute=1), "m1": Endpoint(per_minute=4)}
    assert found.seconds(slow, earlier) == {"m0": 600.0, "m1": 300.0}


def test_all_of_it_goes_into_json() -> None:
    found = estimate((1000, 2.0), (2000, 4.0))
    told = json.loads(json.dumps(found.as_dict()))
    assert told["likely"] == {"questions": 30, "tokens_in": 1500, "tokens_out": 1500, "cost": 6.0}
    assert told["parts"][0]["lines"][1]["endpoint"] == "m1"
    assert found.likely.tokens == 3000
    assert replace(found, parts=()).likely == Figures()


def test_a_likely_answer_is_as_long_as_what_it_is_made_of() -> None:
    text, bounded = {"type": "string"}, {"type": "string", "maxLength": 300}
    values = {"text": "a" * 2000, "rest": "b"}
    assert expected(text, values, "text") == 2000
    assert expected(bounded, values, "text") == 300
    assert expected(text, values, "answer") == LIKELY
    assert expected(bounded, values, "reason") == 150
    both = {"type": "object", "properties": {"text": text, "good": {"type": "boolean"}}}
    assert expected(both, values) == pytest.approx(
        len(json.dumps({"text": "a" * 2000, "good": True})), abs=3
    )
    assert expected({"type": "array", "items": bounded, "maxItems": 8}, values) == 2 + 2 * 152


TEXT = st.builds(
    lambda low, more, ends: (
        {"type": "string", "minLength": low} | ({"maxLength": low + more} if ends else {})
    ),
    st.integers(0, 200),
    st.integers(0, 300),
    st.booleans(),
)
NUMBER = st.builds(
    lambda kind, low, more: {"type": kind, "minimum": low, "maximum": low + more},
    st.sampled_from(["integer", "number"]),
    st.integers(-5, 5),
    st.integers(0, 9),
)
CHOICE = st.sampled_from(
    [{"type": "boolean"}, {"enum": ["a", 2, None]}, {"const": "x"}, {"type": ["null", "string"]}]
)
SCHEMA = st.recursive(
    TEXT | NUMBER | CHOICE,
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner).map(
            lambda it: {
                "type": "object",
                "properties": it,
                "required": sorted(it),
                "additionalProperties": False,
            }
        )
        | st.builds(
            lambda it, low, more: {
                "type": "array",
                "items": it,
                "minItems": low,
                "maxItems": low + more,
            },
            inner,
            st.integers(0, 3),
            st.integers(0, 2),
        )
    ),
    max_leaves=8,
)


@given(SCHEMA, st.dictionaries(st.sampled_from("abcd"), st.text(max_size=400)), st.integers(0, 9))
def test_what_is_made_up_fits_its_schema(
    schema: dict[str, Any], values: dict[str, str], key: int
) -> None:
    for mood in MOODS:
        made = Filler(values, mood, str(key), 2048, strings(schema)).value(schema)
        jsonschema.validate(made, schema)
        assert Filler(values, mood, str(key), 2048, strings(schema)).value(schema) == made
