"""What a chat template writes in front of every system text, and the date in it.

Llama 3.1 and later write when their knowledge ends, and a date: that of the day in 3.2.
"""

from __future__ import annotations

from datetime import timedelta

from ftc.data.example import Message
from ftc.facts.template import MARK, TODAY, USER, TemplateFault, render

LATER = TODAY + timedelta(days=400)


def preamble(text: str, special: dict[str, str]) -> str:
    """The text between the header of the system turn and a system text, "" for none.

    Found by rendering, with the header of the user turn as a pattern; a chat without a system turn
    must say the same, and nothing more.
    """
    try:
        given = text and render(text, [Message("system", MARK), USER], special)
        bare = text and render(text, [USER], special)
    except TemplateFault:
        return ""
    before, _, after = given.partition(MARK)
    between, found, _ = after.partition(USER.content)
    if not found or between.count("user") != 1 or bare != before + after:
        return ""
    header = between.replace("user", "system")
    while "system" in header and header not in before:
        header = header[1:]
    return before.rpartition(header)[2] if "system" in header else ""


def date(text: str, special: dict[str, str]) -> str:
    """The `date_string` that makes a template print ftc's date on every day, "" where none must.

    A template that prints the day and asks for no `date_string` has none either.
    """
    try:
        ours = text and render(text, [USER], special)
        later = text and render(text, [USER], special, variables={"strftime_now": LATER.strftime})
        if ours == later:
            return ""
        told = render(text, [USER], special, variables={"date_string": MARK})
        before, _, after = told.partition(MARK)
        found = ours[len(before) : len(ours) - len(after)]
        same = render(text, [USER], special, variables={"date_string": found}) == ours
    except TemplateFault:
        return ""
    return found if MARK in told and same else ""
