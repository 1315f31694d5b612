"""Config files are read as the tools read them, and what is no config is refused with its line."""

import json
import string
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ftc.convert import found, source
from ftc.convert.meaning import leaves
from ftc.errors import FtcError

FOLDER = Path(__file__).parent / "convert" / "source"
BAD = tomllib.loads((FOLDER / "bad.toml").read_text("utf-8"))["case"]


def parsed(text, form="yaml"):
    return source.parse(text, Path(f"run.{form}"))


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["why"])
def test_bad_texts_are_refused_with_their_line(case):
    name = f"run.{case.get('form', 'yaml')}"
    with pytest.raises(FtcError) as caught:
        source.parse(case["text"], Path(name))
    place = f"{name}:{case['line']}: " if "line" in case else f"{name}"
    assert str(caught.value).startswith(place)
    assert case["says"] in str(caught.value)
    assert case.get("hint", "") in caught.value.hint
    assert "\n" not in str(caught.value)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}, <<: *a{n - 1}}}\n" for n in range(1, 25)
)
CHAIN = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 3000))


@pytest.mark.parametrize(
    ("text", "form", "says"),
    [
        (BOMB, "yaml", "more than 100,000 keys and values"),
        (MERGES, "yaml", "more than 100,000 keys and values"),
        (CHAIN, "yaml", "deep"),
        ("a: " + "[" * 300_000, "yaml", "deep"),  # libyaml alone would end the process
        ("a: " + "{b: " * 100_000, "yaml", "deep"),
        ("a:\n  " + "- " * 200 + "b\n", "yaml", "deep"),
        ("".join(f"{'  ' * n}a:\n" for n in range(200)), "yaml", "deep"),
        ('{"a":' * 100_000, "json", "deep"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "json", "deep"),
        ("a = " + "[" * 100_000, "toml", "deep"),
        ('{"a": ' + "1" * 5000 + "}", "json", "digits"),
        ("a: " + "1" * 5000, "yaml", "is no int"),
        ("a = " + "1" * 5000, "toml", "digits"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else None,
)
def test_texts_that_grow_are_refused_unexpanded(text, form, says):
    with pytest.raises(FtcError, match=says):
        parsed(text, form)


def test_tables_may_be_as_deep_as_said():
    most = found.MOST_DEPTH
    for form, text in (("json", '{"a": %s}'), ("yaml", "a: %s"), ("toml", "a = %s")):
        inside = "[" * (most - 1) + "1" + "]" * (most - 1)
        assert parsed(text % inside, form).values["a"] == json.loads(inside)
        with pytest.raises(FtcError, match="deep"):
            parsed(text % f"[{inside}]", form)


def test_files_that_are_no_text(tmp_path):
    path = tmp_path / "run.yaml"
    for raw, says in (
        (b"a: 1\nb: \xe9\n", "run.yaml:2: is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "UTF-16"),
        (b"a: 1\nb: \0\n", "run.yaml:2: holds a NUL byte"),
        (b"a: 1\n" * 300_000, "larger than 1 MB"),
    ):
        path.write_bytes(raw)
        with pytest.raises(FtcError) as caught:
            source.read(path)
        assert says in str(caught.value)
        assert caught.value.hint


def test_a_mark_of_utf8_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xef\xbb\xbfbase_model: a\r\nseed: 1\r\n")
    read = source.read(path)
    assert read.values == {"base_model": "a", "seed": 1}
    assert read.lines == {"base_model": 1, "seed": 2}


def test_missing_files_and_folders_name_what_is_there(tmp_path):
    (tmp_path / "lora.yaml").write_text("base_model: a\n")
    with pytest.raises(FtcError) as caught:
        source.read(tmp_path / "lora.yml")
    assert caught.value.hint == f"did you mean {tmp_path / 'lora.yaml'}?"
    with pytest.raises(FtcError) as caught:
        source.read(tmp_path)
    assert "is a folder" in str(caught.value)
    assert "lora.yaml" in caught.value.hint
    with pytest.raises(FtcError, match="cannot be read"):
        source.read(tmp_path / "lora.yaml" / "inner.yaml")
    with pytest.raises(FtcError, match="no such file"):
        source.read(tmp_path / "none" / "a.yaml")
    with pytest.raises(FtcError, match="no path"):
        source.read(Path("a\0b"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: 1e-4\nb: 1.0e-4\nc: 1.0e4", {"a": "1e-4", "b": 1e-4, "c": "1.0e4"}),
        ("a: on\nb: No\nc: y\nd: 'yes'", {"a": True, "b": False, "c": "y", "d": "yes"}),
        ("a: 010\nb: 0x1F\nc: 1_000\nd: 12:30", {"a": 8, "b": 31, "c": 1000, "d": 750}),
        ("a: ~\nb:\nc: Null", {"a": None, "b": None, "c": None}),
        ("a: .inf\nb: 2026-01-01", {"a": float("inf"), "b": "2026-01-01"}),
        ("a: !!str 1\nb: !!float 1e-4\nc: !!int '3'", {"a": "1", "b": 1e-4, "c": 3}),
        ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}),
        (
            "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y], r: 3}",
            {"a": {"p": 1}, "b": {"p": 2, "q": 2}, "c": {"p": 1, "q": 2, "r": 3}},
        ),
        ("a: [&x 1, *x]", {"a": [1, 1]}),
        ("chat_template_jinja: '{{ messages }}'", {"chat_template_jinja": "{{ messages }}"}),
        ('a: "b\tc" # \td', {"a": "b\tc"}),
    ],
)
def test_yaml_is_what_axolotl_sees(text, values):
    assert parsed(text).values == values
    if "2026" not in text:  # dates stay text here
        assert yaml.safe_load(text) == values


def test_numbers_of_llamafactory_are_numbers():
    text = "model_name_or_path: a\nlearning_rate: 1e-4\nx: 2E5\ny: 1.0e4\nrun_name: 2026-01-01\n"
    assert parsed(text).values == {
        "model_name_or_path": "a",
        "learning_rate": 1e-4,
        "x": 2e5,
        "y": 1e4,
        "run_name": "2026-01-01",
    }
    assert (
        parsed(text.replace("model_name_or_path", "base_model")).values["learning_rate"] == "1e-4"
    )


def test_lines_and_comments_of_yaml():
    read = source.read(FOLDER / "commented.yaml")
    assert read.form == "yaml"
    assert read.values == yaml.safe_load(read.text)
    assert read.comments == {
        "base_model": "a small base, to see that\nit all runs\nnot the chat model",
        "datasets": "rows of our own",
        "datasets[0]": "the larger half",
        "datasets[0].type": "turns",
        "datasets[0].roles_to_train": "answers alone",
        "system_prompt": "shown to all",
        "lora_target_modules[0]": "attention",
        "lora_target_modules[1]": "the other half",
        "defaults": "both",
        "fsdp_config.save_steps": "twice",
        "weight_decay": "left to the tool",
    }
    lines = read.text.splitlines()
    for path, words in {
        "datasets[1].path": "rows/#second",
        "system_prompt": "system_prompt: |",
        "seed": "seed: 7",
        "lora_target_modules[1]": "- v_proj",
        "fsdp_config.eval_steps": "defaults:",  # where it is written
        "fsdp_config.save_steps": "save_steps: 80",
        "weight_decay": "weight_decay:",
    }.items():
        assert words in lines[read.lines[path] - 1], path


def test_lines_and_comments_of_toml():
    read = source.read(FOLDER / "commented.toml")
    assert read.form == "toml"
    assert read.values == tomllib.loads(read.text)
    assert read.comments == {
        "name": "what it is for\none word",
        "data": "of our own",
        "data.path": "the rows",
        "backend.axolotl.datasets[0].path": "two lines",
    }
    assert read.lines["data"] == 5
    assert read.lines["data.columns.output"] == 7
    assert read.lines["backend.axolotl.datasets[0].path"] == 10
    assert read.lines["backend.axolotl.datasets[1].path"] == 14
    assert read.lines["backend.axolotl.datasets[1].tags"] == 15
    assert read.lines["backend.axolotl.datasets[1].odd.key"] == 18


def test_lines_of_json():
    text = '{"a": 1,\n "b": {"c": "x\\n{", "d": [\n1,\n{"e": null}]}}'
    assert parsed(text, "json").lines == {
        "a": 1,
        "b": 2,
        "b.c": 2,
        "b.d": 2,
        "b.d[0]": 3,
        "b.d[1]": 4,
        "b.d[1].e": 4,
    }


@pytest.mark.parametrize(
    ("text", "form"),
    [('{"a": 1}', "json"), ("[a]\nb = 1", "toml"), ("a = 1 # b", "toml"), ("a: 1", "yaml")],
)
def test_a_name_without_its_syntax_is_no_hindrance(text, form):
    assert source.parse(text, Path("config")).form == form


# What JSON and YAML both can say; the width keeps YAML from breaking lines.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12)


def tables(keys):
    inner = st.recursive(
        SCALARS,
        lambda value: st.lists(value, max_size=4) | st.dictionaries(keys, value, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(keys, inner, min_size=1, max_size=6)


def same(read, values):
    assert read.values == values
    assert all(path in read.lines for path, _ in leaves(values))
    assert all(1 <= line <= len(read.text.splitlines()) for line in read.lines.values())


PLACEHOLDERS = ("{{", "{%", "${")


def plain(values):
    return not any(part in json.dumps(values) for part in PLACEHOLDERS)


@given(tables(st.text(max_size=8)).filter(plain))
def test_any_table_comes_back(values):
    for indent in (None, 1):
        same(parsed(json.dumps(values, indent=indent), "json"), values)
        same(parsed(json.dumps(values, indent=indent, ensure_ascii=False), "json"), values)
    for flow in (False, True, None):
        dumped = yaml.safe_dump(values, default_flow_style=flow, sort_keys=False)
        same(parsed(dumped.replace("model_name_or_path", "m")), values)


@given(tables(NAMES).filter(plain))
def test_every_line_shows_its_key(values):
    for text, form in (
        (json.dumps(values, indent=1), "json"),
        (yaml.safe_dump(values, width=10_000), "yaml"),
    ):
        read = parsed(text, form)
        lines = text.split("\n")
        for path, line in read.lines.items():
            key = path.rpartition(".")[2]
            if not key.endswith("]"):
                assert key in lines[line - 1]


SIGNS = (
    *("a", "1", ":", " ", "\n", "- ", "{", "}", "[", "]", "#", '"', "'", ",", "="),
    *("&x ", "*x", "<<", "!t ", "| ", "? ", "\t", "---\n", "[a]\n", "a: ", "a = "),
)


@given(st.text() | st.lists(st.sampled_from(SIGNS), max_size=40).map("".join))
def test_any_text_is_read_or_refused(text):
    for form in ("yaml", "json", "toml"):
        try:
            assert source.parse(text, Path("run"), form).values
        except FtcError as error:
            assert str(error).startswith("run")
