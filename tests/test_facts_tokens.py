"""Token lengths are those of the model's own tokenizer and template; cuts lose no text."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import small_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftc import recipe
from ftc.backends import llamafactory_data
from ftc.data import chunks
from ftc.data.chat import turns
from ftc.data.example import Example, Message
from ftc.errors import FtcError
from ftc.facts import model, template, tokenizer, tokens
from ftc.run import environments

CHAT = (
    Message("user", "Does the dog bark?"),
    Message("assistant", "  Yes, all day: Straße\n"),
    Message("user", "<b>Where?</b>"),
    Message("assistant", "At the door."),
)
SYSTEM = (Message("system", "Answer in one short sentence."), *CHAT)
CALL = {"name": "look", "arguments": {"where": "café <1>", "deep": [1, None, True]}}
TOOL = (
    CHAT[0],
    Message("assistant", "", (CALL, CALL)),
    Message("tool", '{"bark": true}'),
    Message("tool", "2"),
    CHAT[3],
)
TOOLS = ({"type": "function", "function": {"name": "look", "description": "Sieh 'es' & <an>"}},)


def facts(folder, family="chatml", **more):
    return model.gather(recipe.Model(id=str(small_models.make(folder, family, **more))), folder, 1)


def chat(*messages, **more):
    return Example("id", "rows.jsonl", 7, messages=messages, **more)


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    return tokens.counter(facts(tmp_path_factory.mktemp("model"), "llama3"))


def test_chat(counter):
    found = counter.lengths([chat(*CHAT), chat(*CHAT[:2])], "sft")
    special = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
    text = template.render(counter.template, CHAT, special)
    whole = counter.tokenizer.encode(text, add_special_tokens=False)
    assert found.exact
    assert found.total[0] == len(whole)
    assert whole.tokens.count("<|begin_of_text|>") == 1
    assert found.total[1] < found.prompt[0] < found.total[0]
    assert [a + b for a, b in zip(found.prompt, found.answer, strict=True)] == list(found.total)


def test_preference_counts_the_longer_answer(counter):
    short, long = Message("assistant", "No."), Message("assistant", "No, it does not bark at all.")
    rows = [chat(CHAT[0], chosen=short, rejected=long), chat(CHAT[0], chosen=long, rejected=short)]
    found = counter.lengths(rows, "dpo")
    single = counter.lengths([chat(CHAT[0], long)], "sft")
    assert list(found.total) == [single.total[0]] * 2
    assert list(found.prompt) == [single.prompt[0]] * 2


def test_kto(counter):
    found = counter.lengths([chat(CHAT[0], completion=CHAT[1], label=True)], "kto")
    assert found == counter.lengths([chat(*CHAT[:2])], "sft")


def test_document_has_bos_and_eos(counter):
    text = "The cat sat on the mat."
    plain = len(counter.tokenizer.encode(text, add_special_tokens=False))
    found = counter.lengths([Example("id", "a.txt", 1, text=text)], "pretrain")
    assert (found.total, found.prompt, found.answer) == ((plain + 2,), (0,), (plain + 2,))
    assert counter.document(text) == plain + 2


def test_progress_and_chunks(counter):
    heard = []
    found = counter.lengths([chat(*CHAT)] * 2500, "sft", heard.append)
    assert heard == [1000, 2000, 2500]
    assert set(found.total) == {found.total[0]}


def test_refused_row_is_named(tmp_path):
    with pytest.raises(FtcError, match=r"^rows.jsonl:7: the model's chat template says: System"):
        tokens.counter(facts(tmp_path, "gemma")).lengths([chat(*SYSTEM)], "sft")


def test_base_model_is_counted_as_chatml(tmp_path):
    base = facts(tmp_path / "base", "chatml", template="")
    assert base.tokenizer.chat_template == ""
    same = tokens.counter(facts(tmp_path / "chat", "chatml")).lengths([chat(*SYSTEM)], "sft")
    assert tokens.counter(base).lengths([chat(*SYSTEM)], "sft") == same


def test_prompt_is_what_stands_before_the_answer(tmp_path):
    for family in small_models.FAMILIES:
        count = tokens.counter(facts(tmp_path / family, family))
        found = count.lengths([chat(*CHAT[:2])], "sft")
        answer = len(count.tokenizer.encode(CHAT[1].content, add_special_tokens=False))
        assert answer - 3 <= found.answer[0] <= answer + 9 + count.think, family


def test_without_a_tokenizer_lengths_are_estimated(tmp_path):
    known = model.gather(recipe.Model(id="Qwen/Qwen2.5-0.5B"), tmp_path, True)
    assert tokens.counter(known) is None
    found = tokens.estimate([chat(*CHAT), chat(*TOOL, tools=TOOLS)], "sft")
    assert not found.exact
    assert found.total[1] > found.total[0] > found.prompt[0] > 20
    assert tokens.estimate([Example("id", "a", 1, text="x" * 35)], "pretrain").total == (11,)
    pair = chat(CHAT[0], chosen=CHAT[1], rejected=CHAT[3])
    assert tokens.estimate([pair], "dpo").total < tokens.estimate([chat(*CHAT)], "sft").total


WORDS = st.sampled_from(["The cat", " sat", "\n\n", "Straße", "東京", "x" * 40, " a", ".", "🙂"])
TEXTS = st.lists(WORDS, min_size=1, max_size=400).map("".join)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.integers(32, 200))  # shorter ones may be refused: a cut can cost some tokens
def test_pieces_fit_and_lose_nothing(counter, text, max_length):
    example = Example("id", "a.txt", 3, text=text)
    parts = chunks.split([example], counter, max_length)
    assert "".join(part.text for part in parts) == text
    assert len(parts) == chunks.pieces(counter.document(text), max_length)
    assert max(counter.document(part.text) for part in parts) <= max_length
    assert {(part.file, part.line) for part in parts} == {("a.txt", 3)}
    assert len(parts) == 1 or "id" not in {part.id for part in parts}


def test_pieces_start_at_words(counter):
    text = "the cat sat on the mat and the dog barked at the door " * 40
    parts = chunks.split([Example("id", "a.txt", 1, text=text)], counter, 128)
    assert len(parts) > 3
    assert all(part.text[0] == " " or before.text[-1] == " " for before, part in pairwise(parts))


@pytest.mark.backend
@pytest.mark.parametrize("backend", ["llamafactory", "axolotl"])
def test_same_text_and_count_as_transformers(tmp_path, backend):
    environment = environments.require(backend)
    folders = {name: facts(tmp_path / name, name) for name in small_models.FAMILIES}
    shipped = Path(environment.python).parents[1].rglob("chat_templates/templates/*.jinja")
    templates = [(name, "") for name in folders]
    templates += [("chatml", path.read_text("utf-8")) for path in sorted(shipped)]
    assert len(templates) > len(folders) or backend == "llamafactory"
    rows = [(CHAT, ()), (SYSTEM, ()), (CHAT[:3], ()), (TOOL, TOOLS)]
    requests, own = [], []
    for name, text in templates:
        special = folders[name].tokenizer
        for messages, tools in rows:
            prompt = messages[-1].role == "user"
            requests.append(
                {
                    "folder": str(tmp_path / name),
                    "template": text,
                    "messages": list(turns(messages)),
                    "tools": list(tools),
                    "prompt": prompt,
                    "today": template.TODAY.isoformat(),
                }
            )
            own.append(_own(text, special, messages, tools, prompt))
    (tmp_path / "requests.json").write_text(json.dumps(requests))
    oracle = Path(__file__).with_name("transformers_oracle.py")
    files = [str(tmp_path / name) for name in ("requests.json", "answers.json")]
    subprocess.run([environment.python, oracle, *files], check=True, capture_output=True)
    answers = json.loads((tmp_path / "answers.json").read_text())
    assert len(answers) == len(own)
    for request, theirs, text in zip(requests, answers, own, strict=True):
        if "error" in theirs:
            assert text is None, (request, theirs)
            continue
        assert text == theirs["text"], request
        family = Path(request["folder"]).name
        core = tokens.counter(folders[family])
        assert theirs["tokens"] == sum(core._counts([theirs["text"]]))
        count = core.document(request["messages"][0]["content"])
        assert theirs["document"] + 1 == count  # transformers leaves the end of text to trainers


def _own(text, special, messages, tools, prompt):
    variables = tokenizer.variables(special.bos, special.eos, special.pad)
    try:
        return template.render(
            text or special.chat_template, messages, variables, tools=tools, prompt=prompt
        )
    except template.TemplateFault:
        return None


@pytest.mark.backend
def test_llamafactory_finds_no_row_longer(tmp_path):
    """Where its template differs from the model's own, a row must still fit into cutoff_len."""
    requests, own = [], []
    for name in small_models.FAMILIES:
        known = facts(tmp_path / name, name)
        count = tokens.counter(known)
        head, trims = known.tokenizer.default_system, known.tokenizer.trims
        for messages in (CHAT[:2], CHAT, SYSTEM[:3], SYSTEM):
            if messages[0].role == "system" and not known.tokenizer.system_turns:
                continue
            if head and messages[0].role != "system":
                messages = (Message("system", head), *messages)
            messages = [
                Message(turn.role, turn.content.strip() if turn.role in trims else turn.content)
                for turn in messages
            ]
            own.append(count.lengths([chat(*messages)], "sft").total[0])
            requests.append(
                {
                    "folder": str(tmp_path / name),
                    "template": llamafactory_data.TEMPLATES[name].name,
                    "messages": list(turns(messages)),
                }
            )
    (tmp_path / "requests.json").write_text(json.dumps(requests))
    oracle = Path(__file__).with_name("llamafactory_oracle.py")
    files = [str(tmp_path / name) for name in ("requests.json", "answers.json")]
    python = environments.require("llamafactory").python
    subprocess.run([python, oracle, *files], check=True, capture_output=True)
    theirs = json.loads((tmp_path / "answers.json").read_text())
    assert len(theirs) == len(own)
    assert [r for r, a, b in zip(requests, theirs, own, strict=True) if a > b] == []
