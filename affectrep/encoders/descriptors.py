"""What a short frame of speech sounds like: spectrum, loudness and voice, every 10 ms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft

from affectrep.encoders.voice import frame_signal, track_voice

__all__ = ["HOP_S", "MEL_BANDS", "MFCCS", "Descriptors", "describe_frames", "mel_filters"]

Floats = NDArray[np.float32]
HOP_S, WINDOW_S = 0.01, 0.025
MEL_BANDS, MFCCS = 26, 13
LOW_HZ, HIGH_HZ = 50.0, 7600.0
DYNAMIC_RANGE_DB = 60.0  # what lies further below the clip's maximum counts as this
ACTIVE_RANGE_DB = 30.0  # frames further below the clip's loud ones are pauses


@dataclass(frozen=True)
class Descriptors:
    """Contours of one clip.

    Args:
        contours: name -> ``(frames,)``; f0_semitones and harmonicity_db mean something where the
            frame is voiced, the others where it is active.
        active: ``(frames,)``, whether somebody speaks.
        voiced: ``(frames,)``, whether an active frame has a fundamental frequency.
    """

    contours: dict[str, Floats]
    active: NDArray[np.bool_]
    voiced: NDArray[np.bool_]


def describe_frames(waveform: Floats, *, sample_rate_hz: int) -> Descriptors:
    """Describe frames of 25 ms, centred on multiples of 10 ms.

    f0_semitones are above 27.5 Hz. Spectral slopes are in dB per kHz, over 0-500 and 500-1500 Hz;
    alpha_ratio_db is the energy of 50-1000 over that of 1000-5000 Hz and hammarberg_db the
    highest peak of 0-2000 over that of 2000-5000 Hz, as in the Geneva set (Eyben et al. 2016,
    doi 10.1109/TAFFC.2015.2457417). rolloff_hz has 85 % of the energy below it. flux is the
    distance between spectra of length 1 of this frame and the last. A gain of the waveform adds a
    constant to loudness_db and the logmel bands and changes nothing else.

    Args:
        waveform: ``(samples,)`` float32.
        sample_rate_hz: of the waveform.

    Example:
        >>> found = describe_frames(np.zeros(1600, "f"), sample_rate_hz=16000)
        >>> len(found.active), bool(found.active.any()), bool(found.voiced.any())
        (11, False, False)
    """
    window = round(WINDOW_S * sample_rate_hz)
    size = 2 ** (window - 1).bit_length()
    frames = frame_signal(waveform, length=window, hop=round(HOP_S * sample_rate_hz))
    hann = np.hanning(window + 2)[1:-1].astype(np.float32)
    spectrum = rfft(frames * hann, n=size, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) / np.float32(np.sum(hann**2))
    mel = power @ mel_filters(sample_rate_hz, size // 2 + 1)
    loudness = _decibel(mel.sum(axis=1), float(mel.sum(axis=1).max()))
    active = _active(loudness, mel.sum(axis=1))
    voice = track_voice(waveform, sample_rate_hz=sample_rate_hz, hop_s=HOP_S)
    voiced = voice.voiced & active
    contours = {
        "loudness_db": loudness,
        "f0_semitones": _semitones(voice.f0_hz),
        "harmonicity_db": voice.harmonicity_db,
        "voicing": voice.strength,
        **_shape(power, np.linspace(0, sample_rate_hz / 2, size // 2 + 1, dtype=np.float32)),
        **_bands(mel),
    }
    return Descriptors(contours, active, voiced)


@cache
def mel_filters(sample_rate_hz: int, frequencies: int) -> Floats:
    """Return triangular filters ``(frequencies, MEL_BANDS)``, HTK's mel scale, peaks of 1.

    Example:
        >>> mel_filters(16000, 257).shape
        (257, 26)
    """
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (LOW_HZ, HIGH_HZ))
    mel = np.linspace(low, high, MEL_BANDS + 2)
    edges = np.minimum(700 * (10 ** (mel / 2595) - 1), sample_rate_hz / 2)
    hertz = np.linspace(0, sample_rate_hz / 2, frequencies)[:, None]
    width = np.maximum(np.diff(edges), 1e-6)
    rise = (hertz - edges[:-2]) / width[:-1]
    fall = (edges[2:] - hertz) / width[1:]
    return np.asarray(np.maximum(0, np.minimum(rise, fall)), dtype=np.float32)


def _decibel(power: Floats, largest: float) -> Floats:
    floor = max(largest * 10 ** (-DYNAMIC_RANGE_DB / 10), 1e-20)
    return np.asarray(10 * np.log10(np.maximum(power, np.float32(floor))), dtype=np.float32)


def _active(loudness: Floats, energy: Floats) -> NDArray[np.bool_]:
    """Tell frames where somebody speaks: at most 30 dB below the 95th percentile."""
    heard = (loudness > loudness.max() - DYNAMIC_RANGE_DB + 0.01) & (energy > 1e-12)
    loud = np.percentile(loudness[heard], 95) if heard.any() else 0.0
    return np.asarray(heard & (loudness > loud - ACTIVE_RANGE_DB), dtype=np.bool_)


def _semitones(f0_hz: Floats) -> Floats:
    return np.asarray(12 * np.log2(np.maximum(f0_hz, 27.5) / 27.5), dtype=np.float32)


def _shape(power: Floats, hertz: Floats) -> dict[str, Floats]:
    """Return the contours of spectral shape from power ``(frames, frequencies)``."""
    total = np.maximum(power.sum(axis=1), 1e-20)
    below = np.cumsum(power, axis=1)
    largest = float(power.max())
    decibel = _decibel(power, largest)
    magnitude = np.sqrt(power)
    magnitude /= np.maximum(np.linalg.norm(magnitude, axis=1, keepdims=True), 1e-10)
    steps = np.linalg.norm(np.diff(magnitude, axis=0), axis=1)

    def part(values: Floats, low: float, high: float) -> Floats:
        return values[:, np.searchsorted(hertz, low) : np.searchsorted(hertz, high)]

    lower, upper = (part(power, *edges).sum(axis=1) for edges in ((50, 1000), (1000, 5000)))
    return {
        "centroid_hz": (power @ hertz) / total,
        "rolloff_hz": hertz[np.argmax(below >= 0.85 * total[:, None], axis=1)],
        "slope_low": _regression(part(decibel, 0, 500), hertz[1] / 1000),
        "slope_high": _regression(part(decibel, 500, 1500), hertz[1] / 1000),
        "alpha_ratio_db": _decibel(lower, largest) - _decibel(upper, largest),
        "hammarberg_db": part(decibel, 0, 2000).max(axis=1) - part(decibel, 2000, 5000).max(axis=1),
        "flux": np.concatenate([[0], steps]).astype(np.float32),
    }


def _regression(values: Floats, step: float) -> Floats:
    """Return the slope of a line through each row, whose columns are ``step`` apart."""
    place = np.arange(values.shape[1], dtype=np.float32) * step
    place -= place.mean()
    return np.asarray(values @ (place / np.sum(place**2)), dtype=np.float32)


def _bands(mel: Floats) -> dict[str, Floats]:
    """Return log-mel bands in dB, cepstral coefficients and their deltas over 5 frames."""
    logmel = _decibel(mel, float(mel.max()))
    mfcc = dct(logmel, type=2, norm="ortho", axis=1)[:, 1 : MFCCS + 1]
    ahead = np.pad(mfcc, ((2, 2), (0, 0)), mode="edge")
    delta = (ahead[3:-1] - ahead[1:-3] + 2 * (ahead[4:] - ahead[:-4])) / 10
    return (
        {f"logmel{band + 1}": logmel[:, band] for band in range(MEL_BANDS)}
        | {f"mfcc{order + 1}": mfcc[:, order] for order in range(MFCCS)}
        | {f"delta{order + 1}": delta[:, order] for order in range(MFCCS)}
    )
