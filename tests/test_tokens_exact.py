"""tokens = "exact": ftc's ids and labels are the model's own template's, and the answers' alone."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import small_models
from backends import environment, examples
from datasets import load_from_disk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftc import recipe
from ftc.backends import versions
from ftc.build import Refused, build, compile_recipe, findings
from ftc.data.example import Example, Message
from ftc.errors import FtcError
from ftc.facts import exact, model, spans, template, tokenizer
from ftc.facts.tokens import RowRefused
from ftc.run import environments, handover, launch

ROOT = Path(__file__).parents[1]
CALL = {"name": "look", "arguments": {"where": "café <1>", "deep": [1, None, True]}}
TOOLS = ({"type": "function", "function": {"name": "look", "description": "Sieh 'es' & <an>"}},)
USER, ANSWER = Message("user", "Does the dog bark?"), Message("assistant", "Yes, all day long.")
CALLS = (
    USER,
    Message("assistant", "", (CALL,)),
    Message("tool", '{"bark": true}'),
    ANSWER,
    USER,
    Message("assistant", "", (CALL,)),
    Message("tool", "2"),
    ANSWER,
)


def chat(*messages, **more):
    return Example("id", "rows.jsonl", 7, messages=messages, **more)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Family -> facts of a small model."""
    root = tmp_path_factory.mktemp("models")

    @cache
    def facts(family, text=None):
        folder = root / f"{family}-{abs(hash(text))}"
        made = small_models.make(folder, family, template=text)
        return model.gather(recipe.Model(id=str(made), family=family), root, True)

    return facts


@pytest.fixture(scope="module")
def counter(known):
    return cache(lambda family, text=None: exact.counter(known(family, text), False))


def row(count, example, stage="sft", everything=False):
    (made,) = count.rows([example], stage, everything=everything)
    return made


def trained(count, made):
    """The text of each stretch of trained tokens."""
    texts, ids = [], []
    for token, label in [*zip(made.ids, made.labels, strict=True), (0, exact.UNTRAINED)]:
        assert label in (token, exact.UNTRAINED)
        if label != exact.UNTRAINED:
            ids.append(token)
        elif ids:
            texts.append(count.tokenizer.decode(ids, skip_special_tokens=False))
            ids = []
    return texts


WORDS = st.sampled_from(
    ["The cat", " sat", "\n", "\n\n", " ", "Straße", "東京", "🙂", "x" * 20, " a", ".", "assistant",
     "<b>", "user\n", "[INST", "<|im_end", "{{ x }}", "It's \"so\"", "ftc"]
)  # fmt: skip
TEXT = st.lists(WORDS, min_size=1, max_size=12).map("".join).filter(str.strip)
CHATS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4)


@pytest.mark.parametrize("family", small_models.FAMILIES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=CHATS, system=st.none() | TEXT)
def test_the_answers_and_their_ends_are_trained_and_nothing_else(
    family, known, counter, pairs, system
):
    facts, count = known(family).tokenizer, counter(family)
    turns = [
        Message(role, text)
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    if system and facts.system_turns:
        turns = [Message("system", system), *turns]
    made = row(count, chat(*turns))
    special = tokenizer.variables(facts.bos, facts.eos, facts.pad)
    text = template.render(facts.chat_template, turns, special)
    assert made.ids == count.tokenizer.encode(text, add_special_tokens=False).ids
    found = trained(count, made)
    assert len(found) == len(pairs)
    for stretch, (_, answer) in zip(found, pairs, strict=True):
        assert stretch.endswith(count.end)
        assert stretch.removesuffix(count.end).strip() == answer.strip()
        # Blanks of the row itself are trained; Qwen3 takes line breaks before a last answer away.
        inner = answer.strip() if "assistant" in facts.trims else answer
        assert inner in stretch or (family == "qwen3" and inner.lstrip("\n") in stretch)
        assert len(stretch) <= len(inner) + len(count.end) + 3


@pytest.mark.parametrize("family", small_models.FAMILIES)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=CHATS)
def test_lengths_are_those_of_the_rows(family, counter, pairs):
    count = counter(family)
    turns = [
        Message(role, text)
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    told, made = count.lengths([chat(*turns)], "sft"), row(count, chat(*turns))
    assert told.total == (len(made.ids),)
    (before,) = told.prompt
    assert made.labels[before] != exact.UNTRAINED
    assert made.labels[before - 1] == exact.UNTRAINED
    assert told.answer == (len(made.ids) - before,)


def test_a_call_is_trained_with_all_that_it_is_made_of(counter, known):
    seen = set()
    for family in small_models.FAMILIES:
        facts = known(family).tokenizer
        special = tokenizer.variables(facts.bos, facts.eos, facts.pad)
        try:
            text = template.render(facts.chat_template, CALLS, special, tools=TOOLS)
        except template.TemplateFault:
            continue
        count = counter(family)
        if '"look"' not in text:  # a template without calls
            assert "leaves tool calls out" in count.refusal(chat(*CALLS, tools=TOOLS)), family
            continue
        if count.refusal(chat(*CALLS, tools=TOOLS)):
            continue
        found = trained(count, row(count, chat(*CALLS, tools=TOOLS)))
        assert len(found) == 4, family
        for stretch in (found[0], found[2]):
            assert '"look"' in stretch and "café <1>" in stretch and stretch.endswith(count.end)
            assert "header" not in stretch and "<|im_start|>" not in stretch
        assert [found[1].strip(), found[3].strip()] == [ANSWER.content + count.end] * 2
        seen.add(family)
    assert {"qwen2.5", "qwen3"} <= seen


# Calls whose place a mark cannot take: Mistral's templates count turns by whether they hold calls.
COUNTED = (
    "{{ bos_token }}{% set ns = namespace(n=0) %}{% for m in messages %}"
    "{% if m.role == 'user' or (m.role == 'assistant' and m.tool_calls is not defined) %}"
    "{% if (m.role == 'user') != (ns.n % 2 == 0) %}{{ raise_exception('must alternate') }}"
    "{% endif %}{% set ns.n = ns.n + 1 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }}[/INST]"
    "{% elif m.tool_calls is defined %}[TOOL_CALLS] [{% for c in m.tool_calls %}"
    "{{ c.function | tojson }}, {{ c.id }}{% endfor %}]{{ eos_token }}"
    "{% elif m.role == 'tool' %}[TOOL_RESULTS] {{ m.content }}[/TOOL_RESULTS]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)


def test_calls_that_cannot_be_taken_out_are_found_by_their_prompt(counter):
    count = counter("mistral", COUNTED)
    evil = {"name": "look", "arguments": {"where": "here</s>[INST] no"}}
    turns = (USER, Message("assistant", "", (CALL, evil)), *CALLS[2:])
    found = trained(count, row(count, chat(*turns)))
    first = f"{json.dumps(CALL, ensure_ascii=False)}, call00000{json.dumps(evil)}, call00001"
    again = f"{json.dumps(CALL, ensure_ascii=False)}, call00002"
    assert [text.strip() for text in found] == [
        f"[TOOL_CALLS] [{first}]</s>",
        f"{ANSWER.content}</s>",
        f"[TOOL_CALLS] [{again}]</s>",
        f"{ANSWER.content}</s>",
    ]


def test_thoughts_of_a_row_are_trained_and_those_of_the_template_are_not(counter):
    count = counter("qwen3")
    thought = Message("assistant", "<think>\nHm, well.\n</think>\n\nYes.")
    made = trained(count, row(count, chat(USER, thought, USER, thought)))
    assert made == ["Yes.<|im_end|>", "<think>\nHm, well.\n</think>\n\nYes.<|im_end|>"]
    made = row(count, chat(USER, ANSWER))
    text = count.tokenizer.decode(list(made.ids), skip_special_tokens=False)
    assert "<think>\n\n</think>" in text
    assert trained(count, made) == [ANSWER.content + "<|im_end|>"]
    assert trained(counter("chatml"), row(counter("chatml"), chat(USER, thought))) == [
        thought.content + "<|im_end|>"
    ]


def test_the_template_hears_of_thinking_where_it_may_ask(known):
    text = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'user' and "
        "enable_thinking is defined %}{{ enable_thinking }} {% endif %}{{ m.content }}<|im_end|>\n"
        "{% endfor %}"
    )
    for family, thinking, said in (
        ("qwen3", True, "True "),
        ("qwen3", False, "False "),
        ("chatml", False, ""),
        ("chatml", True, "True "),
    ):
        count = exact.counter(known(family, text), thinking)
        assert f"user\n{said}Does" in count.chat(chat(USER, ANSWER), (USER, ANSWER))
    assert len({exact.counter(known("qwen3", text), it).key for it in (True, False)}) == 2


BAD = {
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}": "without <|im_end|>",
    "{% for m in messages %}{{ m.content }} {{ m.content }}<|im_end|>{% endfor %}": "not certain",
    "{% for m in messages %}{{ m.content | upper }}<|im_end|>{% endfor %}": "not certain",
    "{% for m in messages %}{{ m.content | length }} {{ m.content }}<|im_end|>{% endfor %}": (
        "not certain"
    ),
    "{{ messages[0].content }}<|im_end|>": "not certain",
    "{% for m in messages %}{% if m.content == 'Yes, all day long.' %}!{% endif %}{{ m.content }}"
    "<|im_end|>{% endfor %}": "not certain",
}


@pytest.mark.parametrize("text", BAD)
def test_an_answer_that_cannot_be_told_is_refused_and_never_guessed(counter, text):
    count, example = counter("chatml", text), chat(USER, ANSWER)
    assert BAD[text] in count.refusal(example)
    for ask in (count.lengths, lambda rows, stage: list(count.rows(rows, stage, everything=False))):
        with pytest.raises(RowRefused, match=r"^rows\.jsonl:7: "):
            ask([example], "sft")


def test_marks_in_the_rows_themselves_do_no_harm(counter):
    count = counter("chatml")
    odd = Message("assistant", f"{spans.MARK} {spans.THOUGHT}")
    assert trained(count, row(count, chat(USER, odd))) == [odd.content + "<|im_end|>"]
    assert "not certain" in count.refusal(chat(Message("user", spans.MARK), ANSWER))


def test_every_token_with_train_on_prompt(counter):
    made = row(counter("llama3"), chat(USER, ANSWER), everything=True)
    assert [exact.UNTRAINED, *made.ids[1:]] == made.labels


@pytest.mark.parametrize(("family", "first"), [("llama3", "<|begin_of_text|>"), ("qwen2.5", "")])
def test_a_document_is_its_text_with_bos_and_eos(counter, family, first):
    count = counter(family)
    example = Example("id", "texts.jsonl", 3, text="The cat sat.\n")
    made = row(count, example, "pretrain")
    assert count.tokenizer.decode(list(made.ids), skip_special_tokens=False) == (
        f"{first}The cat sat.\n{count.facts.eos}"
    )
    assert [exact.UNTRAINED, *made.ids[1:]] == made.labels
    assert count.lengths([example], "pretrain").total == (len(made.ids),)


def test_a_tokenizer_without_an_end_of_text_is_named(counter):
    count = counter("chatml")
    with pytest.raises(FtcError, match="names no eos"):
        row(
            replace(count, facts=replace(count.facts, eos="")),
            Example("i", "a", 1, text="x"),
            "pretrain",
        )


RECIPE = """
name = "tiny"
stage = "{stage}"
model = "model"
method = "lora"
data = {{ path = "rows.jsonl", eval = 0.2, tokens = "{tokens}" }}
hardware = {{ device = "cpu" }}
lora = {{ rank = 8, alpha = 16, dropout = 0.0 }}

[training]
learning_rate = 0.01
lr_scheduler = "constant"
warmup_steps = 0
micro_batch = 4
effective_batch = 4
max_steps = 4
eval_steps = 2
save_steps = 4
logging_steps = 1
{more}
"""
IGNORED = ["too-many-epochs", "over-length"]


def written(folder, stage="sft", tokens="exact", more="max_length = 200"):
    rows = [
        {"messages": [
            {"role": "user", "content": f"Where is cat {number}?"},
            {"role": "assistant", "content": f"On mat {number}. " * (1 + 60 * (number == 3))},
        ]}
        if stage == "sft"
        else {"text": f"Cat {number} sat on the mat."}
        for number in range(20)
    ]  # fmt: skip
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in rows))
    path = folder / f"{stage}-{tokens}.toml"
    path.write_text(RECIPE.format(stage=stage, tokens=tokens, more=more))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def made(path, backend, version="", **more):
    line = versions.find(backend, version)
    return build(
        path, backend, line.version, out=path.parent / "build", offline=True, ignore=IGNORED, **more
    )


@pytest.mark.parametrize("line", versions.VERSIONS, ids=lambda line: line.name)
def test_a_build_holds_the_rows_as_text_and_as_tokens(tmp_path, line):
    small_models.make(tmp_path / "model", "llama3")
    done = made(written(tmp_path), line.backend, line.version)
    folder = done.folder
    assert len(done.rows["too_long"]["train"]) + len(done.rows["too_long"]["eval"]) == 1
    for part, rows in (("train", done.plan.train_rows), ("eval", done.plan.eval_rows)):
        ready = lines(folder / f"{part}.tokens.jsonl")
        assert len(ready) == len(lines(folder / f"{part}.jsonl")) == rows > 0
        for each in ready:
            assert each.keys() == {"input_ids", "attention_mask", "labels"}
            assert each["attention_mask"] == [1] * len(each["input_ids"])
            assert len(each["labels"]) == len(each["input_ids"]) <= 200
    facts = compile_recipe(tmp_path / "sft-exact.toml", offline=True).facts.data
    fitting = sorted(total for total in facts.train.total if total <= 200)
    assert (
        sorted(len(each["input_ids"]) for each in lines(folder / "train.tokens.jsonl")) == fitting
    )
    assert (folder / "ftc_tokenized.py").exists() == (line.backend == "llamafactory")
    assert "ftc_tokenized.py" not in (folder / "run.sh").read_text() or line.backend != "axolotl"


def test_both_tools_get_the_same_tokens(tmp_path):
    small_models.make(tmp_path / "model", "qwen3")
    folders = [made(written(tmp_path), it.backend, it.version).folder for it in versions.VERSIONS]
    for name in ("train.tokens.jsonl", "eval.tokens.jsonl"):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1


def test_a_native_build_has_no_tokens_and_loads_nothing_to_make_them(tmp_path):
    small_models.make(tmp_path / "model", "llama3")
    path = written(tmp_path, tokens="native")
    code = (
        "import sys; from pathlib import Path; from ftc.build import build\n"
        f"build(Path({str(path)!r}), 'llamafactory', '0.9.5', out=Path({str(tmp_path / 'b')!r}), "
        f"offline=True, ignore={IGNORED})\n"
        "print([name for name in sys.modules if name in ('ftc.facts.exact', 'ftc.facts.spans')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT / "compiler"), "PATH": "", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
    (folder,) = (tmp_path / "b").iterdir()
    assert not list(folder.glob("*tokens*")) and not (folder / "ftc_tokenized.py").exists()


def test_pairs_are_refused_by_name(tmp_path):
    small_models.make(tmp_path / "model", "llama3")
    path = written(tmp_path, more="max_length = 200")
    pairs = [{"prompt": f"Cat {n}?", "chosen": f"Yes {n}.", "rejected": "No."} for n in range(20)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in pairs))
    path.write_text(path.read_text().replace('stage = "sft"', 'stage = "dpo"'))
    with pytest.raises(Refused) as caught:
        made(path, "axolotl")
    assert "exact-preference" in {it.rule for it in caught.value.findings if it.severity == "error"}


def test_rows_that_cannot_be_told_are_bad_rows(tmp_path):
    text = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if 'mat 7' in m.content %}!{% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}"
    )
    small_models.make(tmp_path / "model", "chatml", template=text)
    compiled = compile_recipe(written(tmp_path), offline=True)
    assert [bad.line for bad in compiled.dataset.rejected] == [8]
    assert "not certain" in compiled.dataset.rejected[0].reason
    assert "rejected-rows" in {it.rule for it in findings(compiled)}


def script(folder, *command):
    return subprocess.run(
        [sys.executable, str(versions.TOKENIZED), *command],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def ready(tmp_path):
    """A folder as LLaMA-Factory's run finds it."""
    (tmp_path / "llamafactory.json").write_text('{"tokenized_path": "tokenized"}')
    for part in ("train", "eval"):
        rows = [
            {"input_ids": [n, 2], "attention_mask": [1, 1], "labels": [-100, 2]} for n in (5, 6)
        ]
        text = "".join(json.dumps(each) + "\n" for each in rows)
        (tmp_path / f"{part}.tokens.jsonl").write_text(text)
    return tmp_path


def test_the_data_set_is_made_once_and_again_for_other_rows(ready):
    done = script(ready)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ftc: tokenized holds the tokens of 2 train, 2 validation rows\n"
    stored = load_from_disk(str(ready / "tokenized"))
    assert stored["train"].to_list() == lines(ready / "train.tokens.jsonl")
    assert stored["validation"].to_list() == lines(ready / "eval.tokens.jsonl")
    assert script(ready).stdout == ""
    with (ready / "train.tokens.jsonl").open("a") as file:
        file.write('{"input_ids": [9], "attention_mask": [1], "labels": [9]}\n')
    (ready / "eval.tokens.jsonl").unlink()
    assert script(ready).stdout == "ftc: tokenized holds the tokens of 3 train rows\n"
    assert list(load_from_disk(str(ready / "tokenized"))) == ["train"]
    (ready / "tokenized" / "ftc.json").unlink()
    assert "3 train rows" in script(ready).stdout
    assert sorted(path.name for path in ready.iterdir()) == [
        "llamafactory.json", "tokenized", "train.tokens.jsonl"
    ]  # fmt: skip


def test_the_command_comes_after_the_data_set(ready):
    code = "import pathlib, sys; print(pathlib.Path('tokenized').is_dir(), sys.argv[1:])"
    done = script(ready, sys.executable, "-c", code, "train", "x.yaml")
    assert done.stdout.splitlines()[-1] == "True ['train', 'x.yaml']"
    assert script(ready, sys.executable, "-c", "raise SystemExit(7)").returncode == 7


@pytest.mark.parametrize(
    "line", ["{", '{"input_ids": [1]}', '{"input_ids": [1], "attention_mask": [], "labels": [1]}']
)
def test_broken_rows_are_named_and_leave_nothing(ready, line):
    (ready / "eval.tokens.jsonl").write_text(line + "\n")
    done = script(ready, sys.executable, "-c", "print('trained')")
    assert done.returncode == 1 and "trained" not in done.stdout
    assert done.stderr.startswith("eval.tokens.jsonl:1: ")
    assert not (ready / "tokenized").exists()
    (ready / "train.tokens.jsonl").unlink()
    assert "no such file" in script(ready).stderr


def test_a_run_makes_the_data_set_before_it_trains():
    plan = {"device": "cpu", "gpus": 1, "zero_stage": 0}
    said = launch.command("llamafactory", Path("/e/python"), "x.yaml", plan)
    now = launch.command("llamafactory", Path("/e/python"), "x.yaml", plan | {"tokens": "exact"})
    assert now == ("/e/python", "ftc_tokenized.py", *said)
    axolotl = [launch.command("axolotl", Path("/e/python"), "x.yaml", plan | {"tokens": it})
               for it in ("native", "exact")]  # fmt: skip
    assert axolotl[0] == axolotl[1]


# The real tools, each in its own environment.

TOOLS_OF_FTC = [("axolotl", "0.21.0"), ("axolotl", "0.19.0"), ("llamafactory", "0.9.5")]


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    return examples.models(tmp_path_factory.mktemp("models"))


# Templates that end turns in other ways, take thoughts away, write bos, call tools.
CASES = [
    ("qwen3", "sft"), ("mistral", "sft"), ("gemma", "sft"), ("phi3", "sft"),
    ("qwen2.5", "tools"), ("qwen3", "tools"), ("llama3", "pretrain"),
]  # fmt: skip
NATIVE = [("axolotl", "0.21.0")]  # the tool whose own tokens are looked at too


@pytest.fixture(scope="module", params=TOOLS_OF_FTC, ids="@".join)
def seen(request, families, tmp_path_factory):
    """(family, kind, tokens) -> what the trainers of one tool get to see."""
    root, tool = tmp_path_factory.mktemp("builds"), request.param
    folders = {}
    for family, kind in CASES:
        plan = examples.plan(family, kind, families[family])
        for mode in ("native", "exact") if tool in NATIVE else ("exact",):
            folder = root / f"{family}-{kind}-{mode}"
            folders[family, kind, mode] = folder
            examples.build(folder, *tool, replace(plan, tokens=mode), kind)
            if tool[0] == "llamafactory" and mode == "exact":
                env = environments.require(*tool)
                subprocess.run(
                    [str(env.python), "ftc_tokenized.py"],
                    cwd=folder, check=True, env=environment.variables(env), capture_output=True,
                )  # fmt: skip
    job = {"folders": [str(folder) for folder in folders.values()]}
    told = environment.drive(*tool, "tokens", job)
    return {case: told[str(folder)] for case, folder in folders.items()}


def by_ids(rows):
    return {tuple(each["input_ids"]): each["labels"] for each in rows}


@pytest.mark.backend
def test_the_trainers_see_the_tokens_of_ftc(seen, families):
    for family, kind in CASES:
        own = examples.tokens(examples.plan(family, kind, families[family]), kind)
        for part in ("train", "eval"):
            rows = seen[family, kind, "exact"][part]
            assert len(rows) == len(own) == len(examples.KINDS[kind]), (family, kind, part)
            assert by_ids(rows) == by_ids(own), (family, kind, part)


@pytest.mark.backend
@pytest.mark.parametrize("seen", NATIVE, indirect=True, ids="@".join)
def test_they_are_those_that_axolotl_makes_itself(seen):
    for family, kind in CASES:
        native, own = seen[family, kind, "native"], seen[family, kind, "exact"]
        # Nothing predicts the first token of a row: ftc leaves it out, here and in its own tokens.
        theirs = {ids: [exact.UNTRAINED, *row[1:]] for ids, row in by_ids(native["train"]).items()}
        assert theirs == by_ids(own["train"]), (family, kind)


@pytest.mark.backend
@pytest.mark.parametrize("stage", ["sft", "pretrain"])
@pytest.mark.parametrize("tool", TOOLS_OF_FTC, ids="@".join)
def test_ftc_run_trains(tool, stage, families, tmp_path):
    path = written(tmp_path, stage)
    path.write_text(path.read_text().replace('"model"', json.dumps(str(families["llama3"]))))
    done = made(path, *tool)
    events = []
    ended = handover.run(
        done.folder, *tool,
        runs=tmp_path / "runs", resume=False, offline=True, on_event=events.append,
        environment=environments.locate(*tool, "cpu"),
    )  # fmt: skip
    assert (ended.state, ended.steps) == ("finished", 4)
    assert ended.eval_loss is not None
    assert ended.last_loss < ended.first_loss
    tokenized = [folder.name for folder in ended.folder.glob("tokenized*")]
    names = {"sft": "tokenized", "pretrain": "tokenized-documents"}
    assert tokenized == ([names[stage]] if tool[0] == "llamafactory" else [])
    assert not list(done.folder.glob("tokenized*"))


@pytest.mark.backend
def test_axolotl_packs_rows_of_tokens(families, tmp_path):
    plan = replace(
        examples.plan("chatml-smollm", "sft", families["chatml-smollm"]),
        tokens="exact", packing=True, max_length=256,
        micro_batch=1, effective_batch=1, eval_batch=1,
    )  # fmt: skip
    folder = examples.build(tmp_path / "build", "axolotl", "0.21.0", plan, "sft", copies=40)
    done = examples.launch("axolotl", "0.21.0", folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (folder / "output" / "adapter_model.safetensors").exists()


@pytest.mark.backend
def test_the_launch_script_of_a_build_makes_the_data_set(families, tmp_path):
    plan = replace(examples.plan("qwen3", "tools", families["qwen3"]), tokens="exact")
    folder = examples.build(tmp_path / "build", "llamafactory", "0.9.5", plan, "tools")
    done = examples.launch("llamafactory", "0.9.5", folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "holds the tokens of 3 train, 3 validation rows" in done.stdout
    assert (folder / "output" / "adapter_model.safetensors").exists()
