"""Sound files to predictions: all four encoders from training to prediction, and long clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.commands.train import run as train
from affectrep.config import load_config
from affectrep.data.audio import read_waveform
from affectrep.encoders.output import EncoderOutput
from affectrep.inference.predictor import Predictor
from affectrep.inference.segments import longest_input
from affectrep.model import AffectModel
from tests.data.sound import Frames, Vector, noise, write
from tests.tiny_speech_set import speech_config

CLASSES = ["calm", "glad", "sad"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


class Toy(nn.Module):
    """The mean frame, or the vector, is the embedding."""

    dim = 2

    def __init__(self, preprocess: Any) -> None:
        super().__init__()
        self.preprocess = preprocess

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        values = inputs["features"]
        if values.dim() == 3:
            values = values.sum(1) / inputs["lengths"][:, None]
        return EncoderOutput(3 * values)


def toy(preprocess: Any = None, **meta: Any) -> AffectModel:
    torch.manual_seed(0)
    return AffectModel(
        encoder={"name": "toy"}, classes=CLASSES, meta=meta, built=Toy(preprocess or Vector())
    )


def encoder_values(name: str, folder: Path) -> dict[str, Any]:
    if name == "speech":
        from tests.encoders.tiny_speech import tiny_speech

        pytest.importorskip("peft")
        return {
            "name": "speech",
            "checkpoint": tiny_speech(folder / "checkpoint"),
            "tuning": "lora+adapters",
            "layer_weights": "softmax",
            "pooling": "attentive",
        }
    if name == "egemaps":
        pytest.importorskip("opensmile")
    if name == "crnn":
        return {"name": name, "channels": [4, 4, 4, 4], "recurrent": 4}
    return {"name": name, "layers": 1, "width": 8}


@pytest.mark.parametrize("name", ["functionals", "egemaps", "crnn", "speech"])
def test_train_save_load_and_predict(name: str, tmp_path: Path) -> None:
    from affectrep.build import build_loader, build_manifest
    from affectrep.evaluation.evaluate import predict_rows, score

    path = speech_config(tmp_path, encoder_values(name, tmp_path), {"max_seconds": 0.5})
    train(path, ["training.select=cross_entropy"], output=tmp_path / "runs")
    config = load_config(path)
    manifest = build_manifest(config)
    model = AffectModel.from_pretrained(tmp_path / "runs/toy-0")
    assert (model.meta["max_seconds"], model.meta["standardise"]) == (0.5, "strict")

    # the weights that were validated in memory are those that are loaded
    loader = build_loader(config, manifest, "validation", model.encoder.preprocess)
    found = predict_rows(model, loader)
    assert len(loader.rows) == 8  # two segments of each clip
    assert sorted(found.ids) == sorted(manifest.split("validation")["id"])
    again = score(found, "classification", manifest.info.classes)
    assert again["cross_entropy"] == pytest.approx(model.meta["validation"], 1e-4)

    # prediction from the files says what evaluation says, also after saving once more
    expected = dict(zip(found.ids, found.probabilities("classification"), strict=True))
    rows = manifest.split("validation")
    copy = AffectModel.from_pretrained(tmp_path / "runs/toy-0", inference=True)
    copy.save_pretrained(tmp_path / "copy")
    for folder in (tmp_path / "runs/toy-0", tmp_path / "copy"):
        predictor = Predictor.load(folder, device="cpu")
        assert predictor.modality == "speech"
        for row, said in zip(
            rows["id"], predictor.predict_clips(list(rows["path"]), batch_size=3), strict=True
        ):
            assert said["segments"] == 2
            assert list(said["probabilities"]) == manifest.info.classes
            values = list(said["probabilities"].values())
            assert np.allclose(values, expected[row], atol=1e-4), folder


@pytest.mark.parametrize("preprocess", [Vector(), Frames()], ids=["vector", "frames"])
def test_all_segments_of_a_long_clip_are_averaged(preprocess: Any, tmp_path: Path) -> None:
    long = write(tmp_path / "long.wav", noise(1.0) * np.linspace(0, 5, 16000, dtype=np.float32))
    short = write(tmp_path / "short.wav", noise(0.3, 1))
    model = toy(preprocess, max_seconds=0.4)
    rows = Predictor(model, device="cpu").predict_clips([long, short, long], batch_size=2)
    assert [row["segments"] for row in rows] == [3, 1, 3]
    assert [row["duration_s"] for row in rows] == [1.0, 0.3, 1.0]
    samples = read_waveform(long)
    parts = [samples[start : start + 6400] for start in (0, 4800, 9600)]
    with torch.no_grad():
        logits = [
            model(preprocess.collate([preprocess.features(part)])).predictions for part in parts
        ]
    expected = torch.cat(logits).mean(0).softmax(0)
    assert not torch.allclose(expected, logits[0][0].softmax(0), atol=1e-2)
    for row in (rows[0], rows[2]):
        assert list(row["probabilities"].values()) == pytest.approx(expected.tolist(), abs=1e-5)
    whole = Predictor(toy(preprocess), device="cpu").predict_clips([long])[0]
    assert whole["segments"] == 1


def test_the_longest_input_is_the_lesser_of_model_and_encoder() -> None:
    preprocess = Vector()
    assert longest_input(toy(preprocess)) is None
    assert longest_input(toy(preprocess, max_seconds=8.0)) == 8.0
    preprocess.max_seconds = 3.0  # type: ignore[attr-defined]
    assert longest_input(toy(preprocess, max_seconds=8.0)) == 3.0
    assert longest_input(toy(preprocess, max_seconds=None)) == 3.0


def test_any_rate_and_channels(tmp_path: Path) -> None:
    samples = noise(0.5)
    one = write(tmp_path / "a.wav", samples)
    two = write(tmp_path / "b.flac", np.stack([samples, samples], 1))
    low = write(tmp_path / "c.wav", samples[::2], 8000)
    first, second, third = Predictor(toy(), device="cpu").predict_clips([one, two, low])
    assert list(first["probabilities"].values()) == pytest.approx(
        list(second["probabilities"].values()), abs=1e-3
    )
    assert third["duration_s"] == 0.5


def test_clips_that_cannot_be_read_are_all_named(tmp_path: Path) -> None:
    good = write(tmp_path / "good.wav", noise(0.3))
    short = write(tmp_path / "short.wav", noise(0.001))  # no frame
    (tmp_path / "text.wav").write_text("no sound")
    paths = [good, tmp_path / "absent.wav", short, tmp_path / "text.wav"]
    predictor = Predictor(toy(Frames()), device="cpu")
    with pytest.raises(ValueError, match="3 sound files cannot be read") as caught:
        predictor.predict_clips(paths)
    for name in ("absent.wav does not exist", "short.wav: expected at least", "text.wav cannot be"):
        assert name in str(caught.value)
    broken: dict[str, str] = {}
    rows = predictor.predict_clips(paths, broken=broken)
    assert [row["path"] for row in rows] == [good]
    assert list(broken) == [str(path) for path in (paths[1], paths[3], paths[2])]
    alone = predictor.predict_clips([good])
    assert rows == alone


def test_text_and_sound_are_not_mixed_up() -> None:
    with pytest.raises(ValueError, match="this model hears speech"):
        Predictor(toy(), device="cpu").predict(["so happy"])


@pytest.mark.parametrize("whom", ["corpus", "speaker"])
def test_a_transductive_model_refuses_single_clips(whom: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"needs statistics of the {whom} it hears"):
        Predictor(toy(standardise=f"transductive_{whom}"))
