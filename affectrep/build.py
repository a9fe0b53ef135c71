"""From a configuration to objects: names and plain keyword values, nothing more."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from affectrep.config import Config
from affectrep.data.corpora import CORPORA
from affectrep.data.loader import Collate, InOrder, StepLoader
from affectrep.data.manifest import Manifest
from affectrep.data.samplers import BatchSampler
from affectrep.data.splits import reduce_train
from affectrep.data.text import TextRows, collate_text
from affectrep.model import AffectModel
from affectrep.objectives import OBJECTIVES, Objective

__all__ = [
    "build_loader",
    "build_manifest",
    "build_model",
    "build_objective",
    "build_training_loader",
]


def build_manifest(config: Config) -> Manifest:
    """Prepare the corpus that the configuration names.

    Raises:
        ValueError: for an unknown corpus, or one whose labels do not fit the task.
    """
    data = config.data
    if data.corpus not in CORPORA:
        raise ValueError(
            f"data.corpus={data.corpus}: unknown; there are {', '.join(sorted(CORPORA))}."
        )
    manifest = CORPORA[data.corpus](
        data.root,
        protocol=data.protocol,
        columns=dict(data.columns) or None,
        labels=None if data.labels is None else dict(data.labels),
        holdout=data.holdout,
        seed=data.split_seed,
    )
    info = manifest.info
    if info.task != config.task:
        raise ValueError(
            f"task={config.task}, but the labels of {info.title} are for {info.task}: "
            f"set task={info.task} or another data.protocol."
        )
    if data.accept_leaks is not None:
        manifest = Manifest(manifest.rows, replace(info, accept_leaks=data.accept_leaks))
    if data.train_fraction < 1:
        manifest = reduce_train(manifest, data.train_fraction, data.split_seed)
    return manifest


def build_model(config: Config, manifest: Manifest) -> AffectModel:
    """Build the model with fresh heads, or warm-start it from a finished run or model folder.

    What a warm start took over stands in ``model.meta["warm_start"]``.
    """
    encoder = config.encoder.model_dump(mode="json")
    if encoder.get("tuning") != "lora":
        encoder.pop("lora", None)
    elif encoder.get("lora") is None:
        encoder["lora"] = {}
    info = manifest.info
    model = AffectModel(
        encoder=encoder,
        heads=config.heads.model_dump(mode="json"),
        task=config.task,
        classes=info.classes,
        meta={
            "name": config.name,
            "corpus": info.title,
            "licence": info.licence,
            "generated": info.generated,
        },
    )
    if config.training.warm_start is not None:
        model.meta["warm_start"] = model.warm_start(config.training.warm_start)
    return model


def build_objective(config: Config, manifest: Manifest) -> Objective:
    """Build the objective; refuse one whose targets the corpus does not have.

    Raises:
        ValueError: saying which labels or domains the objective needs.
    """
    values = config.objective.model_dump(mode="json")
    name = values.pop("name")
    weighting = values.pop("class_weights", "none")
    values["class_weights"] = _class_weights(manifest, weighting)
    if name == "cross_entropy":
        values["multilabel"] = config.task == "multilabel"
    objective: Any = OBJECTIVES[name](**values)
    kinds = {"classification": "classes", "multilabel": "multilabel", "regression": "continuous"}
    wanted, given = objective.targets.labels, kinds[config.task]
    if wanted not in ("any", given):
        raise ValueError(
            f"objective {name} needs {wanted} as labels, but task={config.task} gives {given}: "
            f"choose another objective.name or task."
        )
    missing = [name for name in objective.targets.domains if name not in manifest.domains()]
    if missing:
        raise ValueError(
            f"objective {name} needs the column {', '.join(missing)}, which {manifest.info.title} "
            f"does not have."
        )
    built: Objective = objective
    return built


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


def _class_weights(manifest: Manifest, weighting: str) -> list[float] | None:
    classes = manifest.info.classes
    if weighting == "none" or classes is None:
        return None
    targets = manifest.targets("train")
    if targets.ndim == 2:
        positives = np.maximum(targets.sum(axis=0), 1.0)
        ratio = (len(targets) - positives) / positives
        return [float(value) for value in (ratio if weighting == "balanced" else np.sqrt(ratio))]
    counts = Counter(targets.tolist())
    inverse = [len(targets) / (len(classes) * max(counts[i], 1)) for i in range(len(classes))]
    return inverse if weighting == "balanced" else [value**0.5 for value in inverse]
