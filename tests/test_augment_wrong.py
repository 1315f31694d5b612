"""What people get wrong with `ftc augment`: one message says what, where, and what to try."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ftc.augment import files
from ftc.augment.calls import opened
from ftc.augment.engine import Waits, running
from ftc.augment.judge import rubric
from ftc.augment.prompts import Prompts
from ftc.augment.providers import Target
from ftc.augment.question import Fault, Question
from ftc.augmentation import Endpoint, Judge, Limits
from ftc.errors import FtcError
from ftc.recipe import parse

HEAD = 'name = "p"\nmodel = "m"\n[data]\npath = "rows.jsonl"\n'
MAKE = '[[augment.make]]\nkind = "paraphrase"\n'
PRICELESS = '[augment.models.writer]\nprovider = "openai"\nmodel = "m"\n'
MODEL = f"{PRICELESS}price_out = 1.0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[augment.make]\nkind = "paraphrase"\n',
            r"expected a list of tables: \[\[augment.make\]\]",
        ),
        ("[augment]\nmake = []\n", r"augment.make: is \[\]; expected something in it"),
        (f'[augment]\nout = ""\n{MAKE}', "augment.out: is ''; expected something in it"),
        (f"{MAKE}turns = 4\n", r"make\[1\]: expected no turns with kind = paraphrase"),
        (f'{MAKE}difficulty = "hard"\n', "expected no difficulty with kind = paraphrase"),
        (
            '[[augment.make]]\nkind = "translate"\nlanguage = "German"\ntone = "formal"\n',
            "expected no tone with kind = translate",
        ),
        (MAKE + MAKE, r"each \[\[augment.make\]\] once: 2 is the same as 1; per_row"),
        (f'[augment.models."gpt 4"]\n{MAKE}', "is 'gpt 4'; expected letters, digits, dots"),
        (f"{PRICELESS}{MAKE}[augment.limits]\ncost = 5.0\n", "with limits.cost: none costs"),
    ],
)
def test_a_recipe_that_would_not_do_what_it_says(text, message):
    with pytest.raises(FtcError, match=message) as error:
        parse(HEAD + text, "r.toml")
    assert str(error.value).startswith("r.toml:")


@pytest.mark.parametrize(
    "text",
    [
        MAKE + f'{MAKE}tone = "formal"\n',
        f'[augment.models."gpt-4.1"]\n{MAKE}model = "gpt-4.1"\n',
        f"{MODEL}{MAKE}[augment.limits]\ncost = 5.0\n",
        '[[augment.make]]\nkind = "multi-turn"\nturns = 4\ntone = "formal"\n',
    ],
)
def test_a_recipe_that_is_right(text):
    assert parse(HEAD + text, "r.toml").augmentation is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ text | xmlattr }}", "has no attribute"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "recursion"),
        ("{{ text * 10 ** 15 }}", "MemoryError|memory"),
        ("{{ text.__class__.__mro__ }}", "unsafe"),
        ("{{ text | attr('__class__') }}", "unsafe"),
    ],
)
def test_a_template_that_does_what_it_may_not(tmp_path, source, message):
    path = tmp_path / "bad.jinja"
    path.write_text(f"{{% block user %}}\n{source}{{% endblock %}}")
    with pytest.raises(FtcError, match=f"bad.jinja:2: the prompt cannot be filled: .*({message})"):
        Prompts(None).load("paraphrase", path).render({"text": "a"})


@pytest.mark.parametrize("name", ["/etc/passwd", "../rows.jsonl", "../../../../etc/passwd"])
def test_a_template_reads_only_its_folder(tmp_path, name):
    (tmp_path / "rows.jsonl").write_text("{}")
    (tmp_path / "prompts").mkdir()
    path = tmp_path / "prompts" / "own.jinja"
    path.write_text(f"{{% block user %}}{{% include '{name}' %}}{{% endblock %}}")
    with pytest.raises(FtcError, match=r"no template .* to include"):
        Prompts(None).load("paraphrase", path)


@pytest.mark.parametrize(
    "schema",
    [
        '{"type": "string"}',
        '{"type": "object", "properties": {"words": {"type": "string"}}, "required": ["words"]}',
        '{"type": "object", "properties": {"text": {"type": "string"}}}',
        '{"type": "object", "properties": {"text": {"type": "array"}}, "required": ["text"]}',
        "true",
    ],
)
def test_a_schema_without_what_the_kind_reads(tmp_path, schema):
    path = tmp_path / "own.jinja"
    path.write_text("{% block user %}{{ text }}{% endblock %}")
    path.with_suffix(".schema.json").write_text(schema)
    with pytest.raises(FtcError, match=r'own.schema.json: needs the required property {"text": '):
        Prompts(None).load("paraphrase", path)


@pytest.mark.parametrize(
    ("score", "fits"),
    [
        ('{"type": "integer", "enum": [1, 3, 5]}', True),
        ('{"enum": [1, 2, 3, 4, 5]}', True),
        ('{"type": "integer"}', False),
        ('{"enum": [1, 10]}', False),
    ],
)
def test_a_schema_of_marks_keeps_to_those_of_ftc(tmp_path, score, fits):
    (tmp_path / "judge-rubric.schema.json").write_text(
        f'{{"type": "object", "properties": {{"reason": {{"type": "string"}}, "score": {score}}},'
        ' "required": ["reason", "score"]}'
    )
    prompts = Prompts(tmp_path)
    if fits:
        assert score.replace(" ", "") in prompts.load("judge-rubric").schema
    else:
        with pytest.raises(FtcError, match='"score"'):
            prompts.load("judge-rubric")


def test_a_folder_of_results_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(FtcError, match="no folder can be made here: Not a directory") as error:
        files.write(tmp_path / "out" / "seeds" / "train.jsonl", [])
    assert "out = ..." in error.value.hint
    assert (tmp_path / "out").read_text() == "a file"


def test_a_rubric_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ours.txt").write_text("Is it ours?")
    found = rubric.read(Judge(rubric="~/ours.txt"), tmp_path / "elsewhere")
    assert found is not None and found.criterion == "Is it ours?"


@contextmanager
def web(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """The address of a web server that has no API: it says the same to everybody."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            for name, value in ({"content-length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(folder: Path, url: str):
    """What an engine brings back for one question."""
    endpoint = Endpoint(provider="openai", model="m", url=url, attempts=1, timeout=5)
    target = Target("writer", endpoint, "m", url)
    waits = Waits(first=0.01, longest=0.02)
    with opened(folder) as calls, running({"writer": target}, calls, Limits(), waits=waits) as it:
        return it.ask([Question("writer", (("user", "hello"),), "", 0, "say")])[0]


def test_a_web_page_is_shown_in_its_first_words(tmp_path):
    with web(200, b"<html>\n<h1>Welcome to nginx!</h1></html>") as url:
        found = asked(tmp_path, url)
    assert isinstance(found, Fault)
    assert found.reason == "broken response"
    assert found.detail == "no JSON: <html> <h1>Welcome to nginx!</h1></html>"


def test_a_server_that_sends_on_is_not_followed(tmp_path):
    with (
        web(301, b"", Location="https://elsewhere.example/v1") as url,
        pytest.raises(FtcError, match=r"no address of an API: 301$") as error,
    ):
        asked(tmp_path, url)
    assert error.value.hint.endswith("the server sends on to https://elsewhere.example/v1")
