from __future__ import annotations

import numpy as np
import pytest

from affectrep.encoders.waveform import condition_waveform

from .sounds import noise


def dbfs(value: float) -> float:
    return float(20 * np.log10(value))


def test_rms_and_peak_reach_their_target() -> None:
    waveform = noise() + 0.2
    loud = condition_waveform(waveform, target_dbfs=-20.0)
    assert dbfs(np.sqrt(np.mean(loud.astype(float) ** 2))) == pytest.approx(-20, abs=1e-4)
    peak = condition_waveform(waveform, level="peak", target_dbfs=-3.0)
    assert dbfs(np.abs(peak).max()) == pytest.approx(-3, abs=1e-4)
    assert loud.dtype == peak.dtype == np.float32


def test_offset_goes_only_where_asked() -> None:
    waveform = noise() + 0.2
    assert abs(condition_waveform(waveform, level="none").mean()) < 1e-6
    kept = condition_waveform(waveform, level="none", remove_dc=False)
    assert np.array_equal(kept, waveform)
    assert kept is not waveform


def test_gain_stops_at_full_scale() -> None:
    click = np.zeros(16000)
    click[100], click[200] = 0.1, -0.1
    found = condition_waveform(click, target_dbfs=-10.0)
    assert np.abs(found).max() == pytest.approx(1)
    assert np.count_nonzero(found) == 2


def test_level_of_the_recording_plays_no_part() -> None:
    waveform = noise().astype(np.float64)
    quiet, loud = (condition_waveform(waveform * gain) for gain in (0.001, 10))
    np.testing.assert_allclose(quiet, loud, rtol=1e-5)


@pytest.mark.parametrize("waveform", [np.zeros(5), np.full(5, 0.3), np.array([1e-6, -1e-6])])
def test_silence_is_not_amplified(waveform: np.ndarray) -> None:
    assert np.abs(condition_waveform(waveform)).max() <= 1e-6


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros((2, 5)), r"mono waveform.*shape \(2, 5\)"),
        ([0.1, 0.2], "got list"),
        (np.zeros(0), "empty"),
        (np.zeros(5, dtype=np.int16), "int16.*divide 16-bit samples by 32768"),
        (np.array([0.0, np.nan]), "no finite number"),
    ],
)
def test_what_is_no_waveform_is_refused(waveform: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        condition_waveform(waveform)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="expected one of none, rms, peak"):
        condition_waveform(noise(), level="lufs")
    with pytest.raises(ValueError, match="at most 0"):
        condition_waveform(noise(), target_dbfs=3.0)
