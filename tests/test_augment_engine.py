"""The engine against a real server that goes wrong: what is retried, given up, kept and paid."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from augment.fault_server import FAULTS, Asked, FaultServer, Say, retry_date

from ftc.augment.calls import Calls, opened
from ftc.augment.engine import Progress, Running, Waits, running
from ftc.augment.lane import LOST
from ftc.augment.providers import Target, targets
from ftc.augment.question import Fault, Question, Reply, Stopped
from ftc.augmentation import Endpoint, Limits
from ftc.errors import FtcError

QUICK = Waits(first=0.01, longest=0.05, contact=0.1, unreachable=0.2, patience=0.3, ending=2.0)
SCHEMA = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}'


def questions(count: int, *, start: int = 0, schema: str = SCHEMA) -> list[Question]:
    return [
        Question("a", (("user", f"say {number}"),), schema, prompt="say")
        for number in range(start, start + count)
    ]


@contextmanager
def engine(
    folder: Path,
    url: str,
    *,
    limits: Limits | None = None,
    waits: Waits = QUICK,
    progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> Iterator[tuple[Running, Calls]]:
    endpoint = Endpoint(
        **{"provider": "openai", "model": "m", "url": url, "timeout": 5, **settings}
    )
    with ExitStack() as stack:
        calls = stack.enter_context(opened(folder))
        made = running(
            targets({"a": endpoint}), calls, limits or Limits(), progress=progress, waits=waits
        )
        yield stack.enter_context(made), calls


def once(fault: Say) -> Callable[[Asked], Say]:
    return lambda asked: fault if asked.before == 0 else Say()


MENDED = {
    "429": "rate limit",
    "500": "server error",
    "503": "server busy",
    "408": "no answer in time",
    "cut": "connection cut",
    "cut-half": "connection cut",
    "half-json": "broken response",
    "html": "server error",
    "not-json": "not JSON",
    "wrong-schema": "not the schema",
    "cut-answer": "cut at max_tokens",
    "empty-choices": "empty answer",
    "empty": "empty answer",
    "blank": "empty answer",
    "huge": "answer over 1 MB",
    "injected": "not JSON",
}


@pytest.mark.parametrize("name", sorted(MENDED))
def test_what_goes_wrong_once_is_mended(tmp_path: Path, name: str) -> None:
    with FaultServer(once(FAULTS[name])) as server, engine(tmp_path, server.url) as (it, calls):
        found = it.ask(questions(2))
        assert [type(reply) for reply in found] == [Reply] * 2
        assert server.asked == 4
        assert calls.faults() == {MENDED[name]: 2}
        (totals,) = calls.totals()
        assert (totals.answered, totals.failed, totals.attempts) == (2, 0, 4)


def test_disturbed_answers_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    with FaultServer() as server, engine(tmp_path / "1", server.url) as (it, _):
        calm = [reply.text for reply in it.ask(questions(6))]
        port = server.port
    for name in ("429", "500", "cut-half", "half-json"):
        with (
            FaultServer(once(FAULTS[name]), port=port) as server,
            engine(tmp_path / name, server.url) as (it, _),
        ):
            assert [reply.text for reply in it.ask(questions(6))] == calm


@pytest.mark.parametrize("name", ["500", "cut", "half-json", "empty", "wrong-schema", "injected"])
def test_what_goes_on_going_wrong_is_a_fault(tmp_path: Path, name: str) -> None:
    bad = FAULTS[name]
    plan = lambda asked: bad if asked.prompt.startswith("say 1") else Say()  # noqa: E731
    with FaultServer(plan) as server, engine(tmp_path, server.url, attempts=3) as (it, calls):
        found = it.ask(questions(3))
        assert [type(reply) for reply in found] == [Reply, Fault, Reply]
        assert found[1].reason == MENDED[name] and found[1].attempts == 3
        assert it.ask(questions(3)) == [
            found[0]._replace(paid=False),
            found[1],
            found[2]._replace(paid=False),
        ]
        assert server.asked == 5
        assert calls.known([found[1].key])[found[1].key].state == "failed"


def test_answers_that_cannot_be_used_are_not_paid_for_again(tmp_path: Path) -> None:
    with FaultServer(lambda asked: FAULTS["empty"]) as server:
        with engine(tmp_path, server.url) as (it, _):
            first = it.ask(questions(1))[0]
        seeds = [asked.body["seed"] for asked in server.requests]
        assert type(first) is Fault
        assert len(set(seeds)) == 4
        with engine(tmp_path, server.url) as (it, _):
            assert it.ask(questions(1)) == [first]
        assert server.asked == 4
    with (
        FaultServer(port=server.port) as server,
        engine(tmp_path, server.url, attempts=5) as (it, calls),
    ):
        assert type(it.ask(questions(1))[0]) is Reply
        assert server.requests[0].body["seed"] not in seeds
        assert calls.totals()[0].failed == 0


def test_errors_of_the_server_are_no_answers(tmp_path: Path) -> None:
    with (
        FaultServer(lambda asked: FAULTS["500"]) as server,
        engine(tmp_path, server.url) as (it, _),
    ):
        assert type(it.ask(questions(1))[0]) is Fault
    with FaultServer(port=server.port) as server, engine(tmp_path, server.url) as (it, _):
        assert type(it.ask(questions(1))[0]) is Reply


def test_an_answer_is_paid_once(tmp_path: Path) -> None:
    with FaultServer() as server:
        with engine(tmp_path, server.url) as (it, _):
            first = it.ask(questions(5))
        with engine(tmp_path, server.url) as (it, _):
            again = it.ask(questions(6))
        assert server.asked == 6
    assert [reply._replace(paid=True) for reply in again[:5]] == first
    assert [reply.paid for reply in again] == [False] * 5 + [True]


@pytest.mark.parametrize("change", [{"temperature": 0.1}, {"model": "n"}, {"max_tokens": 9}])
def test_another_model_is_asked_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    with FaultServer() as server:
        for settings in ({}, change):
            with engine(tmp_path, server.url, **settings) as (it, _):
                it.ask(questions(2))
        assert server.asked == 4


def test_equal_questions_are_asked_once(tmp_path: Path) -> None:
    with (
        FaultServer(lambda asked: Say(delay=0.1)) as server,
        engine(tmp_path, server.url) as (it, _),
    ):
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda: found.append(it.ask(questions(3) * 2)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.asked == 3
    assert found == [found[0]] * 4 and found[0][:3] == found[0][3:]


def test_another_sample_is_another_question(tmp_path: Path) -> None:
    one = questions(1)[0]
    with FaultServer() as server, engine(tmp_path, server.url) as (it, _):
        found = it.ask([one, replace(one, sample=1)])
        assert server.asked == 2
    assert found[0].text != found[1].text


def test_so_many_are_in_flight_and_no_more(tmp_path: Path) -> None:
    with (
        FaultServer(lambda asked: Say(delay=0.02)) as server,
        engine(tmp_path, server.url, in_flight=7) as (it, _),
    ):
        it.ask(questions(40))
        assert server.most_in_flight == 7


def test_so_many_a_minute_and_no_more(tmp_path: Path) -> None:
    with FaultServer() as server, engine(tmp_path, server.url, per_minute=1200) as (it, _):
        it.ask(questions(8))
        times = sorted(asked.at for asked in server.requests)
    assert times[-1] - times[0] >= 7 * 0.05 - 0.03


@pytest.mark.parametrize("fault", [lambda: FAULTS["429-after"], lambda: retry_date(2.5)])
def test_the_server_is_left_alone_for_as_long_as_it_says(
    tmp_path: Path, fault: Callable[[], Say]
) -> None:
    plan = lambda asked: fault() if asked.number == 0 else Say()  # noqa: E731
    with FaultServer(plan) as server, engine(tmp_path, server.url, in_flight=1) as (it, _):
        it.ask(questions(3))
        times = [asked.at for asked in server.requests]
    assert len(times) == 4 and times[1] - times[0] >= 0.95


def test_a_rate_limit_costs_no_attempt(tmp_path: Path) -> None:
    plan = lambda asked: FAULTS["429"] if asked.before < 6 else Say()  # noqa: E731
    waits = Waits(first=0.001, longest=0.002, patience=60)
    with (
        FaultServer(plan) as server,
        engine(tmp_path, server.url, attempts=1, in_flight=1, waits=waits) as (it, _),
    ):
        assert [type(reply) for reply in it.ask(questions(2))] == [Reply] * 2


def test_a_question_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    plan = lambda asked: FAULTS["hang"] if asked.prompt == "say 1" else Say()  # noqa: E731
    with (
        FaultServer(plan) as server,
        engine(tmp_path, server.url, timeout=1, attempts=2) as (it, _),
    ):
        found = it.ask(questions(3))
        assert [type(reply) for reply in found] == [Reply, Fault, Reply]
        assert found[1].reason == "no answer in time"


HOPELESS = {
    "invalid-key": "does not take the key",
    "forbidden": "access is refused",
    "no-model": "no model 'm' there",
    "no-quota": "quota is used up",
    "429": "has taken no question for",
}


@pytest.mark.parametrize("name", sorted(HOPELESS))
def test_what_the_user_must_mend_ends_the_run(tmp_path: Path, name: str) -> None:
    with (
        FaultServer(lambda asked: FAULTS[name]) as server,
        engine(tmp_path, server.url, in_flight=4) as (it, calls),
    ):
        with pytest.raises(FtcError, match=HOPELESS[name]) as error:
            it.ask(questions(200))
        assert "augment.models.a (http://127.0.0.1" in str(error.value) and error.value.hint
        if name != "429":
            assert server.asked <= 4
        with pytest.raises(FtcError, match=HOPELESS[name]):
            it.ask(questions(1, start=500))
        assert calls.totals() == []


def test_a_server_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    with FaultServer() as server:
        url = server.url
    with engine(tmp_path, url) as (it, _), pytest.raises(FtcError, match="no connection") as error:
        it.ask(questions(5))
    assert error.value.exit_code == 4


def test_how_the_server_of_ftc_ended_is_told(tmp_path: Path) -> None:
    with FaultServer() as server:
        url = server.url
    target = Target(
        "a", Endpoint(), "small", url, content="1", ended=lambda: "exit code -9; killed"
    )
    with (
        opened(tmp_path) as calls,
        running({"a": target}, calls, Limits(), waits=QUICK) as it,
        pytest.raises(FtcError, match="its server has ended: exit code -9; killed"),
    ):
        it.ask(questions(5))


def test_a_server_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    waits = Waits(first=0.05, longest=0.1, unreachable=30)
    with ExitStack() as stack:
        with FaultServer() as first:
            it, _ = stack.enter_context(engine(tmp_path, first.url, waits=waits))
            it.ask(questions(3))
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.extend(it.ask(questions(3, start=10))))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        with FaultServer(port=first.port):
            thread.join(20)
        assert [type(reply) for reply in found] == [Reply] * 3


def test_nothing_but_losses_ends_the_run(tmp_path: Path) -> None:
    plan = lambda asked: Say(status=400, error="I do not like this")  # noqa: E731
    with (
        FaultServer(plan) as server,
        engine(tmp_path, server.url, in_flight=2) as (it, _),
        pytest.raises(FtcError, match=f"{LOST} questions in a row .*refused by the server"),
    ):
        it.ask(questions(100))
    assert server.asked <= LOST + 2


def test_a_row_that_is_too_long_is_its_own_fault(tmp_path: Path) -> None:
    plan = lambda asked: FAULTS["too-long"] if asked.number % 2 else Say()  # noqa: E731
    with FaultServer(plan) as server, engine(tmp_path, server.url, in_flight=1) as (it, _):
        found = it.ask(questions(80))
        assert server.asked == 80
    assert {it.reason for it in found if isinstance(it, Fault)} == {"context too long"}
    assert sum(isinstance(it, Fault) for it in found) == 40


@pytest.mark.parametrize(
    ("limits", "settings", "reason"),
    [
        (Limits(tokens=200), {}, "limit of 200 tokens"),
        (Limits(cost=0.001), {"price_out": 100.0}, "limit of 0.001 for the cost"),
    ],
)
def test_a_limit_stops_and_keeps(
    tmp_path: Path, limits: Limits, settings: dict[str, Any], reason: str
) -> None:
    with FaultServer(lambda asked: Say(delay=0.01)) as server:
        with engine(tmp_path, server.url, limits=limits, in_flight=4, **settings) as (it, calls):
            with pytest.raises(Stopped, match=reason):
                it.ask(questions(300))
            (totals,) = calls.totals()
            assert totals.answered == server.asked == server.answered < 60
            spent = totals.tokens_in + totals.tokens_out
            assert limits.tokens is None or limits.tokens <= spent < limits.tokens + 4 * 30
            assert limits.cost is None or limits.cost <= totals.cost < limits.cost * 5
        with engine(tmp_path, server.url, limits=limits, in_flight=4, **settings) as (it, _):
            before = server.asked
            with pytest.raises(Stopped, match=reason):  # what was paid before counts
                it.ask(questions(300))
            assert server.asked == before
            kept = next(n for n in range(300) if server.requests[0].prompt == f"say {n}")
            assert type(it.ask(questions(1, start=kept))[0]) is Reply


def test_no_cost_without_prices(tmp_path: Path) -> None:
    limits = Limits(cost=0)
    with FaultServer() as server, engine(tmp_path, server.url, limits=limits) as (it, _):
        assert type(it.ask(questions(1))[0]) is Reply


def test_stop_lets_questions_in_flight_end(tmp_path: Path) -> None:
    started = threading.Event()

    def plan(asked: Asked) -> Say:
        started.set()
        return Say(delay=0.3)

    with FaultServer(plan) as server, engine(tmp_path, server.url, in_flight=4) as (it, calls):
        raised: list[Stopped] = []

        def caller() -> None:
            try:
                it.ask(questions(50))
            except Stopped as error:
                raised.append(error)

        thread = threading.Thread(target=caller)
        thread.start()
        started.wait(5)
        it.stop("stopped by the user")
        thread.join(10)
        assert [error.reason for error in raised] == ["stopped by the user"]
        assert calls.totals()[0].answered == server.answered == server.asked <= 4


def test_stop_cuts_what_does_not_end(tmp_path: Path) -> None:
    waits = Waits(ending=0.2)
    started = threading.Event()

    def plan(asked: Asked) -> Say:
        started.set()
        return FAULTS["hang"]

    with (
        FaultServer(plan) as server,
        engine(tmp_path, server.url, waits=waits, timeout=60) as (it, _),
    ):
        threading.Thread(target=lambda: (started.wait(5), it.stop("enough"))).start()
        with pytest.raises(Stopped, match="enough"):
            it.ask(questions(5))


def test_ctrl_c_keeps_what_was_answered(tmp_path: Path) -> None:
    asked_all, main = threading.Event(), threading.get_ident()

    def plan(asked: Asked) -> Say:
        if asked.number == 3:
            asked_all.set()
        return Say(delay=0.3)

    with FaultServer(plan) as server:
        threading.Thread(
            target=lambda: (asked_all.wait(5), signal.pthread_kill(main, signal.SIGINT))
        ).start()
        with pytest.raises(KeyboardInterrupt), engine(tmp_path, server.url, in_flight=4) as (it, _):
            it.ask(questions(50))
        with opened(tmp_path) as calls:
            assert calls.totals()[0].answered == server.answered >= 4


def test_the_run_is_over_for_all_callers(tmp_path: Path) -> None:
    with FaultServer() as server, engine(tmp_path, server.url) as (it, _):
        it.ask(questions(1))
    with pytest.raises(Stopped):
        it.ask(questions(1))


def test_progress_and_counts(tmp_path: Path) -> None:
    told: list[Progress] = []
    plan = lambda asked: FAULTS["too-long"] if asked.prompt == "say 2" else Say()  # noqa: E731
    settings = {"price_in": 1.0, "price_out": 2.0}
    with (
        FaultServer(plan) as server,
        engine(tmp_path, server.url, progress=told.append, **settings) as (it, calls),
    ):
        it.ask(questions(4))
        it.ask(questions(4))
        (totals,) = calls.totals()
    last = told[-1]
    assert (last.asked, last.failed) == (4, 1)
    assert (
        (last.tokens_in, last.tokens_out)
        == (totals.tokens_in, totals.tokens_out)
        == (6, totals.tokens_out)
    )
    assert last.cost == pytest.approx(totals.cost)
    assert totals.cost == pytest.approx((totals.tokens_in + 2 * totals.tokens_out) / 1e6)
    assert not totals.estimated


def test_tokens_are_estimated_and_marked(tmp_path: Path) -> None:
    with (
        FaultServer(lambda asked: FAULTS["no-usage"]) as server,
        engine(tmp_path, server.url) as (it, calls),
    ):
        (reply,) = it.ask(questions(1))
        assert reply.tokens_in == 2 and reply.tokens_out == -(-len(reply.text) // 4)
        assert calls.totals()[0].estimated


def test_free_text_may_be_anything(tmp_path: Path) -> None:
    with (
        FaultServer(lambda asked: FAULTS["injected"]) as server,
        engine(tmp_path, server.url) as (it, _),
    ):
        (reply,) = it.ask(questions(1, schema=""))
        assert reply.text == FAULTS["injected"].text and reply.value is None
        assert "response_format" not in server.requests[0].body


CHILD = """
import sys
from pathlib import Path
from ftc.augment.calls import opened
from ftc.augment.engine import Waits, running
from ftc.augment.providers import Target, targets
from ftc.augment.question import Question
from ftc.augmentation import Endpoint, Limits
end = Endpoint(provider="openai", model="m", url=sys.argv[2], in_flight=4, attempts=10)
made = targets({"a": end})
schema = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}'
asked = [Question("a", (("user", f"say {number}"),), schema) for number in range(60)]
with opened(Path(sys.argv[1])) as calls, running(made, calls, Limits(), waits=Waits(0.01)) as it:
    print("\\n".join(reply.text for reply in it.ask(asked)))
"""


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Nothing that came is asked for again, but for what was in flight; the answers are the same.

    Every third answer is spoiled, every fourth question meets a server error."""

    def plan(asked: Asked) -> Say:
        number = int(asked.prompt.removeprefix("say "))
        spoiled = asked.body["seed"] % 3 == 0
        wrong = number % 4 == 0 and asked.before == 0
        return FAULTS["500"] if wrong else FAULTS["wrong-schema"] if spoiled else Say(delay=0.005)

    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def child(folder: str, url: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, str(tmp_path / folder), url]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)

    with FaultServer(plan) as server:
        calm, _ = child("calm", server.url).communicate(timeout=60)
        undisturbed = server.answered
    with FaultServer(plan, port=server.port) as server:
        for answered in range(8, 64, 9):
            process = child("killed", server.url)
            while server.answered < answered and process.poll() is None:
                time.sleep(0.002)
            process.kill()
            process.communicate()
        last, _ = child("killed", server.url).communicate(timeout=60)
        assert server.answered <= undisturbed + 4 * 7
    assert last == calm and len(last.splitlines()) == 60
