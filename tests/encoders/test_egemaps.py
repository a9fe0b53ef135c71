from __future__ import annotations

import sys

import numpy as np
import pytest

from affectrep.encoders import egemaps
from affectrep.encoders.egemaps import EgemapsPreprocess
from affectrep.encoders.functionals import FunctionalsPreprocess

from .sounds import RATE_HZ, phrase, silence


def test_without_opensmile_it_says_what_to_install_and_the_licence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    egemaps._opensmile.cache_clear()
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(ValueError, match=r"research and educational use only: pip install"):
        EgemapsPreprocess().features(phrase())


def test_dim_needs_no_opensmile() -> None:
    assert EgemapsPreprocess().dim == 88


def test_raw_values_are_those_of_opensmile() -> None:
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    preprocess = EgemapsPreprocess(level="none", remove_dc=False)
    expected = smile.process_signal(phrase(), RATE_HZ)
    np.testing.assert_array_equal(preprocess.features(phrase()), expected.to_numpy()[0])
    assert preprocess.names == list(expected.columns)


def test_without_loudness_the_recording_level_hardly_matters() -> None:
    pytest.importorskip("opensmile")
    full, free = EgemapsPreprocess(), EgemapsPreprocess(loudness=False)
    assert len(free.names) == free.dim == 77
    assert set(full.names) - set(free.names) == {
        name for name in full.names if "loudness_sma3" in name or "SoundLevel" in name
    }
    index = [full.names.index(name) for name in free.names]
    np.testing.assert_array_equal(full.features(phrase())[index], free.features(phrase()))


@pytest.mark.parametrize(
    "waveform", [silence(0.5), silence(0.001), phrase()[6400:8000]], ids=["silence", "1", "0.1 s"]
)
def test_short_and_silent_clips_are_finite(waveform: np.ndarray) -> None:
    pytest.importorskip("opensmile")
    values = EgemapsPreprocess().features(waveform)
    assert values.shape == (88,)
    assert np.isfinite(values).all()


def test_full_scale_does_not_wrap_around() -> None:
    pytest.importorskip("opensmile")
    seconds = np.arange(RATE_HZ) / RATE_HZ
    square = np.sign(np.sin(2 * np.pi * 150 * seconds) + 1e-9).astype(np.float32)
    preprocess = EgemapsPreprocess(level="none", remove_dc=False, loudness=False)
    np.testing.assert_allclose(
        preprocess.features(square), preprocess.features(square * 0.999), rtol=0.05, atol=0.05
    )


def test_own_functionals_are_appended_and_change_no_key_where_they_are_not() -> None:
    pytest.importorskip("opensmile")
    both, plain = EgemapsPreprocess(functionals=True), EgemapsPreprocess()
    own = FunctionalsPreprocess()
    expected = np.concatenate([plain.features(phrase()), own.features(phrase())])
    np.testing.assert_array_equal(both.features(phrase()), expected)
    assert both.names == plain.names + own.names
    assert len(both.names) == both.dim == 315
    # of before there was the setting: features in a cache stay valid
    assert plain.key[:16] == "30c9424a8faea9cf"
    assert both.key != plain.key
    assert EgemapsPreprocess.from_settings(both.settings()) == both
