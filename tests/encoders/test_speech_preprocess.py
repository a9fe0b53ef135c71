from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from affectrep.encoders.speech_preprocess import (
    WaveformPreprocess,
    WhisperPreprocess,
    load_speech_preprocess,
)
from affectrep.encoders.waveform import condition_waveform
from tests.encoders.tiny_speech import clips


def test_waveforms_are_normalised_as_transformers_does_it() -> None:
    from transformers import Wav2Vec2FeatureExtractor

    waveforms = [condition_waveform(clip) for clip in clips(900, 1600)]
    theirs = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    expected = theirs(waveforms, sampling_rate=16000, padding=True, return_tensors="pt")
    found = WaveformPreprocess()(clips(900, 1600))
    torch.testing.assert_close(found["features"], expected["input_values"], atol=1e-5, rtol=1e-4)
    assert found["lengths"].tolist() == expected["attention_mask"].sum(dim=1).tolist()
    assert found["lengths"].dtype == torch.int64
    assert found["features"].dtype == torch.float32


def test_without_normalisation_the_level_stays() -> None:
    quiet = clips(1600)[0] * 0.01
    plain = WaveformPreprocess(do_normalize=False, level="none").features(quiet)
    np.testing.assert_allclose(plain, quiet - quiet.mean(), atol=1e-7)
    levelled = WaveformPreprocess(do_normalize=False).features(quiet)
    assert 20 * np.log10(np.sqrt((levelled**2).mean())) == pytest.approx(-26, abs=0.01)
    assert levelled.dtype == np.float32


def test_log_mel_is_whispers_own_without_the_silence() -> None:
    from transformers import WhisperFeatureExtractor

    clip = condition_waveform(clips(8000)[0])
    theirs = WhisperFeatureExtractor(feature_size=8)
    full = theirs(clip, sampling_rate=16000, return_tensors="np")["input_features"][0].T
    found = WhisperPreprocess(bins=8).features(clips(8000)[0])
    assert full.shape == (3000, 8)
    assert found.shape == (50, 8)
    # the last two frames look into what follows: silence there, the mirrored clip here
    np.testing.assert_allclose(found[:48], full[:48], atol=1e-4)


def test_long_clips_are_cut_and_short_ones_refused() -> None:
    preprocess = WaveformPreprocess(max_seconds=0.05)
    assert preprocess.features(clips(1600)[0]).shape == (800,)
    with pytest.raises(ValueError, match=r"expected at least 400 \(0.025 s\)"):
        preprocess.features(clips(399)[0])
    with pytest.raises(ValueError, match=r"expected a waveform \(samples,\)"):
        preprocess.features(np.zeros((2, 800), np.float32))
    with pytest.raises(ValueError, match="at least one clip"):
        preprocess([])


@pytest.mark.parametrize(
    "preprocess",
    [WaveformPreprocess(do_normalize=False, max_seconds=3.0), WhisperPreprocess(level="peak")],
)
def test_it_can_be_saved_pickled_and_compared(
    preprocess: WaveformPreprocess | WhisperPreprocess, tmp_path: Path
) -> None:
    preprocess.save(tmp_path)
    assert load_speech_preprocess(tmp_path) == preprocess == pickle.loads(pickle.dumps(preprocess))
    assert type(preprocess).load(tmp_path).key == preprocess.key
    assert type(preprocess)() != preprocess
    assert type(preprocess)().key != preprocess.key
    other = WhisperPreprocess if isinstance(preprocess, WaveformPreprocess) else WaveformPreprocess
    with pytest.raises(ValueError, match="is of kind"):
        other.load(tmp_path)


def test_seconds_per_frame() -> None:
    assert WaveformPreprocess().seconds_per_frame == 1 / 16000
    assert WhisperPreprocess().seconds_per_frame == 0.01


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sampling rate is 8000 Hz, expected 16000 Hz"):
        WaveformPreprocess(sample_rate_hz=8000)
    with pytest.raises(ValueError, match=r"encoder\.max_seconds is 0, expected at least 0\.025 s"):
        WaveformPreprocess(max_seconds=0)
    with pytest.raises(ValueError, match=r"encoder\.level is 'loud', expected one of none, rms"):
        WhisperPreprocess(level="loud")
    with pytest.raises(ValueError, match="is no preprocess of a speech encoder"):
        load_speech_preprocess(tmp_path)
    (tmp_path / "preprocess.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="is no preprocess of a speech encoder"):
        load_speech_preprocess(tmp_path)
