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
    """Build the steps of training over the train split.

    Args:
        config: its ``data``.
        manifest: of the corpus.
        preprocess: of the encoder.
        collate: takes the place of the modality's and knows the embeddings of every row, so that
            no clip is decoded and batches need no budget.
        share: this process's rank and how many there are.

    Raises:
        ValueError: if the budget is that of another modality.
    """
    found = _rows(config, manifest, "train", preprocess, training=True)
    budget = _budget(config, manifest, preprocess)
    return StepLoader(
        found.rows if collate is None else found.bare,
        _sampler(config, manifest, found.rows, found.lengths),
        collate or found.collate,
        budget=None
        if collate or budget is None or found.lengths is None
        else (found.lengths, budget),
        share=share,
        workers=0 if collate else config.data.workers,
    )


def build_loader(
    config: Config,
    manifest: Manifest,
    split: str,
    preprocess: Any,
    *,
    collate: Collate | None = None,
) -> InOrder:
    """Build one pass over a split for evaluation; ``collate`` as in `build_training_loader`."""
    found = _rows(config, manifest, split, preprocess)
    seconds = config.data.max_batch_seconds
    return InOrder(
        found.rows if collate is None else found.bare,
        collate or found.collate,
        batch_size=config.data.batch_size,
        lengths=found.lengths,
        max_units=None if seconds is None else _budget(config, manifest, preprocess),
    )


class _Rows(NamedTuple):
    """Rows, the same rows without anything that takes time to read, lengths and collate.

    Lengths are None where all rows have one size.
    """

    rows: Any
    bare: Any
    lengths: list[int] | None
    collate: Collate


def _rows(
    config: Config, manifest: Manifest, split: str, preprocess: Any, *, training: bool = False
) -> _Rows:
    if manifest.info.modality == "speech":
        # only this modality needs its packages
        from affectrep.build.speech_rows import speech_rows
        from affectrep.data.speech import collate_speech

        clips = speech_rows(config, manifest, split, preprocess, training=training)
        collate = partial(collate_speech, preprocess=preprocess)
        return _Rows(clips, clips.labels_only(), clips.lengths(), collate)
    if manifest.info.modality == "face":
        from affectrep.build.face_rows import face_rows
        from affectrep.data.face import collate_face

        faces = face_rows(config, manifest, split, preprocess, training=training)
        return _Rows(faces, faces.labels_only(), None, partial(collate_face, preprocess=preprocess))
    texts = TextRows(manifest, split, manifest.domains())
    collate_texts = partial(collate_text, preprocess=preprocess)
    return _Rows(texts, texts, texts.lengths(preprocess), collate_texts)


def _budget(config: Config, manifest: Manifest, preprocess: Any) -> int | None:
    """Return what a micro-batch may hold, in the unit of the rows' lengths; None: any number."""
    tokens, seconds = config.data.max_batch_tokens, config.data.max_batch_seconds
    if manifest.info.modality == "face" and tokens is not None:
        raise ValueError(
            f"data.max_batch_tokens={tokens}, but images have no tokens: set it to null"
        )
    if manifest.info.modality != "speech":
        if seconds is not None:
            raise ValueError(
                f"data.max_batch_seconds={seconds:g}, but the corpus holds no sound: set it to "
                "null and give data.max_batch_tokens"
            )
        return tokens
    if tokens is not None:
        raise ValueError(
            f"data.max_batch_tokens={tokens}, but clips have no tokens: set it to null and give "
            "data.max_batch_seconds"
        )
    step = preprocess.seconds_per_frame
    # vectors have one length whatever the clip's: there is no padding to bound
    return None if seconds is None or step is None else max(1, round(seconds / step))


def _sampler(config: Config, manifest: Manifest, rows: Any, lengths: list[int] | None) -> Any:
    if manifest.info.modality == "face" and config.data.face.strong_weak is not None:
        from affectrep.build.face_rows import strong_weak_sampler

        return strong_weak_sampler(config, manifest, config.data.face.strong_weak)
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
