"""Sound files to predictions: every segment of a clip is heard, and their logits are averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from affectrep.data.audio import audio_seconds
from affectrep.data.clip_reading import ClipPart, ClipReader, segments
from affectrep.model import AffectModel

__all__ = ["ClipPredictions", "longest_input", "predict_clips"]

_BATCH_SECONDS = 240.0  # padded; a batch of long clips holds fewer of them


@dataclass
class ClipPredictions:
    """What a model says of clips.

    Args:
        logits: ``(clips, outputs)`` float32, the mean over the segments of each; NaN where a clip
            cannot be read.
        seconds: duration of each clip, s.
        segments: how many segments of each were heard; 0 where it cannot be read.
        broken: path -> reason of the clips that cannot be read.
    """

    logits: Tensor
    seconds: list[float]
    segments: list[int]
    broken: dict[str, str] = field(default_factory=dict)


def longest_input(model: AffectModel) -> float | None:
    """Return the longest input that a model hears at once, s; None for no limit.

    It is what the model was trained with (``meta``), or what its encoder reads, if that is less.
    """
    limits = (model.meta.get("max_seconds"), getattr(model.encoder.preprocess, "max_seconds", None))
    return min((float(limit) for limit in limits if limit is not None), default=None)


@torch.inference_mode()
def predict_clips(
    model: AffectModel,
    paths: Sequence[str],
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 64,
) -> ClipPredictions:
    """Decode clips, run a model in ``eval()`` over all their segments and average the logits.

    A clip longer than `longest_input` is cut into as few segments of that length as cover it,
    evenly spaced, as in evaluation.

    Args:
        model: of speech, on the device.
        paths: of sound files.
        device: where the batches go.
        batch_size: segments a batch; long ones come in smaller batches.

    Raises:
        ImportError: if soundfile or torchaudio is not installed.
    """
    found = ClipPredictions(torch.zeros(len(paths), len(model.outputs)), [], [0] * len(paths))
    parts = _parts(paths, found, longest_input(model))
    read = ClipReader(model.encoder.preprocess)
    for batch in _batches(parts, found.seconds, batch_size):
        clips, features = [], []
        for clip, part in batch:
            try:
                features.append(read(part))
                clips.append(clip)
            except ValueError as error:
                found.broken.setdefault(part.path, str(error))
        if clips:
            inputs = model.encoder.preprocess.collate(features)
            on_device = {key: value.to(device) for key, value in inputs.items()}
            logits = model(on_device).predictions.float().cpu()
            found.logits.index_add_(0, torch.tensor(clips), logits)
        for clip in clips:
            found.segments[clip] += 1
    _average(found, paths)
    return found


def _parts(
    paths: Sequence[str], found: ClipPredictions, limit: float | None
) -> list[tuple[int, ClipPart]]:
    """Return the segments of all clips with the clips' numbers, the shortest first."""
    parts = []
    for clip, path in enumerate(paths):
        found.seconds.append(_duration(path, found.broken))
        if path not in found.broken:
            spans = segments(found.seconds[clip], limit)
            parts += [(clip, ClipPart(path, path, *span)) for span in spans]
    return sorted(parts, key=lambda part: part[1].seconds or found.seconds[part[0]])


def _average(found: ClipPredictions, paths: Sequence[str]) -> None:
    """Divide the sums of logits by the segments; a broken clip has none."""
    pairs = zip(paths, found.segments, strict=True)
    found.segments = [0 if path in found.broken else count for path, count in pairs]
    counts = torch.tensor(found.segments, dtype=torch.float32)[:, None]
    found.logits = (found.logits / counts).masked_fill(counts == 0, torch.nan)


def _duration(path: str, broken: dict[str, str]) -> float:
    """Return the duration of a clip, s, or note why there is none."""
    try:
        if not Path(path).is_file():
            raise ValueError(f"{path} does not exist or is no file")
        return audio_seconds(path)
    except ValueError as error:
        broken[path] = str(error)
        return 0.0


def _batches(
    parts: Sequence[tuple[int, ClipPart]], seconds: Sequence[float], size: int
) -> Iterator[list[tuple[int, ClipPart]]]:
    """Yield parts, which come in order of length, so that no batch is padded beyond its limit."""
    batch: list[tuple[int, ClipPart]] = []
    for clip, part in parts:
        longest = part.seconds or seconds[clip]
        if batch and (len(batch) >= size or (len(batch) + 1) * longest > _BATCH_SECONDS):
            yield batch
            batch = []
        batch.append((clip, part))
    if batch:
        yield batch
