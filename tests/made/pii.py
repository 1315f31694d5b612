"""Documents with personal data and secrets whose places are known, and things that look like them.

Values come from faker in several locales and from the issuers' own forms, sentences are written
here, the text between them is `words.texts`. Nothing of it is known to `ftc`.
"""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from typing import NamedTuple

import phonenumbers
from faker import Faker
from stdnum import luhn, verhoeff
from tests.made.pii_frames import FRAMES, IDS, NEAR_MISSES
from tests.made.words import texts

LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "en_IN",
           "pt_BR", "en_CA", "sv_SE", "fi_FI", "de_CH"]  # fmt: skip
HERE = LOCALES[:5]  # where the documents are from


class Document(NamedTuple):
    text: str
    truth: list[tuple[str, int, int]]  # kind, start, end


class Rate(NamedTuple):
    recall: float
    precision: float
    planted: int
    found: int


def _near_miss(r: random.Random, fake: Faker) -> str:
    """A sentence with a number or a mark that is no personal data."""

    def filled(match: re.Match[str]) -> str:
        if ".." in match[1]:
            return str(r.randrange(*map(int, match[1].split(".."))))
        if match[1].isdigit():
            return "".join(r.choices(string.digits, k=int(match[1])))
        return _no_card(r) if match[1] == "no_card" else str(getattr(fake, match[1])())

    return re.sub(r"\{([a-z0-9_.]+)\}", filled, r.choice(NEAR_MISSES))


def _no_card(r: random.Random) -> str:
    """16 digits that begin like a card's and have the wrong check digit."""
    number = [int(d) for d in r.choice("45") + "".join(r.choices(string.digits, k=15))]
    doubled = [d * 2 - 9 * (d > 4) if i % 2 == 0 else d for i, d in enumerate(number)]
    if sum(doubled) % 10 == 0:
        number[-1] = (number[-1] + 1) % 10
    written = "".join(map(str, number))
    return r.choice([written, " ".join(written[i : i + 4] for i in range(0, 16, 4))])


def _grouped(r: random.Random, number: str, sizes: list[int]) -> str:
    mark = r.choice(["", " ", "-"])
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return mark.join(part for part in [*parts, number[at:]] if part)


def _email(r: random.Random, fakes: dict[str, Faker]) -> str:
    fake = fakes[r.choice(HERE)]
    address = r.choice([fake.email, fake.company_email, fake.free_email, fake.ascii_email])()
    form = r.random()
    if form < 0.1:
        return address.replace("@", "+news@")
    if form < 0.15:
        return address.replace("@", " (at) ").replace(".", " (dot) ")
    return address.upper() if form < 0.2 else address


def _phone(r: random.Random, fakes: dict[str, Faker]) -> str:
    if r.random() < 0.6:
        return fakes[r.choice(HERE)].phone_number()
    region = r.choice(sorted(phonenumbers.SUPPORTED_REGIONS))
    kind = r.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
    while True:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            region = r.choice(sorted(phonenumbers.SUPPORTED_REGIONS))
            continue
        number.national_number += r.randrange(100)
        form = r.choice([phonenumbers.PhoneNumberFormat.INTERNATIONAL,
                         phonenumbers.PhoneNumberFormat.E164])  # fmt: skip
        return phonenumbers.format_number(number, form)


def _card(r: random.Random, fakes: dict[str, Faker]) -> str:
    issuer = r.choice(["visa16", "mastercard", "amex", "discover", "diners", "jcb", "maestro"])
    number = _own_card(r, issuer) or fakes["en_US"].credit_card_number(card_type=issuer)
    if len(number) == 16:
        return _grouped(r, number, [4, 4, 4])
    return _grouped(r, number, [4, 6]) if len(number) in (14, 15) else number


def _own_card(r: random.Random, issuer: str) -> str:
    """JCB and Maestro: faker's have first digits that these issuers do not give."""
    starts = {"jcb": ["3528", "3561", "3589"], "maestro": ["5018", "5038", "6304", "6759", "6763"]}
    if issuer not in starts:
        return ""
    size = 16 if issuer == "jcb" else r.choice([12, 16, 19])
    start = r.choice(starts[issuer])
    number = start + "".join(r.choices(string.digits, k=size - 5))
    return number + luhn.calc_check_digit(number)


def _iban(r: random.Random, fakes: dict[str, Faker]) -> str:
    number = fakes[r.choice([*HERE[1:], "it_IT", "nl_NL", "pl_PL", "de_CH"])].iban()
    if r.random() < 0.5:
        return number
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _ip(r: random.Random, fakes: dict[str, Faker]) -> str:
    fake = fakes["en_US"]
    if r.random() < 0.6:
        return r.choice([fake.ipv4_public, fake.ipv4_private])()
    return r.choice([fake.ipv6(), fake.ipv6().upper(), f"2001:db8::{r.randrange(1, 65536):x}",
                     f"fe80::{r.randrange(65536):x}:{r.randrange(65536):x}:1"])  # fmt: skip


def _secret(r: random.Random, fakes: dict[str, Faker]) -> str:
    word = string.ascii_letters + string.digits
    pick = lambda letters, n: "".join(r.choices(letters, k=n))  # noqa: E731
    hexes = "0123456789abcdef"
    return r.choice(
        [
            lambda: "AKIA" + pick(string.ascii_uppercase + "234567", 16),
            lambda: "ghp_" + pick(word, 36),
            lambda: "github_pat_" + pick(word, 22) + "_" + pick(word, 59),
            lambda: "glpat-" + pick(word + "_-", 19) + pick(word, 1),
            lambda: f"xoxb-{pick('0123456789', 12)}-{pick('0123456789', 12)}-{pick(word, 24)}",
            lambda: r.choice(["sk_live_", "rk_test_"]) + pick(word, 24),
            lambda: "sk-proj-" + pick(word + "_-", 60) + pick(word, 4),
            lambda: "sk-" + pick(word, 20) + "T3BlbkFJ" + pick(word, 20),
            lambda: "sk-ant-api03-" + pick(word + "_-", 80) + pick(word, 4),
            lambda: "AIza" + pick(word + "_-", 34) + pick(word, 1),
            lambda: "hf_" + pick(string.ascii_letters, 34),
            lambda: f"eyJ{pick(word, 30)}.eyJ{pick(word, 60)}.{pick(word, 43)}",
            lambda: "SG." + pick(word, 22) + "." + pick(word, 43),
            lambda: "npm_" + pick(word, 36),
            lambda: "SK" + pick(hexes, 32),
            lambda: (
                "-----BEGIN RSA PRIVATE KEY-----\n"
                + "\n".join(pick(word + "+/", 64) for _ in range(6))
                + "\n-----END RSA PRIVATE KEY-----"
            ),
        ]
    )()


def _given(r: random.Random, fakes: dict[str, Faker]) -> tuple[str, str]:
    """A sentence with {} and the secret that it gives a name to."""
    word = string.ascii_letters + string.digits
    pick = lambda n, letters=word: "".join(r.choices(letters, k=n))  # noqa: E731
    password = fakes["en_US"].password(
        length=r.randrange(9, 15), special_chars=False, digits=True, upper_case=True
    )
    return r.choice(
        [
            ("password: {}", password),
            ("The password is {}", password),
            ('password = "{}"', password),
            ("DB_PASSWORD={}", password),
            ("postgres://admin:{}@db.internal/main", password),
            ('"api_key": "{}"', pick(32)),
            ("api_key={}", pick(24)),
            ("aws_secret_access_key = {}", pick(40)),
            ("client_secret: '{}'", pick(28)),
            ("Authorization: Bearer {}", pick(40)),
            ("SECRET_KEY = '{}'", pick(50)),
            ("access_token={}", pick(64, "0123456789abcdef")),
        ]
    )


def _id(r: random.Random, fakes: dict[str, Faker]) -> tuple[str, str]:
    locale = r.choice(sorted(IDS))
    fake = fakes[locale]
    if locale == "es_ES":
        value = r.choice([fake.nif, fake.nie])()
    elif locale == "en_GB":
        value = _nino(r)
    elif locale == "en_IN":
        value = _aadhaar(r)
    elif locale == "pt_BR":
        value = fake.cpf()
    elif locale == "pl_PL":
        value = fake.pesel()
    else:
        value = fake.ssn()
    return r.choice(IDS[locale]), value


def _aadhaar(r: random.Random) -> str:
    """Faker's have wrong check digits."""
    plain = r.choice("23456789") + "".join(r.choices(string.digits, k=10))
    plain += verhoeff.calc_check_digit(plain)
    return f"{plain[:4]} {plain[4:8]} {plain[8:]}"


def _nino(r: random.Random) -> str:
    """Faker's begin with ZZ, which is not given to anybody."""
    digits = [f"{r.randrange(100):02}" for _ in range(3)]
    start = r.choice(["AB", "CE", "JM", "PW", "SX", "YL", "NR"])
    return r.choice([" ", ""]).join([start, *digits, r.choice("ABCD")])


def _address(r: random.Random, fakes: dict[str, Faker]) -> str:
    written = fakes[r.choice(HERE)].address().strip()
    return written if r.random() < 0.4 else ", ".join(part.strip() for part in written.split("\n"))


_VALUES = {"email": _email, "phone": _phone, "card": _card, "iban": _iban, "ip": _ip,
           "secret": _secret, "address": _address}  # fmt: skip


def _planted(kind: str, r: random.Random, fakes: dict[str, Faker]) -> tuple[str, str]:
    if kind == "id":
        return _id(r, fakes)
    if kind == "ssn":
        return r.choice(FRAMES[kind]), fakes["en_US"].ssn()
    if kind == "secret" and r.random() < 0.5:
        return _given(r, fakes)
    return r.choice(FRAMES[kind]), _VALUES[kind](r, fakes)


def documents(count: int, seed: int, kinds: list[str], words: int = 100) -> list[Document]:
    """`count` documents with one to three of `kinds` and one to three near misses in each."""
    r = random.Random(seed)
    fakes = {locale: Faker(locale) for locale in LOCALES}
    for number, fake in enumerate(fakes.values()):
        fake.seed_instance(seed * 100 + number)
    made = []
    for text in texts(count, seed, words):
        bits: list[tuple[str, str, str]] = []  # sentence with {} or without, kind, value
        for _ in range(r.randrange(1, 4)):
            kind = r.choice(kinds)
            bits.append((*_planted(kind, r, fakes), kind))
        bits += [(_near_miss(r, fakes["en_US"]), "", "") for _ in range(r.randrange(1, 4))]
        r.shuffle(bits)
        made.append(_joined(r, text, bits))
    return made


def _joined(r: random.Random, text: str, bits: list[tuple[str, str, str]]) -> Document:
    words = text.split(" ")
    cuts = sorted(r.sample(range(1, len(words)), len(bits)))
    truth, out, last = [], "", 0
    for cut, (frame, value, kind) in zip(cuts, bits, strict=True):
        out += " ".join(words[last:cut]) + r.choice(["\n", ". ", " - ", "\n\n"])
        if kind:
            before, after = frame.split("{}", 1)
            start = len(out) + len(before)
            truth.append((kind, start, start + len(value)))
            frame = before + value + after
        out += frame + r.choice(["\n", " ", "\n\n"])
        last = cut
    return Document(out + " ".join(words[last:]), truth)


def score(found: list[list[tuple[str, int, int]]], made: list[Document]) -> dict[str, Rate]:
    """Recall and precision of each kind.

    A planted value is found when a span of its kind covers all of it (an address: nine tenths).
    A span is right when it covers a value of its kind and at most two characters more, of names
    and addresses: when half of it is of that kind.
    """
    planted, hit, named, right = Counter(), Counter(), Counter(), Counter()
    for spans, document in zip(found, made, strict=True):
        for kind, start, end in document.truth:
            planted[kind] += 1
            least = 0.9 * (end - start) if kind == "address" else end - start
            hit[kind] += any(
                k == kind and min(b, end) - max(a, start) >= least for k, a, b in spans
            )
        for kind, start, end in spans:
            named[kind] += 1
            right[kind] += any(
                k == kind and _right(kind, start, end, a, b) for k, a, b in document.truth
            )
    return {
        kind: Rate(
            hit[kind] / max(1, planted[kind]), right[kind] / max(1, named[kind]),
            planted[kind], named[kind],
        )
        for kind in sorted(planted | named)
    }  # fmt: skip


def _right(kind: str, start: int, end: int, a: int, b: int) -> bool:
    if kind in ("address", "name"):
        return 2 * (min(b, end) - max(a, start)) >= end - start
    return start <= a and b <= end and end - start <= b - a + 2
