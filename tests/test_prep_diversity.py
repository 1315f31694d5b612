"""Labels of rows, what repeats in them, and the gaps that figures show."""

import dataclasses
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import words

from ftc.errors import FtcError
from ftc.prep.diversity import STEP, gaps
from ftc.prep.diversity.difficulty import difficulty
from ftc.prep.diversity.measures import words as counted
from ftc.prep.diversity.repetition import opening
from ftc.prep.diversity.task import TASKS, task
from ftc.prep.diversity.tone import tones
from ftc.prep.rows import Row, each, identity, table
from ftc.prep.step import Inputs
from ftc.preparation import Prepare
from ftc.preparation.diversity import Diversity

INSTRUCTIONS = [
    ("Summarise this report in two sentences.\nThe lamp ...", "summarise"),
    ("Please write a summary of the text below.", "summarise"),
    ("Fasse den folgenden Text zusammen.", "summarise"),
    ("Résume ce texte en trois phrases.", "summarise"),
    ("Resume el siguiente texto.", "summarise"),
    ("TL;DR", "summarise"),
    ("Translate into French: the lamp is on.", "translate"),
    ("Übersetze ins Englische: Die Lampe ist an.", "translate"),
    ("Could you give me a translation of this sentence?", "translate"),
    ("Write a short poem about a lamp.", "write"),
    ("Write a script for an Instagram video.", "write"),
    ("Schreibe eine E-Mail an die Werkstatt.", "write"),
    ("Rédige une lettre de motivation.", "write"),
    ("I want you to draft a letter to my landlord.", "write"),
    ("Write a Python function that reverses a list.", "code"),
    ("Implement a queue with two stacks.", "code"),
    ("What does this do?\n```\nprint(1)\n```", "code"),
    ("Write an SQL query that counts orders.", "code"),
    ("Extract all dates from the note.", "extract"),
    ("Can you find the name of the author in this text?", "extract"),
    ("Classify this review as positive or negative.", "classify"),
    ("What is the sentiment of this tweet?", "classify"),
    ("Rewrite this sentence in plain words.", "rewrite"),
    ("Turn these notes into a paragraph.", "rewrite"),
    ("Corrige les fautes de ce texte.", "rewrite"),
    ("Calculate 12 * 7.", "reason"),
    ("What is 15 % of 80?", "reason"),
    ("Explain recursion to me.", "explain"),
    ("Erkläre mir den Unterschied zwischen Wetter und Klima.", "explain"),
    ("Give me ideas for a birthday.", "brainstorm"),
    ("Suggest three names for a boat.", "brainstorm"),
    ("What time is breakfast?", "qa"),
    ("Wo steht die Lampe?", "qa"),
    ("Do I need an umbrella on 2031-04-10?", "qa"),
    ("My sourdough is flat every time.", "chat"),
    ("Thanks, good night!", "chat"),
    ("", "text"),
]


@pytest.mark.parametrize(("instruction", "expected"), INSTRUCTIONS)
def test_the_task_is_told_by_the_instructions_own_words(instruction, expected):
    assert task(instruction) == expected


TONES = [
    ("The meter was read on Monday and the bill follows by post.", "neutral"),
    (
        "Furthermore, the tenant shall notify the owner in writing. Consequently, any claim "
        "regarding damage is to be submitted herewith.",
        "formal",
    ),
    ("Hey, that's cool stuff! You're gonna love it, we'll grab one and see, okay?", "casual"),
    (
        "Unlock the amazing power of light!!! This revolutionary lamp is an incredible, "
        "game-changing experience! 🎉",
        "enthusiastic",
    ),
]


def test_tones_are_told_by_words_and_marks():
    answers = pa.array([text for text, _ in TONES])
    assert tones(answers, counted(answers)) == [tone for _, tone in TONES]


LETTERS = st.text(st.sampled_from("ab .\n\té\u2019🎉"), max_size=30)


@given(st.lists(LETTERS, max_size=8), st.integers(0, 3))
def test_words_are_counted_as_split_does(texts, start):
    column = pa.array(["x y", *texts], pa.string()).slice(min(start, len(texts)))
    expected = [len(text.split()) for text in column.to_pylist()]
    assert counted(column).tolist() == expected


def test_words_of_scripts_without_spaces_are_estimated_by_letters():
    found = counted(pa.array(["古池や蛙飛びこむ水の音", "no wide letters here"]))
    assert 5 <= found[0] <= 12
    assert found[1] == 4


def test_difficulty_rises_with_constraints_steps_and_length():
    asked = [
        "Say hi.",
        "Say hi in exactly three words.",
        "Write exactly three paragraphs of at most 50 words each, without the letter e, and never "
        "use passive voice; then summarise both. Only valid JSON, no table.",
    ]
    column = pa.array(asked)
    found = difficulty(column, pa.array(["Hi."] * 3))
    assert found.tolist() == sorted(set(found.tolist()))
    assert (difficulty(column, pa.array(["1. Do\n2. Then\n" * 9] * 3)) > found).all()
    assert ((found >= 0) & (found <= 1)).all()


def chats(count, seed, instruction="Describe the number {} of it."):
    texts = words.texts(count, seed, 40)
    return [
        Row(
            identity(str(seed), str(i)),
            "a",
            str(i),
            (("user", instruction.format(i)), ("assistant", text)),
            form="chat",
        )
        for i, text in enumerate(texts)
    ]


def done(path, found, batch=100, **settings):
    prepare = Prepare(sources=["x"], diversity=Diversity(**settings))
    inputs = Inputs(Path(), prepare, prepare.diversity, seed=0)
    tables = [table(found[at : at + batch]) for at in range(0, len(found), batch)]
    gathered = [path / str(i) for i in range(len(tables))]
    for batched, out in zip(tables, gathered, strict=True):
        STEP.gather(batched, inputs, out)
    (path / "decision").mkdir()
    figures = STEP.decide(gathered, inputs, path / "decision")
    kept = []
    for i, batched in enumerate(tables):
        shard = dataclasses.replace(inputs, shard=i, decision=path / "decision")
        outcome = STEP.apply(batched, shard)
        kept += each(outcome.rows)
        for name, value in outcome.figures.items():
            figures[name] = figures.get(name, 0) + value
    return kept, figures


def test_rows_keep_all_they_have_and_get_labels_that_figures_count(tmp_path):
    found = chats(40, 1)
    found[3] = found[3]._replace(notes={"language": "en"})
    document = Row("d", "a", "1", (("text", "Some text."),), form="text")
    chunk = Row("c", "a", "2", (("chunk", "Some text."),))
    kept, figures = done(tmp_path, [*found, document, chunk], batch=7)
    assert [row._replace(notes={}) for row in kept] == [
        row._replace(notes={}) for row in [*found, document, chunk]
    ]
    assert kept[3].notes["language"] == "en"
    assert kept[-1].notes == {}
    assert {row.notes["task"] for row in kept[:40]} == {"explain"}
    assert figures["diversity.task.explain"] == figures["diversity.asked"] == 40
    assert figures["diversity.task.text"] == 1
    for axis in ("tone", "length", "difficulty"):
        assert sum(v for k, v in figures.items() if k.startswith(f"diversity.{axis}.")) == 40


def test_repetition_is_the_same_in_other_batches_and_another_order(tmp_path):
    found = chats(300, 2)
    mixed = random.Random(0).sample(found, len(found))
    sorts = []
    for name, batch, order in (("a", 1000, found), ("b", 33, mixed)):
        (tmp_path / name).mkdir()
        sorts.append(done(tmp_path / name, order, batch)[1])
    assert sorts[0] == sorts[1]


def test_repeated_answers_and_openings_show_and_are_gaps(tmp_path):
    fresh = chats(100, 3)
    same = [row._replace(turns=(*row.turns[:1], fresh[0].turns[1])) for row in fresh]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, varied = done(tmp_path / "a", fresh)
    _, stale = done(tmp_path / "b", same)
    for name in ("distinct_1", "distinct_2", "distinct_3", "ngram_diversity"):
        assert stale[f"diversity.{name}"] < varied[f"diversity.{name}"] / 5
    assert varied["diversity.top_opening_share"] == 1.0
    assert {gap.name for gap in gaps(varied)} & {"opening", "distinct"} == {"opening"}
    assert {gap.name for gap in gaps(stale)} & {"opening", "distinct"} == {"opening", "distinct"}
    lines = (tmp_path / "a" / "decision" / "openings.tsv").read_text("utf-8")
    assert lines == "100\tdescribe the number\n"


def test_distinct_shares_are_those_of_a_count_by_hand(tmp_path):
    row = chats(1, 4)[0]
    row = row._replace(turns=(("user", "Say it."), ("assistant", "a b a b a c")))
    _, figures = done(tmp_path, [row])
    assert figures["diversity.distinct_1"] == 0.5  # a b c of 6
    assert figures["diversity.distinct_2"] == 0.6  # ab ba ac of 5
    assert figures["diversity.distinct_3"] == 0.75  # aba bab bac of 4
    assert figures["diversity.ngram_diversity"] == pytest.approx(0.5 + 0.6 + 0.75 + 1)


def test_gaps_name_what_is_missing_or_rare(tmp_path):
    found = chats(98, 5) + chats(2, 6, "Translate {} into French.")
    _, figures = done(tmp_path, found)
    said = {gap.name: gap for gap in gaps(figures, Diversity(min_share=0.03))}
    assert said["task.summarise"].why == "no rows"
    assert said["task.translate"].have == 2
    assert said["task.translate"].share == 0.02
    assert "below 3.0%" in said["task.translate"].why
    assert "task.explain" not in said
    assert len([name for name in said if name.startswith("task.")]) == len(TASKS) - 1


def test_an_axis_with_aims_is_judged_by_them_alone(tmp_path):
    aims = {"task": {"explain": 30, "write": 5}, "length": {"short": 60}}
    _, figures = done(tmp_path, chats(50, 7), aims=aims)
    said = {gap.name: gap.why for gap in gaps(figures, Diversity(aims=aims, min_share=0.0))}
    assert said["task.write"] == "0 of 5 rows wanted"
    assert "task.explain" not in said
    assert set(said) <= {"task.write", "length.short", "opening"}


def test_an_aim_that_no_row_can_meet_is_refused(tmp_path):
    with pytest.raises(FtcError, match=r"task\.sing"):
        done(tmp_path, chats(2, 8), aims={"task": {"sing": 3}})


def test_without_rows_there_are_no_gaps():
    assert gaps({}) == []


def test_an_opening_is_three_words_in_lower_case():
    assert opening("Write a  short, sad song") == "write a short"
    assert opening("Hi there") == ""


def test_labels_of_a_sample_of_each_task_agree_with_the_maker(tmp_path):
    made = [("Summarise the text {}.", "summarise"), ("Classify the text {}.", "classify")]
    rows = [row for i, (ask, _) in enumerate(made) for row in chats(20, 20 + i, ask)]
    kept, _ = done(tmp_path, rows)
    got = np.array([row.notes["task"] for row in kept])
    assert (got[:20] == made[0][1]).all()
    assert (got[20:] == made[1][1]).all()
