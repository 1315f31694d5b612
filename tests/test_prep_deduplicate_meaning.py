"""Rows of one meaning, by a small BERT that the test makes; rows that are there already."""

import json
import struct
from math import erf

import numpy as np
import pyarrow as pa
import pytest
from made import words
from test_prep_deduplicate import BASE, Run
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ftc.errors import FtcError
from ftc.prep.deduplicate import STEP, bert, meaning
from ftc.prep.step import Inputs
from ftc.preparation import Prepare

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *("a", "quick", "fast", "brown", "fox", "dog", "jumps", "runs", "away", "home"),
]
WIDTH, INNER, LAYERS, HEADS = 16, 32, 2, 4


def _shapes():
    yield "embeddings.word_embeddings.weight", (len(WORDS), WIDTH)
    yield "embeddings.position_embeddings.weight", (32, WIDTH)
    yield "embeddings.token_type_embeddings.weight", (2, WIDTH)
    yield "embeddings.LayerNorm.weight", (WIDTH,)
    yield "embeddings.LayerNorm.bias", (WIDTH,)
    for i in range(LAYERS):
        for name, rows, columns in (
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", INNER, WIDTH),
            ("output.dense", WIDTH, INNER),
        ):
            yield f"encoder.layer.{i}.{name}.weight", (rows, columns)
            yield f"encoder.layer.{i}.{name}.bias", (rows,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            yield f"encoder.layer.{i}.{name}.weight", (WIDTH,)
            yield f"encoder.layer.{i}.{name}.bias", (WIDTH,)


def write_model(folder, prefix=""):
    """A BERT of random weights in which `quick` and `fast`, `jumps` and `runs` are nearly one."""
    folder.mkdir()
    random = np.random.default_rng(7)
    weights = {name: random.normal(0, 0.3, shape).astype("<f4") for name, shape in _shapes()}
    for name in weights:
        if "LayerNorm" in name:
            weights[name][:] = float(name.endswith("weight"))
    table = weights["embeddings.word_embeddings.weight"]
    table *= 5
    for one, two in (("quick", "fast"), ("jumps", "runs")):
        table[WORDS.index(two)] = table[WORDS.index(one)] + random.normal(0, 0.01, WIDTH)
    header, place = {"__metadata__": {"format": "pt"}}, 0
    for name, values in weights.items():
        offsets = [place, place + values.nbytes]
        shape = list(values.shape)
        header[prefix + name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        place += values.nbytes
    head = json.dumps(header).encode()
    body = b"".join(values.tobytes() for values in weights.values())
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + body)
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 32,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "bert")


SAID = [
    "A quick brown fox jumps home",
    "a dog runs away",
    "a fast brown fox runs home",
    "brown dog home",
]


def test_rows_of_one_meaning_become_one(model, tmp_path):
    run = Run(tmp_path, SAID, meaning=0.99, meaning_model=str(model))
    assert run.dropped == {2: "same meaning"}
    assert run.ledger[0]["detail"].startswith(f"of {run.ids[0]} (cosine ")
    assert run.figures["deduplicate.meaning"] == 1
    assert [line["jaccard"] for line in run.clusters] == [1.0, None]


def test_embeddings_are_of_length_one_whatever_stands_beside_them(model):
    made = bert.encoder(model)
    both = made.embedded([*SAID, "fox " * 100, ""])
    assert np.linalg.norm(both, axis=1) == pytest.approx(1, abs=1e-5)
    for i, text in enumerate(SAID):
        assert made.embedded([text])[0] == pytest.approx(both[i], abs=1e-5)
    cosines = both[:4] @ both[:4].T
    assert cosines[0, 2] > 0.99 > max(cosines[0, 1], cosines[0, 3], cosines[1, 3])


def test_weights_may_be_named_as_part_of_a_larger_model(model, tmp_path):
    other = write_model(tmp_path / "named", prefix="bert.")
    one, two = (bert.encoder(folder).embedded(SAID) for folder in (model, other))
    assert (one == two).all()


def test_meaning_without_a_model(tmp_path):
    for settings, message in (
        ({"meaning": 0.9}, "without meaning_model"),
        ({"meaning": 0.9, "meaning_model": "no_such_package"}, "neither a folder nor"),
        ({"meaning": 0.9, "meaning_model": "."}, "no sentence model"),
    ):
        with pytest.raises(FtcError, match=message):
            Run(tmp_path, SAID, **settings)


def test_another_kind_of_model_is_refused(tmp_path):
    folder = write_model(tmp_path / "gpt")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}), "utf-8")
    with pytest.raises(FtcError, match="only BERT"):
        Run(tmp_path, SAID, meaning=0.9, meaning_model="gpt")


def test_a_model_inside_a_package(model, tmp_path, monkeypatch):
    package = tmp_path / "some_model"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    write_model(package / "files")
    monkeypatch.syspath_prepend(tmp_path)
    prepare = Prepare.model_validate(
        {"sources": ["x"], "deduplicate": {"meaning": 0.9, "meaning_model": "some-model"}}
    )
    inputs = Inputs(tmp_path / "recipe", prepare, prepare.deduplicate, seed=0)
    assert meaning.folder(inputs) == package / "files"
    assert len(meaning.embedded(pa.array(SAID), inputs)) == len(SAID)


def test_the_normal_distribution_of_gelu():
    values = np.linspace(-6, 6, 1001, dtype=np.float32)
    expected = [x * (1 + erf(x / 2**0.5)) / 2 for x in values.tolist()]
    assert bert._gelu(values) == pytest.approx(np.array(expected), abs=3e-6)


def test_rows_that_are_there_already_go(tmp_path):
    other = words.texts(2, 31)
    there = [other[0].upper(), BASE + " One more.", "Something else."]
    lines = [json.dumps({"text": text}) + "\n" for text in there]
    (tmp_path / "old.jsonl").write_text("".join(lines), "utf-8")
    run = Run(tmp_path, [BASE, other[0], other[1]], against=["old.jsonl"])
    assert run.dropped == {0: "near duplicate", 1: "exact duplicate"}
    kept = [line for line in run.clusters if line["kept"]]
    assert sorted((line["file"], line["place"]) for line in kept) == [
        ("old.jsonl", "line 1"),
        ("old.jsonl", "line 2"),
    ]
    assert run.figures["deduplicate.exact"] == run.figures["deduplicate.near"] == 1
    assert not [path for path in run.out.iterdir() if path.name.startswith("against")]


def test_the_files_that_the_step_reads(model, tmp_path):
    (tmp_path / "old.jsonl").write_text('{"text": "a"}\n', "utf-8")
    told = {"against": ["old.jsonl"], "meaning": 0.9, "meaning_model": str(model)}
    prepare = Prepare.model_validate({"sources": ["x"], "deduplicate": told})
    inputs = Inputs(tmp_path, prepare, prepare.deduplicate, seed=0)
    names = [path.name for path in STEP.files(inputs)]
    assert names == ["old.jsonl", "config.json", "tokenizer.json", "model.safetensors"]
