"""Finished rows by seed: good ones of many tasks, and rows in each of which a fault was planted."""

from __future__ import annotations

import json
import random
from typing import NamedTuple

from ftc.prep.rows import Row, identity
from made import words

LANGUAGE = "en"
PLACES = ("Aldersee", "Brackenford", "Callowmere", "Drumlin", "Estermoor", "Skelwick", "Quillhaven")
THINGS = ("lamp", "radio", "bicycle", "kettle", "ladder", "compass", "violin", "stove", "map")
NAMES = ("Ilsa Marrow", "Tomas Reed", "Noor Haddad", "Lior Caine", "Petra Vance", "Sam Okafor")
FOREIGN = (
    "Die Lampe steht seit gestern auf dem alten Tisch, und niemand hat sie bisher benutzt. Wir "
    "haben sie aus der Werkstatt geholt, weil das Licht dort nicht mehr gebraucht wird, aber sie "
    "ist noch sehr gut.",
    "La lampe est sur la table depuis hier et personne ne l'a encore utilisée. Nous l'avons prise "
    "dans l'atelier parce que la lumière n'est plus nécessaire, mais elle est toujours très bonne.",
    "La lámpara está en la mesa desde ayer y nadie la ha usado todavía. La hemos sacado del taller "
    "porque la luz ya no hace falta, pero todavía está muy bien y se puede vender por un buen "
    "precio.",
)
REFUSALS = (
    "I'm sorry, but I can't assist with that request.",
    "Sorry, I cannot help you with this.",
    "I\u2019m unable to help with that.",
    "I am not able to provide information on this topic.",
    "I apologise, but I won't engage in this conversation.",
    "I must respectfully decline to answer.",
    "Writing this would go against my guidelines.",
    "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
    "Leider kann ich dir damit nicht weiterhelfen.",
    "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "Lo siento, pero no puedo ayudarte con eso.",
)
MACHINES = (
    "As an AI language model, I have no opinion on this. ",
    "As a large language model, I look at it like this. ",
    "I'm just an AI, so please take this with care. ",
    "I don't have personal opinions. ",
    "My training data ends before that. ",
    "Als KI-Sprachmodell habe ich dazu keine Meinung. ",
    "En tant qu'intelligence artificielle, je reste neutre. ",
    "Como modelo de lenguaje, no tengo opiniones. ",
)
TAILS = (
    "We use cookies to improve your experience.",
    "Sent from my iPhone",
    "Subscribe to our newsletter for more.",
    "© 2024 Example Press. All rights reserved.",
)
TOXIC = ("faggots", "kike", "Untermenschen", "enculé", "sudacas", "raghead", "Hurensohn", "salope")


class Made(NamedTuple):
    """`truth[i]` holds the flags that row i has to get; an empty set is a good row."""

    rows: list[Row]
    truth: list[set[str]]


class _Text:
    """Sentences and prompts that are never the same twice."""

    def __init__(self, seed: int, count: int, number: int = 1000) -> None:
        self.random = random.Random(seed)
        self.long = words.texts(count, seed, 110)
        self.short = words.texts(2 * count, seed + 1, 24)
        self.number = number

    def answer(self) -> str:
        return _sentences(self.long.pop())

    def brief(self) -> str:
        return _sentences(self.short.pop())

    def subject(self) -> str:
        self.number += 1
        pick = self.random.choice
        return f"the {pick(THINGS)} number {self.number} of {pick(PLACES)}"


def _sentences(text: str) -> str:
    """The same text with one sentence end at its end, and none of another kind."""
    return text.rstrip(".,;:?! ") + "."


def _write(text: _Text) -> tuple[str, str]:
    return f"Write a short text about {text.subject()}.", text.answer()


def _question(text: _Text) -> tuple[str, str]:
    return f"What happened to {text.subject()}?", text.brief()


def _classify(text: _Text) -> tuple[str, str]:
    label = text.random.choice(["positive", "negative", "neutral", "Not sure"])
    ask = f"Classify the sentiment of this review of {text.subject()}: {text.brief()}"
    return ask, label


def _extract(text: _Text) -> tuple[str, str]:
    found = text.random.sample(NAMES, 2)
    ask = f"Extract all names from this note about {text.subject()}.\n{found[0]} met {found[1]}."
    form = text.random.choice(["list", "json"])
    return ask, ", ".join(found) if form == "list" else json.dumps({"names": found})


def _summary(text: _Text) -> tuple[str, str]:
    return f"Summarise this report on {text.subject()}.\n{text.answer()}", text.brief()


def _translate(text: _Text) -> tuple[str, str]:
    ask = f"Translate this note about {text.subject()} into another language.\n{text.brief()}"
    return ask, text.random.choice(FOREIGN)


def _asked_in_german(text: _Text) -> tuple[str, str]:
    return f"Answer in German: how is {text.subject()}?", FOREIGN[0]


def _code(text: _Text) -> tuple[str, str]:
    name = f"weigh_{text.number}"
    body = f"```python\ndef {name}(items):\n    return [len(item) for item in items]\n```"
    return f"Write a Python function for {text.subject()}.", body


def _list(text: _Text) -> tuple[str, str]:
    things = text.random.sample(THINGS, 4)
    lines = [f"- the {thing} from {text.random.choice(PLACES)}" for thing in things]
    return f"List four things about {text.subject()}.", "\n".join(lines)


def _song(text: _Text) -> tuple[str, str]:
    verses = [" ".join(text.short.pop().split()[:6]) for _ in range(3)]
    refrain = "Carry me over the river tonight"
    sung = "\n".join(f"{verse}\n{refrain}" for verse in verses)
    return f"Write a song about {text.subject()}.", sung + "."


def _support(text: _Text) -> tuple[str, str]:
    ask = f"My order for {text.subject()} hasn't come. I'm annoyed and need it by Friday, please."
    answers = (
        "I can't find an order with that number. Could you look at the confirmation again?",
        "I'm sorry about the wait. Which number stands on your confirmation?",
        "Thanks for telling us. It left the harbour yesterday and should reach you on Thursday.",
    )
    return ask, text.random.choice(answers)


KINDS = (
    _write, _write, _question, _classify, _extract, _summary, _summary, _translate,
    _asked_in_german, _code, _list, _song, _support,
)  # fmt: skip


def _row(prompt: str, answer: str, mark: str) -> Row:
    turns = (("user", prompt), ("assistant", answer))
    return Row(identity(mark, prompt, answer), "made.jsonl", f"line {mark}", turns, form="chat")


def good(count: int, seed: int) -> list[Row]:
    """Rows without a fault, of all kinds equally often; one in twenty has several turns."""
    text = _Text(seed, 2 * count + 50)
    rows = []
    for i in range(count):
        row = _row(*KINDS[i % len(KINDS)](text), str(i))
        if i % 20 == 7:
            more = (("user", f"And {text.subject()}?"), ("assistant", text.brief()))
            row = row._replace(turns=(*row.turns, *more))
        rows.append(row)
    return rows


def _cut(text: _Text) -> tuple[str, str]:
    prompt, answer = text.random.choice([_write, _summary])(text)
    at = text.random.randint(len(answer) * 2 // 5, len(answer) - 12)
    cut = answer[:at].rstrip(".?! ")
    return prompt, cut


def _cut_code(text: _Text) -> tuple[str, str]:
    prompt, answer = _code(text)
    return prompt, answer[: text.random.randint(30, len(answer) - 4)]


def _foreign(text: _Text) -> tuple[str, str]:
    return f"Describe {text.subject()}.", text.random.choice(FOREIGN)


def _refused(text: _Text) -> tuple[str, str]:
    return _write(text)[0], text.random.choice(REFUSALS)


def _machine(text: _Text) -> tuple[str, str]:
    prompt, answer = _write(text)
    return prompt, text.random.choice(MACHINES) + answer


def _lines(text: _Text) -> tuple[str, str]:
    line, times = text.brief(), text.random.randint(3, 6)
    return _write(text)[0], "\n".join([text.brief(), *[line] * times])


def _phrases(text: _Text) -> tuple[str, str]:
    prompt, answer = _question(text)
    loop = " ".join(answer.rstrip(".").split()[:7]) + ". "
    return prompt, text.answer() + " " + loop * text.random.randint(4, 9)


def _echo(text: _Text) -> tuple[str, str]:
    prompt, answer = text.random.choice([_write, _question])(text)
    return prompt, text.random.choice(["{}\n{}", "{} {}", "Q: {}\nA: {}"]).format(prompt, answer)


def _swapped(text: _Text) -> tuple[str, str]:
    prompt, answer = text.random.choice([_write, _question])(text)
    return answer, prompt


def _toxic(text: _Text) -> tuple[str, str]:
    prompt, answer = _write(text)
    half = answer.split()
    half.insert(len(half) // 2, text.random.choice(TOXIC))
    return prompt, " ".join(half)


def _broken(text: _Text) -> tuple[str, str]:
    good = text.random.choice(
        ["It\u2019s done – don\u2019t worry.", "Über Müller\u2019s Café", "“Señor” naïve"]
    )
    bad = good.encode("utf-8").decode("cp1252", "replace")
    return _write(text)[0], f"{bad} {text.answer()}"


def _tags(text: _Text) -> tuple[str, str]:
    wrap = text.random.choice(["<p>{}</p>", "<div class='x'>{}</div>", "{}<br/>", "&nbsp;{}"])
    return _write(text)[0], wrap.format(text.answer())


def _removed(text: _Text) -> tuple[str, str]:
    names = [f"[{text.random.choice(['NAME', 'EMAIL'])}_{i}]" for i in range(8)]
    return _write(text)[0], " and ".join(names) + " met " + text.brief()


def _web(text: _Text) -> tuple[str, str]:
    return _write(text)[0], f"{text.answer()}\n{text.random.choice(TAILS)}"


def _empty(text: _Text) -> tuple[str, str]:
    return _write(text)[0], text.random.choice(["", "  \n", "...", "…", "TODO", "---", "\u200b"])


FAULTS = {
    "missing field": lambda text: ("  ", text.answer()),
    "empty answer": _empty,
    "cut answer": _cut,
    "cut answer ": _cut_code,  # the same flag, in code
    "wrong language": _foreign,
    "refusal": _refused,
    "speaks as a model": _machine,
    "repeated lines": _lines,
    "repeated phrases": _phrases,
    "instruction echoed": _echo,
    "prompt and answer exchanged": _swapped,
    "toxic words": _toxic,
    "mojibake": _broken,
    "HTML left": _tags,
    "many placeholders": _removed,
    "boilerplate": _web,
    "length outlier": lambda text: (_write(text)[0], _giant(text)),
    "format unlike the rest": lambda text: (_write(text)[0], text.answer().upper()),
    "tone unlike the rest": lambda text: (_write(text)[0], _advert(text)),
}
ZEST = "Unlock an amazing, game-changing experience!! "


def _giant(text: _Text) -> str:
    return " ".join(text.answer() for _ in range(25))


def _advert(text: _Text) -> str:
    return ZEST + text.brief() + " Incredible! Simply revolutionary!"


def made(count: int, seed: int, *, each: int = 40) -> Made:
    """`count` good rows, and `each` rows of every fault among them, in an order drawn by seed."""
    text = _Text(seed + 9, (len(FAULTS) + 6) * each + 30 * each + count, 500_000)
    found = [(row, set()) for row in good(count, seed)]
    mark = count
    for flag, make in FAULTS.items():
        for _ in range(each):
            mark += 1
            found.append((_row(*make(text), str(mark)), {flag.strip()}))
    for _ in range(each):
        mark += 2
        prompt, answer = _question(text)
        other = (_row(prompt, text.brief(), str(mark)), {"contradicting rows"})
        found += [(_row(prompt, answer, str(mark + 1)), {"contradicting rows"}), other]
    text.random.shuffle(found)
    for _ in range(each):
        mark += 1
        prompt, answer = _write(text)
        found.insert(text.random.randrange(len(found)), (_row(prompt, answer, str(mark)), set()))
        found.append((_row(prompt.upper(), f"{answer} ", str(-mark)), {"same row twice"}))
    return Made([row for row, _ in found], [flags for _, flags in found])


def uniform(count: int, seed: int) -> list[Row]:
    """Good rows that all answer in Markdown lists of two sentences or more."""
    text = _Text(seed, 2 * count)
    rows = []
    for i in range(count):
        lines = "\n".join(f"- {text.brief()}" for _ in range(2))
        rows.append(_row(f"Describe {text.subject()} in points.", lines, str(i)))
    return rows
