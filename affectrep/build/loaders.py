"""Batches of a split, in the order that training or evaluation wants them."""

from __future__ import annotations

from functools import partial
from typing import Any

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
    rows = TextRows(manifest, "train", manifest.domains())
    lengths, budget = rows.lengths(preprocess), config.data.max_batch_tokens
    sampler = BatchSampler(
        lengths,
        len(rows),
        batch_size=config.data.batch_size,
        seed=config.seed,
        bucket_by_length=config.data.bucket_by_length,
    )
    return StepLoader(
        rows,
        sampler,
        collate or partial(collate_text, preprocess=preprocess),
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
    rows = TextRows(manifest, split, manifest.domains())
    return InOrder(
        rows,
        collate or partial(collate_text, preprocess=preprocess),
        batch_size=config.data.batch_size,
        lengths=rows.lengths(preprocess),
    )
