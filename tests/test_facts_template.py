"""Chat templates render as transformers renders them, and none can hang or fill the memory."""

import pytest
import small_models

from ftc.data.example import Message
from ftc.facts import preamble
from ftc.facts.template import (
    CHATML,
    TemplateFault,
    loses_system,
    render,
    system_turn,
    trims,
)

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
CHAT = [Message("user", "hi"), Message("assistant", "<b>yo</b>")]
CALL = Message("assistant", "", ({"name": "f", "arguments": {"x": "é <1>"}},))


def test_plain_chatml():
    whole = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<b>yo</b><|im_end|>\n"
    assert render(CHATML, CHAT, SPECIAL) == whole
    assert render(CHATML, CHAT[:1], SPECIAL, prompt=True) == whole[: whole.index("<b>")]


def test_tools_and_calls_are_json_without_html_escapes():
    tools = [{"type": "function", "function": {"name": "f", "description": "<é & 'x'>"}}]
    chat = [Message("user", "hi"), CALL, Message("tool", "1"), Message("tool", "2"), CHAT[1]]
    text = render(small_models.template_of("qwen2.5"), chat, SPECIAL, tools=tools)
    assert '{"type": "function", "function": {"name": "f", "description": "<é & \'x\'>"}}' in text
    assert '{"name": "f", "arguments": {"x": "é <1>"}}' in text
    assert text.count("<|im_start|>user") == 2


def test_date_is_fixed():
    text = render(small_models.template_of("llama3"), CHAT, SPECIAL)
    assert "Today Date: 26 Jul 2024" in text
    assert text.startswith("<s><|start_header_id|>system")


def test_generation_marks_print_nothing():
    text = render(small_models.template_of("phi3"), CHAT, SPECIAL)
    assert text == "<|user|>\nhi<|end|>\n<|assistant|>\n<b>yo</b><|end|>\n</s>"


def test_template_says_why_it_refuses():
    with pytest.raises(TemplateFault, match=r"^says: System role not supported$"):
        render(small_models.template_of("gemma"), [Message("system", "s"), *CHAT], SPECIAL)


HOSTILE = {
    "nested loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "endless text": "{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
    "doubling": "{% set n = namespace(x='x') %}{% for a in range(99) %}"
    "{% set n.x = n.x + n.x %}{% endfor %}",
    "doubling by tilde": "{% set n = namespace(x='x') %}{% for a in range(99) %}"
    "{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubling by join": "{% set n = namespace(x='x') %}{% for a in range(99) %}"
    "{% set n.x = [n.x, n.x] | join %}{% endfor %}",
    "doubling by replace": "{% set n = namespace(x='xx') %}{% for a in range(99) %}"
    "{% set n.x = n.x | replace('x', 'xxxx') %}{% endfor %}",
    "huge product": "{{ 'x' * 999999999999 }}",
    "huge power": "{{ 9 ** 9 ** 9 }}",
    "huge width": "{{ 'x'.ljust(999999999999) }}",
    "huge format": "{{ '%999999999999d' % 1 }}",
    "huge format call": "{{ '{:>999999999999}'.format('x') }}",
    "huge indent": "{{ 'x\ny' | indent(999999999999) }}",
    "huge round": "{{ 1.5 | round(999999999999) }}",
    "huge batch": "{{ [1] | batch(999999999999, 0) | list }}",
    "huge slice": "{{ [1] | slice(999999999999) | list }}",
    "huge word wrap": "{{ ('x' * 999999) | wordwrap(1, wrapstring='x' * 9999) }}",
    "recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "branching recursion": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}"
    "{% endmacro %}{{ f(60) }}",
    "recursive loop": "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "attribute": "{{ messages.__class__.__mro__ }}",
    "mutation": "{{ messages.append(1) }}",
    "missing": "{{ nothing.at.all }}",
    "wrong type": "{{ 1 + 'x' }}",
    "division": "{{ 1 / 0 }}",
    "syntax": "{% for %}",
    "unknown tag": "{% launch %}",
    "unknown filter": "{{ 'x' | nope }}",
    "deep": "(" * 3000,
    "deep expression": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_template_ends(text):
    try:
        assert len(render(text, CHAT, SPECIAL)) < 100_000_000
    except TemplateFault as fault:
        assert len(str(fault)) < 500


@pytest.mark.parametrize("name", small_models.FAMILIES)
def test_system_turn(name):
    row = small_models.FAMILIES[name]
    found = system_turn(small_models.template_of(name), SPECIAL)
    assert found == (row["injects"], row["system"])


@pytest.mark.parametrize("name", small_models.FAMILIES)
def test_trimmed_roles(name):
    row = small_models.FAMILIES[name]
    assert list(trims(small_models.template_of(name), SPECIAL)) == row["trims"]


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in small_models.TEMPLATES.glob("*.jinja"))
)
def test_only_mistral_loses_a_system_turn(name):
    lost = loses_system(small_models.template_of(name), SPECIAL)
    assert lost == (name in ("mistral-v0.3", "mistral-nemo"))
    assert not loses_system("", SPECIAL)


def test_injected_system_turn_renders_the_same_when_it_is_given():
    text = small_models.template_of("qwen2.5")
    injected, _ = system_turn(text, SPECIAL)
    given = render(text, [Message("system", injected), *CHAT], SPECIAL)
    assert given == render(text, CHAT, SPECIAL)


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in small_models.TEMPLATES.glob("*.jinja"))
)
def test_only_later_llama_writes_a_preamble(name):
    text = small_models.template_of(name)
    lines = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
    dated = name in ("llama3", "llama3.1")
    assert preamble.preamble(text, SPECIAL) == (lines if dated else "")
    assert preamble.date(text, SPECIAL) == ("26 Jul 2024" if name == "llama3" else "")


def test_preamble_stands_in_front_of_a_system_text():
    text = small_models.template_of("llama3")
    found = preamble.preamble(text, SPECIAL)
    assert f"\n\n{found}Be brief.<|eot_id|>" in render(text, [Message("system", "Be brief.")], {})
    pinned = {"date_string": preamble.date(text, SPECIAL)}
    other_day = {"strftime_now": preamble.LATER.strftime}
    assert render(text, CHAT, SPECIAL) == render(text, CHAT, SPECIAL, variables=pinned)
    assert render(text, CHAT, SPECIAL) != render(text, CHAT, SPECIAL, variables=other_day)
    assert render(text, CHAT, SPECIAL, variables=other_day | pinned) == render(text, CHAT, SPECIAL)


ODD = {
    "": "no template",
    "{{ raise_exception('no') }}": "refuses all",
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}": "nothing before a text",
    "{{ strftime_now('%Y') }} user {{ messages[0].content }}": "a day that nothing pins",
    "system{% for m in messages %}{{ m.content }} user{% endfor %}": "no header of a user turn",
}


@pytest.mark.parametrize("text", ODD, ids=ODD.values())
def test_templates_without_a_preamble_or_a_date(text):
    assert (preamble.preamble(text, SPECIAL), preamble.date(text, SPECIAL)) == ("", "")
