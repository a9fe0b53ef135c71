"""Functionals of speech of the project's own: one vector per clip, by numpy and scipy alone.

They are in the spirit of the Geneva set (Eyben et al. 2016, doi 10.1109/TAFFC.2015.2457417).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from affectrep.encoders.contours import (
    STATISTICS,
    contour_statistics,
    rise_fall_slopes,
    segment_lengths,
)
from affectrep.encoders.descriptors import HOP_S, MEL_BANDS, MFCCS, Descriptors, describe_frames
from affectrep.encoders.feature_preprocess import FeaturePreprocess, Features

__all__ = ["GROUPS", "FunctionalsPreprocess"]

SHORT = ("mean", "sd")
RISE_FALL = ("rise_mean", "rise_sd", "fall_mean", "fall_sd")
SHAPE = ("centroid_hz", "rolloff_hz", "slope_low", "slope_high", "alpha_ratio_db", "hammarberg_db")
MFCC = tuple(f"mfcc{order + 1}" for order in range(MFCCS))
DELTA = tuple(f"delta{order + 1}" for order in range(MFCCS))
LOGMEL = tuple(f"logmel{band + 1}" for band in range(MEL_BANDS))

# group -> its contours, their statistics, the frames that count
CONTOURS = {
    "pitch": (("f0_semitones",), STATISTICS, "voiced"),
    "loudness": (("loudness_db",), STATISTICS, "active"),
    "voice": (("harmonicity_db",), STATISTICS, "voiced"),
    "spectrum": ((*SHAPE, "flux"), STATISTICS, "active"),
    "voiced_spectrum": ((*SHAPE, *MFCC[:4]), SHORT, "voiced"),
    "mfcc": (MFCC, ("mean", "sd", "range", "slope"), "active"),
    "mfcc_delta": (DELTA, ("sd",), "active"),
    "logmel": (LOGMEL, SHORT, "active"),
}
RISES = {"pitch": "voiced", "loudness": "active"}
PERTURBATION = ("f0_semitones", "loudness_db")
TIMING = (
    "voiced_share",
    "voicing_mean",
    "voiced_segments_per_s",
    "voiced_segment_mean_s",
    "voiced_segment_sd_s",
    "unvoiced_segment_mean_s",
    "unvoiced_segment_sd_s",
    "pause_share",
    "pauses_per_s",
    "pause_mean_s",
    "loudness_peaks_per_s",
)
GROUPS = (*CONTOURS, "perturbation", "timing")


@dataclass(frozen=True)
class FunctionalsPreprocess(FeaturePreprocess):
    """Waveform to one vector: statistics of contours, and timing.

    Contours are those of `describe_frames`. Pitch, voice and voiced_spectrum are taken over voiced
    frames, the others over frames that are at most 30 dB below the loud ones, so that silence at
    the ends counts nowhere. Perturbation is the mean size of the second difference of pitch and
    loudness from frame to frame within a voiced stretch: slower than jitter and shimmer, which
    compare single periods. Silence gives zeros; so do pitch and voice of an unvoiced clip.

    Args:
        sample_rate_hz: of the waveforms.
        remove_dc: see `condition_waveform`, like level and target_dbfs.
        level: none, rms or peak.
        target_dbfs: of rms or peak.
        groups: which of `GROUPS` to compute, in the order of that list.
        level_free: take loudness relative to its mean in the clip and log-mel bands relative to
            the mean of all bands, so that no value depends on the recording level.

    Example:
        >>> pitch = FunctionalsPreprocess(groups=("pitch",))
        >>> pitch.names[:2], pitch.dim, FunctionalsPreprocess().dim
        (['pitch.f0_semitones.mean', 'pitch.f0_semitones.sd'], 11, 227)
    """

    kind: ClassVar[str] = "functionals"
    is_vector: ClassVar[bool] = True

    groups: tuple[str, ...] = GROUPS
    level_free: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = sorted(set(self.groups) - set(GROUPS))
        if unknown or not self.groups:
            raise ValueError(
                f"groups are {list(self.groups)}, expected some of {', '.join(GROUPS)}"
            )
        ordered = tuple(group for group in GROUPS if group in self.groups)
        object.__setattr__(self, "groups", ordered)

    @property
    def names(self) -> list[str]:
        """Return the name of each value, ``group.contour.statistic``."""
        return [name for group in self.groups for name in self._names(group)]

    @property
    def dim(self) -> int:
        """Return the number of values."""
        return len(self.names)

    def _names(self, group: str) -> list[str]:
        if group == "timing":
            return [f"timing.{name}" for name in TIMING]
        if group == "perturbation":
            return [f"perturbation.{name}" for name in PERTURBATION]
        contours, statistics, _ = CONTOURS[group]
        rises = RISE_FALL if group in RISES else ()
        names = [f"{group}.{c}.{s}" for c in contours for s in (*statistics, *rises)]
        # relative to itself the mean is zero
        return names[1:] if group == "loudness" and self.level_free else names

    def features(self, waveform: NDArray[Any]) -> Features:
        """Return the functionals ``(dim,)`` of a waveform ``(samples,)``, all finite.

        Raises:
            ValueError: if the waveform is not in order.
        """
        found = describe_frames(self.condition(waveform), sample_rate_hz=self.sample_rate_hz)
        if self.level_free:
            found = _relative(found)
        return np.concatenate([self._values(group, found) for group in self.groups])

    def _values(self, group: str, found: Descriptors) -> Features:
        if group == "timing":
            return _timing(found)
        if group == "perturbation":
            return _perturbation(found)
        contours, statistics, which = CONTOURS[group]
        frames = found.voiced if which == "voiced" else found.active
        values = np.stack([found.contours[name] for name in contours], axis=1)
        table = contour_statistics(values, frames, step_s=HOP_S)
        kept = table[:, [STATISTICS.index(name) for name in statistics]].ravel()
        if group in RISES:
            kept = np.concatenate([kept, rise_fall_slopes(values[:, 0], frames, step_s=HOP_S)])
        return kept[1:] if group == "loudness" and self.level_free else kept


def _relative(found: Descriptors) -> Descriptors:
    """Take the recording level out of loudness and the log-mel bands."""
    if not found.active.any():
        return found
    contours = dict(found.contours)
    contours["loudness_db"] = contours["loudness_db"] - contours["loudness_db"][found.active].mean()
    level = np.mean([contours[name][found.active].mean() for name in LOGMEL]).astype(np.float32)
    contours |= {name: contours[name] - level for name in LOGMEL}
    return Descriptors(contours, found.active, found.voiced)


def _perturbation(found: Descriptors) -> Features:
    """Return the mean size of the second difference inside voiced stretches, per contour."""
    inside = found.voiced[2:] & found.voiced[1:-1] & found.voiced[:-2]
    if not inside.any():
        return np.zeros(len(PERTURBATION), dtype=np.float32)
    bends = [np.abs(np.diff(found.contours[name], n=2))[inside].mean() for name in PERTURBATION]
    return np.array(bends, dtype=np.float32)


def _timing(found: Descriptors) -> Features:
    """Return the values of `TIMING`, over the span from the first to the last active frame."""
    place = np.flatnonzero(found.active)
    if not len(place):
        return np.zeros(len(TIMING), dtype=np.float32)
    span = slice(place[0], place[-1] + 1)
    active, voiced = found.active[span], found.voiced[span]
    seconds = len(active) * HOP_S
    on, off, pauses = (
        segment_lengths(frames) * HOP_S for frames in (voiced, active & ~voiced, ~active)
    )
    values = (
        voiced.sum() / active.sum(),
        found.contours["voicing"][span][active].mean(),
        len(on) / seconds,
        *_mean_sd(on),
        *_mean_sd(off),
        1 - active.mean(),
        len(pauses) / seconds,
        _mean_sd(pauses)[0],
        _peaks(found.contours["loudness_db"][span]) / seconds,
    )
    return np.array(values, dtype=np.float32)


def _mean_sd(values: NDArray[Any]) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)


def _peaks(loudness: Features) -> int:
    """Count loudness peaks of at least 2 dB, 50 ms apart: about one per syllable."""
    from scipy.signal import find_peaks

    smooth = np.convolve(np.pad(loudness, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return len(find_peaks(smooth, prominence=2.0, distance=5)[0])
