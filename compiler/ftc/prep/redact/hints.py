"""What the words around a capitalised word say: whether it is a person's name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ftc.prep.redact.span import Span

_FOLDER = Path(__file__).parent
_GIVEN = tomllib.loads((_FOLDER / "given.toml").read_text("utf-8"))
_SURE = frozenset(f"{_GIVEN['census']} {_GIVEN['more']}".split())
_ANY = _SURE | frozenset(_GIVEN["doubtful"].split())
_NO = tomllib.loads((_FOLDER / "capitals.toml").read_text("utf-8"))
_NEVER = frozenset(" ".join(_NO.values()).split())
_BODIES = frozenset(_NO["bodies"].split())

# A capitalised word of at most 30 letters, or an initial: what is longer is no name, and slow
_W = (
    r"(?<!\w)[^\W\d_a-zß-öø-ÿ][\w'\u2019]{0,28}[^\W\d_](?:-[^\W\d_]{1,30}){0,3}(?![\w-])"
    r"|(?<!\w)[A-ZÀ-Þ]\."
)
_SMALL = r"(?:van|von|der|den|de|da|dos|das|del|della|di|du|la|le|ter|ten|bin|ibn|al|el|zu|y|e|af)"
_NAME = rf"(?:{_W})(?:[ \u00a0](?:{_SMALL}[ \u00a0]){{0,2}}(?:{_W})){{0,3}}"
_NEXT = rf"(?P<name>{_NAME})"
_TITLES = (
    r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Rev|Reverend|Judge|Nurse|Uncle|Aunt|Herr|Herrn|"
    r"Frau|Monsieur|Madame|Mme|Mlle|Señor|Señora|Señorita|Sr|Sra|Don|Doña|Signor|Signora|Dott|"
    r"Pan|Pani|Senhor|Senhora)"
)
_AFTER_TITLE = re.compile(rf"\b{_TITLES}\.?[ \u00a0](?P<small>(?:{_SMALL}[ \u00a0]){{0,2}}){_NEXT}")
_GREETED = re.compile(
    r"(?:^|(?<=[.!?\n] )|(?<=\n)|(?<=[.!?,] ))(?:Hi|Hello|Hey|Dear|Hallo|Liebe|Lieber|Bonjour|Cher|"
    r"Chère|Hola|Estimado|Estimada|Querido|Querida|Ciao|Caro|Cara|Good (?:morning|afternoon|"
    rf"evening)|Guten (?:Tag|Morgen))(?: there)?,? {_NEXT}(?=\s*[,!.:;\n-]|\s*$)",
    re.MULTILINE,
)
_PARTING = re.compile(
    r"(?i:regards|wishes|best|thanks|thank you|cheers|sincerely|yours|truly|faithfully|greetings|"
    r"grüßen|grüße|gruß|cordialement|saludos|saluti|signed|love|groeten|pozdrawiam|abraços)"
    rf"[,.!]?(?:[ ]*\n+[ ]*|, |: ){_NEXT}(?=\s*(?:\n|$|[.,]|[a-z]))"
)
_TOLD = re.compile(
    r"\b(?:[Mm]y name is|[Nn]ame['\u2019]s|[Tt]his is|[Ii]['\u2019]m|[Ii] am|[Ii]t['\u2019]s|"
    r"[Cc]all me|"
    r"[Ii]ch bin|[Mm]ein Name ist|[Jj]e m['\u2019]appelle|[Jj]e suis|[Mm]e llamo|[Ss]oy|[Ss]ono|"
    r"[Mm]i chiamo|named|called|married to|spoke (?:with|to)|talk(?:ed|ing)? (?:to|with)|"
    r"speak (?:with|to)|met(?: with)?|meet(?: with)?|[Aa]ccording to|written by|signed by|"
    r"[Aa]sk|[Tt]ell|invited?|email(?:ed)?|remind(?:ed)?|[Tt]hanks(?: again)? to|"
    r"[Gg]ive it to|sent (?:it )?to|reports? to|brother|sister|wife|husband|son|daughter|mother|"
    r"father|colleague|boss|manager|patient|client|[Pp]atient,|neighbou?r|friend)"
    rf",? {_NEXT}"
)
_LABELLED = re.compile(
    r"(?:^|(?<=[\s(]))(?:From|To|Cc|CC|cc|Bcc|bcc|BCC|Reply-To|Sent by|Signed by|Signed|Attn|"
    r"Attention|Name|Full name|Customer|Patient|Client|Contact|Author|Attendees|Participants|"
    r"Employee|Applicant|Recipient|Sender|Caller|Buyer|Seller|Tenant|Guest|Witness|Von|An|Kunde|"
    rf"Cliente|Nom|Nombre|Nome)\s?: ?(?P<name>{_NAME}(?:[,;] ?{_NAME})*)"
)
_ACTING = re.compile(
    rf"{_NEXT}(?= (?:said|says|told|tells|wrote|writes|asked|asks|replied|answered|called|joined|"
    r"signed|thinks|agreed|agrees|promised|mentioned|added|explained|lives|works|will call|left|"
    r"went|came|did not|didn['\u2019]t|taught|likes|has promised|is on (?:holiday|leave|vacation)|"
    r"was born)\b)"
)
_SPEAKER = re.compile(
    rf"^(?:\[?\d{{1,2}}:\d\d(?::\d\d)?\]?\s*)?{_NEXT}(?: ?\([^)\n]{{1,20}}\))?:(?=\s)", re.M
)
_PAIR = re.compile(rf"(?P<one>{_NAME})(?P<mark>, | and | und | et | y | & )(?P<two>{_NAME})")
_WORDS = re.compile(_NAME)
_INNER = re.compile(r"[^\W\d_A-ZÀ-Þ][A-ZÀ-Þ]")
_CLAN = re.compile(r"(?:Mc|Mac|De|Di|Da|La|Le|Van|Von|Fitz|O['\u2019])[A-Z]")
_ARTICLE = re.compile(r"(?<!\w)(?:the|a|an|this|each|any|your|our|no)[ \n]\Z", re.IGNORECASE)
_SMALL_WORD = re.compile(r"(?<![\w-])[^\W\d_A-ZÀ-Þ][^\W\d_]+")
_LONE = re.compile(r"[^\W\d_]+")


def found(text: str) -> list[Span]:
    """Names that the words beside them, or a list of given names, tell."""
    spans: list[Span] = []
    for match in _AFTER_TITLE.finditer(text):
        for span in trimmed(text, *match.span("name")):
            # Dr. van der Berg: small words belong to a name that a title stands before
            first = match.start("small") if span.start == match.start("name") else span.start
            spans.append(Span("name", first, span.end, _value(text[first : span.end])))
    for pattern in (_GREETED, _PARTING, _LABELLED):
        spans += _all(text, pattern, weak=False)
    for pattern in (_TOLD, _ACTING):
        spans += _all(text, pattern, weak=True)
    spans += _listed(text)
    spans += _beside(text, spans)
    return spans


def _all(text: str, pattern: re.Pattern[str], *, weak: bool) -> Iterator[Span]:
    for match in pattern.finditer(text):
        for span in trimmed(text, *match.span("name")):
            words = text[span.start : span.end].split()
            if not weak or len(words) > 1 or _new(text, span):
                yield span


def _new(text: str, span: Span) -> bool:
    """Whether a lone word is a name rather than a word that begins a sentence."""
    word = text[span.start : span.end]
    return word in _ANY or not _begins(text, span.start)


def _begins(text: str, at: int) -> bool:
    before = text[max(0, at - 3) : at].rstrip(" ")
    return not before or before[-1] in ".!?\n:"


def _listed(text: str) -> Iterator[Span]:
    """Given names of the list, with the family name that follows."""
    for match in _WORDS.finditer(text):
        for span in trimmed(text, *match.span()):
            words = text[span.start : span.end].replace("-", " ").split()
            if words[0] in _SURE or (len(words) > 1 and words[0] in _ANY):
                yield span


def _beside(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """What is joined to a name by a comma or an "and"."""
    known = {(span.start, span.end) for span in spans}
    for match in _PAIR.finditer(text):
        one, two = match.span("one"), match.span("two")
        if (one in known) != (two in known):
            yield from trimmed(text, *(two if one in known else one))


def trimmed(text: str, start: int, end: int) -> list[Span]:
    """The names in `text[start:end]`: capitalised words, without titles and words that are none."""
    spans = []
    for match in _WORDS.finditer(text, start, end):
        words = [(m.start(), m.end()) for m in re.finditer(r"[^ \u00a0]+", match[0])]
        base = match.start()
        if len(words) > 1 and _is_body(match[0], words):
            continue
        while words and _none(match[0][slice(*words[0])]):
            del words[0]
        while words and (_none(match[0][slice(*words[-1])]) or match[0][words[-1][0]].islower()):
            del words[-1]
        if words:
            first, last = base + words[0][0], base + words[-1][1]
            written = text[first:last]
            for ending in ("'s", "\u2019s"):
                written = written.removesuffix(ending)
            if len(written.rstrip(".")) > 1 and not any(_none(word) for word in written.split()):
                spans.append(Span("name", first, first + len(written), _value(written)))
    return spans


def likely(text: str, span: Span, small: frozenset[str]) -> bool:
    """Whether what the model takes for a person may be one; `small` are the text's small words.

    Listed given names are. Others are not when they are written small elsewhere, in capitals, as
    a name in a program, or as the label of a line; nor is a lone word after "the".
    """
    words = text[span.start : span.end].split()
    if words[0].partition("-")[0] in _SURE:
        return True
    if any(word.isupper() and len(word) > 1 and word.isalpha() for word in words):
        return False
    if all(word.casefold() in small for word in words):
        return False
    around = text[max(0, span.start - 1) : span.start] + text[span.end : span.end + 1]
    if any(mark in "/`_<>=|[#" for mark in around) or "::" in text[span.start - 3 : span.start]:
        return False
    if len(words) > 1:
        return True
    if _INNER.search(words[0]) and not _CLAN.match(words[0]):
        return False
    labelled = text[span.end : span.end + 1] in (":", "-", "(")
    return not labelled and not _ARTICLE.search(text, max(0, span.start - 8), span.start)


def small_words(text: str) -> frozenset[str]:
    """Words that the text has without a capital."""
    return frozenset(_SMALL_WORD.findall(text))


def _is_body(text: str, words: list[tuple[int, int]]) -> bool:
    """San Francisco, Lake Victoria, Jefferson University: a word of these makes it no person."""
    return any(text[slice(*words[at])].strip(".") in _BODIES for at in (0, -1))


def _none(word: str) -> bool:
    bare = word.strip(".'\u2019")
    return bare.removesuffix("'s") in _NEVER or (bare.isupper() and len(bare) > 3) or not bare


def _value(written: str) -> str:
    """First and last word, in small letters: a middle name makes no other person."""
    words = written.casefold().replace("\u2019", "'").split()
    return words[0] if len(words) == 1 else f"{words[0]} {words[-1]}"


def speakers(text: str) -> list[Span]:
    """Names before the colon of a transcript's turns; not "Agent" or "Speaker 1"."""
    return list(_all(text, _SPEAKER, weak=False))


def header(text: str) -> list[Span]:
    """The names of a mail's From or To: all that is written beside the addresses."""
    spans = []
    for match in re.finditer(r"[^,;<>\"()]+", text):
        if "@" not in match[0]:
            spans += trimmed(text, *match.span())
    return spans


def _capital(word: str) -> bool:
    return word[0].isupper() and not word.isupper()


def repeated(text: str, spans: list[Span]) -> list[Span]:
    """The spans, and where else in the text the words of full names stand alone."""
    words: dict[str, None] = {}
    for span in spans:
        parts = text[span.start : span.end].split()
        words.update(dict.fromkeys(part for part in parts if len(part) > 2 and _capital(part)))
    more = [
        Span("name", match.start(), match.end(), match[0].casefold())
        for match in _LONE.finditer(text)
        if match[0] in words and match[0] not in _ANY - _SURE
    ]
    return [*spans, *more]
