"""``affectrep train`` with label noise: what it says, what it leaves, and that it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from affectrep.build import build_manifest
from affectrep.commands.evaluate import run as evaluate
from affectrep.commands.train import run
from affectrep.config import load_config
from tests.tiny import tiny_config

NOISE = ["data.label_noise.share=0.1", "training.epochs=1"]


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    return tiny_config(tmp_path_factory.mktemp("tiny"))


def noise_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "label_noise.csv", dtype=str)


def test_the_run_names_the_rows_and_keeps_the_held_out_labels(config, tmp_path, capsys):
    run(config, NOISE, output=tmp_path)
    folder = tmp_path / "tiny-0"
    said = capsys.readouterr().err
    assert "label noise: 5 of 54 training labels replaced (uniform, seed 0)" in said
    clean = build_manifest(load_config(config)).rows.set_index("id")
    found = noise_of(folder)
    assert len(found) == 5
    assert found["clean_label"].tolist() == clean["label"][found["id"]].tolist()
    assert (found["label"] != found["clean_label"]).all()
    assert set(clean["split"][found["id"]]) == {"train"}
    notes = json.loads((folder / "data.json").read_text())["info"]["notes"]
    assert notes[-1].startswith("Label noise: 5 of 54 training labels")
    evaluate(folder, split="validation")
    table = pd.read_parquet(folder / "predictions" / "validation.parquet")
    assert table["label"].tolist() == clean["label"][table["id"]].tolist()


def test_the_same_rows_after_a_stop_and_others_are_refused(config, tmp_path, capsys):
    run(config, NOISE, output=tmp_path)
    folder = tmp_path / "tiny-0"
    before, weights = noise_of(folder), (folder / "model/model.safetensors").read_bytes()
    environment = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps({**environment, "finished": False}))
    run(config, NOISE, output=tmp_path)
    pd.testing.assert_frame_equal(noise_of(folder), before)
    assert (folder / "model/model.safetensors").read_bytes() == weights
    with pytest.raises(ValueError, match=r"data.label_noise.seed \(0 then, 1 now\)"):
        run(config, [*NOISE, "data.label_noise.seed=1"], output=tmp_path)


def test_without_noise_there_is_no_file_and_no_word(config, tmp_path, capsys):
    run(config, ["training.epochs=1"], output=tmp_path)
    assert "label noise" not in capsys.readouterr().err
    assert not (tmp_path / "tiny-0" / "label_noise.csv").exists()
    notes = json.loads((tmp_path / "tiny-0" / "data.json").read_text())["info"]["notes"]
    assert not any("Label noise" in note for note in notes)
