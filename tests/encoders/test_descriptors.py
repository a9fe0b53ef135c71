from __future__ import annotations

import numpy as np
import pytest

from affectrep.encoders.descriptors import MEL_BANDS, MFCCS, describe_frames, mel_filters

from .sounds import RATE_HZ, noise, phrase, silence, steady


def test_phrase_is_found() -> None:
    found = describe_frames(phrase(), sample_rate_hz=RATE_HZ)
    assert len(found.active) == len(phrase()) // 160 + 1
    assert not found.active[:36].any()
    assert found.active[44:76].all()
    assert not found.active[84:106].any()
    assert found.active[114:156].all()
    pitch = found.contours["f0_semitones"]
    assert np.median(pitch[115:155]) - np.median(pitch[45:75]) == pytest.approx(12, abs=0.2)
    loudness = found.contours["loudness_db"]
    assert np.median(loudness[115:155]) - np.median(loudness[45:75]) == pytest.approx(6, abs=2)
    assert {len(contour) for contour in found.contours.values()} == {len(found.active)}


def test_gain_moves_loudness_and_bands_alone() -> None:
    once, tenfold = (
        describe_frames(phrase() * np.float32(gain), sample_rate_hz=RATE_HZ) for gain in (1, 10)
    )
    for name, contour in once.contours.items():
        shift = 20 if name.startswith(("loudness", "logmel")) else 0
        inside = once.active
        np.testing.assert_allclose(
            contour[inside] + shift, tenfold.contours[name][inside], rtol=1e-3, atol=0.02
        )
    assert np.array_equal(once.active, tenfold.active)


def test_spectral_shape_of_a_tone() -> None:
    tone = np.sin(2 * np.pi * 1500 * np.arange(RATE_HZ) / RATE_HZ).astype("f")
    found = describe_frames(tone, sample_rate_hz=RATE_HZ).contours
    assert found["centroid_hz"][50] == pytest.approx(1500, abs=5)
    assert found["rolloff_hz"][50] == pytest.approx(1500, abs=40)
    assert found["flux"][50] < 0.01
    assert found["alpha_ratio_db"][50] < -20
    assert found["hammarberg_db"][50] > 20


def test_shape_tells_a_vowel_from_noise() -> None:
    vowel, hiss = (
        describe_frames(w, sample_rate_hz=RATE_HZ).contours for w in (steady(150), noise())
    )
    for name in ("alpha_ratio_db", "hammarberg_db", "harmonicity_db", "voicing"):
        assert np.median(vowel[name]) > np.median(hiss[name]), name
    for name in ("centroid_hz", "rolloff_hz", "flux"):
        assert np.median(vowel[name]) < np.median(hiss[name]), name


def test_bands_are_those_of_torchaudio() -> None:
    torchaudio = pytest.importorskip("torchaudio")
    expected = torchaudio.functional.melscale_fbanks(257, 50.0, 7600.0, MEL_BANDS, RATE_HZ)
    np.testing.assert_allclose(mel_filters(RATE_HZ, 257), expected.numpy(), atol=1e-4)
    found = describe_frames(noise(), sample_rate_hz=RATE_HZ).contours
    logmel = np.stack([found[f"logmel{band + 1}"] for band in range(MEL_BANDS)], axis=1)
    dct = torchaudio.functional.create_dct(MFCCS + 1, MEL_BANDS, "ortho").numpy()
    for order in range(MFCCS):
        np.testing.assert_allclose(found[f"mfcc{order + 1}"], logmel @ dct[:, order + 1], atol=1e-3)


def test_delta_of_a_line_is_its_slope() -> None:
    found = describe_frames(phrase(), sample_rate_hz=RATE_HZ).contours
    mfcc, delta = found["mfcc1"], found["delta1"]
    for frame in (60, 120):
        expected = sum(k * (mfcc[frame + k] - mfcc[frame - k]) for k in (1, 2)) / 10
        assert delta[frame] == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("seconds", [0.0001, 0.1])
def test_silence_is_finite_and_inactive(seconds: float) -> None:
    found = describe_frames(silence(seconds), sample_rate_hz=RATE_HZ)
    assert not found.active.any()
    assert all(np.isfinite(contour).all() for contour in found.contours.values())
