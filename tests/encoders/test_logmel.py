from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from affectrep.encoders import logmel
from affectrep.encoders.logmel import LogMelPreprocess

from .sounds import RATE_HZ, noise, phrase, silence

torchaudio = pytest.importorskip("torchaudio")


@pytest.mark.parametrize("samples", [1, 159, 160, 1600, 16001])
def test_frames_of_any_length(samples: int) -> None:
    features = LogMelPreprocess().features(noise(2)[:samples])
    assert features.shape == (samples // 160 + 1, 64)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_is_that_of_a_loop_over_frames() -> None:
    import torch

    preprocess = LogMelPreprocess(level="none", remove_dc=False)
    waveform = noise(0.1)
    filters = torchaudio.functional.melscale_fbanks(257, 50.0, 7600.0, 64, RATE_HZ)
    window = torch.hann_window(400).numpy()
    padded = np.pad(waveform, 256)
    rows = []
    for start in range(0, len(waveform) + 1, 160):
        frame = np.zeros(512)
        frame[56:456] = padded[start : start + 512][56:456] * window
        power = np.abs(np.fft.rfft(frame)) ** 2
        rows.append(10 * np.log10(power @ filters.numpy()))
    # 80 dB below the maximum there is nothing to cut in noise
    np.testing.assert_allclose(preprocess.features(waveform), np.stack(rows), atol=1e-3)


def test_a_tone_is_loudest_in_its_band() -> None:
    seconds = np.arange(RATE_HZ) / RATE_HZ
    preprocess = LogMelPreprocess()
    bands = [
        int(preprocess.features(np.sin(2 * np.pi * hertz * seconds))[50].argmax())
        for hertz in (200, 800, 3200, 7000)
    ]
    mel = 2595 * np.log10(1 + np.array([50, 200, 800, 3200, 7000, 7600]) / 700)
    expected = (mel[1:-1] - mel[0]) / (mel[-1] - mel[0]) * 65 - 1
    np.testing.assert_allclose(bands, expected, atol=0.6)


def test_floor_and_silence() -> None:
    features = LogMelPreprocess(dynamic_range_db=40.0).features(phrase())
    assert features.max() - features.min() == pytest.approx(40, abs=1e-3)
    assert np.ptp(LogMelPreprocess().features(silence(0.1))) == 0


def test_centrings_take_out_the_level_and_the_channel() -> None:
    free = LogMelPreprocess(level="none", centring="clip")
    np.testing.assert_allclose(free.features(phrase()), free.features(phrase() * 0.1), atol=1e-2)
    assert abs(free.features(phrase()).mean()) < 1e-4
    bins = LogMelPreprocess(centring="bins").features(phrase())
    np.testing.assert_allclose(bins.mean(axis=0), 0, atol=1e-4)


def test_batch_knows_true_lengths() -> None:
    batch = LogMelPreprocess()([noise(0.2), noise(0.1)])
    assert batch["features"].shape == (2, 21, 64)
    assert batch["lengths"].tolist() == [21, 11]
    assert batch["features"][1, 11:].abs().sum() == 0


def test_defaults_give_no_empty_filter() -> None:
    logmel._transform.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogMelPreprocess().features(noise(0.1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hop_s": 0.03}, "0 < hop_s <= window_s"),
        ({"high_hz": 9000.0}, r"<= 8000 \(half the sample rate\)"),
        ({"bins": 0}, "numbers above 0"),
        ({"centring": "mean"}, "expected one of none, clip, bins"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LogMelPreprocess.from_settings(settings)


def test_without_torchaudio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    logmel._transform.cache_clear()
    monkeypatch.setitem(sys.modules, "torchaudio.transforms", None)
    with pytest.raises(ValueError, match=r"pip install 'affectrep\[speech\]'"):
        LogMelPreprocess().features(noise(0.1))
