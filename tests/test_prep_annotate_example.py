"""The guide's example from raw recordings: what comes out of recipes/instagram-transcripts.toml."""

import itertools
import json
import re
from pathlib import Path

import pytest

from ftc import recipe
from ftc.prep import runner
from ftc.prep.rows import each
from ftc.prep.store import read_table

RECIPES = Path(__file__).parents[1] / "recipes"
RAW = RECIPES / "data" / "transcripts"
MOJIBAKE = re.compile("[\u00c2\u00c3\u00e2][\u0080-\u00bf\u0152-\u2122]|\ufffd")
SOUNDS = re.compile(r"\b(?:u+m+|u+h+m*|er|hm+)\b", re.IGNORECASE)
TWICE = re.compile(r"\b(the|a|and|we|it|to|of|in|on|but) \1\b", re.IGNORECASE)
CLOCK = re.compile(r"\d:\d\d:\d\d|-->|\(\d|^\d+:\d\d", re.MULTILINE)
PERSONAL = re.compile(r"@|\b555\b|7946|192\.0|\d{4} \d{4} \d{4}")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Rows by step; the steps run as `ftc prepare` runs them."""
    told = recipe.load(RECIPES / "instagram-transcripts.toml").preparation
    root = tmp_path_factory.mktemp("prepared")
    ran = runner.run(runner.Job(told, RECIPES, root, seed=1, cores=1))
    return {
        it.done.step: [
            row for batch in it.done.batches for row in each(read_table(it.folder.rows(batch.name)))
        ]
        for it in ran
    }


@pytest.fixture(scope="module")
def finished(prepared):
    return list(prepared.values())[-1]


def texts(rows):
    return [content for row in rows for _, content in row.turns]


def answers(rows):
    return [row.turns[-1][1] for row in rows]


def trigrams(text):
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def raw():
    return [path.read_text("utf-8", errors="replace") for path in sorted(RAW.iterdir())]


def test_the_raw_material_is_as_recorders_leave_it():
    found = raw()
    assert len(found) >= 60
    assert {path.suffix for path in RAW.iterdir()} == {".vtt", ".srt", ".txt"}
    for pattern, least in [(SOUNDS, 60), (CLOCK, 50), (MOJIBAKE, 10), (PERSONAL, 10), (TWICE, 15)]:
        assert sum(bool(pattern.search(text)) for text in found) >= least, pattern


def test_enough_rows_come_out_and_each_has_a_brief_and_a_script(finished):
    assert len(finished) >= 45
    assert all(row.form == "chat" for row in finished)
    assert {tuple(role for role, _ in row.turns) for row in finished} == {("user", "assistant")}
    for script in answers(finished):
        assert 60 <= len(script.split()) <= 220
        assert "follow lanternbyte" in script[-60:].lower()


@pytest.mark.parametrize("pattern", [SOUNDS, TWICE, MOJIBAKE, CLOCK, PERSONAL])
def test_nothing_of_the_recorder_is_left(finished, pattern):
    assert [text for text in texts(finished) if pattern.search(text)] == []


def test_a_time_that_people_speak_of_stays(finished):
    assert sum("Every evening at 19:15 eleven" in text for text in texts(finished)) == 1


def test_nobody_speaks_inside_of_a_turn(finished):
    names = re.compile(
        r"(?:^|[.!?] |- |>)(?:Producer|Host|Sound|Mara|Ilse|Tobin|Speaker \d)[^.]*?:"
    )
    assert [text for text in texts(finished) if names.search(text)] == []


def test_second_takes_and_copies_are_gone(prepared, finished):
    assert len(prepared["collect"]) - len(prepared["deduplicate"]) == 10
    stems = [re.sub(r"-(?:copy|take-2)$", "", Path(row.file).stem) for row in finished]
    assert len(set(stems)) == len(stems)


def test_no_script_is_nearly_another_or_one_of_the_other_data_set(finished):
    lines = (RECIPES / "data" / "instagram-scripts.jsonl").read_text("utf-8").splitlines()
    others = [json.loads(line) for line in lines]
    known = [trigrams(row["output"]) for row in others]
    own = [trigrams(script) for script in answers(finished)]
    for one, other in [*itertools.combinations(own, 2), *itertools.product(own, known)]:
        assert len(one & other) < 0.2 * len(one | other)
    asked = {row["instruction"].lower() for row in others}
    assert not asked & {row.turns[0][1].lower() for row in finished}


def test_each_row_leads_back_to_its_recording(prepared, finished):
    chunks = {row.id: row for row in prepared["deduplicate"]}
    for row in finished:
        (parent,) = row.parents
        start, end = row.notes["evidence"]
        said = " ".join(chunks[parent].turns[0][1][start:end].split())
        assert said.endswith(row.turns[1][1][-40:])
        assert row.turns[0][1][:20] in said
        assert row.file == chunks[parent].file


def test_pairs_across_the_cuts_of_a_long_recording(tmp_path):
    lines = []
    for i in range(40):
        lines.append(f"Producer: Tell me about street number {i}, please, in your own words.")
        lines.append(f"Host: Street number {i} has " + " ".join(f"house{i}x{j}" for j in range(60)))
    (tmp_path / "talk.txt").write_text("\n".join(lines) + "\n")
    text = """
        name = "long"
        model = "m"
        [prepare]
        sources = ["talk.txt"]
        skip = ["deduplicate", "quality"]
        [prepare.annotate.pairs]
        ask = ["Producer"]
        answer = ["Host"]
    """
    told = recipe.parse(text, "long.toml").preparation
    ran = runner.run(runner.Job(told, tmp_path, tmp_path / "out", seed=1, cores=1))
    assert ran[0].done.rows > 5  # chunks
    assert ran[-1].done.rows == 40
