"""Training on stored embeddings: a fixed encoder reads each row once, unless epochs differ."""

from __future__ import annotations

from functools import partial
from typing import Any

from rich.console import Console

from affectrep.build import build_loader
from affectrep.config import Config
from affectrep.data.manifest import Manifest
from affectrep.model import AffectModel
from affectrep.training.embedding_cache import cache_key, collate_cached, embed_rows
from affectrep.training.precision import settled_precision
from affectrep.training.run_folder import RunFolder

__all__ = ["stored_collates"]

console = Console(stderr=True, soft_wrap=True, markup=False)


def stored_collates(
    config: Config, manifest: Manifest, model: AffectModel, folder: RunFolder
) -> dict[str, Any]:
    """Return split -> a collate that joins stored embeddings, which are computed where they lack.

    It is empty where rows have to be read in every epoch: the encoder learns, training rows differ
    from epoch to epoch, or ``training.cache_embeddings`` is off.

    Args:
        config: of the run.
        manifest: of its corpus.
        model: on its device.
        folder: of the run; runs beside it share what is stored.
    """
    fixed = model.encoder.is_fixed and config.training.cache_embeddings
    if not fixed or _alters(config, manifest):
        return {}
    return {
        split: _stored(config, manifest, model, split, folder) for split in ("train", "validation")
    }


def _alters(config: Config, manifest: Manifest) -> bool:
    """Whether training rows differ from epoch to epoch, so that embeddings cannot be kept."""
    if manifest.info.modality == "speech":
        # only this modality needs its packages
        from affectrep.build.speech_rows import alters_clips

        return alters_clips(config, manifest)
    section, size = config.data.face, getattr(config.encoder, "preprocess", {})
    cropped = (size.get("resize_px") or 0) > (size.get("size_px") or 0)
    altered = section.flip or section.randaugment is not None or section.mixup > 0 or cropped
    return manifest.info.modality == "face" and altered


def _stored(
    config: Config, manifest: Manifest, model: AffectModel, split: str, folder: RunFolder
) -> Any:
    rows = manifest.fingerprint()[split]
    device = next(model.parameters()).device.type
    precision = settled_precision(config.training.precision, device)
    settings = [config.encoder.model_dump(mode="json"), precision]
    settings += _row_settings(config, manifest, split)
    key = cache_key(list(model.encoder.state_dict().values()), rows=rows, settings=settings)
    path = folder.path.parent / ".cache" / "embeddings" / f"{key}.safetensors"
    if not path.is_file():
        console.print(f"Reading {rows['rows']} {split} rows once through the frozen encoder …")
    loader = build_loader(config, manifest, split, model.encoder.preprocess)
    found = embed_rows(model, loader, path=path, precision=precision)
    return partial(collate_cached, embeddings=found)


def _row_settings(config: Config, manifest: Manifest, split: str) -> list[Any]:
    """Return what decides an encoder's input beside the rows and the encoder itself, as JSON."""
    if manifest.info.modality == "speech":
        from affectrep.build.speech_rows import reading_settings

        return reading_settings(config, manifest)
    # other crops of faces have other embeddings
    boxes = manifest.box_digests().get(split)
    return [boxes, config.data.face.margin] if boxes else []
