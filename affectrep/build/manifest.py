"""The rows that a configuration names."""

from __future__ import annotations

from dataclasses import replace

from affectrep.config import Config
from affectrep.data.corpora import CORPORA
from affectrep.data.corpus_folders import corpus_folders
from affectrep.data.label_noise import add_label_noise
from affectrep.data.manifest import Manifest
from affectrep.data.splits import reduce_train
from affectrep.evaluation.families import Families

__all__ = ["build_manifest"]


def build_manifest(config: Config) -> Manifest:
    """Prepare the corpus that the configuration names.

    Raises:
        FileNotFoundError: if label noise names a families file that is not there.
        ValueError: for an unknown corpus, or one whose labels fit neither the task nor the noise.
    """
    data = config.data
    if data.corpus not in CORPORA:
        raise ValueError(
            f"data.corpus={data.corpus}: unknown; there are {', '.join(sorted(CORPORA))}."
        )
    roots = data.speech.roots
    manifest = CORPORA[data.corpus](
        corpus_folders(data.root, roots) if roots else data.root,
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
    read = manifest.rows
    if info.modality == "face":
        # only this modality needs its packages
        from affectrep.build.face_rows import with_boxes

        manifest = with_boxes(config, manifest)
    if data.accept_leaks is not None:
        known = replace(manifest.info, accept_leaks=data.accept_leaks)
        manifest = Manifest(manifest.rows, known)
    if data.train_fraction < 1:
        manifest = reduce_train(manifest, data.train_fraction, data.split_seed)
    if info.modality == "face":
        from affectrep.data.corpora.face_files import renew_person_note

        manifest = renew_person_note(manifest, read)
    return _with_noise(manifest, config)


def _with_noise(manifest: Manifest, config: Config) -> Manifest:
    noise, families = config.data.label_noise, None
    if noise.share > 0 and noise.kind == "neighbours" and noise.families is not None:
        families = Families.load(noise.families, manifest.info.classes).groups
    return add_label_noise(manifest, noise.share, seed=noise.seed, families=families)
