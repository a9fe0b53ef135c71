"""Stored embeddings of clips: one file for each way of reading, and none where epochs differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.commands.train import run
from tests.tiny_speech_set import speech_config

EFFECT = "data.speech.augment={gain_db: {probability: 1.0, low: -20, high: 0}}"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of functionals without a layer of their own: nothing of the encoder is trained."""
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    made = speech_config(tmp_path, {"name": "functionals", "layers": 0, "dropout": 0.0})
    values = yaml.safe_load(made.read_text())
    values["training"]["epochs"] = 1
    made.write_text(yaml.safe_dump(values))
    return made


def trained(config: Path, output: Path, name: str, *words: str) -> list[float]:
    """Return the losses of a run."""
    run(config, [f"name={name}", *words], output=output)
    lines = map(json.loads, (output / f"{name}-0" / "metrics.jsonl").read_text().splitlines())
    return [line["value"] for line in lines if line["name"] == "cross_entropy"]


def files(output: Path) -> int:
    return len(list((output / ".cache" / "embeddings").glob("*.safetensors")))


def test_each_condition_and_mapping_has_embeddings_of_its_own(config: Path, tmp_path: Path) -> None:
    conditions = [
        ["data.speech.standardise=strict"],
        ["data.speech.standardise=transductive_corpus"],
        ["data.speech.standardise=transductive_corpus", "data.speech.mapping=quantile"],
        ["data.speech.standardise=transductive_speaker"],
    ]
    for number, words in enumerate(conditions):
        losses = trained(config, tmp_path / "one", f"run{number}", *words)
        assert files(tmp_path / "one") == 2 * (number + 1)
        # the same as where no other run stored anything before
        assert losses == trained(config, tmp_path / f"alone{number}", "run", *words)
    trained(config, tmp_path / "one", "again", *conditions[-1])
    assert files(tmp_path / "one") == 2 * len(conditions)


@pytest.mark.parametrize("words", [EFFECT, "data.speech.max_seconds=0.6"])
def test_effects_and_crops_are_heard_with_a_fixed_encoder(
    config: Path, tmp_path: Path, words: str
) -> None:
    losses = trained(config, tmp_path / "kept", "run", words)
    assert files(tmp_path / "kept") == 0
    read = trained(config, tmp_path / "read", "run", words, "training.cache_embeddings=false")
    assert losses == read
    assert losses != trained(config, tmp_path / "plain", "run")


def test_a_limit_that_crops_nothing_keeps_the_embeddings(config: Path, tmp_path: Path) -> None:
    trained(config, tmp_path / "runs", "run", "data.speech.max_seconds=1.0")
    assert files(tmp_path / "runs") == 2
