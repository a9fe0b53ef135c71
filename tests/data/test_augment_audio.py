from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torchaudio")

from affectrep.data.augment_audio import AudioAugment, Draw
from tests.data.sound import RATE, noise, tone


def applied(waveform, **effects):
    fixed = {name: Draw(1.0, value, value) for name, value in effects.items()}
    return AudioAugment(**fixed)(waveform, RATE, name="clip", seed=0)


def pitch(waveform) -> float:
    """Frequency of the strongest partial, Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), 1 << 17))
    return float(np.argmax(spectrum) * RATE / (1 << 17))


def centroid(waveform) -> float:
    power = np.abs(np.fft.rfft(waveform)) ** 2
    return float((power * np.arange(len(power))).sum() / power.sum() * RATE / len(waveform))


def vowel(f0: float = 120.0, formant: float = 900.0, seconds: float = 1.0):
    """Partials of ``f0`` under one resonance."""
    time = np.arange(round(seconds * RATE)) / RATE
    partials = np.arange(1, int(6000 / f0)) * f0
    levels = 1 / (1 + ((partials - formant) / 200) ** 2)
    wave = sum(a * np.sin(2 * np.pi * f * time) for a, f in zip(levels, partials, strict=True))
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def resonance(waveform, f0: float) -> float:
    """Frequency of the strongest partial of ``f0``, Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    partials = np.arange(1, int(6000 / f0)) * f0
    places = np.rint(partials * len(waveform) / RATE).astype(int)
    return float(partials[np.argmax([spectrum[p - 8 : p + 9].max() for p in places])])


def test_speed_changes_length_and_pitch():
    found = applied(tone(1.0), speed=1.1)
    assert len(found) == pytest.approx(RATE / 1.1, abs=2)
    assert pitch(found) == pytest.approx(242, rel=0.005)


def test_tempo_changes_length_alone():
    found = applied(tone(1.0), tempo=0.8)
    assert len(found) == 20000
    assert pitch(found) == pytest.approx(220, rel=0.005)


def test_pitch_changes_pitch_and_formants_alone():
    found = applied(tone(1.0), pitch_semitones=-3.0)
    assert len(found) == pytest.approx(RATE, abs=2)
    assert pitch(found) == pytest.approx(220 * 2 ** (-3 / 12), rel=0.015)
    assert centroid(applied(vowel(), pitch_semitones=4.0)) > 1.15 * centroid(vowel())


@pytest.mark.parametrize("ratio", [0.8, 1.2])
def test_formants_move_and_the_partials_stay(ratio):
    plain, found = vowel(), applied(vowel(), formant=ratio)
    assert len(found) == len(plain)
    assert resonance(plain, 120.0) == pytest.approx(900, abs=60)
    assert resonance(found, 120.0) == pytest.approx(900 * ratio, abs=121)
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    between = spectrum[[660 + 120 * k for k in range(6)]]
    on = spectrum[[600 + 120 * k for k in range(6)]]
    assert on.min() > 20 * between.max()


def test_noise_has_the_stated_ratio():
    plain = tone(1.0)
    added = applied(plain, noise_snr_db=15.0) - plain
    assert 10 * np.log10(np.mean(plain**2) / np.mean(added**2)) == pytest.approx(15, abs=0.1)
    assert not applied(np.zeros(1000, np.float32), noise_snr_db=15.0).any()


def test_gain_is_in_decibels_and_never_clips():
    assert np.allclose(applied(tone(0.1), gain_db=-20.0), tone(0.1) / 10, atol=1e-6)
    loud = applied(tone(0.1), gain_db=30.0)
    assert np.abs(loud).max() == pytest.approx(1.0)
    assert np.corrcoef(loud, tone(0.1))[0, 1] > 0.999999


ALL = {
    "speed": {"probability": 0.5, "low": 0.9, "high": 1.1},
    "tempo": {"probability": 0.5, "low": 0.9, "high": 1.1},
    "pitch_semitones": {"probability": 0.5, "low": -2, "high": 2},
    "formant": {"probability": 0.5, "low": 0.9, "high": 1.1},
    "noise_snr_db": {"probability": 0.5, "low": 10, "high": 40},
    "gain_db": {"probability": 0.5, "low": -6, "high": 6},
}


def test_seed_name_and_copy_decide_what_is_drawn():
    effects, clip = AudioAugment.from_dict(ALL), noise(0.5)
    one = effects(clip, RATE, name="a", seed=0, copy=1)
    assert np.array_equal(one, effects(clip, RATE, name="a", seed=0, copy=1))
    others = [("b", 0, 1), ("a", 1, 1), ("a", 0, 2)]
    for name, seed, copy in others:
        found = effects(clip, RATE, name=name, seed=seed, copy=copy)
        assert found.shape != one.shape or not np.array_equal(found, one)


def test_the_draws_are_the_same_in_any_process_and_version():
    effects = AudioAugment(gain_db=Draw(1.0, -20, 0))
    # place 11 of the numbers that the SHA-256 of "3, 7, a" (seed, copy, name) starts
    found = effects(np.full(2, 0.5, np.float32), RATE, name="a", seed=3, copy=7)
    assert float(found[0]) == pytest.approx(0.15939429, rel=1e-6)


def test_an_effect_left_out_changes_no_other():
    quiet = AudioAugment(gain_db=Draw(1.0, -20, 0))
    both = AudioAugment(speed=Draw(1.0, 1.1, 1.1), gain_db=Draw(1.0, -20, 0))
    clip = tone(1.0)
    for name in "abc":
        gains = [np.abs(e(clip, RATE, name=name, seed=0)).max() for e in (quiet, both)]
        assert gains[0] == pytest.approx(gains[1], rel=0.01)


def test_probability_is_a_share():
    effects = AudioAugment(gain_db=Draw(0.3, -6, -6))
    clip = np.full(2, 0.5, np.float32)
    changed = [effects(clip, RATE, name=str(i), seed=0)[0] < 0.4 for i in range(1000)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.05)
    never = AudioAugment(gain_db=Draw(0.0, -6, -6))
    assert all(never(clip, RATE, name=str(i), seed=0)[0] == 0.5 for i in range(50))


@pytest.mark.parametrize("samples", [1, 100, 1600])
def test_short_and_silent_clips_stay_finite(samples):
    effects = AudioAugment.from_dict(
        {name: {**draw, "probability": 1.0} for name, draw in ALL.items()}
    )
    for clip in (np.zeros(samples, np.float32), noise(samples / RATE)):
        found = effects(clip, RATE, name="a", seed=0)
        assert found.dtype == np.float32
        assert len(found) > 0
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= 1


def test_the_key_names_the_settings():
    effects = AudioAugment.from_dict(ALL)
    assert effects.key == AudioAugment.from_dict(dict(reversed(ALL.items()))).key
    assert effects.key != AudioAugment.from_dict({**ALL, "speed": None}).key
    assert len(effects.key) == 64


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"probability in \[0, 1\], got 1.5"):
        Draw(1.5, 0, 1)
    with pytest.raises(ValueError, match="low <= high, got 2 and 1"):
        Draw(0.5, 2, 1)
    with pytest.raises(ValueError, match=r"speed in \[0.5, 2\], got -6 to 6"):
        AudioAugment(speed=Draw(0.5, -6, 6))
    with pytest.raises(ValueError, match="no effect 'reverb'; expected speed"):
        AudioAugment.from_dict({"reverb": {}})
    with pytest.raises(ValueError, match="probability, low and high"):
        AudioAugment.from_dict({"speed": {"p": 1}})
