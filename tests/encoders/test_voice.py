from __future__ import annotations

import numpy as np
import pytest

from affectrep.encoders.voice import Voice, frame_signal, track_voice

from .sounds import RATE_HZ, noise, silence, steady, vowel


def cents(found: np.ndarray, expected: np.ndarray | float) -> np.ndarray:
    return 1200 * np.log2(found / expected)


@pytest.mark.parametrize("f0_hz", [70, 95, 125, 180, 260, 370, 520])
def test_steady_vowels(f0_hz: float) -> None:
    voice = track_voice(steady(f0_hz), sample_rate_hz=RATE_HZ)
    inner = voice.f0_hz[5:-5]
    assert voice.voiced[5:-5].all()
    assert np.abs(cents(inner, f0_hz)).max() < 20


def test_glide_through_two_octaves() -> None:
    f0 = 100 * 4 ** np.linspace(0, 1, RATE_HZ)
    voice = track_voice(vowel(f0), sample_rate_hz=RATE_HZ)
    found = voice.f0_hz[5:-5]
    assert (found > 0).mean() > 0.98
    expected = f0[::160][5 : 5 + len(found)]
    error = np.abs(cents(found[found > 0], expected[found > 0]))
    assert np.mean(error > 316) < 0.01
    assert np.median(error) < 20


def test_vowel_in_noise_of_its_own_level_less_10_db() -> None:
    waveform = vowel(np.full(RATE_HZ, 150.0), noise_db=-10)
    voice = track_voice(waveform, sample_rate_hz=RATE_HZ)
    assert voice.voiced.mean() > 0.9
    assert np.mean(np.abs(cents(voice.f0_hz[voice.voiced], 150.0)) > 316) < 0.02


def test_noise_and_silence_have_no_voice() -> None:
    assert track_voice(noise(1), sample_rate_hz=RATE_HZ).voiced.mean() < 0.05
    voice = track_voice(silence(0.2), sample_rate_hz=RATE_HZ)
    assert not voice.voiced.any()
    assert voice.strength.max() == 0


def test_boundaries_of_a_vowel() -> None:
    waveform = np.concatenate([silence(0.3), steady(200, 0.4), silence(0.3)])
    place = np.flatnonzero(track_voice(waveform, sample_rate_hz=RATE_HZ).voiced)
    assert abs(place[0] - 30) <= 3
    assert abs(place[-1] - 70) <= 3
    assert len(place) == place[-1] - place[0] + 1


def test_level_plays_no_part() -> None:
    loud, quiet = (
        track_voice(steady(150) * np.float32(gain), sample_rate_hz=RATE_HZ) for gain in (5, 0.01)
    )
    np.testing.assert_allclose(loud.f0_hz, quiet.f0_hz, rtol=1e-4)
    np.testing.assert_allclose(loud.strength, quiet.strength, atol=1e-3)


def test_harmonicity_follows_the_noise() -> None:
    levels = []
    for noise_db in (-20, -15, -10, -5):
        waveform = vowel(np.full(RATE_HZ // 2, 150.0), noise_db=noise_db)
        voice = track_voice(waveform, sample_rate_hz=RATE_HZ)
        levels.append(float(np.median(voice.harmonicity_db[5:-5])))
    np.testing.assert_allclose(levels, [20, 15, 10, 5], atol=2)
    ends = Voice(np.zeros(2, "f"), np.array([0, 1], "f")).harmonicity_db
    assert ends.tolist() == pytest.approx([-30, 30], abs=0.01)


@pytest.mark.parametrize("samples", [1, 100, 160, 1600])
def test_short_clips(samples: int) -> None:
    voice = track_voice(steady(150)[:samples], sample_rate_hz=RATE_HZ)
    assert len(voice.f0_hz) == len(voice.strength) == samples // 160 + 1
    assert np.isfinite(voice.f0_hz).all()
    assert np.isfinite(voice.harmonicity_db).all()


def test_other_rates() -> None:
    seconds = np.arange(4000) / 8000
    tone = np.sign(np.sin(2 * np.pi * 125 * seconds)).astype("f")
    found = track_voice(tone, sample_rate_hz=8000).f0_hz[5:-5]
    assert np.abs(cents(found, 125.0)).max() < 20


def test_frames_are_centred() -> None:
    frames = frame_signal(np.arange(1, 11, dtype="f"), length=4, hop=5)
    assert frames.tolist() == [[0, 0, 1, 2], [4, 5, 6, 7], [9, 10, 0, 0]]


@pytest.mark.parametrize("limits", [(300.0, 200.0), (0.0, 200.0), (60.0, 3000.0)])
def test_range_is_checked(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="an eighth of the sample rate"):
        track_voice(steady(150), sample_rate_hz=RATE_HZ, low_hz=limits[0], high_hz=limits[1])
