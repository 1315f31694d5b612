"""Planted faults are found, and good rows are left alone, ours and made ones."""

import json
from collections import Counter
from pathlib import Path

import pytest
from made import quality as made
from made.quality_run import chat, done, kept, lines

from ftc.data import layouts
from ftc.prep import ledger, rows
from ftc.prep.quality.table import FLAGS
from ftc.prep.rows import Row, identity

DATA = Path(__file__).parents[1] / "recipes" / "data"
FILES = sorted(DATA.glob("*.jsonl"))


def flags(path, row, language="en", **settings):
    """The flags of one row by itself, whether it is dropped or not."""
    outcomes, _ = done(path, [row], language=language, drop=[], min_quality=0.0, **settings)
    return set(kept(outcomes)[row.id].flags)


@pytest.mark.parametrize("seed", [11, 12])
def test_planted_faults_are_found_and_good_rows_left_alone(tmp_path, seed):
    sample = made.made(2600, seed)
    outcomes, _ = done(tmp_path, sample.rows, drop=[], min_quality=0.0)
    found = {key: set(row.flags) for key, row in kept(outcomes).items()}
    assert len(found) == len(sample.rows)
    planted, hits, wrong = Counter(), Counter(), Counter()
    for row, truth in zip(sample.rows, sample.truth, strict=True):
        planted.update(truth)
        hits.update(truth & found[row.id])
        if not truth:
            wrong.update(found[row.id])
    assert set(planted) == set(FLAGS) - {"chosen is rejected"}
    missed = {flag: hits[flag] / count for flag, count in planted.items()}
    assert min(missed.values()) >= 0.95, missed
    good = sum(not truth for truth in sample.truth)
    assert all(count <= 0.01 * good for count in wrong.values()), wrong


def test_each_flag_of_a_kept_row_and_each_drop_stands_in_the_ledger(tmp_path):
    sample = made.made(400, 5, each=10)
    outcomes, figures = done(tmp_path, sample.rows)
    said = lines(outcomes)
    stay = kept(outcomes)
    dropped = {line["row"]: line for line in said if line["action"] == "dropped"}
    assert set(stay) | set(dropped) == {row.id for row in sample.rows}
    assert not set(stay) & set(dropped)
    texts = {row.id: "\n".join(text for _, text in row.turns) for row in sample.rows}
    assert all(line["before"] == texts[key] for key, line in dropped.items())
    told = Counter((line["row"], line["reason"]) for line in said if line["action"] == "flagged")
    assert told == Counter((key, flag) for key, row in stay.items() for flag in row.flags)
    reasons = Counter(line["reason"] for line in dropped.values())
    assert reasons["same row twice"] == figures["quality.same_rows"] == 10
    assert reasons["missing field"] == 10
    assert all(0.3 <= row.notes["quality"] <= 1 for row in stay.values())
    assert all(min(row.notes["scores"].values()) == 1 for row in stay.values() if not row.flags)
    assert all(outcome.rows.schema == rows.SCHEMA for outcome in outcomes)
    assert all(outcome.ledger.schema == ledger.SCHEMA for outcome in outcomes)


def shipped(path):
    """The rows of one of the files of data that ship with the recipes."""
    for number, text in enumerate(path.read_text("utf-8").splitlines()):
        raw = json.loads(text)
        where = (identity(text), path.name, str(number))
        if "text" in raw:
            yield Row(*where, (("text", raw["text"]),), form="text")
            continue
        read = layouts.preference if "chosen" in raw else layouts.kto if "label" in raw else None
        one = (read or (layouts.alpaca if "output" in raw else layouts.chat))(raw)
        turns = [(turn.role, turn.content) for turn in one.messages]
        extra = {} if one.label is None else {"label": one.label}
        calls = {str(i): list(turn.tool_calls) for i, turn in enumerate(one.messages)}
        calls = {number: called for number, called in calls.items() if called}
        if calls:
            extra["tool_calls"] = calls
        if one.chosen:
            turns += [("chosen", one.chosen.content), ("rejected", one.rejected.content)]
        if one.completion:
            turns.append(("completion", one.completion.content))
        form = "preference" if one.chosen else "kto" if one.completion else "chat"
        yield Row(*where, tuple(turns), form=form, extra=extra)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_own_good_rows_are_kept_and_hardly_flagged(tmp_path, path):
    found = list(shipped(path))
    outcomes, _ = done(tmp_path, found)
    stay = kept(outcomes)
    assert len(stay) == len(found) > 20
    wrong = Counter(flag for row in stay.values() for flag in row.flags)
    assert all(count <= 0.01 * len(found) for count in wrong.values()), wrong


SHORT = [
    ("Classify the sentiment: I love this lamp.", "positive"),
    ("Is the following sentence true or false? Snow is white.", "True"),
    ("Which operator adds two numbers?", "+"),
    ("What is 2 + 2?", "4"),
    ("Name the capital of France.", "Paris"),
    ("Extract the date: the fair opens on 3 May.", "3 May"),
    ("Which letter comes after b?", "c"),
    ("Is it spam? You have won a prize!", "SPAM"),
    ("Translate into German: the kettle is on the stove and nobody has touched it.",
     "Der Kessel steht auf dem Herd, und niemand hat ihn bis jetzt auch nur berührt."),
    ("Please answer in French: how is the kettle today, and who has been using it?",
     "La bouilloire est sur la table et elle est en bon état, merci de votre question."),
    ("Schreibe einen Satz über die Lampe, auf Deutsch bitte.",
     "Die Lampe steht seit gestern auf dem alten Tisch, und niemand hat sie benutzt."),
    ("俳句を書いてください。日本語 (Japanese) で。", "古池や 蛙飛びこむ 水の音"),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "answer"), SHORT)
def test_short_and_multilingual_answers_that_are_right_have_no_flag(tmp_path, prompt, answer):
    assert flags(tmp_path, chat(prompt, answer)) == set()


def test_short_answers_among_long_ones_stay(tmp_path):
    found = made.good(600, 3)
    found += [chat(f"Classify review {i}: fine.", "positive", str(i)) for i in range(8)]
    outcomes, _ = done(tmp_path, found)
    assert len(kept(outcomes)) == len(found)
    assert not [line for line in lines(outcomes) if "Classify" in line["before"]]


def test_a_row_without_its_list_and_one_in_capitals_are_odd_among_uniform_rows(tmp_path):
    found = made.uniform(300, 4)
    plain = chat("Describe the odd lamp in points.", " ".join(["This lamp is rather old."] * 5))
    loud = chat("Describe the loud lamp in points.", found[0].turns[1][1].upper())
    outcomes, _ = done(tmp_path, [*found, plain, loud], drop=[], min_quality=0.0)
    odd = {key for key, row in kept(outcomes).items() if "format unlike the rest" in row.flags}
    assert odd == {plain.id, loud.id}


SAID = Path(__file__).parent / "prep" / "quality"


@pytest.mark.parametrize(
    ("name", "flag", "least"),
    [
        ("refusals", {"refusal"}, 0.95),
        ("machines", {"speaks as a model"}, 0.95),
        ("innocent", {"refusal", "speaks as a model"}, 0.0),
    ],
)
def test_phrases_of_refusing_models_are_told_from_those_of_people(tmp_path, name, flag, least):
    texts = (SAID / f"{name}.txt").read_text("utf-8").splitlines()
    found = [chat(f"Tell me about number {i}.", text) for i, text in enumerate(texts)]
    outcomes, _ = done(tmp_path, found, language=None, min_quality=0.0)
    hits = {row.id for row in kept(outcomes).values() if flag & set(row.flags)}
    missed = [row.turns[1][1] for row in found if row.id not in hits]
    assert len(texts) > 30
    assert len(hits) == 0 if least == 0 else len(hits) >= least * len(texts), missed
