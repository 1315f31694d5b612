"""What providers send and how they read what comes, over a real server."""

import asyncio
import json
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from augment.fault_server import FAULTS, Asked, FaultServer, Say

from ftc.augment.calls import opened
from ftc.augment.engine import Waits, running
from ftc.augment.providers import Answer, Target, Trouble, provider, targets
from ftc.augment.providers.status import Status, retry_after, trouble
from ftc.augment.providers.structured import UNBOUND, Bound, bare
from ftc.augment.question import Fault, Question
from ftc.augmentation import Endpoint, Limits
from ftc.errors import FtcError

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": 300},
            "score": {"type": "integer", "minimum": 1, "maximum": 5},
            "minLength": {"enum": [{"minLength": 1}]},
        },
        "required": ["text", "score"],
    }
)
TEXT = '{"type": "object", "properties": {"text": {"type": "string"}}}'
MESSAGES = (("system", "be brief"), ("user", "say it"), ("assistant", "no"), ("user", "please"))
QUESTION = Question("a", MESSAGES, SCHEMA)
KEY = "sk-very-secret-0815"


def ask(server: FaultServer, *questions: Question, key: str = "", **settings: Any) -> list[Any]:
    """Answers or troubles, one question after the other; the last element: notes."""
    values = {"provider": "openai", "model": "m", "url": server.url, **settings}
    target = Target("a", Endpoint(**values), "m", server.url, key)

    async def all_of_them() -> list[Any]:
        made = provider(target)
        found: list[Any] = []
        for question in questions:
            try:
                found.append(await made.ask(question, 7))
            except Trouble as error:
                found.append(error)
        await made.close()
        return [*found, made.notes()]

    return asyncio.run(all_of_them())


def test_openai_sends_all_that_the_recipe_says() -> None:
    with FaultServer() as server:
        free = Question("a", MESSAGES)
        ask(server, QUESTION, free, key=KEY, temperature=0.3, top_p=0.9, max_tokens=64)
        first, second = server.requests
    assert first.headers["authorization"] == f"Bearer {KEY}"
    schema = {"name": "answer", "strict": True, "schema": json.loads(SCHEMA)}
    assert first.body == {
        "model": "m",
        "messages": [{"role": role, "content": content} for role, content in MESSAGES],
        "max_tokens": 64,
        "temperature": 0.3,
        "top_p": 0.9,
        "seed": 7,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    del first.body["response_format"]
    assert second.body == first.body


def test_anthropic_sends_all_that_the_recipe_says() -> None:
    with FaultServer(key=KEY) as server:
        found = ask(server, QUESTION, key=KEY, provider="anthropic", max_tokens=64, top_p=0.5)
        (asked,) = server.requests
    assert asked.path == "/v1/messages" and asked.headers["anthropic-version"] == "2023-06-01"
    form = {"type": "json_schema", "schema": bare(json.loads(SCHEMA))}
    assert asked.body == {
        "model": "m",
        "system": "be brief",
        "messages": [{"role": role, "content": content} for role, content in MESSAGES[1:]],
        "max_tokens": 64,
        "temperature": 0.7,
        "top_p": 0.5,
        "output_config": {"format": form},
    }
    assert set(json.loads(found[0].text)) == {"text", "score", "minLength"}
    assert found[0].tokens_in == 6


def test_a_bare_schema_has_no_limits_and_no_other_properties() -> None:
    assert bare(json.loads(SCHEMA)) == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "minLength 1; maxLength 300"},
            "score": {"type": "integer", "description": "minimum 1; maximum 5"},
            "minLength": {"enum": [{"minLength": 1}]},
        },
        "required": ["text", "score"],
        "additionalProperties": False,
    }


def refuses(*names: str, status: int = 400) -> Any:
    """A server that does not know some keys of a request."""

    def plan(asked: Asked) -> Say:
        form = asked.body.get("response_format", {})
        there = {*asked.body, form.get("type")}
        if "minLength" in json.dumps(
            form.get("json_schema", {}).get("schema", {}).get("properties")
        ):
            there.add("minLength")
        for name in names:
            if name in there:
                return Say(status=status, error=f"{name} is not supported by this schema or model")
        return Say()

    return plan


@pytest.mark.parametrize(
    ("names", "asked", "last", "note"),
    [
        ((), 2, "json_schema", []),
        (("json_schema",), 4, "json_object", ["asked with json_object"]),
        (("response_format",), 5, None, ["asked with none"]),
        (("seed",), 3, "json_schema", ["takes no seed"]),
        (("seed", "temperature"), 4, "json_schema", ["takes no seed", "takes no temperature"]),
    ],
)
def test_what_a_server_refuses_is_left_out(
    names: tuple[str, ...], asked: int, last: str | None, note: list[str]
) -> None:
    with FaultServer(refuses(*names), answers=_good) as server:
        first, second, notes = ask(server, QUESTION, QUESTION)
        assert first.text == second.text == _good({})
        assert server.asked == asked
        body = server.requests[-1].body
    assert body.get("response_format", {}).get("type") == last
    assert not set(names) & set(body)
    assert ["it keeps to this json schema" in str(body["messages"]).lower()] == [
        last != "json_schema"
    ]
    assert len(notes) == len(note) and all(part in it for part, it in zip(note, notes, strict=True))


def _good(body: dict[str, Any]) -> str:
    return '{"text": "a", "score": 3, "minLength": {"minLength": 1}}'


def test_a_schema_with_limits_is_sent_without_them_where_they_are_refused() -> None:
    def plan(asked: Asked) -> Say:
        sent = asked.body["response_format"]["json_schema"]["schema"]
        if "maxLength" in sent["properties"]["text"]:
            return Say(status=400, error="Invalid schema: 'maxLength' is not permitted")
        return Say()

    with FaultServer(plan) as server:
        first, _, notes = ask(server, QUESTION, QUESTION)
        assert server.asked == 3
    assert isinstance(first, Answer) and notes == []


@pytest.mark.parametrize("wanted", ["json_schema", "json_object", "none"])
def test_the_recipe_fixes_the_way(wanted: str) -> None:
    with FaultServer(refuses("response_format")) as server:
        found, _ = ask(server, QUESTION, structured=wanted)
    if wanted == "none":
        assert isinstance(found, Answer)
    else:
        assert (found.reason, found.then) == ("refused by the server", "refused")


def test_a_server_that_does_not_heed_the_schema_is_asked_another_way() -> None:
    def plan(asked: Asked) -> Say:
        return Say("Sure!") if "JSON schema:" not in asked.prompt else Say(_good({}))

    with FaultServer(plan) as server:
        *found, notes = ask(server, *[QUESTION] * (UNBOUND + 2))
    assert [it.text for it in found] == ["Sure!"] * UNBOUND + [_good({})] * 2
    assert notes == ["the server does not bind answers to a schema; asked with json_object"]


def test_a_refused_way_is_loosened_once_by_questions_in_flight_together() -> None:
    bound = Bound("auto")
    for _ in range(5):
        assert bound.refused("json_schema", "no json_schema here")
    assert bound.way == "bare"
    for way in ("bare", "json_object", "json_object"):
        assert bound.refused(way, "response_format")  # type: ignore[arg-type]
    assert bound.way == "none" and not bound.refused("none", "response_format")


def test_max_completion_tokens() -> None:
    def plan(asked: Asked) -> Say:
        if "max_tokens" in asked.body:
            message = "Unsupported parameter: use 'max_completion_tokens' instead"
            return Say(status=400, error=message, param="max_tokens")
        return Say()

    with FaultServer(plan) as server:
        ask(server, QUESTION, QUESTION, max_tokens=33)
        assert server.asked == 3 and server.requests[-1].body["max_completion_tokens"] == 33


def test_anthropic_uses_a_tool_where_there_is_no_output_config() -> None:
    def plan(asked: Asked) -> Say:
        if "output_config" in asked.body:
            return Say(status=400, error="output_config: Extra inputs are not permitted")
        return Say()

    with FaultServer(plan) as server:
        found, *_ = ask(server, QUESTION, provider="anthropic", key=KEY)
        body = server.requests[-1].body
    assert body["tools"][0]["input_schema"] == json.loads(SCHEMA)
    assert body["tool_choice"] == {"type": "tool", "name": "answer"}
    assert set(json.loads(found.text)) == {"text", "score", "minLength"}


@pytest.mark.parametrize(
    ("fault", "reason", "then"),
    [
        (FAULTS["cut-answer"], None, None),
        (FAULTS["empty-choices"], None, None),
        (FAULTS["half-json"], "broken response", "again"),
        (FAULTS["503"], "server busy", "pause"),
        (Say(status=529, error="overloaded"), "server busy", "pause"),
        (Say(finish="refusal"), "refused by the model", "final"),
        (Say(status=400, error="prompt is too long: 9 tokens > 8"), "context too long", "final"),
    ],
)
def test_anthropic_answers(fault: Say, reason: str | None, then: str | None) -> None:
    with FaultServer(lambda asked: fault) as server:
        found, _ = ask(server, QUESTION, provider="anthropic")
    if reason:
        assert (found.reason, found.then) == (reason, then)
    else:
        assert found.cut is (fault.finish == "length") and found.text == (fault.text or "")


def test_anthropic_over_the_engine(tmp_path: Path) -> None:
    plan = lambda asked: list(FAULTS.values())[asked.number % 8] if asked.before == 0 else Say()  # noqa: E731
    with FaultServer(plan) as server, opened(tmp_path) as calls:
        ends = {
            "a": Endpoint(provider="anthropic", model="m", url=server.url, timeout=1, key_env="E")
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("E", KEY)
            made = targets(ends)
        asked = [Question("a", (("user", f"say {n}"),), TEXT) for n in range(20)]
        with running(made, calls, Limits(), waits=Waits(first=0.01, longest=0.02)) as it:
            assert [found for found in it.ask(asked) if isinstance(found, Fault)] == []


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_key_is_told_to_nobody(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", KEY)
    plan = lambda asked: Say(status=400, error=f"what is {KEY}?")  # noqa: E731
    with FaultServer(plan) as server, opened(tmp_path) as calls:
        made = targets({"a": Endpoint(provider=kind, model="m", url=server.url, key_env="MY_KEY")})
        with running(made, calls, Limits()) as it:
            (fault,) = it.ask([QUESTION])
            assert isinstance(fault, Fault) and "what is ***?" in fault.detail
            server.plan = lambda asked: Say(status=401, error=f"bad key {KEY}")
            with pytest.raises(FtcError, match="bad key") as error:
                it.ask([Question("a", MESSAGES)])
    told = [
        str(error.value),
        error.value.hint,
        repr(made),
        made["a"].identity,
        caplog.text,
        str(fault),
    ]
    assert not any(KEY in text for text in told)
    assert "MY_KEY" in error.value.hint
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes()


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MINE"):
        monkeypatch.delenv(name, raising=False)
    hosted = {"a": Endpoint(provider="openai", model="m")}
    with pytest.raises(FtcError, match="OPENAI_API_KEY is not set"):
        targets(hosted)
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    assert targets(hosted)["a"].key == KEY
    own = {"a": Endpoint(provider="openai", model="m", url="http://127.0.0.1:1/v1")}
    assert targets(own)["a"].key == ""  # the key of OpenAI goes nowhere else
    monkeypatch.setenv("MINE", "no\u2026key")
    with pytest.raises(FtcError, match="MINE holds what is in no key"):
        targets({"a": Endpoint(provider="anthropic", model="m", key_env="MINE")})
    with pytest.raises(FtcError, match="holds a user name or a password") as error:
        targets({"a": Endpoint(provider="openai", model="m", url=f"http://me:{KEY}@host/v1")})
    assert KEY not in f"{error.value} {error.value.hint}"
    with pytest.raises(FtcError, match="no address of a server"):
        targets({"a": Endpoint(provider="openai", model="m", url="localhost:8000")})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3.0), ("0", 0.0), ("-4", 0.0), ("soon", None), ("", None), ("nan", None), ("inf", None)],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


def test_a_long_pause_ends_the_run() -> None:
    target = Target("a", Endpoint(provider="openai", model="m"), "m", "http://h/v1")
    with pytest.raises(FtcError, match="wants a pause of 86400 seconds"):
        trouble(Status(429, {"retry-after": "86400"}, "{}"), target)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": {"message": "a b"}}', "a b"),
        ('{"detail": [{"msg": "no"}]}', '[{"msg": "no"}]'),
        ('{"object": "error", "message": "c"}', "c"),
        ("<html>\n  x</html>", "<html> x</html>"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_what_a_server_says(body: str, message: str) -> None:
    assert Status(400, {}, body).message == message


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_what_transformers_needs_is_told() -> None:
    made = targets({"a": Endpoint(provider="transformers", model="m")})
    with pytest.raises(FtcError, match='"transformers" needs torch') as error:
        provider(made["a"])
    assert "pip install torch transformers" in error.value.hint


def test_a_folder_of_a_model_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    def identity(folder: Path) -> str:
        ends = {"a": Endpoint(provider="transformers", model="model")}
        return targets(ends, folder=folder)["a"].identity

    for name, weights in (("one", b"1"), ("two", b"1"), ("three", b"2")):
        (tmp_path / name / "model").mkdir(parents=True)
        (tmp_path / name / "model" / "model.safetensors").write_bytes(weights)
        (tmp_path / name / "model" / "README.md").write_text(name)
    one, two, three = (identity(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two != three and str(tmp_path) not in one
