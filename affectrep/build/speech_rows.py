"""Speech rows as a configuration wants them: cached features, effects, standardisation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

from affectrep.config import Config
from affectrep.data.augment_audio import AudioAugment
from affectrep.data.cache_folder import cache_folder
from affectrep.data.clip_reading import ClipSettings
from affectrep.data.composed_sampler import ComposedSampler, Composition
from affectrep.data.keys import digest
from affectrep.data.loader import InOrder
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.data.speech import SpeechRows, collate_speech
from affectrep.data.standardise import GroupStatistics, group_statistics

__all__ = ["altered_copy", "alters_clips", "composed_sampler", "reading_settings", "speech_rows"]
__all__ += ["training_features"]

_STANDARDISED = ("functionals", "egemaps", "crnn")


def speech_rows(
    config: Config, manifest: Manifest, split: str, preprocess: Any, *, training: bool = False
) -> SpeechRows:
    """Return the rows of a split, their features in the cache where one is kept.

    Args:
        config: its ``data.speech``.
        manifest: of a speech corpus.
        split: train, validation or test.
        preprocess: of the encoder.
        training: crop at random, alter clips and skip broken ones.
    """
    settings = _clip_settings(config, training)
    statistics = _group_statistics(config, manifest, preprocess)
    if statistics is not None:
        settings = _clip_settings(config, training, statistics)
    return _rows(config, manifest, split, preprocess, settings)


def training_features(config: Config, manifest: Manifest, preprocess: Any) -> Iterator[Any]:
    """Yield the features of every training clip, whole and unaltered."""
    rows = _rows(config, manifest, "train", preprocess, _clip_settings(config, False))
    for index in range(len(rows)):
        yield rows[index]["features"]


def altered_copy(config: Config, manifest: Manifest, preprocess: Any, copy: int) -> InOrder:
    """Return one pass over an altered copy of every training clip, in the manifest's order.

    Args:
        config: its ``data.speech.augment`` says how clips are altered.
        manifest: of a speech corpus whose training clips can all be read.
        preprocess: of the encoder.
        copy: number of the copy, from 0.
    """
    rows = speech_rows(config, manifest, "train", preprocess, training=True)
    rows.set_epoch(copy)
    collate = partial(collate_speech, preprocess=preprocess)
    return InOrder(rows, collate, batch_size=config.data.batch_size)


def alters_clips(config: Config, manifest: Manifest) -> bool:
    """Whether training clips differ from epoch to epoch: by effects, or as random crops.

    Clips whose duration is not known count as longer than any crop.
    """
    limit = _longest_input(config)
    if config.data.speech.augment is not None:
        return True
    if limit is None:
        return False
    train = manifest.split("train")
    if "duration_s" not in train:
        return True
    seconds = pd.to_numeric(train["duration_s"], errors="coerce")
    return not bool((seconds <= limit).all())


def reading_settings(config: Config, manifest: Manifest) -> list[Any]:
    """Return what decides the features of clips beside their files and the encoder, as JSON.

    Args:
        config: its ``data.speech`` and ``encoder``.
        manifest: under a transductive condition all of its rows count, as any of them moves the
            statistics of its corpus and its speaker.
    """
    section = config.data.speech
    known = [_longest_input(config), section.standardise, section.mapping]
    if section.standardise == "strict":
        return known
    groups = manifest.rows.reindex(columns=["corpus", "speaker"]).astype(str)
    return [*known, manifest.fingerprint(), digest(groups.agg("\n".join, axis=1))]


def composed_sampler(config: Config, manifest: Manifest, rows: SpeechRows) -> ComposedSampler:
    """Return batches of languages x emotions x utterances.

    Raises:
        ValueError: if the rows have no language.
    """
    section = config.data.speech.composition
    assert section is not None
    train = manifest.split("train")
    known = manifest.domains()
    if "language" not in known:
        raise ValueError("data.speech.composition needs the column language: set it to null")
    codes = {
        column: {name: code for code, name in enumerate(known[column])}
        for column in ("language", "speaker")
        if column in known
    }
    numbers = {
        column: [table.get(name, -1) for name in train[column]] for column, table in codes.items()
    }
    return ComposedSampler(
        numbers["language"],
        manifest.targets("train").tolist(),
        composition=Composition(
            **section.model_dump(), bucket_by_length=config.data.bucket_by_length
        ),
        seed=config.seed,
        speakers=numbers.get("speaker"),
        lengths=rows.lengths(),
    )


def _rows(
    config: Config, manifest: Manifest, split: str, preprocess: Any, settings: ClipSettings
) -> SpeechRows:
    # waveforms take more space than their files, and hardly less time to read
    cached = config.data.speech.cache and preprocess.seconds_per_frame != _sample(preprocess)
    folder = cache_folder() / "features" if cached else None
    rows = SpeechRows(
        manifest,
        split,
        manifest.domains(),
        preprocess=preprocess,
        settings=settings,
        cache=folder,
    )
    if folder is not None:
        broken = rows.fill_cache(workers=config.data.workers)
        if broken and not settings.training:
            path, reason = next(iter(broken.items()))
            raise ValueError(f"{len(broken)} clips of {split} cannot be read: {path}: {reason}")
    return rows


def _sample(preprocess: Any) -> float:
    return 1 / float(preprocess.sample_rate_hz)


def _clip_settings(
    config: Config, training: bool, statistics: GroupStatistics | None = None
) -> ClipSettings:
    section = config.data.speech
    effects = section.augment if training else None
    return ClipSettings(
        training=training,
        max_seconds=_longest_input(config),
        augment=None if effects is None else AudioAugment.from_dict(effects.model_dump()),
        copies=section.copies if training else 1,
        seed=config.seed,
        statistics=statistics,
    )


def _longest_input(config: Config) -> float | None:
    """Return the smaller limit of clips and encoder, s, or None."""
    limits = [config.data.speech.max_seconds, getattr(config.encoder, "max_seconds", None)]
    return min((limit for limit in limits if limit is not None), default=None)


def _group_statistics(
    config: Config, manifest: Manifest, preprocess: Any
) -> GroupStatistics | None:
    """Return statistics of the unlabelled features of every corpus or speaker, target included."""
    condition, mapping = config.data.speech.standardise, config.data.speech.mapping
    if condition == "strict":
        return None
    _require_fit(config, preprocess)
    features, corpora, speakers, clips = [], [], [], []
    # after a refit there is no validation split any more
    for split in [name for name in SPLITS if (manifest.rows["split"] == name).any()]:
        rows = _rows(config, manifest, split, preprocess, _clip_settings(config, False))
        for index in range(len(rows)):
            clip = rows.items[index][0]
            features.append(rows[index]["features"])
            corpora.append(rows.groups[clip][0] or "")
            speakers.append(rows.groups[clip][1])
            clips.append(rows.ids[clip])
    # ranks are those of a corpus, whether its speakers are known or not
    known = condition == "transductive_speaker" and mapping != "quantile"
    return group_statistics(
        features, corpora, speakers if known else None, clips=clips, mapping=mapping
    )


def _require_fit(config: Config, preprocess: Any) -> None:
    """Pass where an encoder's input can be standardised as is wanted; before any clip is read.

    Raises:
        ValueError: naming the setting that does not fit.
    """
    section, name = config.data.speech, config.encoder.name
    if name not in _STANDARDISED:
        raise ValueError(
            f"data.speech.standardise={section.standardise} needs encoder.name="
            f"{', '.join(_STANDARDISED[:-1])} or {_STANDARDISED[-1]}; {name} reads what its "
            "checkpoint was trained on: set it to strict"
        )
    if section.mapping != "moments" and preprocess.seconds_per_frame is not None:
        raise ValueError(
            f"data.speech.mapping={section.mapping} needs one vector a clip, and {name} reads "
            "frames: set it to moments"
        )
