"""`redact`: each kind is found, what looks like it is not, and a document keeps its numbers."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban
from tests.made import pii

from ftc.errors import FtcError
from ftc.prep import ledger, rows
from ftc.prep.redact import search
from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import read
from ftc.prep.redact.scrub import scrubbed
from ftc.prep.redact.search import find
from ftc.prep.redact.span import KINDS, Span, settle
from ftc.prep.redact.step import STEP
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare
from ftc.preparation.redact import Redact

STRUCTURED = [kind for kind in KINDS if kind != "name"]
EVERYWHERE = pii.LOCALES


def spans(text, **how):
    return [(span.kind, text[span.start : span.end]) for span in find(text, **how)]


@pytest.mark.parametrize("seed", [7001, 7002])
def test_every_kind_is_found_and_little_else(seed):
    made = pii.documents(2000, seed, STRUCTURED)
    got = search.find_all(pa.array([document.text for document in made]), STRUCTURED, EVERYWHERE)
    found = [[(s.kind, s.start, s.end) for s in got.get(i, [])] for i in range(len(made))]
    rates = pii.score(found, made)
    assert sorted(rates) == sorted(STRUCTURED)
    for kind, rate in rates.items():
        assert rate.planted > 300
        assert rate.recall >= 0.98, (kind, rate)
        assert rate.precision >= 0.97, (kind, rate)


def test_no_finder_finds_anything_where_its_gate_lets_nothing_through():
    texts = [document.text for document in pii.documents(1500, 7003, STRUCTURED, 30)]
    places = read(tuple(EVERYWHERE))
    for finder in search.FINDERS:
        gates = [re.compile(_of_python(gate)) for gate in (finder.first, finder.gate)]
        found = 0
        for text in texts:
            passed = all(gate.search(text) for gate in gates)
            spans = list(finder.spans(Looked(text), places))
            assert passed or not spans, (finder.gate, text)
            found += len(spans)
        assert found, finder.gate


def _of_python(gate):
    """A gate of RE2 as a pattern of Python, which has no `\\x{a0}`."""
    return re.sub(r"\\x\{(\w+)\}", lambda code: chr(int(code[1], 16)), gate)


def test_ibans_of_every_country_are_found():
    registry = Path(iban.__file__).with_name("iban.dat").read_text("utf-8")
    forms = re.findall(r'^([A-Z]{2}) .*bban="([^"]+)"', registry, re.MULTILINE)
    assert len(forms) > 80
    for country, form in forms:
        bban = "".join({"n": "7", "a": "K", "c": "Q"}[kind] * int(n) for n, kind in
                       re.findall(r"(\d+)!(.)", form))  # fmt: skip
        number = country + iban.calc_check_digits(f"{country}00{bban}") + bban
        spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
        wrong = number[:-1] + ("8" if number[-1] == "7" else "W")
        for text in (number, spaced, number.lower(), f"({number})."):
            (span,) = find(f"to {text} on 5 May", ["iban"])
            assert span.value == number
        assert not find(f"to {wrong} and {number}7", ["iban"])


def test_a_number_is_of_its_surest_kind_alone():
    text = "call 4111 1111 1111 1111 or DE89 3704 0044 0532 0130 00, id 529-98-2345 8"
    assert [kind for kind, _ in spans(text)] == ["card", "iban", "ssn"]
    assert [kind for kind, _ in spans("call 529-98-2345", kinds=["phone", "ssn"])] == ["ssn"]


@pytest.mark.parametrize(
    "text",
    [
        "Order #4155552671 has shipped, invoice 2024-000123.",
        "Version 10.2.3.4 of 2024-05-12, at 12:30:45, pages 100-250.",
        "ISBN 978-3-16-148410-0, commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "id 550e8400-e29b-41d4-a716-446655440000, MAC 00:1b:44:11:3a:b7",
        "1,234,567.89 EUR or $1 234 567; 48.137154, 11.576124",
        "4111 1111 1111 1112 has a wrong check digit, so has DE00 3704 0044 0532 0130 00",
        "localhost is 127.0.0.1, the mask 255.255.255.0, std::vector<int> a::b",
        "icon@2x.png, react@18.2.0, @ann, git@github.com:a/b.git",
        "password: at least 8 characters; token = get_token(); api_key = os.environ['KEY']",
        "The key is in the drawer. The secret is to listen. Set api_key=YOUR_API_KEY_HERE",
        "In 1999 High Street was closed. 3 people walked down the street.",
        "Copyright 2021 Iain Lane; Boston, MA 02110-1301, DFARS 252.227-7014, 01-25-2025",
        "lz4>=1.7.4.2, foo==1.0.0.0, ip_network('192.0.2.0/25'), 0123456789",
        "token = b64encode(x); secret_key=hashlib.sha256(y); https://user:pass@host.org/",
        "",
    ],
)
def test_near_misses_are_left(text):
    assert spans(text) == []


def test_spellings_of_one_thing_have_one_value():
    def values(text):
        return {span.value for span in find(text)}

    assert values("+49 30 901820, (030) 901820, Tel. 030/901820 or 0049 30 901820") == {
        "+4930901820"
    }
    assert values("Ann@X.org, ann (at) x (dot) org") == {"ann@x.org"}
    assert len(values("4111 1111 1111 1111, 4111-1111-1111-1111 and 4111111111111111")) == 1
    assert len(values("2001:db8::1 and 2001:0DB8:0:0:0:0:0:1")) == 1
    assert len(values("DE89370400440532013000, DE89 3704 0044 0532 0130 00")) == 1


def test_locales_say_how_numbers_are_read():
    text = "Mein Bruder: 030 90182000"
    assert spans(text, locales=["de_DE"]) == [("phone", "030 90182000")]
    assert spans(text, locales=["en_US"]) == []
    assert spans("BSN 111222333", locales=["nl_NL"]) == [("id", "111222333")]
    assert spans("BSN 111222333", locales=["en_US"]) == []
    with pytest.raises(FtcError, match="klingon"):
        find("1", locales=["klingon"])


def test_secrets_lose_their_value_only():
    text = "DB_PASSWORD=hunter22x\npostgres://app:s3cr3t@db/main"
    assert spans(text) == [("secret", "hunter22x"), ("secret", "s3cr3t")]
    text = "https://x.org/?token=J430QVFE89&page=2 and Server=db;Password=Tr0ub4dor;Port=1"
    assert spans(text) == [("secret", "J430QVFE89"), ("secret", "Tr0ub4dor")]
    assert spans('"password": "P@ss(w0rd)"') == [("secret", "P@ss(w0rd)")]


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 40), st.integers(1, 9)), max_size=30)
)
def test_settled_spans_do_not_overlap_and_lose_nothing_that_fits(drawn):
    made = [Span(kind, start, start + size, "") for kind, start, size in drawn]
    kept = settle(made)
    assert all(a.end <= b.start for a, b in pairwise(kept))
    for span in made:
        assert any(span.start < other.end and other.start < span.end for other in kept)


@given(st.text(alphabet='0123456789 .-+()/:@abcdeDE\n[]{}"=_', max_size=200))
def test_any_text_can_be_searched(text):
    for span in find(text):
        assert 0 <= span.start < span.end <= len(text)


def run(tables, tmp_path, folder=None, **settings):
    """The outcomes of the batches, as a run makes them."""
    prepare = Prepare.model_validate({"sources": ["x"], "redact": settings})
    decision = tmp_path / "decision"
    decision.mkdir(exist_ok=True)

    def inputs(shard):
        return Inputs(folder or tmp_path, prepare, prepare.redact, 0, shard, decision)

    gathered = [tmp_path / f"gathered-{shard}" for shard in range(len(tables))]
    for shard, table in enumerate(tables):
        STEP.gather(table, inputs(shard), gathered[shard])
    STEP.decide(gathered, inputs(0), decision)
    outcomes = [STEP.apply(table, inputs(shard)) for shard, table in enumerate(tables)]
    for outcome in outcomes:
        assert outcome.rows.schema == rows.SCHEMA
        assert outcome.ledger.schema == ledger.SCHEMA
    return outcomes


def chunk(name, file, text, **more):
    return Row(name.ljust(16, "0"), file, "1", (("chunk", text),), **more)


def said(outcome):
    return [[content for _, content in row.turns] for row in rows.each(outcome.rows)]


def test_a_value_has_one_number_in_all_rows_of_its_file(tmp_path):
    one = rows.table(
        [
            chunk("a", "mail", "ann@x.org wrote to bob@y.org."),
            chunk("b", "note", "Ask bob@y.org."),
        ]
    )
    two = rows.table([chunk("c", "mail", "BOB@y.org and zoe@z.org, ann@x.org")])
    first, second = run([one, two], tmp_path)
    assert said(first) == [["[EMAIL_1] wrote to [EMAIL_2]."], ["Ask [EMAIL_1]."]]
    assert said(second) == [["[EMAIL_2] and [EMAIL_3], [EMAIL_1]"]]
    assert first.figures == {"pii.email": 3}
    assert second.figures == {"pii.email": 3}


def test_a_row_can_be_a_document_by_itself(tmp_path):
    table = rows.table([chunk("a", "t", "a@x.org b@x.org"), chunk("b", "t", "b@x.org")])
    (outcome,) = run([table], tmp_path, document="row")
    assert said(outcome) == [["[EMAIL_1] [EMAIL_2]"], ["[EMAIL_1]"]]


def test_numbers_that_a_text_has_already_are_not_given_again(tmp_path):
    table = rows.table([chunk("a", "t", "[EMAIL_4] knows a@x.org"), chunk("b", "t", "b@x.org")])
    (outcome,) = run([table], tmp_path)
    assert said(outcome) == [["[EMAIL_4] knows [EMAIL_5]"], ["[EMAIL_6]"]]


def test_titles_and_extra_are_redacted_and_json_stays_json(tmp_path):
    row = Row(
        "a" * 16,
        "m.eml",
        "1",
        (("assistant", '{"card": 4111111111111111, "to": "ann@x.org"}'),),
        title="Fwd: ann@x.org",
        extra={
            "from": "ann@x.org",
            "message_id": "<1@x.org>",
            "calls": [{"n": 1, "to": "b@x.org"}],
        },
    )
    (outcome,) = run([rows.table([row])], tmp_path)
    (got,) = rows.each(outcome.rows)
    assert json.loads(got.turns[0][1]) == {"card": "[CARD_1]", "to": "[EMAIL_1]"}
    assert got.title == "Fwd: [EMAIL_1]"
    assert got.extra == {
        "from": "[EMAIL_1]",
        "message_id": "<1@x.org>",
        "calls": [{"n": 1, "to": "[EMAIL_2]"}],
    }
    (line,) = outcome.ledger.to_pylist()
    assert line["detail"] == "CARD x1, EMAIL x4"
    assert (line["row"], line["file"], line["after"]) == (got.id, got.file, got.turns[0][1])


def test_without_a_key_the_ledger_holds_nothing_of_the_original(tmp_path):
    made = pii.documents(200, 11, STRUCTURED)
    table = rows.table(chunk(f"{i:x}", f"f{i % 9}", d.text) for i, d in enumerate(made))
    (outcome,) = run([table], tmp_path, locales=EVERYWHERE)
    lines = outcome.ledger.to_pylist()
    assert len(lines) > 190
    by_row = {f"{i:x}".ljust(16, "0"): document for i, document in enumerate(made)}
    kept = 0
    for line in lines:
        assert line["before"] == ""
        assert line["reason"] == "personal data replaced"
        document = by_row[line["row"]]
        kept += sum(document.text[a:b] in str(line) for _, a, b in document.truth)
    assert kept <= 0.02 * sum(len(document.truth) for document in made)
    (gathered,) = tmp_path.glob("gathered-*")
    written = gathered.read_bytes()
    assert not any(d.text[a:b].encode() in written for d in made for _, a, b in d.truth)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    made = pii.documents(60, 12, STRUCTURED)
    table = rows.table(chunk(f"{i:x}", "f", d.text) for i, d in enumerate(made))
    outcomes = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        outcomes += run([table], folder)
        assert (folder / "decision" / "000000").exists()
    assert outcomes[0].rows.equals(outcomes[1].rows)
    assert outcomes[0].ledger.equals(outcomes[1].ledger)
    files = [sorted((tmp_path / name).rglob("*")) for name in ("one", "two")]
    for one, two in zip(*files, strict=True):
        assert one.is_dir() or one.read_bytes() == two.read_bytes()


def test_batches_without_rows_or_findings_pass(tmp_path):
    none = rows.table([])
    plain = rows.table([chunk("a", "f", "nothing here"), Row("b" * 16, "f", "2", ())])
    first, second = run([none, plain], tmp_path)
    assert first.rows.num_rows == 0
    assert second.rows.equals(plain)
    assert second.ledger.num_rows == 0


def test_the_ledger_of_another_step_can_be_scrubbed():
    lines = ledger.Ledger()
    lines.add("changed", "a", "whitespace", before="to  ann@x.org", after="to ann@x.org", file="f")
    lines.add("dropped", "b", "too short", detail="call +49 30 901820", before="x")
    kept = scrubbed(lines.table(), Redact()).to_pylist()
    assert [line["before"] for line in kept] == ["to  [EMAIL]", "x"]
    assert [line["after"] for line in kept] == ["to [EMAIL]", ""]
    assert [line["detail"] for line in kept] == ["", "call [PHONE]"]
    assert [line["reason"] for line in kept] == ["whitespace", "too short"]
