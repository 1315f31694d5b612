"""What a fault is and what is none, row by row; settings, reviews, and rows made of anything."""

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from made import quality as made
from made.quality_run import chat, done, kept, lines

from ftc.errors import FtcError
from ftc.prep.quality import STEP
from ftc.prep.quality.step import quality
from ftc.prep.quality.table import JUDGE, WEIGHTS
from ftc.prep.rows import Row, identity
from ftc.prep.step import Inputs
from ftc.preparation import Prepare
from ftc.preparation.quality import Quality


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
    bare = row._replace(id=identity("b"), extra={})
    outcomes, _ = done(tmp_path, [row, bare])
    told = [(line["row"], line["reason"]) for line in lines(outcomes)]
    assert told == [(bare.id, "empty answer")]


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
