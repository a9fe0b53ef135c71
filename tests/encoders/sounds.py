"""Sounds with known properties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16000
Floats = NDArray[np.float32]


def vowel(f0_hz: NDArray[np.float64], *, noise_db: float = -40.0, seed: int = 0) -> Floats:
    """Harmonics of a contour, shaped by three formants, in noise; rms .05."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    sound = np.zeros(len(f0_hz))
    for number in range(1, int(RATE_HZ / 2 / f0_hz.max())):
        hertz = number * f0_hz
        gain = sum(1 / (1 + ((hertz - peak) / 120) ** 2) for peak in (700, 1220, 2600))
        sound += gain * np.cos(number * phase)
    sound /= np.sqrt(np.mean(sound**2))
    sound += np.random.default_rng(seed).normal(size=len(sound)) * 10 ** (noise_db / 20)
    return (0.05 * sound).astype(np.float32)


def steady(f0_hz: float, seconds: float = 0.5) -> Floats:
    return vowel(np.full(round(seconds * RATE_HZ), f0_hz))


def noise(seconds: float = 0.5, *, seed: int = 0) -> Floats:
    samples = np.random.default_rng(seed).normal(size=round(seconds * RATE_HZ))
    return (0.05 * samples).astype(np.float32)


def silence(seconds: float) -> Floats:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.float32)


def phrase() -> Floats:
    """Two vowels, the second higher and louder, with silence around and a pause of .3 s."""
    parts = [silence(0.4), steady(120, 0.4), silence(0.3), 2 * steady(240, 0.5), silence(0.4)]
    return np.concatenate(parts)
