from __future__ import annotations

import numpy as np
import pytest
import torch

from affectrep.encoders.vector_encoder import EgemapsEncoder, FunctionalsEncoder

from .sounds import noise, phrase, steady


def test_from_waveforms_to_embeddings() -> None:
    encoder = FunctionalsEncoder(layers=0).eval()
    waveforms = [phrase(), noise(), steady(200)]
    encoder.fit(encoder.preprocess.features(waveform) for waveform in waveforms)
    inputs = encoder.preprocess(waveforms)
    found = encoder(inputs).embeddings
    assert inputs["lengths"].tolist() == [1, 1, 1]
    raw = np.stack([encoder.preprocess.features(waveform) for waveform in waveforms])
    sd = raw.std(axis=0)
    moving = sd > 1e-3
    expected = (raw - raw.mean(axis=0))[:, moving] / sd[moving]
    np.testing.assert_allclose(found.numpy()[:, moving], expected, rtol=1e-2, atol=1e-2)


def test_layers_are_those_asked_for() -> None:
    encoder = EgemapsEncoder(layers=2, width=16, layer_norm=True, dropout=0.5)
    kinds = [type(part).__name__ for part in encoder.hidden]
    assert kinds == ["Linear", "LayerNorm", "ReLU", "Dropout"] * 2
    assert encoder.dim == 16
    assert [p.shape[1] for p in encoder.parameters() if p.ndim == 2] == [88, 16]


def test_dropout_works_in_training_alone() -> None:
    encoder = EgemapsEncoder(layers=1, width=64, dropout=0.5)
    inputs = {"features": torch.ones(4, 88)}
    assert not encoder(inputs).embeddings.equal(encoder(inputs).embeddings)
    encoder.eval()
    assert encoder(inputs).embeddings.equal(encoder(inputs).embeddings)


def test_clip_reaches_the_standardisation() -> None:
    encoder = EgemapsEncoder(layers=0, clip=2.0)
    assert encoder({"features": torch.full((1, 88), 9.0)}).embeddings.max() == 2


@pytest.mark.parametrize("settings", [{"layers": -1}, {"width": 0}, {"dropout": 1.0}])
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="layers, width and dropout are"):
        EgemapsEncoder(**settings)  # type: ignore[arg-type]
