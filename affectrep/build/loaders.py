"""Batches of a split, in the order that training or evaluation wants them."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from affectrep.config import Config
from affectrep.data.loader import Collate, InOrder, StepLoader
from affectrep.data.manifest import Manifest
from affectrep.data.samplers import BatchSampler
from affectrep.data.text import TextRows, collate_text

__all__ = ["build_loader", "build_training_loader"]


def build_training_loader(
    config: Config,
    manifest: Manifest,
    preprocess: Any,
    *,
    collate: Collate | None = None,
    share: tuple[int, int] = (0, 1),
) -> StepLoader:
    """Build the steps of training over the train split; ``collate`` replaces the modality's."""
    rows, lengths, own = _rows(config, manifest, "train", preprocess, training=True)
    budget = config.data.max_batch_tokens
    return StepLoader(
        rows,
        _sampler(config, manifest, rows, lengths),
        collate or own,
        budget=None if budget is None else (lengths, budget),
        share=share,
        workers=config.data.workers,
    )


def build_loader(
    config: Config,
    manifest: Manifest,
    split: str,
    preprocess: Any,
    *,
    collate: Collate | None = None,
) -> InOrder:
    """Build one pass over a split for evaluation; ``collate`` replaces the modality's."""
    rows, lengths, own = _rows(config, manifest, split, preprocess)
    return InOrder(rows, collate or own, batch_size=config.data.batch_size, lengths=lengths)


class _Rows(NamedTuple):
    rows: Any
    lengths: list[int]
    collate: Collate


def _rows(
    config: Config, manifest: Manifest, split: str, preprocess: Any, *, training: bool = False
) -> _Rows:
    if manifest.info.modality == "speech":
        # only this modality needs its packages
        from affectrep.build.speech_rows import speech_rows
        from affectrep.data.speech import collate_speech

        clips = speech_rows(config, manifest, split, preprocess, training=training)
        return _Rows(clips, clips.lengths(), partial(collate_speech, preprocess=preprocess))
    texts = TextRows(manifest, split, manifest.domains())
    return _Rows(texts, texts.lengths(preprocess), partial(collate_text, preprocess=preprocess))


def _sampler(config: Config, manifest: Manifest, rows: Any, lengths: list[int]) -> Any:
    if manifest.info.modality == "speech" and config.data.speech.composition is not None:
        from affectrep.build.speech_rows import composed_sampler

        return composed_sampler(config, manifest, rows)
    return BatchSampler(
        lengths,
        len(rows),
        batch_size=config.data.batch_size,
        seed=config.seed,
        bucket_by_length=config.data.bucket_by_length,
    )
