"""Documents with people's names whose places are known, and capitalised words that are no names.

Names come from faker in fourteen locales, given names and family names from the same one; the
sentences are written here, the text between them is `words.texts`.
"""

from __future__ import annotations

import random

from faker import Faker
from tests.made.pii import Document
from tests.made.words import texts

LOCALES = ["en_US", "en_GB", "en_IN", "en_NG", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL",
           "pl_PL", "pt_BR", "sv_SE", "tr_TR", "vi_VN"]  # fmt: skip
FULL = [
    "Please ask {} about the invoice.",
    "{} joined the team in spring.",
    "The report was written by {}.",
    "We met {} and talked for an hour.",
    "According to {}, nothing was lost.",
    "{} wrote:",
    "From: {}",
    "Signed, {}",
    "Attendees: {}",
    "My name is {} and I have a question.",
    "This is {} speaking.",
    "In the meeting {} said that it works.",
    "The patient, {}, came back on the second day.",
    "I spoke with {} yesterday.",
    "Customer: {}",
    "{}'s laptop is broken again.",
    "cc: {}",
    "Regards,\n{}",
    "Thanks again to {} for the help.",
    "She is married to {}.",
]
GIVEN = [
    "Hi {},",
    "Dear {},",
    "Thanks, {}",
    "Best,\n{}",
    "I will ask {} tomorrow.",
    "Could you call {} back?",
    "{} is on holiday until next week.",
    "Hello {}, how are you today?",
    "I'm {} from the support desk.",
    "{} and I went home early.",
    "{}: can everybody hear me?",
    "Give it to {}, please.",
    "{} told me that the order was late.",
]
FAMILY = [
    "Dear Mr. {},",
    "Ask Dr. {} for a second opinion.",
    "Mrs. {} did not answer.",
    "Professor {} taught us that.",
    "Ms {} signed the contract.",
]
BOTH = ["{}, {} and the others were late.", "{} and {} have a son.", "To: {}; {}"]
NONE = [
    "We use Microsoft Excel and Google Docs every day.",
    "She moved from Berlin to San Francisco in March.",
    "The Eiffel Tower is in Paris.",
    "Our meeting is on Monday, the next one on Thursday.",
    "Siemens and Deutsche Bank reported on Friday.",
    "The iPhone and the Galaxy were sold out in December.",
    "General Motors and Ford build cars in Detroit.",
    "The United Nations met in Geneva.",
    "Toyota Corolla, Honda Civic and Volkswagen Golf",
    "Open the Settings menu and choose Privacy.",
    "See Chapter Two and Appendix B.",
    "Happy New Year from the Amazon Team!",
    "Mount Everest is higher than Kilimanjaro.",
    "They speak English, French and Portuguese.",
    "Error: Connection Refused by Host",
    "Starbucks, McDonald's and Burger King are open.",
    "The Oxford University Press printed it.",
    "Easter and Christmas fall on Sundays.",
    "The Lord of the Rings was on Netflix.",
    "Visit Lake Victoria and Cape Town.",
    "The Supreme Court decided in June.",
    "PostgreSQL, Redis and Docker are running.",
    "Kind regards,\nThe Support Team",
    "Dear Customer,",
    "Hi all,",
    "Hello World",
    "Dear Sir or Madam,",
    "Agent: how can I help?",
    "Note: Terms and Conditions apply.",
    "I'm Happy to help.",
]


def documents(count: int, seed: int, words: int = 80) -> list[Document]:
    """`count` documents of one to three sentences with names and one to three without."""
    r = random.Random(seed)
    fakes = {locale: Faker(locale) for locale in LOCALES}
    for number, fake in enumerate(fakes.values()):
        fake.seed_instance(seed * 100 + number)
    made = []
    for text in texts(count, seed, words):
        bits = [_planted(r, fakes) for _ in range(r.randrange(1, 4))]
        bits += [(r.choice(NONE), []) for _ in range(r.randrange(1, 4))]
        r.shuffle(bits)
        made.append(_joined(r, text, bits))
    return made


def _planted(r: random.Random, fakes: dict[str, Faker]) -> tuple[str, list[str]]:
    """A sentence with {} and the names that go there."""
    fake = fakes[r.choice(LOCALES)]
    form = r.random()
    if form < 0.5:
        return r.choice(FULL), [_full(fake)]
    if form < 0.75:
        return r.choice(GIVEN), [fake.first_name()]
    if form < 0.88:
        return r.choice(FAMILY), [fake.last_name()]
    frame = r.choice(BOTH)
    if frame.startswith("To:"):
        return frame, [_full(fake), _full(fake)]
    return frame, [fake.first_name(), fake.first_name()]


def _full(fake: Faker) -> str:
    return f"{fake.first_name()} {fake.last_name()}"


def _joined(r: random.Random, text: str, bits: list[tuple[str, list[str]]]) -> Document:
    words = text.split(" ")
    cuts = sorted(r.sample(range(1, len(words)), len(bits)))
    truth, out, last = [], "", 0
    for cut, (frame, values) in zip(cuts, bits, strict=True):
        out += " ".join(words[last:cut]).rstrip(".,;:") + r.choice([".\n", ". ", ".\n\n"])
        parts = frame.split("{}")
        out += parts[0]
        for value, part in zip(values, parts[1:], strict=False):
            truth.append(("name", len(out), len(out) + len(value)))
            out += value + part
        out += r.choice(["\n", " ", "\n\n"])
        last = cut
    return Document(out + " ".join(words[last:]), truth)
