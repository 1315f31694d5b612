"""Rows that hold an eval item are found, with the item and the overlap; clean ones stay."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from made import contamination

from ftc.errors import FtcError
from ftc.prep import ledger, rows
from ftc.prep.decontaminate import STEP
from ftc.prep.decontaminate.items import data_set
from ftc.prep.rows import Row
from ftc.prep.step import Inputs
from ftc.preparation import Prepare
from ftc.preparation.decontaminate import Decontaminate

QUESTION = "Which of the three rivers in Lower Saxony flows into the Weser first?"
ANSWER = "The Aller, which the Leine and the Oker have joined before."
BEFORE = "A note that was written down in the morning, before anybody else was there."


def inputs(folder, shard=0, **said):
    settings = Decontaminate(**said)
    prepare = Prepare(sources=["x"], decontaminate=settings)
    return Inputs(folder=folder, prepare=prepare, settings=settings, seed=1, shard=shard)


def chunks(*texts):
    return rows.table(
        Row(f"{i:016x}", "raw.txt", f"line {i + 1}", (("chunk", text),))
        for i, text in enumerate(texts)
    )


def written(folder, name, *items):
    path = folder / name
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    return name


@pytest.fixture
def eval_file(tmp_path):
    return written(tmp_path, "eval.jsonl", {"question": QUESTION, "answer": ANSWER})


def apply(folder, table, **said):
    return STEP.apply(table, inputs(folder, **said))


def kept(outcome):
    return [int(name, 16) for name in outcome.rows["id"].to_pylist()]


@pytest.mark.parametrize("seed", [11, 5077])
def test_goals_on_made_rows(tmp_path, seed):
    made = contamination.made(12_000, seed)
    name = written(tmp_path, "eval.jsonl", *({"text": item} for item in made.items))
    outcome = apply(tmp_path, chunks(*made.rows), against=[name])
    left = set(kept(outcome))
    found = {kind: [] for kind in ("", *contamination.KINDS)}
    for i, kind in enumerate(made.kinds):
        found[kind].append(i not in left)
    share = {kind: sum(hits) / len(hits) for kind, hits in found.items()}
    assert min(map(len, found.values())) >= 240
    assert share["verbatim"] == 1
    assert min(share["case"], share["punctuation"], share["edits 3 %"]) >= 0.95
    assert share["edits 10 %"] >= 0.9
    assert share[""] < 0.01
    assert outcome.ledger.num_rows == len(made.rows) - len(left)
    assert outcome.figures["eval.items"] == len({*made.items})


def test_the_item_told_is_the_one_planted(tmp_path):
    made = contamination.made(2000, 3, eval_items=500)
    name = written(tmp_path, "eval.jsonl", *({"text": item} for item in made.items))
    outcome = apply(tmp_path, chunks(*made.rows), against=[name])
    told = {
        int(row, 16): detail
        for row, detail in zip(
            outcome.ledger["row"].to_pylist(), outcome.ledger["detail"].to_pylist(), strict=True
        )
    }
    verbatim = [i for i, kind in enumerate(made.kinds) if kind == "verbatim"]
    assert len(verbatim) == 40
    for i in verbatim:
        item = made.items[made.which[i]]
        assert f"eval.jsonl:{made.items.index(item) + 1} (text)" in told[i]
        assert item.rstrip(".") in told[i]


def test_a_dropped_row_tells_where_and_what(tmp_path, eval_file):
    text = f"{BEFORE}\nwhich of THE three “rivers” in lower saxony, flows into the weser first"
    outcome = apply(tmp_path, chunks(BEFORE, text), against=[eval_file])
    assert kept(outcome) == [0]
    assert outcome.ledger.schema == ledger.SCHEMA
    assert outcome.rows.schema == rows.SCHEMA
    assert outcome.ledger.to_pylist() == [
        {
            "row": f"{1:016x}",
            "action": "dropped",
            "reason": "contains an eval item",
            "detail": "eval.jsonl:1 (question), 13 words: which of THE three “rivers” in lower "
            "saxony, flows into the weser first",
            "file": "raw.txt",
            "place": "line 2",
            "before": text,
            "after": "",
        }
    ]
    assert outcome.figures == {
        "eval.items": 2,
        "eval.too_short": 0,
        "eval.repeated": 0,
        "eval.refused": 0,
        "rows.whole_item": 1,
        "rows.changed_item": 0,
    }


def test_a_changed_item_tells_how_many_words_differ(tmp_path, eval_file):
    words = QUESTION.split(" ")
    for changed in ([*words[:4], "old", *words[4:]], words[:4] + words[5:], [*words[:4], "X"]):
        text = " ".join([BEFORE, *changed, *([] if len(changed) > 5 else words[5:]), BEFORE])
        outcome = apply(tmp_path, chunks(text), against=[eval_file])
        assert kept(outcome) == []
        detail = outcome.ledger["detail"][0].as_py()
        assert detail.startswith("eval.jsonl:1 (question), 13 words, 1 changed: Which of the three")
        assert detail.endswith("flows into the Weser first")
        assert outcome.figures["rows.changed_item"] == 1
        whole = apply(tmp_path, chunks(text), against=[eval_file], edits=0.0)
        assert kept(whole) == [0]


def test_flagged_rows_stay(tmp_path, eval_file):
    table = chunks(QUESTION, BEFORE)
    table = rows.with_column(table, "flags", [["old"], []])
    outcome = apply(tmp_path, table, against=[eval_file], drop=False)
    assert outcome.rows["flags"].to_pylist() == [["old", "eval-item"], []]
    assert outcome.rows.drop(["flags"]).equals(table.drop(["flags"]))
    assert outcome.ledger["action"].to_pylist() == ["flagged"]
    assert outcome.ledger["before"].to_pylist() == outcome.ledger["after"].to_pylist() == [QUESTION]


def test_turns_of_a_chat_are_one_text(tmp_path, eval_file):
    half = QUESTION.split(" ")
    chat = Row(
        "00000000000000aa",
        "a",
        "",
        (("user", " ".join([BEFORE, *half[:6]])), ("assistant", " ".join(half[6:]))),
        form="chat",
    )
    outcome = apply(tmp_path, rows.table([chat]), against=[eval_file])
    assert outcome.rows.num_rows == 0
    assert outcome.ledger["before"][0].as_py() == "\n".join(text for _, text in chat.turns)


def test_an_item_does_not_run_from_row_to_row(tmp_path, eval_file):
    words = QUESTION.split(" ")
    table = chunks(" ".join(words[:7]), " ".join(words[7:]), "", " ".join(words[:6]))
    assert kept(apply(tmp_path, table, against=[eval_file])) == [0, 1, 2, 3]


def test_without_eval_sets_nothing_is_done(tmp_path):
    table = chunks(QUESTION)
    outcome = apply(tmp_path, table)
    assert outcome.rows.equals(table)
    assert (outcome.ledger.num_rows, outcome.figures) == (0, {})
    assert list(STEP.files(inputs(tmp_path))) == []


def test_no_rows(tmp_path, eval_file):
    outcome = apply(tmp_path, chunks(), against=[eval_file])
    assert (outcome.rows.num_rows, outcome.ledger.num_rows) == (0, 0)


def test_eval_figures_are_told_once(tmp_path, eval_file):
    later = STEP.apply(chunks(BEFORE), inputs(tmp_path, shard=1, against=[eval_file]))
    assert later.figures == {"rows.whole_item": 0, "rows.changed_item": 0}


def eval_csv(path):
    path.write_text(f'id,question\n1,"{QUESTION}"\n', "utf-8")


def eval_parquet(path):
    chat = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    pa.parquet.write_table(pa.table({"id": [1], "messages": [chat]}), path)


def eval_text(path):
    path.write_text(f"{ANSWER}\n\n{QUESTION}\n", "utf-8")


def eval_packed(path):
    path.write_bytes(gzip.compress(json.dumps({"conversations": [{"value": QUESTION}]}).encode()))


def eval_chat_in_csv(path):
    turns = json.dumps([{"role": "user", "content": QUESTION}]).replace('"', '""')
    path.write_text(f'messages,source\n"{turns}",here\n', "utf-8")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("eval.csv", eval_csv),
        ("eval.parquet", eval_parquet),
        ("eval.txt", eval_text),
        ("eval.jsonl.gz", eval_packed),
        ("chat.csv", eval_chat_in_csv),
    ],
)
def test_any_format(tmp_path, name, write):
    (tmp_path / "sets").mkdir()
    write(tmp_path / "sets" / name)
    against = [f"sets/{name}"]
    outcome = apply(tmp_path, chunks(BEFORE, f"{BEFORE} {QUESTION}"), against=against)
    assert kept(outcome) == [0]
    assert f"sets/{name}:" in outcome.ledger["detail"][0].as_py()
    assert list(STEP.files(inputs(tmp_path, against=against))) == [tmp_path / "sets" / name]


def test_several_files_and_a_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, "a.jsonl", {"q": QUESTION})
    written(tmp_path, "b.jsonl", {"q": ANSWER})
    outcome = apply(
        tmp_path / "other", chunks(f"{QUESTION} {ANSWER}"), against=["~/a.jsonl", "~/b.jsonl"]
    )
    assert outcome.ledger["detail"][0].as_py().endswith("; 1 more items")
    assert "~/a.jsonl:1 (q), 13 words" in outcome.ledger["detail"][0].as_py()


def test_a_changed_eval_file_is_read_again(tmp_path, eval_file):
    assert kept(apply(tmp_path, chunks(BEFORE, QUESTION), against=[eval_file])) == [0]
    written(tmp_path, eval_file, {"question": BEFORE})
    assert kept(apply(tmp_path, chunks(BEFORE, QUESTION), against=[eval_file])) == [1]


def test_columns(tmp_path):
    name = written(tmp_path, "eval.jsonl", {"question": QUESTION, "context": BEFORE})
    table = chunks(BEFORE, QUESTION)
    assert kept(apply(tmp_path, table, against=[name], columns=["question"])) == [0]
    with pytest.raises(FtcError, match="has no text in prompt") as raised:
        apply(tmp_path, table, against=[name], columns=["prompt"])
    assert "found: question, context" in raised.value.hint


def test_what_is_no_item_is_not_looked_for(tmp_path):
    system = {"role": "system", "content": "You are a helpful and harmless assistant."}
    formula = "Translate the sentence that follows into German."
    eval_rows = [
        {
            "instruction": formula,
            "messages": [system, {"role": "user", "content": f"{number} cats and {number} dogs"}],
            "url": f"https://example.org/wiki/a_page_with_number/{number}",
            "answer": "Yes, of course",
        }
        for number in range(10)
    ]
    name = written(tmp_path, "eval.jsonl", *eval_rows)
    table = chunks(
        system["content"],
        formula,
        "https://example.org/wiki/a_page_with_number/2",
        "Yes, of course, this is so",
        "There are 4 cats and 4 dogs in it",
    )
    outcome = apply(tmp_path, table, against=[name])
    assert kept(outcome) == [0, 1, 2, 3]
    assert outcome.figures["eval.items"] == 10
    assert outcome.figures["eval.repeated"] == 2  # the instruction and "Yes, of course"
    assert outcome.figures["eval.too_short"] == 10  # the addresses


def test_a_part_of_a_long_text_is_found(tmp_path):
    long = " ".join(contamination.items(12, 5))
    assert len(long.split(" ")) > 200
    name = written(tmp_path, "eval.jsonl", {"passage": long})
    part = " ".join(long.split(" ")[40:180])
    outcome = apply(tmp_path, chunks(BEFORE, f"{BEFORE} {part}"), against=[name])
    assert kept(outcome) == [0]
    assert "eval.jsonl:1 (passage)" in outcome.ledger["detail"][0].as_py()


def test_scripts_without_spaces(tmp_path):
    capital = "北京是中国的首都也是它的文化中心"
    name = written(tmp_path, "eval.jsonl", {"q": f"{capital}。"}, {"q": "什么是这个"})
    table = chunks(f"我们知道。{capital}", "什么是这个问题", "北京是一个城市")
    outcome = apply(tmp_path, table, against=[name])
    assert kept(outcome) == [1, 2]
    assert outcome.figures["eval.too_short"] == 1  # five signs are two or three words
    assert outcome.ledger["detail"][0].as_py() == f"eval.jsonl:1 (q), 16 words: {capital}"


def test_bad_eval_rows_are_told(tmp_path, eval_file):
    with (tmp_path / eval_file).open("a") as stream:
        stream.write("{broken\n")
    outcome = apply(tmp_path, chunks(BEFORE), against=[eval_file])
    (line,) = outcome.ledger.to_pylist()
    assert (line["action"], line["reason"]) == ("refused", "eval row cannot be read")
    assert (line["file"], line["place"]) == ("eval.jsonl", "line 2")
    assert "not JSON" in line["detail"]
    assert outcome.figures["eval.refused"] == 1


def test_missing_file(tmp_path):
    with pytest.raises(FtcError, match=r"^evil.jsonl: no such file"):
        STEP.files(inputs(tmp_path, against=["evil.jsonl"]))


def test_nothing_to_look_for(tmp_path):
    name = written(tmp_path, "eval.jsonl", {"answer": "42"})
    with pytest.raises(FtcError, match="has no text of 5 words or more") as raised:
        apply(tmp_path, chunks(BEFORE), against=[name])
    assert "min_words" in raised.value.hint


def test_hub_names():
    data = data_set("hub:openai/gsm8k/main@1a2b#train")
    assert (data.hub, data.subset, data.split) == ("openai/gsm8k", "main", "train")
    assert data.revision == "1a2b"
    data = data_set("hub:squad")
    assert (data.hub, data.subset, data.split, data.revision) == ("squad", None, "test", None)
    for wrong in ("hub:", "hub:/gsm8k", "hub:a/b/c/d", "hub:openai/#test"):
        with pytest.raises(FtcError, match="names no data set of the hub"):
            data_set(wrong)


def test_hub_is_asked(tmp_path, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    against = ["hub:openai/gsm8k/main#test"]
    assert list(STEP.files(inputs(tmp_path, against=against))) == []
    with pytest.raises(FtcError, match=r"^hub:openai/gsm8k: "):
        apply(tmp_path, chunks(BEFORE), against=against)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    made = contamination.made(1500, 8, eval_items=300)
    name = written(tmp_path, "eval.jsonl", *({"text": item} for item in made.items))
    first = apply(tmp_path, chunks(*made.rows), against=[name])
    again = apply(Path(str(tmp_path) + "/."), chunks(*made.rows), against=["./" + name])
    assert first.rows.equals(again.rows)
    details = again.ledger["detail"].to_pylist()
    assert first.ledger["detail"].to_pylist() == [text.removeprefix("./") for text in details]
