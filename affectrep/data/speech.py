"""Speech rows: decode one clip of a manifest to features, collate rows to a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from affectrep.batch import Batch
from affectrep.data.audio import audio_seconds
from affectrep.data.clip_reading import (
    ClipPart,
    ClipReader,
    ClipSettings,
    Preprocess,
    draw_place,
    segments,
)
from affectrep.data.feature_cache import FeatureCache, feature_key
from affectrep.data.manifest import Manifest
from affectrep.data.standardise import GroupStatistics

__all__ = ["SpeechRow", "SpeechRows", "collate_speech"]

Features = NDArray[np.float32]


class SpeechRow(TypedDict):
    """One row: its id, features, target and domain codes."""

    id: str
    features: Features
    label: np.ndarray[Any, Any]
    domains: dict[str, int]


class SpeechRows(Dataset[SpeechRow]):
    """The clips of one split, in the manifest's order.

    In training a clip longer than ``max_seconds`` is cropped at random; crop and effects depend on
    seed, row id and epoch alone (call `set_epoch`). A clip that cannot be read is skipped: the
    next clip of the same class and language takes its place, so that batches keep their
    composition; `broken` lists such clips, also those that worker processes met. In evaluation a
    long clip gives several rows with one id, and a clip that cannot be read stops.

    Args:
        manifest: of a speech corpus.
        split: train, validation or test.
        domains: domain column -> known names, as ``manifest.domains()`` returns them; a name that
            is not among them gets the code -1.
        preprocess: of the encoder.
        settings: how clips are read; None takes all segments as they are.
        cache: folder for features; None computes them each time. Fill it by `fill_cache`; what is
            not in it is computed. With a cache, frames are computed on the whole clip and then
            cropped; vectors are those of the clip's segments, of which training draws one.

    Raises:
        ValueError: if the split has no rows, the corpus no paths, or a cache is asked for and the
            manifest has no content hashes.
    """

    def __init__(
        self,
        manifest: Manifest,
        split: str,
        domains: dict[str, list[str]],
        *,
        preprocess: Preprocess,
        settings: ClipSettings | None = None,
        cache: Path | str | None = None,
    ) -> None:
        rows = manifest.split(split)
        for name in ["path"] if cache is None else ["path", "content"]:
            if name not in rows:
                raise ValueError(f"{manifest.info.title} has no column {name}: prepare it again")
        self.preprocess, self.settings = preprocess, settings or ClipSettings()
        self.ids, self.paths = rows["id"].astype(str).tolist(), rows["path"].astype(str).tolist()
        self.contents = rows["content"].astype(str).tolist() if "content" in rows else []
        self.targets = manifest.targets(split)
        self.codes = {name: _codes(_names(rows, name), known) for name, known in domains.items()}
        self.groups = list(zip(_names(rows, "corpus"), _names(rows, "speaker"), strict=True))
        self.seconds = _durations(rows)
        self.epoch = 0
        limit = None if self.settings.training else self.settings.max_seconds
        self.items = [
            (clip, start_s, seconds)
            for clip, length in enumerate(self.seconds)
            for start_s, seconds in segments(length, limit)
        ]
        self._read = ClipReader(preprocess, self.settings.augment, self.settings.seed)
        self._cache = None if cache is None else FeatureCache(cache, self._cache_settings())
        # in shared memory: worker processes mark here what they could not read
        self._failed = torch.zeros(len(self.ids), dtype=torch.bool)
        self._failed.share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> SpeechRow:
        clip, start_s, seconds = self.items[index]
        if not self.settings.training:
            return self._row(clip, self._features(*self._entry(clip, start_s, seconds)))
        while True:
            chosen = self._readable(clip)
            try:
                features = self._training_features(chosen)
            except ValueError as error:
                self._skip(chosen, error)
            else:
                return self._row(chosen, features)

    def set_epoch(self, epoch: int) -> None:
        """Choose the crops and effects of an epoch; call it before the loader's workers start."""
        self.epoch = epoch

    def lengths(self) -> list[int]:
        """Return the frames (or samples) of each row by its duration; 1 for vectors.

        Effects on speed are not counted: without ``max_seconds`` a row may be longer by their
        largest ratio.
        """
        step, limit = self.preprocess.seconds_per_frame, self.settings.max_seconds or math.inf
        if step is None:
            return [1] * len(self)
        spans = [min(seconds or self.seconds[clip], limit) for clip, _, seconds in self.items]
        return [max(1, math.ceil(span / step)) for span in spans]

    def labels_only(self) -> Dataset[SpeechRow]:
        """Return these rows with empty features: nothing is decoded.

        It is what training on stored embeddings of a frozen encoder needs.
        """
        return _LabelsOnly(self)

    def broken(self) -> dict[str, str]:
        """Return path -> reason of the training clips that were skipped so far, in any worker."""
        found = {}
        for clip in self._failed.nonzero()[:, 0].tolist():
            found[self.paths[clip]] = "was not readable for a while"
            try:
                self._read(ClipPart(self.paths[clip], self.ids[clip]))
            except ValueError as error:
                found[self.paths[clip]] = str(error)
        return found

    def fill_cache(self, *, workers: int = 0, shown: bool = True) -> dict[str, str]:
        """Compute what the cache lacks for these rows, all altered copies included.

        Args:
            workers: processes that compute; 0 computes here.
            shown: True shows a progress bar on a terminal.

        Returns:
            Path -> reason of each clip that could not be read; it is not in the cache.

        Raises:
            ValueError: if the rows have no cache.
        """
        if self._cache is None:
            raise ValueError("these rows have no cache: name its folder")
        whole = self.settings.training and self.preprocess.seconds_per_frame is not None
        limit = None if whole else self.settings.max_seconds
        jobs = dict(
            self._entry(clip, start_s, seconds, copy)
            for clip, length in enumerate(self.seconds)
            for start_s, seconds in segments(length, limit)
            for copy in range(1 if self.settings.augment is None else self.settings.copies)
        )
        broken = self._cache.fill(jobs, self._read, workers=workers, shown=shown)
        return {jobs[key].path: reason for key, reason in broken.items()}

    def _cache_settings(self) -> list[str]:
        effects = self.settings.augment
        altered = [] if effects is None else [effects.key, str(self.settings.seed)]
        return [self.preprocess.key, *altered]

    def _entry(
        self, clip: int, start_s: float, seconds: float | None, copy: int = 0
    ) -> tuple[str, ClipPart]:
        """Return the key of a part in the cache, and the part."""
        altered = self.settings.augment is not None
        part = ClipPart(
            self.paths[clip], self.ids[clip], start_s, seconds, copy if altered else None
        )
        if not self.contents:
            return "", part
        place = [] if seconds is None else [start_s, seconds]
        name = [self.ids[clip], copy] if altered else []
        return feature_key(self.contents[clip], *place, *name), part

    def _features(self, key: str, part: ClipPart) -> Features:
        if self._cache is not None and key in self._cache:
            return self._cache[key]
        return self._read(part)

    def _training_features(self, clip: int) -> Features:
        limit, step = self.settings.max_seconds, self.preprocess.seconds_per_frame
        place = draw_place("crop", self.settings.seed, self.epoch, self.ids[clip])
        if self._cache is None:
            start_s, length = 0.0, None
            if limit is not None and self.seconds[clip] > limit:
                start_s, length = place * (self.seconds[clip] - limit), limit
            return self._read(self._entry(clip, start_s, length, self.epoch)[1])
        copy = self.epoch % self.settings.copies
        if step is None:
            parts = segments(self.seconds[clip], limit)
            return self._features(*self._entry(clip, *parts[int(place * len(parts))], copy))
        features = self._features(*self._entry(clip, 0.0, None, copy))
        frames = len(features) if limit is None else max(1, round(limit / step))
        start = int(place * (max(0, len(features) - frames) + 1))
        return features[start : start + frames]

    def _row(self, clip: int, features: Features) -> SpeechRow:
        statistics = self.settings.statistics
        if isinstance(statistics, GroupStatistics):
            corpus, speaker = self.groups[clip]
            statistics = statistics.of(corpus or "", speaker)
        return self.named(clip, features if statistics is None else statistics.apply(features))

    def named(self, clip: int, features: Features) -> SpeechRow:
        """Return features as a row with the id, target and domains of a clip."""
        return {
            "id": self.ids[clip],
            "features": features,
            "label": self.targets[clip],
            "domains": {name: codes[clip] for name, codes in self.codes.items()},
        }

    def _readable(self, clip: int) -> int:
        """Return the clip, or the next one of its class (and language) if it is broken."""
        if not self._failed[clip]:
            return clip
        languages = self.codes.get("language", [-1] * len(self.ids))
        order = [*range(clip + 1, len(self.ids)), *range(clip)]
        good = [row for row in order if not self._failed[row] and self._alike(row, clip)]
        near = [row for row in good if languages[row] == languages[clip]]
        if not good:
            raise ValueError(f"no clip of the class of {self.paths[clip]} can be read")
        return int((near or good)[0])

    def _alike(self, first: int, second: int) -> bool:
        return bool(np.array_equal(self.targets[first], self.targets[second]))

    def _skip(self, clip: int, error: ValueError) -> None:
        self._failed[clip] = True
        failed = self._failed.nonzero()[:, 0].tolist()
        if len(failed) > self.settings.broken_share * len(self.ids):
            names = ", ".join(self.paths[row] for row in failed[:5])
            raise ValueError(
                f"{len(failed)} of {len(self.ids)} training clips cannot be read, more than the "
                f"{self.settings.broken_share:.1%} that may be skipped: {names}; last: {error}"
            ) from error


class _LabelsOnly(Dataset[SpeechRow]):
    def __init__(self, rows: SpeechRows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> SpeechRow:
        return self.rows.named(self.rows.items[index][0], np.empty(0, np.float32))


def collate_speech(rows: list[SpeechRow], preprocess: Preprocess) -> Batch:
    """Join rows to a batch, padded at the end to its longest row.

    Args:
        rows: of `SpeechRows`.
        preprocess: of the encoder.

    Returns:
        A batch with labels ``(batch,)`` int64, or ``(batch, classes)`` or ``(batch, 2)`` float32,
        and lengths in frames or samples.

    Raises:
        ValueError: if there are no rows.

    Example:
        >>> class Vectors:
        ...     def collate(self, features):
        ...         return {"features": torch.tensor(np.stack(features)),
        ...                 "lengths": torch.ones(len(features), dtype=torch.long)}
        >>> row = {"id": "1", "features": np.zeros(3), "label": np.int64(1), "domains": {}}
        >>> collate_speech([row, row], Vectors()).inputs["features"].shape
        torch.Size([2, 3])
    """
    if not rows:
        raise ValueError("expected at least one row to collate")
    inputs = preprocess.collate([row["features"] for row in rows])
    return Batch(
        inputs=inputs,
        labels=torch.from_numpy(np.stack([row["label"] for row in rows])),
        ids=[row["id"] for row in rows],
        domains={
            name: torch.tensor([row["domains"][name] for row in rows], dtype=torch.long)
            for name in rows[0]["domains"]
        },
        lengths=inputs["lengths"],
    )


def _names(rows: pd.DataFrame, column: str) -> list[str | None]:
    values = rows[column] if column in rows else [None] * len(rows)
    return [value if isinstance(value, str) else None for value in values]


def _codes(values: Sequence[str | None], known: Sequence[str]) -> list[int]:
    code: dict[str | None, int] = {name: index for index, name in enumerate(known)}
    return [code.get(value, -1) for value in values]


def _durations(rows: pd.DataFrame) -> list[float]:
    """Return the stated durations, or those of the headers; 0 where neither is known."""
    stated = pd.to_numeric(rows["duration_s"], errors="coerce") if "duration_s" in rows else None
    found = []
    for index, path in enumerate(rows["path"]):
        seconds = math.nan if stated is None else float(stated[index])
        if not math.isfinite(seconds):
            try:
                seconds = audio_seconds(path)
            except ValueError:
                seconds = 0.0  # the row fails, or is skipped, when it is read
        found.append(seconds)
    return found
