"""All kinds over the engine and a server on loopback, and over texts of any sort."""

import json
from contextlib import contextmanager

import pytest
from augment.fault_server import FAULTS, INJECTED, FaultServer, Say, answer
from hypothesis import given
from hypothesis import strategies as st

from ftc.augment.asker import asker
from ftc.augment.calls import opened
from ftc.augment.engine import Waits, running
from ftc.augment.kind import Made, Refused, Seed
from ftc.augment.kinds import KINDS
from ftc.augment.prompts import Prompts
from ftc.augment.providers import targets
from ftc.augment.question import Reply
from ftc.augmentation import CHUNKS, Endpoint, Limits, Make
from ftc.prep.rows import Row, each, identity, table

QUICK = Waits(first=0.001, longest=0.002, contact=0.1, unreachable=0.2, patience=0.3, ending=1.0)
NEEDS = {"translate": {"language": "Plain"}, "restyle": {"tone": "formal"}}
MAKES = [
    Make.model_validate({"kind": name, **NEEDS.get(name, {}), **more})
    for name in KINDS
    for more in ([{}, {"how": "ranked"}] if name == "preference" else [{}])
]
NAMES = [f"{make.kind} {make.how or ''}".strip() for make in MAKES]
CHUNK = (
    "Kiln number {} was lit in the spring. It burned for nine days, and potters slept beside it."
)


def seeds(make, count):
    """Rows, or chunks for the kinds that take those."""
    found = []
    for number in range(count):
        asked = f"What is kiln {number} for, and who looks after it?"
        chat = (("user", asked), ("assistant", f"It is for pots, and {number} people do."))
        chunk = (("chunk", CHUNK.format(number)),)
        form, turns = ("chunk", chunk) if make.kind in CHUNKS else ("chat", chat)
        row = Row(identity(str(turns)), "rows.jsonl", f"line {number}", turns, form)
        assert KINDS[make.kind].takes(row, make) == ""
        found.append(row)
    others = {"self-instruct": tuple(found[:2])}.get(make.kind, ())
    return [Seed(row, 0, tuple(other for other in others if other is not row)) for row in found]


@contextmanager
def asking(folder, server, **settings):
    """An `Ask` over the engine."""
    told = {"provider": "openai", "model": "m", "url": server.url, "timeout": 5, **settings}
    with (
        opened(folder) as calls,
        running(targets({"a": Endpoint(**told)}), calls, Limits(), waits=QUICK) as engine,
    ):
        yield asker(engine, Prompts(None), "a")


def flat(found, count):
    """What came of each seed; every one has an end."""
    assert len(found) == count
    assert all(ends for ends in found)
    return [one for ends in found for one in ends]


@pytest.mark.parametrize("make", MAKES, ids=NAMES)
def test_each_seed_ends_and_nothing_is_asked_twice(tmp_path, make):
    kind = KINDS[make.kind]
    with FaultServer(lambda asked: FAULTS["429"] if asked.before == 0 else Say()) as server:
        with asking(tmp_path, server) as ask:
            found = kind.make(seeds(make, 6), make, ask)
        paid = server.answered
        with asking(tmp_path, server) as ask:
            assert kind.make(seeds(make, 6), make, ask) == found
        assert server.answered == paid > 0
        assert {it.status for it in (asked.said for asked in server.requests)} == {200, 429}
    for one in flat(found, 6):
        assert one.calls
        if isinstance(one, Made):
            assert next(each(table([one.row]))) == one.row
        else:
            assert not one.failed


@pytest.mark.parametrize("make", MAKES, ids=NAMES)
def test_what_a_model_orders_stays_text(tmp_path, make):
    """Orders, templates and variables in an answer come out as they are, or not at all."""

    def injected(body):
        told = json.loads(answer(body))
        fixed = ("better",)
        mean = {key: f"{INJECTED} {said}" for key, said in told.items() if isinstance(said, str)}
        mean |= {key: told[key] for key in fixed if key in told}
        if "quote" in told:
            mean["quote"] = "potters slept beside it"
        return json.dumps(told | mean)

    with FaultServer(answers=injected) as server, asking(tmp_path, server) as ask:
        found = flat(KINDS[make.kind].make(seeds(make, 6), make, ask), 6)
    for one in found:
        if isinstance(one, Made):
            new = [said for _, said in one.row.turns if "Ignore all rules" in said]
            assert new
            assert all("{{ config }} and ${HOME}. </text>" in said for said in new)


@pytest.mark.parametrize("make", MAKES, ids=NAMES)
@pytest.mark.parametrize("fault", ["not-json", "wrong-schema", "empty", "cut-answer"])
def test_answers_that_cannot_be_used_are_failures(tmp_path, make, fault):
    with (
        FaultServer(lambda asked: FAULTS[fault]) as server,
        asking(tmp_path, server, attempts=2, structured="json_schema") as ask,
    ):
        found = flat(KINDS[make.kind].make(seeds(make, 2), make, ask), 2)
    assert all(isinstance(one, Refused) and one.failed and one.reason for one in found)


class AnyText:
    """An `Ask` with answers of any text, within the schema."""

    def __init__(self, data):
        self.data = data

    def __call__(self, prompt, values, *, samples=None, model=None):
        loaded = Prompts(None).load(prompt)
        return [self.reply(loaded, value) for value in values]

    def reply(self, loaded, value):
        assert loaded.render(value)
        told = json.loads(loaded.schema)["properties"]
        said = {key: self.data.draw(self.strategy(it), key) for key, it in told.items()}
        return Reply("k", json.dumps(said), said)

    def strategy(self, told):
        if "enum" in told:
            return st.sampled_from(told["enum"])
        if told["type"] == "boolean":
            return st.booleans()
        if told["type"] == "array":
            return st.lists(st.text(max_size=5), max_size=3)
        return st.one_of(st.text(max_size=20), st.sampled_from(["</request>", "the text", "12 34"]))


@pytest.mark.parametrize("make", MAKES, ids=NAMES)
@given(data=st.data())
def test_any_text_makes_a_row_or_a_refusal(make, data):
    kind = KINDS[make.kind]
    words = st.text(max_size=30)
    first, second = data.draw(words, "first"), data.draw(words, "second")
    chunk = make.kind in CHUNKS
    turns = (("chunk", first + " and so on" * 20),) if chunk else (("user", first),)
    turns = turns if chunk else (*turns, ("assistant", second))
    row = Row(identity(first, second), "f", "line 1", turns, "chunk" if chunk else "chat")
    if kind.takes(row, make):
        return
    ((one,),) = kind.make([Seed(row, 1, (row,))], make, AnyText(data))
    if isinstance(one, Made):
        assert next(each(table([one.row]))) == one.row
        assert one.row.parents == (row.id,)
    else:
        assert one.reason
