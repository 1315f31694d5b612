"""Prompt templates, and Distilabel's tasks over the engine."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from augment.fault_server import FAULTS, INJECTED, FaultServer, Say
from hypothesis import given
from hypothesis import strategies as st

from ftc.augment.asker import asker, run_task
from ftc.augment.calls import opened
from ftc.augment.engine import Running, Waits, running
from ftc.augment.front import Task
from ftc.augment.llm import EngineLLM
from ftc.augment.prompts import Prompts, data
from ftc.augment.providers import targets
from ftc.augment.question import Fault, Reply, Stopped
from ftc.augmentation import Endpoint, Limits
from ftc.errors import FtcError

SAY = """{% block system %}{{ tone }}{% endblock %}
{% block user %}
{% if tone %}
Be {{ tone }}.
{% endif %}
{{ text | data("text") }}
{% endblock %}
"""
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "say.jinja").write_text(SAY)
    (folder / "say.schema.json").write_text(json.dumps(SCHEMA))
    (folder / "free.jinja").write_text("{% block user %}{{ text }}{% endblock %}")
    return Prompts(folder)


@contextmanager
def engine(folder: Path, server: FaultServer, **limits: Any) -> Iterator[Running]:
    end = Endpoint(provider="openai", model="m", url=server.url)
    waits = Waits(first=0.01, longest=0.02)
    with (
        opened(folder) as calls,
        running(targets({"a": end, "b": end}), calls, Limits(**limits), waits=waits) as it,
    ):
        yield it


def test_a_template_makes_messages(prompts: Prompts) -> None:
    say = prompts.load("say")
    assert say.render({"tone": "kind", "text": "Hi"}) == (
        ("system", "kind"),
        ("user", "Be kind.\n<text>\nHi\n</text>"),
    )
    assert say.render({"tone": "", "text": "Hi"}) == (("user", "<text>\nHi\n</text>"),)
    assert json.loads(say.schema) == SCHEMA
    assert prompts.load("free").schema == ""


@pytest.mark.parametrize(
    "text", ["{{ tone }}", "{% raw %}", INJECTED, "{# x #}", "\\n${HOME}", "%s"]
)
def test_what_stands_in_rows_is_text(prompts: Prompts, text: str) -> None:
    (_, said) = prompts.load("free").render({"text": f"<<{text}>>"})[0]
    assert said == f"<<{text}>>"
    assert text in prompts.load("say").render({"tone": "", "text": text})[0][1]


@given(st.text(alphabet="<>/ tex-12T\n"), st.sampled_from(["text", "x"]))
def test_a_text_cannot_close_its_own_place(text: str, name: str) -> None:
    found = data(text, name)
    first, _, rest = found.partition("\n")
    tag = first.removeprefix("<").removesuffix(">")
    assert rest == f"{text}\n</{tag}>"
    assert f"</{tag}>" not in text and f"<{tag}>" not in text
    assert (
        tag == name
        or f"<{name}" in text.lower().replace(" ", "")
        or f"</{name}" in text.lower().replace(" ", "").replace("\n", "")
    )


def test_a_user_replaces_templates_by_name_and_by_file(tmp_path: Path, prompts: Prompts) -> None:
    ours = Prompts(None).load("paraphrase")
    assert ours.schema and "ftc" not in ours.hash and len(ours.hash) == 64
    own = tmp_path / "own.jinja"
    own.write_text("{% block user %}mine {{ text }}{% endblock %}")
    mine = Prompts(None).load("paraphrase", own)
    assert mine.render({"text": "x"}) == (("user", "mine x"),)
    assert mine.schema == ours.schema and mine.hash != ours.hash
    schema = ours.schema.replace('"minLength":1', '"maxLength":300')
    own.with_suffix(".schema.json").write_text(f"{schema}\n")
    assert Prompts(None).load("paraphrase", own).schema == schema
    (tmp_path / "prompts" / "paraphrase.jinja").write_text(own.read_text())
    assert prompts.load("paraphrase").hash == mine.hash


def test_the_hash_is_of_all_that_a_prompt_is_made_of(tmp_path: Path, prompts: Prompts) -> None:
    folder = tmp_path / "prompts"
    (folder / "rules.jinja").write_text("one")
    (folder / "a.jinja").write_text("{% block user %}{% include 'rules.jinja' %}{% endblock %}")
    before = Prompts(folder).load("a")
    (folder / "rules.jinja").write_text("two")
    after = Prompts(folder).load("a")
    assert (before.hash, before.render({})) != (after.hash, after.render({}))
    (folder / "a.schema.json").write_text("{}")
    assert Prompts(folder).load("a").hash != after.hash
    (folder / "a.schema.json").write_text("{ }\n")
    assert Prompts(folder).load("a").schema == "{}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% block user %}\n{{ text", r"bad.jinja:2: "),
        ("{% block user %}{{ text | none }}{% endblock %}", r"bad.jinja:1: No filter named"),
        ("no blocks", "no block user"),
        ("{% block user %}{% include 'gone' %}{% endblock %}", "no template gone to include"),
        ("{% block user %}{% include text %}{% endblock %}", "no fixed name"),
    ],
)
def test_a_broken_template_is_refused(tmp_path: Path, source: str, message: str) -> None:
    path = tmp_path / "bad.jinja"
    path.write_text(source)
    with pytest.raises(FtcError, match=message):
        Prompts(tmp_path).load("bad")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% block user %}\n{{ txet }}{% endblock %}", "bad.jinja:2: .*'txet' is undefined"),
        ("{% block user %}{{ text.__class__.mro() }}{% endblock %}", "unsafe"),
        ("{% block user %}\n\n{{ text / 2 }}{% endblock %}", "bad.jinja:3: "),
        ("{% block user %}{{ text | data(3) | int('x') + text }}{% endblock %}", "bad.jinja:1: "),
        ("{% block user %}{% for i in range(10**9) %}{% endfor %}{% endblock %}", "Range too big"),
    ],
)
def test_a_template_that_cannot_be_filled(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "bad.jinja").write_text(source)
    with pytest.raises(FtcError, match=message) as error:
        Prompts(tmp_path).load("bad").render({"text": "a"})
    assert error.value.hint == "the values of this prompt are text"


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FtcError, match=r"no prompt template gone\.jinja"):
        Prompts(None).load("gone")
    with pytest.raises(FtcError, match=r"gone\.jinja: cannot be read"):
        Prompts(None).load("paraphrase", tmp_path / "gone.jinja")
    with pytest.raises(FtcError, match="no such folder"):
        Prompts(tmp_path / "gone")
    (tmp_path / "a.jinja").write_text("{% block user %}{% endblock %}")
    for text, message in [("{", "not JSON"), ('{"type": "thing"}', "no JSON schema")]:
        (tmp_path / "a.schema.json").write_text(text)
        with pytest.raises(FtcError, match=message):
            Prompts(tmp_path).load("a")


def test_questions_go_through_a_task(tmp_path: Path, prompts: Prompts) -> None:
    bad = lambda asked: FAULTS["not-json"] if "no 1" in asked.prompt else Say()  # noqa: E731
    values = [{"tone": "", "text": f"no {number}"} for number in range(3)]
    with FaultServer(bad) as server, engine(tmp_path, server) as it:
        ask = asker(it, prompts, "a")
        found = ask("say", values)
        assert [type(reply) for reply in found] == [Reply, Fault, Reply]
        assert found[0].value == json.loads(found[0].text) and set(found[0].value) == {"text"}
        assert server.requests[0].body["messages"][0]["content"] == "<text>\nno 0\n</text>"
        assert ask("say", []) == []
        before = server.asked
        again = ask("say", values[:1], samples=[1]) + ask("say", values[:1], model="b")
        assert server.asked == before + 1  # "b" is the same model
        assert again[0].text != found[0].text == again[1].text
        assert it._calls.totals()[0].endpoint == "a"


def test_a_file_of_the_user_is_asked(tmp_path: Path, prompts: Prompts) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{% block user %}mine: {{ text }}{% endblock %}")
    with FaultServer() as server, engine(tmp_path, server) as it:
        asker(it, prompts, "a", {"say": path})("say", [{"text": "x", "tone": ""}])
        assert server.requests[0].prompt == "mine: x"


def test_askers_are_called_from_threads(tmp_path: Path, prompts: Prompts) -> None:
    found: dict[int, Any] = {}
    with FaultServer() as server, engine(tmp_path, server) as it:
        ask = asker(it, prompts, "a")

        def one(number: int) -> None:
            values = [{"tone": "", "text": f"{number} {n}"} for n in range(5)]
            found[number] = ask("say", values)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.asked == 40
    assert len({reply.text for replies in found.values() for reply in replies}) == 40


def test_a_limit_goes_through_distilabel(tmp_path: Path, prompts: Prompts) -> None:
    with FaultServer() as server, engine(tmp_path, server, tokens=1) as it:
        ask = asker(it, prompts, "a")
        ask("free", [{"text": "x"}])
        with pytest.raises(Stopped, match="limit of 1 tokens"):
            ask("free", [{"text": "y"}])


def test_a_key_that_is_wrong_goes_through_distilabel(tmp_path: Path, prompts: Prompts) -> None:
    with (
        FaultServer(lambda asked: FAULTS["invalid-key"]) as server,
        engine(tmp_path, server) as it,
        pytest.raises(FtcError, match="does not take the key"),
    ):
        asker(it, prompts, "a")("free", [{"text": "x"}])


LEAKS = pytest.mark.filterwarnings(  # Distilabel leaves its templates open
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
RATED = "\n\n".join(
    f"#### Output for Text {number}\nRating: {number}\nRationale: because {number}"
    for number in (1, 2)
)


@LEAKS
def test_ultrafeedback_over_the_engine(tmp_path: Path) -> None:
    from distilabel.steps.tasks import UltraFeedback  # noqa: PLC0415 - after ftc, which quiets it

    rows = [{"instruction": f"say {n}", "generations": ["a", "b"]} for n in range(3)]
    with FaultServer(answers=lambda body: RATED) as server, engine(tmp_path, server) as it:
        llm = EngineLLM(engine=it, endpoint="a", prompt="")
        task = UltraFeedback(llm=llm, aspect="honesty")
        found = run_task(task, rows, it, "a")
        assert server.asked == 3
        assert run_task(task, rows, it, "a")[0]["ratings"] == found[0]["ratings"]
        assert server.asked == 3
        run_task(task, rows, it, "a", samples=[1, 1, 1])
        assert server.asked == 6
    assert [row["ratings"] for row in found] == [[1, 2]] * 3
    assert found[0]["rationales"] == ["because 1", "because 2"]
    assert type(found[0]["reply"]) is Reply and found[0]["instruction"] == "say 0"


@LEAKS
def test_prometheus_over_the_engine(tmp_path: Path) -> None:
    from distilabel.steps.tasks import PrometheusEval  # noqa: PLC0415 - after ftc, which quiets it

    rows = [{"instruction": "say", "generation": text} for text in ("one", "two", "three")]

    def plan(asked: Any) -> Say:
        if "two" in asked.prompt:
            return FAULTS["empty"]
        return Say("It is good. [RESULT] 4" if "one" in asked.prompt else "no score")

    with FaultServer(plan) as server, engine(tmp_path, server) as it:
        llm = EngineLLM(engine=it, endpoint="a", prompt="")
        task = PrometheusEval(llm=llm, mode="absolute", rubric="helpfulness")
        found = run_task(task, rows, it, "a")
    assert [row["result"] for row in found] == [4, None, None]
    assert [type(row["reply"]) for row in found] == [Reply, Fault, Reply]


def test_an_answer_that_breaks_a_task(tmp_path: Path) -> None:
    class Broken(Task):  # type: ignore[misc]
        def format_input(self, input: dict[str, Any]) -> list[dict[str, str]]:
            return [{"role": "user", "content": input["text"]}]

        def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
            return {"found": {"one": 1}[output or ""]}

        @property
        def outputs(self) -> list[str]:
            return ["found"]

    with (
        FaultServer(lambda asked: Say(asked.prompt)) as server,
        engine(tmp_path, server) as it,
    ):
        task = Broken(llm=EngineLLM(engine=it, endpoint="a", prompt=""))
        found = run_task(task, [{"text": "one"}, {"text": "two"}], it, "a")
    assert [row["found"] for row in found] == [1, None]
    assert not any(name.startswith("llm_") for row in found for name in row)
    assert [type(row["reply"]) for row in found] == [Reply, type(None)]


def test_several_generations_are_several_samples(tmp_path: Path) -> None:
    with FaultServer() as server, engine(tmp_path, server) as it:
        llm = EngineLLM(engine=it, endpoint="a", prompt="")
        chat = [{"role": "user", "content": "x"}]
        found = llm.generate([chat, chat], num_generations=3)
        assert server.asked == 3
    assert found[0] == found[1] and len(set(found[0]["generations"])) == 3


QUIET = """
import sys, warnings
hook = sys.excepthook
warnings.simplefilter("error")
from ftc.augment.asker import asker
assert sys.excepthook is hook
from ftc.augment.prompted import Prompted
from ftc.augment.front import Task
from ftc.augment.llm import EngineLLM
Prompted(llm=EngineLLM(engine=None, endpoint="a", prompt="p"), template=None).load()
"""


def test_distilabel_is_quiet() -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUIET], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
