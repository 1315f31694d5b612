"""Planted faults are found, good rows are left alone, and what is decided stands in the ledger."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from made import quality as made

from ftc.data import layouts
from ftc.errors import FtcError
from ftc.prep import ledger, rows
from ftc.prep.quality import STEP
from ftc.prep.quality.step import quality
from ftc.prep.quality.table import FLAGS, JUDGE, WEIGHTS
from ftc.prep.rows import Row, each, identity, table
from ftc.prep.step import Inputs
from ftc.preparation import Prepare
from ftc.preparation.quality import Quality

DATA = Path(__file__).parents[1] / "recipes" / "data"
FILES = sorted(DATA.glob("*.jsonl"))


def done(path, found, *, language="en", batch=700, folder=Path(), **settings):
    """The outcomes of all batches, and the figures of `decide`."""
    prepare = Prepare(sources=["x"], language=language, quality=Quality(**settings))
    inputs = Inputs(folder, prepare, prepare.quality, seed=0)
    tables = [table(found[at : at + batch]) for at in range(0, len(found), batch)]
    gathered = [path / f"{i:05}" for i in range(len(tables))]
    for i, (batched, out) in enumerate(zip(tables, gathered, strict=True)):
        STEP.gather(batched, dataclasses.replace(inputs, shard=i), out)
    decision = path / "decision"
    decision.mkdir()
    figures = STEP.decide(gathered, inputs, decision)
    outcomes = [
        STEP.apply(batched, dataclasses.replace(inputs, shard=i, decision=decision))
        for i, batched in enumerate(tables)
    ]
    return outcomes, figures


def kept(outcomes):
    return {row.id: row for outcome in outcomes for row in each(outcome.rows)}


def lines(outcomes):
    return [line for outcome in outcomes for line in outcome.ledger.to_pylist()]


def chat(prompt, answer, mark="", **more):
    return Row(
        identity(mark, prompt, answer),
        "a.jsonl",
        f"line {mark}",
        (("user", prompt), ("assistant", answer)),
        form="chat",
        **more,
    )


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


def test_contradicting_rows_name_each_other_and_repeated_ones_the_first(tmp_path):
    found = made.good(30, 6)
    first = chat("How high is the tower?", "It is 30 metres high.", "1")
    other = chat("how high is  the tower?", "It is 40 metres high.", "2")
    again = chat("How high is the tower?", "it is 30 metres HIGH.", "3")
    outcomes, figures = done(tmp_path, [first, *found, other, again], batch=10)
    said = {(line["row"], line["reason"]): line["detail"] for line in lines(outcomes)}
    assert other.id in said[first.id, "contradicting rows"]
    assert first.id in said[other.id, "contradicting rows"]
    assert said[again.id, "same row twice"] == f"as row {first.id}"
    assert again.id not in kept(outcomes)
    assert figures == {"quality.same_rows": 1.0, "quality.contradicting_rows": 2.0}


def rated(prompt, turns, mark, **extra):
    form = "kto" if turns[0][0] == "completion" else "preference"
    return Row(identity(mark), "a", mark, (("user", prompt), *turns), form=form, extra=extra)


def test_pairs_that_prefer_the_opposite_contradict_and_others_do_not(tmp_path):
    found = [
        rated("Why?", (("chosen", "For a."), ("rejected", "For b.")), "1"),
        rated("Why?", (("chosen", "For b."), ("rejected", "For a.")), "2"),
        rated("Why?", (("chosen", "For a."), ("rejected", "For c.")), "3"),
        rated("Who?", (("completion", "It was me."),), "4", label=True),
        rated("Who?", (("completion", "It was me."),), "5", label=False),
        rated("Who?", (("completion", "It was Noor."),), "6", label=False),
    ]
    outcomes, _ = done(tmp_path, found, drop=[])
    against = [row.place for row in kept(outcomes).values() if "contradicting rows" in row.flags]
    assert sorted(against) == ["1", "2", "4", "5"]


def test_rows_of_other_forms_lack_what_they_need(tmp_path):
    found = [
        rated("Why?", (("chosen", "For a."), ("rejected", "For  a.")), "1"),
        rated("Why?", (("chosen", "For b."),), "2"),
        rated("Who?", (("completion", "It was me."),), "3"),
        rated("Who?", (("completion", " "),), "4", label=True),
        Row(identity("5"), "a", "5", (("text", "\n"),), form="text"),
        Row(identity("6"), "a", "6", (("user", "Who?"),), form="chat"),
        Row(identity("7"), "a", "7", (), form="chat"),
        Row(identity("8"), "a", "8", (("chunk", "..."),)),
    ]
    outcomes, _ = done(tmp_path, found)
    reasons = {line["place"]: line["reason"] for line in lines(outcomes)}
    assert reasons == {
        "1": "chosen is rejected",
        "2": "missing field",
        "3": "missing field",
        "4": "empty answer",
        "5": "empty answer",
        "6": "missing field",
        "7": "missing field",
    }
    assert list(kept(outcomes).values()) == [found[-1]]


def test_answers_rated_as_unwanted_may_have_faults_that_a_model_shall_not_learn(tmp_path):
    text = "I'm sorry, but I can't assist with that request."
    bad = rated("Who?", (("completion", text),), "1", label=False)
    good = rated("Who was it?", (("completion", text),), "2", label=True)
    outcomes, _ = done(tmp_path, [bad, good])
    assert kept(outcomes)[bad.id].flags == ()
    assert kept(outcomes)[good.id].flags == ("refusal",)


def test_tool_calls_are_no_empty_answers(tmp_path):
    turns = (("user", "Rain?"), ("assistant", ""), ("tool", "{}"), ("assistant", "No rain."))
    call = {"tool_calls": {"1": [{"name": "weather", "arguments": {}}]}}
    row = Row(identity("a"), "a", "1", turns, form="chat", extra=call)
    assert flags(tmp_path, row) == set()
    (tmp_path / "b").mkdir()
    assert flags(tmp_path / "b", row._replace(extra={})) == {"empty answer"}


def test_what_a_prompt_asks_for_is_no_fault(tmp_path):
    found = [
        chat("Write the HTML of a paragraph that says hi.", "<p>hi</p>"),
        chat("Repeat this three times: we are fine today.", "We are fine today.\n" * 3),
        chat("What does â€™ mean in my file?", "It is a broken apostrophe, read as cp1252."),
        chat("Write a song with a refrain.", "Carry me over the river\nNo one\n" * 4 + "End."),
    ]
    outcomes, _ = done(tmp_path, found)
    assert not lines(outcomes)


def test_settings_switch_checks_off_and_change_what_they_cost(tmp_path):
    row = chat("Write a text.", "As an AI language model, I write a text of two sentences. Here.")
    for name, settings, told in (
        ("a", {}, ("speaks as a model",)),
        ("b", {"off": ["speaks as a model"]}, ()),
        ("c", {"weights": {"refusal": 0.1}}, ("speaks as a model",)),
    ):
        (tmp_path / name).mkdir()
        outcomes, _ = done(tmp_path / name, [row], **settings)
        found = kept(outcomes)[row.id]
        assert found.flags == told
        assert found.notes["quality"] == {"a": 0.4, "b": 1.0, "c": 0.9}[name]
    (tmp_path / "d").mkdir()
    outcomes, _ = done(tmp_path / "d", [row], drop=["speaks as a model"])
    assert [line["reason"] for line in lines(outcomes)] == ["speaks as a model"]
    (tmp_path / "e").mkdir()
    outcomes, _ = done(tmp_path / "e", [row], min_quality=0.5)
    assert [line["reason"] for line in lines(outcomes)] == ["low quality"]
    assert "speaks as a model" in lines(outcomes)[0]["detail"]


def test_words_of_the_recipe_count_as_toxic(tmp_path):
    (tmp_path / "words.txt").write_text("# ours\nflibbertigibbet\n", "utf-8")
    row = chat("Who came?", "A Flibbertigibbet came, and nobody else was there.")
    inside = chat("Who left?", "A flibbertigibbets came, and nobody else was there.")
    settings = {"folder": tmp_path, "words_file": "words.txt"}
    outcomes, _ = done(tmp_path, [row, inside], **settings)
    assert [line["row"] for line in lines(outcomes) if line["reason"] == "toxic words"] == [row.id]
    inputs = Inputs(tmp_path, Prepare(sources=["x"]), Quality(words_file="words.txt"), 0)
    assert STEP.files(inputs) == [tmp_path / "words.txt"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"drop": ["empty"]}, "prepare.quality.drop"),
        ({"off": ["cut"]}, "prepare.quality.off"),
        ({"weights": {"charm": 0.5}}, "prepare.quality.weights"),
        ({"words_file": "nowhere.txt"}, "prepare.quality.words_file"),
    ],
)
def test_names_that_nothing_has_are_refused(tmp_path, wrong, said):
    with pytest.raises(FtcError, match=said):
        done(tmp_path, [chat("Who?", "Me.")], **wrong)


def test_a_judges_score_counts_with_its_weight():
    scores = dict.fromkeys(set(WEIGHTS) - {JUDGE}, 1.0)
    assert quality(scores, WEIGHTS, None) == 1.0
    assert quality(scores, WEIGHTS, 0.5) == 0.6
    assert quality(scores | {"refusal": 0.0}, WEIGHTS, 0) == pytest.approx(0.08)
    assert quality(scores, WEIGHTS, 7) == 1.0


def test_the_same_rows_in_other_batches_get_the_same_flags(tmp_path):
    sample = made.made(300, 8, each=5)
    flagged = []
    for batch in (1000, 61):
        (tmp_path / str(batch)).mkdir()
        outcomes, _ = done(tmp_path / str(batch), sample.rows, batch=batch)
        flagged.append({key: (row.flags, row.notes) for key, row in kept(outcomes).items()})
    assert flagged[0] == flagged[1]


def test_an_empty_batch_stays_empty(tmp_path):
    outcomes, _ = done(tmp_path, [chat("Who?", "Me.")])
    empty = outcomes[0].rows.slice(0, 0)
    inputs = Inputs(Path(), Prepare(sources=["x"]), Quality(), 0)
    STEP.gather(empty, inputs, tmp_path / "g")
    (tmp_path / "d").mkdir()
    STEP.decide([tmp_path / "g"], inputs, tmp_path / "d")
    outcome = STEP.apply(empty, dataclasses.replace(inputs, decision=tmp_path / "d"))
    assert outcome.rows.num_rows == outcome.ledger.num_rows == 0


def reviewed(path, *lines):
    columns = "id,instruction,output,turns,verdict\n"
    (path / "reviewed.csv").write_text(columns + "".join(f"{line}\n" for line in lines), "utf-8")
    return {"folder": path, "review": "reviewed.csv"}


def test_what_people_decided_comes_first(tmp_path):
    machine = "As an AI language model, I can tell you about the number {}."
    rows_ = [chat(f"Tell me about {i}.", machine.format(i), str(i)) for i in range(4)]
    settings = reviewed(
        tmp_path,
        f"{rows_[0].id},,,,keep",
        f"{rows_[1].id},Tell me about 1.,One is the first number.,,edit",
        f"{rows_[2].id},,,,drop",
        "nobody,,,,drop",
        f"{rows_[3].id},,,,perhaps",
    )
    outcomes, _ = done(tmp_path, rows_, drop=["speaks as a model"], batch=2, **settings)
    stay = kept(outcomes)
    assert list(stay) == [rows_[0].id, rows_[1].id]
    assert stay[rows_[0].id].flags == ("speaks as a model",)
    assert stay[rows_[1].id].flags == ()
    assert stay[rows_[1].id].notes["quality"] == 1.0
    told = [(line["row"], line["action"], line["reason"]) for line in lines(outcomes)]
    assert sorted(told) == sorted(
        [
            ("", "refused", "no such row; its text may have changed"),
            ("", "refused", "unknown verdict"),
            (rows_[0].id, "flagged", "speaks as a model"),
            (rows_[1].id, "changed", "edited in review"),
            (rows_[2].id, "dropped", "dropped in review"),
            (rows_[3].id, "dropped", "speaks as a model"),
        ]
    )


def test_a_row_of_which_people_left_nothing_is_dropped_all_the_same(tmp_path):
    row = chat("Who?", "...")
    outcomes, _ = done(tmp_path, [row], **reviewed(tmp_path, f"{row.id},,,,keep"))
    assert [line["reason"] for line in lines(outcomes)] == ["empty answer"]


def test_a_missing_file_of_reviewed_rows_is_told(tmp_path):
    with pytest.raises(FtcError, match=r"prepare\.quality\.review"):
        done(tmp_path, [chat("Who?", "Me.")], review="nowhere.jsonl")


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


ROLES = ("system", "user", "assistant", "tool", "chosen", "rejected", "completion", "text")
TURNS = st.tuples(st.sampled_from(ROLES), st.text(max_size=40))
ANY = st.lists(
    st.tuples(st.sampled_from(["chat", "text", "preference", "kto"]), st.lists(TURNS, max_size=4)),
    min_size=1,
    max_size=6,
)


@given(ANY)
@how(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_is_lost_whatever_it_is_made_of(tmp_path, drawn):
    found = [
        Row(f"{i:016x}", "a", str(i), tuple(turns), form=form)
        for i, (form, turns) in enumerate(drawn)
    ]
    with TemporaryDirectory(dir=tmp_path) as folder:
        outcomes, _ = done(Path(folder), found, batch=2)
    dropped = [line["row"] for line in lines(outcomes) if line["action"] == "dropped"]
    assert sorted([*dropped, *kept(outcomes)]) == [row.id for row in found]
    assert all(row.turns == found[int(row.id, 16)].turns for row in kept(outcomes).values())
