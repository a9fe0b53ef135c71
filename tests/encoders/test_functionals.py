from __future__ import annotations

import numpy as np
import pytest

from affectrep.encoders.functionals import GROUPS, FunctionalsPreprocess

from .sounds import noise, phrase, silence, steady, vowel


def named(preprocess: FunctionalsPreprocess, waveform: np.ndarray) -> dict[str, float]:
    values = preprocess.features(waveform).tolist()
    return dict(zip(preprocess.names, values, strict=True))


@pytest.mark.parametrize("level_free", [True, False])
def test_each_value_has_a_name(level_free: bool) -> None:
    preprocess = FunctionalsPreprocess(level_free=level_free)
    assert len(set(preprocess.names)) == len(preprocess.names) == preprocess.dim
    assert preprocess.features(phrase()).shape == (preprocess.dim,)
    assert preprocess.features(phrase()).dtype == np.float32


@pytest.mark.parametrize("group", GROUPS)
def test_groups_are_parts_of_the_whole(group: str) -> None:
    whole = named(FunctionalsPreprocess(), phrase())
    part = named(FunctionalsPreprocess(groups=(group,)), phrase())
    assert part == {name: value for name, value in whole.items() if name.split(".")[0] == group}
    assert part


def test_order_of_groups_is_fixed() -> None:
    preprocess = FunctionalsPreprocess(groups=("timing", "pitch"))
    assert preprocess == FunctionalsPreprocess(groups=("pitch", "timing"))


@pytest.mark.parametrize(
    "waveform",
    [
        silence(1),
        silence(0.1),
        silence(0.0001),
        steady(150)[:1600],
        noise(0.1),
        np.full(1600, 0.5, "f"),
    ],
    ids=["silence", "0.1 s silence", "1 sample", "0.1 s vowel", "0.1 s noise", "offset"],
)
def test_values_are_finite(waveform: np.ndarray) -> None:
    for level in ("none", "rms"):
        values = FunctionalsPreprocess(level=level).features(waveform)
        assert np.isfinite(values).all()
        if np.ptp(waveform) == 0:
            assert (values == 0).all()


def test_same_clip_same_values() -> None:
    preprocess = FunctionalsPreprocess()
    assert np.array_equal(preprocess.features(phrase()), preprocess.features(phrase()))


def test_level_free_values_do_not_know_the_gain() -> None:
    free = FunctionalsPreprocess(level="none")
    quiet, loud = (free.features(phrase() * np.float32(gain)) for gain in (0.05, 1))
    np.testing.assert_allclose(quiet, loud, rtol=1e-3, atol=1e-2)
    tied = FunctionalsPreprocess(level="none", level_free=False)
    quiet_named, loud_named = (named(tied, phrase() * np.float32(gain)) for gain in (0.1, 1))
    moved = {n for n in tied.names if abs(quiet_named[n] - loud_named[n]) > 1}
    assert moved == {
        name for name in tied.names if name.startswith("logmel.") and name.endswith(".mean")
    } | {f"loudness.loudness_db.{statistic}" for statistic in ("mean", "p20", "p50", "p80")}


def test_silence_around_counts_nowhere() -> None:
    preprocess = FunctionalsPreprocess(level="none")
    long = np.concatenate([silence(1), phrase(), silence(1)])
    np.testing.assert_allclose(
        preprocess.features(long), preprocess.features(phrase()), rtol=1e-3, atol=1e-2
    )


def test_pitch_of_a_rise() -> None:
    f0 = 120 * 2 ** np.linspace(0, 1, 16000)
    found = named(FunctionalsPreprocess(), vowel(f0))
    middle = 12 * np.log2(120 * 2**0.5 / 27.5)
    assert found["pitch.f0_semitones.mean"] == pytest.approx(middle, abs=0.3)
    assert found["pitch.f0_semitones.slope"] == pytest.approx(12, abs=0.6)
    assert found["pitch.f0_semitones.rise_mean"] > 8
    assert found["pitch.f0_semitones.range"] == pytest.approx(12 * 0.9, abs=0.6)


def test_timing_of_the_phrase() -> None:
    found = named(FunctionalsPreprocess(groups=("timing",)), phrase())
    assert found["timing.pause_mean_s"] == pytest.approx(0.3, abs=0.05)
    assert found["timing.pause_share"] == pytest.approx(0.3 / 1.2, abs=0.05)
    assert found["timing.pauses_per_s"] == pytest.approx(1 / 1.2, abs=0.1)
    assert found["timing.voiced_segments_per_s"] == pytest.approx(2 / 1.2, abs=0.15)
    assert found["timing.voiced_segment_mean_s"] == pytest.approx(0.45, abs=0.05)
    assert found["timing.loudness_peaks_per_s"] == pytest.approx(2 / 1.2, abs=0.9)


def test_perturbation_grows_with_a_rough_voice() -> None:
    rng = np.random.default_rng(0)
    smooth = np.full(16000, 150.0)
    rough = smooth * 2 ** (np.repeat(rng.normal(size=100), 160) / 12)
    values = [
        named(FunctionalsPreprocess(groups=("perturbation",)), vowel(f0))[
            "perturbation.f0_semitones"
        ]
        for f0 in (smooth, rough)
    ]
    assert values[1] > 3 * values[0]


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match=r"groups are \['formants'\], expected some of pitch"):
        FunctionalsPreprocess(groups=("formants",))
    with pytest.raises(ValueError, match="expected some of"):
        FunctionalsPreprocess(groups=())
