"""Condition a waveform before any encoder reads it: no offset, a known level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "condition_waveform"]

LEVELS = ("none", "rms", "peak")
SILENCE_DBFS = -90.0  # below the last bit of 16-bit audio nothing is worth amplifying


def condition_waveform(
    waveform: NDArray[Any],
    *,
    remove_dc: bool = True,
    level: str = "rms",
    target_dbfs: float = -26.0,
) -> NDArray[np.float32]:
    """Subtract the mean and bring the clip to a level.

    A clip below -90 dBFS counts as silent and is not amplified. Nothing is ever clipped: where
    the target would lift the largest sample above 1, the gain stops there.

    Args:
        waveform: ``(samples,)`` real numbers, full scale 1; mono.
        remove_dc: subtract the mean over the clip.
        level: ``rms`` sets the root mean square over the clip, ``peak`` the largest magnitude,
            ``none`` leaves the level.
        target_dbfs: of rms or peak, relative to 1; at most 0.

    Returns:
        ``(samples,)`` float32, in [-1, 1] unless ``level`` is none. The input is not changed.

    Raises:
        ValueError: if it is no mono waveform, is empty, has a value that is no finite number, or
            a setting is wrong.

    Example:
        >>> condition_waveform(np.array([0.3, 0.1]), level="peak", target_dbfs=0.0).tolist()
        [1.0, -1.0]
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}, expected one of {', '.join(LEVELS)}")
    if not target_dbfs <= 0:
        raise ValueError(f"target_dbfs is {target_dbfs}, expected at most 0 (full scale)")
    samples = _checked(waveform)
    if remove_dc:
        samples = samples - samples.mean()
    measured = float(np.sqrt(np.mean(samples**2)) if level == "rms" else np.abs(samples).max())
    if level != "none" and measured > 10 ** (SILENCE_DBFS / 20):
        gain = 10 ** (target_dbfs / 20) / measured
        samples = samples * min(gain, 1 / float(np.abs(samples).max()))
    return samples.astype(np.float32)


def _checked(waveform: NDArray[Any]) -> NDArray[np.float64]:
    if not isinstance(waveform, np.ndarray) or waveform.ndim != 1:
        shape = getattr(waveform, "shape", None)
        found = type(waveform).__name__ if shape is None else f"shape {tuple(shape)}"
        raise ValueError(f"expected a mono waveform (samples,) as a numpy array, got {found}")
    if not waveform.size:
        raise ValueError("the waveform is empty, expected at least one sample")
    if not np.issubdtype(waveform.dtype, np.floating):
        raise ValueError(
            f"the waveform has type {waveform.dtype}, expected floating point with full scale 1: "
            "divide 16-bit samples by 32768"
        )
    samples = waveform.astype(np.float64)
    if not np.isfinite(samples).all():
        raise ValueError("the waveform holds a value that is no finite number")
    return samples
