"""Altered copies of training clips: speed, tempo, pitch, formants, noise, gain."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from affectrep.data.audio import load_package, resample

__all__ = ["AudioAugment", "Draw"]

Samples = NDArray[np.float32]

_STEP = 1 / 50  # resampling ratios are rounded to fiftieths: their filters stay small
_FFT = 512
_HOP = 128
_LIFTER_MS = 2.0  # an envelope for F0 up to 500 Hz
_ENVELOPE_STEPS = 3


@dataclass(frozen=True)
class Draw:
    """How often an effect is applied, and the range its strength is drawn from, uniformly.

    Args:
        probability: in [0, 1].
        low: smallest strength.
        high: largest strength.

    Raises:
        ValueError: if the probability is not in [0, 1], or low is above high.
    """

    probability: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"expected a probability in [0, 1], got {self.probability}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"expected low <= high, got {self.low} and {self.high}")


@dataclass(frozen=True)
class AudioAugment:
    """Effects on a training clip, in this order; None leaves an effect out.

    What is drawn depends on a seed, the row's id and the number of the copy alone, so that a
    resumed run and any worker draw the same; leaving one effect out changes no other. The effects
    move what differs between speakers and recordings: none is a change of emotion that a listener
    would name within the usual ranges, but wide pitch or tempo ranges are.

    Args:
        speed: ratio; above 1 is faster and higher, by resampling (Ko et al. 2015), steps of 0.02.
        tempo: ratio; above 1 is faster at the same pitch, by a phase vocoder.
        pitch_semitones: moves F0 and formants together at the same tempo; steps of 0.02 in ratio.
        formant: ratio; above 1 moves the spectral envelope up (a shorter vocal tract) at the same
            F0, by warping the smoothed spectrum.
        noise_snr_db: signal-to-noise ratio of Gaussian noise, dB; its spectrum falls by 0 to 6 dB
            an octave, as drawn.
        gain_db: dB; never beyond full scale.

    Raises:
        ValueError: if a ratio is not in [0.5, 2], a shift is beyond 12 semitones, or a gain or
            noise ratio beyond 60 dB.

    Example:
        >>> effects = AudioAugment(gain_db=Draw(1.0, -6.0, -6.0))
        >>> quiet = effects(np.ones(4, np.float32), 16000, name="clip", seed=0)
        >>> [round(float(value), 3) for value in quiet]
        [0.501, 0.501, 0.501, 0.501]
    """

    speed: Draw | None = None
    tempo: Draw | None = None
    pitch_semitones: Draw | None = None
    formant: Draw | None = None
    noise_snr_db: Draw | None = None
    gain_db: Draw | None = None

    def __post_init__(self) -> None:
        bounds = {"pitch_semitones": (-12, 12), "noise_snr_db": (-60, 60), "gain_db": (-60, 60)}
        for name, draw in vars(self).items():
            low, high = bounds.get(name, (0.5, 2))
            if draw is not None and not low <= draw.low <= draw.high <= high:
                raise ValueError(
                    f"expected {name} in [{low}, {high}], got {draw.low} to {draw.high}"
                )

    @classmethod
    def from_dict(cls, effects: Mapping[str, Mapping[str, float] | None]) -> AudioAugment:
        """Build from JSON: effect -> its probability, low and high.

        Raises:
            ValueError: if an effect or one of its keys is unknown.

        Example:
            >>> effects = {"speed": {"probability": 0.5, "low": 0.9, "high": 1.1}}
            >>> AudioAugment.from_dict(effects).speed
            Draw(probability=0.5, low=0.9, high=1.1)
        """
        known = list(cls.__dataclass_fields__)
        unknown = [name for name in effects if name not in known]
        if unknown:
            raise ValueError(f"there is no effect {unknown[0]!r}; expected {', '.join(known)}")
        try:
            return cls(**{name: Draw(**draw) if draw else None for name, draw in effects.items()})
        except TypeError as error:
            raise ValueError(f"an effect has probability, low and high: {error}") from None

    @property
    def key(self) -> str:
        """Digest of the settings, 64 hexadecimal digits: same key, same effects."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(b"audio augmentation 1\n" + text.encode()).hexdigest()

    def __call__(
        self, waveform: Samples, rate: int, *, name: str, seed: int, copy: int = 0
    ) -> Samples:
        """Return an altered copy of a clip.

        Args:
            waveform: ``(samples,)`` in [-1, 1].
            rate: in Hz.
            name: of the row; with seed and copy it decides what is drawn.
            seed: of the run.
            copy: number of the copy, such as the epoch.

        Returns:
            ``(other samples,)`` float32 in [-1, 1]; speed and tempo change the length.
        """
        random = _generator(name, seed, copy)
        drawn = {effect: _strength(draw, random) for effect, draw in vars(self).items()}
        speed, semitones = drawn["speed"], drawn["pitch_semitones"]
        if speed is not None:
            waveform = resample(waveform, _round(speed), 1.0)
        if semitones is not None:
            ratio = _round(2.0 ** (semitones / 12))
            waveform = _stretch(resample(waveform, ratio, 1.0), 1 / ratio)
        if drawn["tempo"] is not None:
            waveform = _stretch(waveform, drawn["tempo"])
        if drawn["formant"] is not None:
            waveform = _shift_formants(waveform, drawn["formant"], rate)
        if drawn["noise_snr_db"] is not None:
            waveform = _add_noise(waveform, drawn["noise_snr_db"], random)
        if drawn["gain_db"] is not None:
            peak = max(float(np.abs(waveform).max(initial=0.0)), 1e-9)
            waveform = waveform * min(10 ** (drawn["gain_db"] / 20), 1 / peak)
        return np.clip(waveform, -1.0, 1.0).astype(np.float32)


def _generator(name: str, seed: int, copy: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\n{copy}\n{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def _strength(draw: Draw | None, random: np.random.Generator) -> float | None:
    """Take two numbers in any case, so that no effect moves the draws of another."""
    chance, place = random.random(2)
    if draw is None or chance >= draw.probability:
        return None
    return float(draw.low + place * (draw.high - draw.low))


def _round(ratio: float) -> float:
    return round(ratio / _STEP) * _STEP


def _spectrum(waveform: Samples) -> tuple[torch.Tensor, torch.Tensor]:
    window = torch.hann_window(_FFT)
    tensor = torch.from_numpy(np.ascontiguousarray(waveform))
    found = torch.stft(tensor, _FFT, _HOP, window=window, pad_mode="constant", return_complex=True)
    return found, window


def _stretch(waveform: Samples, ratio: float) -> Samples:
    """Change the tempo at the same pitch; above 1 is faster (Flanagan & Golden 1966)."""
    spectrum, window = _spectrum(waveform)
    advance = torch.linspace(0, math.pi * _HOP, _FFT // 2 + 1)[:, None]
    stretched = load_package("torchaudio.functional").phase_vocoder(spectrum, ratio, advance)
    length = max(1, round(len(waveform) / ratio))
    result = torch.istft(stretched, _FFT, _HOP, window=window, length=length)
    return np.asarray(result.numpy(), dtype=np.float32)


def _shift_formants(waveform: Samples, ratio: float, rate: int) -> Samples:
    """Warp the "true envelope" through the partials (Röbel & Rodet 2005) and keep the rest."""
    spectrum, window = _spectrum(waveform)
    log = spectrum.abs().clamp_min(1e-7).log()
    kept = min(max(2, round(_LIFTER_MS / 1000 * rate)), _FFT // 2)
    lifter = torch.zeros(_FFT, 1)
    lifter[:kept] = lifter[_FFT - kept + 1 :] = 1.0
    envelope = log
    for _ in range(_ENVELOPE_STEPS):
        cepstrum = torch.fft.irfft(torch.maximum(log, envelope), n=_FFT, dim=0)
        envelope = torch.fft.rfft(cepstrum * lifter, dim=0).real
    place = (torch.arange(len(envelope)) / ratio).clamp_max(len(envelope) - 1)
    below = place.floor().long().clamp_max(len(envelope) - 2)
    share = (place - below)[:, None]
    warped = envelope[below] * (1 - share) + envelope[below + 1] * share
    shifted = spectrum * (warped - envelope).clamp(-7, 7).exp()
    result = torch.istft(shifted, _FFT, _HOP, window=window, length=len(waveform))
    return np.asarray(result.numpy(), dtype=np.float32)


def _add_noise(waveform: Samples, snr_db: float, random: np.random.Generator) -> Samples:
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    size = next_fast_len(len(waveform), real=True)
    spectrum = rfft(random.standard_normal(size))
    slope = random.random()  # amplitude falls with frequency to this power: 0 to 6 dB an octave
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -slope
    noise = irfft(spectrum, n=size)[: len(waveform)]
    wanted = math.sqrt(power / 10 ** (snr_db / 10) / max(float(np.mean(noise**2)), 1e-20))
    mixed: Any = waveform + noise * wanted
    return np.asarray(mixed, dtype=np.float32)
