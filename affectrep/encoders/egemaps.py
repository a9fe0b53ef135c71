"""The 88 functionals of eGeMAPSv02 through opensmile, an optional extra.

openSMILE is licensed for private, research and educational use; commercial use needs a licence of
audEERING. `FunctionalsPreprocess` has no such restriction.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from affectrep.encoders.feature_preprocess import FeaturePreprocess, Features
from affectrep.encoders.functionals import FunctionalsPreprocess

__all__ = ["EgemapsPreprocess"]

DIM = 88
LEVEL_NAMES = 11  # loudness_sma3_* (10) and equivalentSoundLevel_dBp
SHORTEST_S = 0.2  # below about 0.06 s opensmile gives no value
LARGEST = 32767 / 32768  # opensmile turns 1.0 into the 16-bit number -32768


@dataclass(frozen=True)
class EgemapsPreprocess(FeaturePreprocess):
    """Waveform to eGeMAPSv02 functionals (Eyben et al. 2016, doi 10.1109/TAFFC.2015.2457417).

    With ``level="none"`` and ``remove_dc=False`` they are opensmile's own of the file, except that
    clips under 0.2 s are continued with silence and that a value which opensmile leaves open is 0.
    opensmile is free for private, research and educational use only; see the module.

    Args:
        sample_rate_hz: of the waveforms.
        remove_dc: see `condition_waveform`, like level and target_dbfs.
        level: none, rms or peak.
        target_dbfs: of rms or peak.
        loudness: False drops the ten statistics of loudness and the equivalent sound level; the
            rate of loudness peaks stays, for it does not depend on the level.
        functionals: True appends the values of `FunctionalsPreprocess` of the same waveform, those
            that do not depend on the level, so that a classifier has both sets.

    Example:
        >>> EgemapsPreprocess().dim, EgemapsPreprocess(loudness=False).dim
        (88, 77)
        >>> EgemapsPreprocess(functionals=True).dim
        315
    """

    kind: ClassVar[str] = "egemaps"
    is_vector: ClassVar[bool] = True

    loudness: bool = True
    functionals: bool = False

    @property
    def dim(self) -> int:
        """Return the number of values."""
        own = self._own.dim if self.functionals else 0
        return own + (DIM if self.loudness else DIM - LEVEL_NAMES)

    @property
    def _own(self) -> FunctionalsPreprocess:
        return FunctionalsPreprocess(
            sample_rate_hz=self.sample_rate_hz,
            remove_dc=self.remove_dc,
            level=self.level,
            target_dbfs=self.target_dbfs,
        )

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON values; eGeMAPS alone keeps the key it always had."""
        values = super().settings()
        if not self.functionals:
            del values["functionals"]
        return values

    @property
    def names(self) -> list[str]:
        """Return opensmile's name of each value, then those of the project's own.

        Raises:
            ValueError: if opensmile is missing.
        """
        names = [str(name) for name in _opensmile().feature_names]
        kept = [name for name in names if self.loudness or not _depends_on_level(name)]
        return kept + (self._own.names if self.functionals else [])

    def features(self, waveform: NDArray[Any]) -> Features:
        """Return the functionals ``(dim,)`` of a waveform ``(samples,)``, all finite.

        Raises:
            ValueError: if the waveform is not in order or opensmile is missing.
        """
        samples = np.clip(self.condition(waveform), -1, LARGEST)
        missing = round(SHORTEST_S * self.sample_rate_hz) - len(samples)
        samples = np.pad(samples, (0, max(missing, 0)))
        table = _opensmile().process_signal(samples, self.sample_rate_hz)
        values = np.nan_to_num(table.to_numpy(dtype=np.float32)[0], nan=0, posinf=0, neginf=0)
        kept = [self.loudness or not _depends_on_level(str(name)) for name in table.columns]
        own = [self._own.features(waveform)] if self.functionals else []
        return np.concatenate([np.asarray(values[kept], dtype=np.float32), *own])


def _depends_on_level(name: str) -> bool:
    return name.startswith(("loudness_sma3", "equivalentSoundLevel"))


@cache
def _opensmile() -> Any:
    """Return opensmile's extractor, one per process."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the packages that it imports
            opensmile = import_module("opensmile")
    except ImportError as error:
        raise ValueError(
            "eGeMAPS needs opensmile, which is free for private, research and educational use "
            "only: pip install 'affectrep[speech,egemaps]', or use the encoder functionals, which "
            "needs nothing"
        ) from error
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
    )
