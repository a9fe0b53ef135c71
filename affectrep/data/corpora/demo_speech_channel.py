"""Record an utterance of the generated speech corpus: spectral tilt, room, band, level, noise."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from affectrep.data.corpora.demo_speech_languages import DIMENSIONS, LANGUAGES, Channel
from affectrep.data.corpora.demo_speech_voices import Utterance

__all__ = ["RATE_HZ", "record"]

Array = NDArray[Any]

RATE_HZ = 16000
TURN_HZ = 1200.0
"""Where the spectral tilt turns."""
SILENT = 0.01
"""Share of the peak below which the ends of a clip count as silence."""
MARGIN_SECONDS = 0.05
ECHO_DB = -9.0


def record(samples: NDArray[np.int16], rate: int, utterance: Utterance) -> NDArray[np.int16]:
    """Turn eSpeak's samples into the clip as its language's channel records it.

    Args:
        samples: ``(samples,)`` 16-bit mono.
        rate: of the samples, Hz.
        utterance: whose tilt, level and noise seed are taken.

    Returns:
        ``(samples,)`` 16-bit mono at `RATE_HZ`. Silence at both ends is cut to 50 ms of background
        noise; between them the RMS is the utterance's level. What exceeds full scale is clipped.

    Raises:
        ValueError: if the samples are silent.
    """
    said = dict(zip(DIMENSIONS, utterance.prosody, strict=True))
    language = utterance.speaker.language
    channel = LANGUAGES[language].channel
    speech = _without_ends(samples.astype(np.float64), utterance.name)
    common = math.gcd(rate, RATE_HZ)
    speech = signal.resample_poly(speech, RATE_HZ // common, rate // common)
    speech = signal.lfilter(*_shelf(said["tilt_db"]), speech)
    if channel.echo_seconds:
        speech = signal.fftconvolve(speech, _echo(language))[: len(speech)]
    speech = signal.sosfilt(_band(channel), speech)
    speech *= 10.0 ** (said["level_dbfs"] / 20.0) / np.sqrt(np.mean(np.square(speech)))
    speech = np.pad(speech, round(MARGIN_SECONDS * RATE_HZ))
    noise = np.random.default_rng(utterance.noise_seed).standard_normal(len(speech))
    speech += signal.sosfilt(_band(channel), noise) * 10.0 ** (channel.noise_dbfs / 20.0)
    return np.clip(np.rint(speech * 32767.0), -32768, 32767).astype(np.int16)


def _without_ends(speech: Array, name: str) -> Array:
    size = np.abs(speech)
    if not size.any():
        raise ValueError(f"eSpeak NG gave only silence for {name}")
    loud = np.flatnonzero(size > SILENT * size.max())
    return speech[loud[0] : loud[-1] + 1]


def _shelf(gain_db: float) -> tuple[Array, Array]:
    """Return the biquad that raises what lies above `TURN_HZ` by a gain, in dB.

    Robert Bristow-Johnson, Audio EQ Cookbook: high shelf with slope 1.
    """
    root = 10.0 ** (gain_db / 40.0)
    angle = 2.0 * math.pi * TURN_HZ / RATE_HZ
    cosine, slope = math.cos(angle), math.sqrt(2.0 * root) * math.sin(angle)
    more, less = root + 1.0, root - 1.0
    above = [
        root * (more + less * cosine + slope),
        -2.0 * root * (less + more * cosine),
        root * (more + less * cosine - slope),
    ]
    below = [
        more - less * cosine + slope,
        2.0 * (less - more * cosine),
        more - less * cosine - slope,
    ]
    return np.array(above), np.array(below)


@functools.cache
def _band(channel: Channel) -> Array:
    edges = (channel.lowest_hz, channel.highest_hz)
    return np.asarray(signal.butter(2, edges, "bandpass", fs=RATE_HZ, output="sos"))


@functools.cache
def _echo(language: str) -> Array:
    """Return a room's response: the direct sound, then noise that falls by 60 dB."""
    seconds = LANGUAGES[language].channel.echo_seconds
    generator = np.random.default_rng(list(language.encode()))
    tail = generator.standard_normal(round(seconds * RATE_HZ))
    tail *= 10.0 ** (-3.0 * np.arange(len(tail)) / len(tail))
    tail *= 10.0 ** (ECHO_DB / 20.0) / np.sqrt(np.sum(np.square(tail)))
    return np.concatenate([[1.0], tail])
