from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.data import audio
from affectrep.data.audio import (
    audio_hash,
    audio_seconds,
    read_audio,
    read_waveform,
    resample,
    to_waveform,
)
from tests.data.sound import RATE, noise, tone, write


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_every_format_is_read(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}", np.stack([tone(0.5, rate=44100)] * 2, axis=1), 44100)
    samples, rate = read_audio(path)
    assert samples.dtype == np.float32
    assert samples.shape == (22050, 2)
    assert rate == 44100
    assert audio_seconds(path) == pytest.approx(0.5)
    waveform = read_waveform(path)
    assert waveform.shape == (8000,)
    assert np.corrcoef(waveform, tone(0.5))[0, 1] > 0.999


def test_the_content_counts_not_the_ending(tmp_path):
    path = write(tmp_path / "a.wav", tone(0.1))
    (tmp_path / "a.mp3").write_bytes((tmp_path / "a.wav").read_bytes())
    assert np.array_equal(read_audio(tmp_path / "a.mp3")[0], read_audio(path)[0])


def test_a_part_is_the_same_as_a_cut(tmp_path):
    path = write(tmp_path / "a.flac", noise(2.0))
    whole = read_waveform(path)
    assert np.array_equal(read_waveform(path, start_s=0.5, seconds=0.25), whole[8000:12000])
    assert np.array_equal(read_waveform(path, start_s=1.9, seconds=9.0), whole[30400:])
    with pytest.raises(ValueError, match=r"a\.flac has no samples after 3 s"):
        read_waveform(path, start_s=3.0)


def test_channels_are_averaged_never_flattened():
    stereo = np.stack([tone(0.1), -0.5 * tone(0.1)], axis=1)
    assert np.allclose(to_waveform(stereo, RATE), 0.25 * tone(0.1), atol=1e-7)
    with pytest.raises(ValueError, match="transpose it"):
        to_waveform(stereo.T, RATE)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 22254, 24000, 44100, 48000, 96000])
def test_a_tone_keeps_its_pitch_length_and_level(rate):
    found = to_waveform(tone(1.0, 440.0, rate), rate)
    assert len(found) == pytest.approx(16000, abs=1)
    spectrum = np.abs(np.fft.rfft(found[:16000] * np.hanning(min(len(found), 16000))))
    assert np.argmax(spectrum) == 440
    middle = found[1000:-1000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)


def test_what_lies_above_the_new_band_does_not_fold_back():
    above, below = (to_waveform(tone(1.0, hertz, 48000), 48000) for hertz in (8400, 7500))
    assert 20 * np.log10(np.std(above[500:-500]) / 0.3536) < -40
    assert 20 * np.log10(np.std(below[500:-500]) / 0.3536) > -1


def test_resampling_agrees_with_scipy():
    from scipy.signal import resample_poly

    mixed = sum(tone(0.5, hertz, 44100) for hertz in (150, 900, 3000)) / 3
    ours, theirs = resample(mixed, 44100, 16000), resample_poly(mixed, 160, 441)
    assert len(ours) == len(theirs)
    assert np.abs(ours - theirs)[200:-200].max() < 2e-3


@pytest.mark.parametrize("rate", [8000, 24000, 32000, 48000, 96000])
@pytest.mark.parametrize("samples", [1, 2, 95, 96, 97, 4801])
def test_simple_ratios_go_through_torchaudios_filter(rate, samples):
    from torchaudio.functional import resample as theirs

    waveform = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    expected = theirs(torch.from_numpy(waveform), rate, RATE, lowpass_filter_width=32)
    np.testing.assert_allclose(resample(waveform, rate, RATE), expected, atol=3e-6)


def test_overshoot_is_cut_to_full_scale():
    square = np.sign(tone(0.1, 1000.0, 44100))
    assert np.abs(resample(square, 44100, 16000)).max() > 1.05
    assert np.abs(to_waveform(square, 44100)).max() == 1.0


def test_the_hash_is_of_the_decoded_sound(tmp_path):
    words = np.array([0, 1, -32768, 32767, 12345], np.int16)
    paths = [write(tmp_path / f"a.{ending}", words) for ending in ("wav", "flac")]
    hashes = {audio_hash(*read_audio(path)) for path in paths}
    assert hashes == {hashlib.sha256(b"16000\n" + words.astype("<i2").tobytes()).hexdigest()}
    assert audio_hash(words / 32768, 8000) not in hashes


def test_a_stream_without_a_length_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    write(path, noise(1.0))
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
    data[22:26] = bytes(4)
    path.write_bytes(data)
    for read in (read_waveform, audio_seconds):
        with pytest.raises(ValueError, match=r"a\.flac was written as a stream"):
            read(path)


def test_bad_files_are_named_in_a_sentence(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("hello" * 100)
    write(tmp_path / "none.wav", np.zeros(0, np.float32))
    write(tmp_path / "float.wav", 20000 * tone(0.1), subtype="FLOAT")
    write(tmp_path / "nan.wav", np.full(100, np.nan, np.float32), subtype="FLOAT")
    whole = (tmp_path / "cut.flac", tmp_path / "cut.mp3")
    for path in whole:
        write(path, noise(2.0))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    messages = {
        "empty.wav": "cannot be read as sound",
        "text.wav": "cannot be read as sound: Format not recognised",
        "none.wav": "has no samples",
        "float.wav": r"samples up to 10000, expected \[-1, 1\]: store it as 16-bit",
        "nan.wav": "samples up to nan",
        "cut.flac": "cannot be read as sound: flac decoder lost sync",
        "cut.mp3": "breaks off after",
        "absent.wav": "does not exist",
    }
    for name, words in messages.items():
        with pytest.raises(ValueError, match=f"{name}.*{words}") as caught:
            read_waveform(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="absent.wav cannot be read as sound"):
        audio_seconds(tmp_path / "absent.wav")


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="got shape"):
        to_waveform(np.zeros((0, 1)), RATE)
    with pytest.raises(ValueError, match="positive rates, got 0"):
        resample(tone(0.1), 0, RATE)


def test_a_missing_package_is_one_clear_sentence(monkeypatch, tmp_path):
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name}")

    monkeypatch.setattr(audio.importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"soundfile: pip install 'affectrep\[speech\]'"):
        read_audio(tmp_path / "a.wav")
    with pytest.raises(ImportError, match=r"package torchaudio: pip install"):
        resample(tone(0.1), 9000, RATE)  # a ratio whose filter is not kept yet


@pytest.mark.parametrize("rate", [1, 8, 12, 20, 999])
def test_a_rate_that_no_voice_has_is_refused(tmp_path, rate):
    path = write(tmp_path / "a.wav", noise(0.1), rate)
    for read in (read_audio, read_waveform, audio_seconds):
        with pytest.raises(ValueError, match=rf"a\.wav states a rate of {rate} Hz, expected 1000"):
            read(path)
    assert audio_seconds(write(tmp_path / "b.wav", noise(0.1), 1000)) == pytest.approx(1.6)


def test_rates_too_far_apart_are_refused():
    for rate in (1, 12, 20, 24):
        with pytest.raises(ValueError, match=f"{rate} Hz is too low a rate to make 16000 Hz"):
            resample(noise(0.1), rate, 16000)
    assert len(resample(np.ones(3, np.float32), 25, 16000)) == 1920
