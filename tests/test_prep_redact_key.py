"""With a key the originals can be had back, and only with that key."""

import pytest
from tests.test_prep_redact import run

from ftc.errors import FtcError
from ftc.prep import rows
from ftc.prep.redact import vault
from ftc.prep.rows import Row

TEXT = "ann@x.org called +49 30 901820, then ANN@x.org paid with 4111 1111 1111 1111"


def table():
    return rows.table(
        [Row("a" * 16, "m", "1", (("user", TEXT), ("assistant", "no data")), title="to b@x.org")]
    )


def test_originals_come_back_with_the_key(tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"k" * 48)
    (outcome,) = run([table()], tmp_path, key="key")
    (row,) = rows.each(outcome.rows)
    assert row.turns[0][1] == "[EMAIL_1] called [PHONE_1], then [EMAIL_1] paid with [CARD_1]"
    found = vault.originals(outcome.ledger, key)
    texts = [content for _, content in row.turns] + [row.title]
    assert vault.restored(texts, found["a" * 16]) == [TEXT, "no data", "to b@x.org"]
    assert "ann" not in str(outcome.ledger.to_pylist())
    (again,) = run([table()], tmp_path, key="key")
    assert again.ledger.equals(outcome.ledger)


def test_another_key_opens_nothing(tmp_path):
    (tmp_path / "key").write_bytes(b"k" * 48)
    (tmp_path / "other").write_bytes(b"o" * 48)
    (outcome,) = run([table()], tmp_path, key="key")
    with pytest.raises(FtcError, match="not sealed with this key"):
        vault.originals(outcome.ledger, tmp_path / "other")


def test_a_key_that_is_missing_or_short_is_refused(tmp_path):
    with pytest.raises(FtcError, match="cannot read"):
        run([table()], tmp_path, key="nowhere")
    (tmp_path / "short").write_bytes(b"abc")
    with pytest.raises(FtcError, match="less than 32 bytes"):
        run([table()], tmp_path, key="short")
