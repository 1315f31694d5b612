"""The sample data that ships with the recipes is clean: the things `ftc` warns users about."""

import itertools
import json
import re
import unicodedata
from pathlib import Path

import jsonschema
import pytest

FOLDER = Path(__file__).parents[1] / "recipes" / "data"
ROWS = {
    "chat": 40,
    "feedback": 24,
    "handbook": 40,
    "instagram-scripts": 96,
    "preferences": 40,
    "tool-use": 40,
}
KEYS = {
    "chat": {"conversations"},
    "feedback": {"prompt", "completion", "label"},
    "handbook": {"text"},
    "instagram-scripts": {"instruction", "input", "output"},
    "preferences": {"prompt", "chosen", "rejected"},
    "tool-use": {"messages", "tools"},
}
WRITTEN = {
    "feedback": ["completion"],
    "handbook": ["text"],
    "instagram-scripts": ["output"],
    "preferences": ["chosen", "rejected"],
}
ASKED = {"feedback": "prompt", "instagram-scripts": "input", "preferences": "prompt"}
BRAND = "Follow Lanternbyte"
# UTF-8 read as Latin-1 or Windows-1252, the replacement character, invisible characters
MOJIBAKE = re.compile(
    "[\u00c2\u00c3\u00e2][\u0080-\u00bf\u0152-\u2122]|[\ufffd\u200b-\u200f\ufeff]"
)


def rows(name):
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def answers(name):
    """Every text that a model would learn to write, one a row and field."""
    if name == "chat":
        return [
            " ".join(turn["value"] for turn in row["conversations"] if turn["from"] == "gpt")
            for row in rows(name)
        ]
    if name == "tool-use":
        return [row["messages"][-1]["content"] for row in rows(name)]
    return [row[field] for row in rows(name) for field in WRITTEN[name]]


def trigrams(text):
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def test_folder_holds_the_listed_files():
    assert {path.stem for path in FOLDER.rglob("*.jsonl")} == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_rows_and_columns(name):
    found = rows(name)
    assert len(found) == ROWS[name]
    assert all(set(row) == KEYS[name] for row in found)


@pytest.mark.parametrize("name", ROWS)
def test_no_empty_text_and_no_broken_characters(name):
    for text in strings(rows(name)):
        assert text.strip() == text != ""
        assert not MOJIBAKE.search(text), text
        assert unicodedata.normalize("NFC", text) == text
        assert all(char == "\n" or unicodedata.category(char) != "Cc" for char in text), text


@pytest.mark.parametrize("name", ROWS)
def test_no_answer_is_nearly_another(name):
    """Jaccard similarity of word 3-grams, the measure of MinHash deduplication, stays below 0.5."""
    for (one, a), (other, b) in itertools.combinations(
        [(text, trigrams(text)) for text in answers(name)], 2
    ):
        assert len(a & b) < 0.5 * len(a | b), f"{one}\n{other}"


@pytest.mark.parametrize("name", ASKED)
def test_no_question_twice(name):
    asked = [row[ASKED[name]].lower() for row in rows(name)]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("name", WRITTEN)
def test_lengths(name):
    low, high = (120, 400) if name == "handbook" else (40, 220)
    counts = [len(text.split()) for text in answers(name)]
    assert low <= min(counts)
    assert max(counts) <= high


def test_the_house_style_ends_with_its_call_to_action():
    liked = [row["output"] for row in rows("instagram-scripts")]
    liked += [row["chosen"] for row in rows("preferences")]
    liked += [row["completion"] for row in rows("feedback") if row["label"]]
    disliked = [row["rejected"] for row in rows("preferences")]
    disliked += [row["completion"] for row in rows("feedback") if not row["label"]]
    for text in liked:
        assert BRAND.lower() in text[-120:].lower(), text
    assert not any(BRAND in text for text in disliked)


def test_feedback_has_both_labels():
    labels = [row["label"] for row in rows("feedback")]
    assert all(isinstance(label, bool) for label in labels)
    assert labels.count(True) == labels.count(False)


def test_chats_alternate_and_end_with_the_model():
    systems = 0
    for row in rows("chat"):
        turns = [turn["from"] for turn in row["conversations"]]
        systems += turns[0] == "system"
        spoken = turns[1:] if turns[0] == "system" else turns
        assert spoken == ["human", "gpt"] * (len(spoken) // 2)
        assert 2 <= len(spoken) // 2 <= 4
    assert 0 < systems < ROWS["chat"]


def test_tool_calls_fit_their_schemas_and_are_answered():
    calls_a_row = []
    for row in rows("tool-use"):
        schemas = {
            tool["function"]["name"]: tool["function"]["parameters"] for tool in row["tools"]
        }
        open_calls, count = [], 0
        for message in row["messages"]:
            for call in message.get("tool_calls", []):
                function = call["function"]
                jsonschema.validate(json.loads(function["arguments"]), schemas[function["name"]])
                open_calls.append(call["id"])
                count += 1
            if message["role"] == "tool":
                assert message["tool_call_id"] == open_calls.pop(0)
                json.loads(message["content"])
            elif not message.get("tool_calls"):
                assert not open_calls and message["content"]
        assert row["messages"][-1]["role"] == "assistant"
        assert not open_calls
        calls_a_row.append(count)
    assert {0, 1, 2} == set(calls_a_row)
