"""Fundamental frequency and voicing of speech by autocorrelation and a best path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

__all__ = ["Voice", "frame_signal", "track_voice"]

Floats = NDArray[np.float32]
CANDIDATES = 6
OCTAVE_COST = 0.01
JUMP_COST = 0.35
SWITCH_COST = 0.14
VOICING_THRESHOLD = 0.45
SILENCE_THRESHOLD = 0.03


@dataclass(frozen=True)
class Voice:
    """What `track_voice` found, one value per frame.

    Args:
        f0_hz: ``(frames,)``, 0 where the frame is unvoiced.
        strength: ``(frames,)`` in [0, 1], the height of the normalised autocorrelation at the
            period; where unvoiced at its highest peak. It serves as the voicing probability, and
            ``10 log10(strength / (1 - strength))`` is the harmonics-to-noise ratio in dB; above
            about 20 dB it is too low, as the peak between two lags is a parabola's.
    """

    f0_hz: Floats
    strength: Floats

    @property
    def voiced(self) -> NDArray[np.bool_]:
        """Return ``(frames,)``, whether there is a fundamental frequency."""
        return self.f0_hz > 0

    @property
    def harmonicity_db(self) -> Floats:
        """Return the harmonics-to-noise ratio ``(frames,)`` in dB, within -30 and 30."""
        odds = np.clip(self.strength, 0.001, 0.999)
        return np.asarray(10 * np.log10(odds / (1 - odds)), dtype=np.float32)


def frame_signal(waveform: Floats, *, length: int, hop: int) -> Floats:
    """Cut frames centred on multiples of ``hop``; beyond the ends there are zeros.

    Returns:
        ``(samples // hop + 1, length)``.

    Example:
        >>> frame_signal(np.arange(1, 5, dtype="f"), length=2, hop=2).tolist()
        [[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]]
    """
    left = length // 2
    padded = np.pad(waveform, (left, length))
    count = len(waveform) // hop + 1
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:count]


def track_voice(
    waveform: Floats,
    *,
    sample_rate_hz: int,
    hop_s: float = 0.01,
    low_hz: float = 60.0,
    high_hz: float = 600.0,
) -> Voice:
    """Track the fundamental frequency of one voice.

    Each frame has three periods of ``low_hz`` under a Hann window. Its autocorrelation, divided
    by that of the window, has a peak at the period; the six best peaks of a frame and "unvoiced"
    are candidates, and the path of least cost through all frames is taken (Boersma 1993,
    "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio
    of a sampled sound", with its costs). The level of the clip plays no part.

    Args:
        waveform: ``(samples,)`` float32.
        sample_rate_hz: of the waveform.
        hop_s: from one frame to the next, in seconds; frames are centred on its multiples.
        low_hz: lowest fundamental frequency.
        high_hz: highest fundamental frequency, at most an eighth of the sample rate.

    Returns:
        Values for ``samples // hop + 1`` frames.

    Raises:
        ValueError: if the range is empty or too high for the sample rate.

    Example:
        >>> seconds = np.arange(3200) / 16000
        >>> tone = np.sign(np.sin(2 * np.pi * 125 * seconds)).astype("f")
        >>> round(float(np.median(track_voice(tone, sample_rate_hz=16000).f0_hz)))
        125
    """
    if not 0 < low_hz < high_hz <= sample_rate_hz / 8:
        raise ValueError(
            f"low_hz and high_hz are {low_hz} and {high_hz}, expected 0 < low_hz < high_hz <= "
            f"{sample_rate_hz / 8:g}, an eighth of the sample rate"
        )
    length = round(3 * sample_rate_hz / low_hz)
    frames = frame_signal(waveform, length=length, hop=round(hop_s * sample_rate_hz))
    frames = frames - frames.mean(axis=1, keepdims=True)
    lags = (int(sample_rate_hz / high_hz), int(np.ceil(sample_rate_hz / low_hz)))
    correlation = _autocorrelation(frames, lags[1] + 2)
    lag, height = _peaks(correlation, lags)
    frequency = np.where(height > 0, sample_rate_hz / lag, 0.0).astype(np.float32)
    frequency[(frequency > high_hz) | (frequency < low_hz)] = 0
    height = np.where(frequency > 0, height, 0)
    unvoiced = _unvoiced_strength(frames)
    path = _best_path(frequency, height, unvoiced, low_hz=low_hz, jump=0.01 / hop_s)
    found = np.take_along_axis(frequency, np.maximum(path, 0)[:, None], axis=1)[:, 0]
    chosen = np.take_along_axis(height, np.maximum(path, 0)[:, None], axis=1)[:, 0]
    strength = np.where(path >= 0, chosen, height.max(axis=1))
    return Voice(
        f0_hz=np.where(path >= 0, found, 0).astype(np.float32),
        strength=np.clip(strength, 0, 1).astype(np.float32),
    )


@cache
def _window(length: int, lags: int) -> tuple[Floats, Floats]:
    """Return a Hann window and its normalised autocorrelation for the first lags."""
    window = np.hanning(length + 2)[1:-1]
    whole = np.correlate(window, window, mode="full")[length - 1 :]
    return window.astype(np.float32), (whole[:lags] / whole[0]).astype(np.float32)


def _autocorrelation(frames: Floats, lags: int) -> Floats:
    """Return the normalised autocorrelation ``(frames, lags)``; zeros for a frame of zeros."""
    length = frames.shape[1]
    window, own = _window(length, lags)
    size = next_fast_len(length + lags, real=True)
    spectrum = rfft(frames * window, n=size, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    correlation = irfft(power, n=size, axis=1)[:, :lags]
    energy = correlation[:, :1]
    heard = energy > 1e-12
    return np.where(heard, correlation / np.where(heard, energy, 1) / own, 0).astype(np.float32)


def _peaks(correlation: Floats, lags: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return lag and height ``(frames, CANDIDATES)`` of the best local maxima, refined by parabola.

    A place without a peak has height 0.
    """
    first, last = lags
    inner = correlation[:, first : last + 1]
    before, after = correlation[:, first - 1 : last], correlation[:, first + 1 : last + 2]
    is_peak = (inner > before) & (inner >= after) & (inner > 0)
    # long lags are a little dearer, so that of two equal peaks the shorter period is kept
    price = OCTAVE_COST * np.log2(np.arange(first, last + 1, dtype=np.float32) / first)
    score = np.where(is_peak, inner - price, -np.inf)
    best = np.argpartition(score, -CANDIDATES, axis=1)[:, -CANDIDATES:]
    left, middle, right = (np.take_along_axis(x, best, axis=1) for x in (before, inner, after))
    real = np.take_along_axis(is_peak, best, axis=1)
    bend = np.where(real, left - 2 * middle + right, -1)
    shift = np.clip(0.5 * (left - right) / np.minimum(bend, -1e-9), -0.5, 0.5)
    height = middle - 0.25 * (left - right) * shift
    height = np.where(height > 1, 1 / np.maximum(height, 1), height)  # Boersma 1993, reflected at 1
    return np.where(real, best + first + shift, 1), np.where(real, height, 0)


def _unvoiced_strength(frames: Floats) -> Floats:
    """Return the strength ``(frames,)`` of "unvoiced": high where a frame is quiet (eq. 23)."""
    peaks = np.abs(frames).max(axis=1)
    share = peaks / max(float(peaks.max()), 1e-12)
    bonus = 2 - share * (1 + VOICING_THRESHOLD) / SILENCE_THRESHOLD
    return np.asarray(VOICING_THRESHOLD + np.maximum(bonus, 0), dtype=np.float32)


def _best_path(
    frequency: Floats, height: Floats, unvoiced: Floats, *, low_hz: float, jump: float
) -> NDArray[np.int64]:
    """Return the candidate of each frame on the path of least cost, -1 for unvoiced (eq. 24-27)."""
    octaves = np.log2(np.maximum(frequency, 1e-3))
    voiced = np.where(
        frequency > 0, height - OCTAVE_COST * np.log2(low_hz) + OCTAVE_COST * octaves, -np.inf
    )
    gains = np.concatenate([unvoiced[:, None], voiced], axis=1).astype(np.float64)
    total, back = gains[0], np.zeros(gains.shape, dtype=np.int64)
    switch, leap = SWITCH_COST * jump, JUMP_COST * jump
    cost = np.zeros((gains.shape[1], gains.shape[1]))
    cost[0, 1:] = cost[1:, 0] = switch
    leaps = leap * np.abs(octaves[1:, None, :] - octaves[:-1, :, None])
    columns = np.arange(gains.shape[1])
    for frame in range(1, len(gains)):
        cost[1:, 1:] = leaps[frame - 1]
        arrived = total[:, None] - cost
        back[frame] = arrived.argmax(axis=0)
        total = arrived[back[frame], columns] + gains[frame]
    path = np.empty(len(gains), dtype=np.int64)
    path[-1] = total.argmax()
    for frame in range(len(gains) - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path - 1
