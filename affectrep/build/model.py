"""The model that a configuration names, for the classes of a corpus."""

from __future__ import annotations

from typing import Any

from affectrep.config import Config
from affectrep.data.manifest import Manifest
from affectrep.model import AffectModel

__all__ = ["build_model", "fit_encoder"]


def build_model(config: Config, manifest: Manifest) -> AffectModel:
    """Build the model with fresh heads, or warm-start it from a finished run or model folder.

    What a warm start took over stands in ``model.meta["warm_start"]``.

    Raises:
        ValueError: if the corpus holds faces and the encoder reads none.
    """
    encoder = config.encoder.model_dump(mode="json")
    for part, key in (("lora", "lora"), ("adapters", "adapter")):
        if part not in str(encoder.get("tuning")).split("+"):
            encoder.pop(key, None)
        elif encoder.get(key) is None:
            encoder[key] = {}
    info = manifest.info
    if info.modality == "face":  # prediction finds and cuts out a face as training did
        if "preprocess" not in encoder:
            raise ValueError(
                f"encoder.name={encoder['name']} reads no images, but {info.title} holds faces: "
                "choose resnet18, alexnet_tuned, vision or video_resnet"
            )
        section = config.data.face
        given = {"detector": section.detector, "margin": section.margin}
        encoder["preprocess"] = {**given, **encoder["preprocess"]}
    model = AffectModel(
        encoder=encoder,
        heads={
            **config.heads.model_dump(mode="json"),
            "expressions": _expressions(config, manifest),
        },
        task=config.task,
        classes=info.classes,
        meta={
            "name": config.name,
            "corpus": info.title,
            "licence": info.licence,
            "generated": info.generated,
            **(_speech_meta(config) if info.modality == "speech" else {}),
            **(_clip_meta(config, manifest) if _reads_clips(encoder) else {}),
        },
    )
    if config.training.warm_start is not None:
        model.meta["warm_start"] = model.warm_start(config.training.warm_start)
    return model


def _expressions(config: Config, manifest: Manifest) -> list[str] | None:
    """Return the outputs of the second head, in the order of the codes of the domain."""
    wanted = getattr(config.objective, "expression_weight", 0.0) > 0
    return manifest.domains().get("expression") if wanted else None


def _speech_meta(config: Config) -> dict[str, Any]:
    """Return what prediction must know: the longest input, s, and how features are standardised."""
    section = config.data.speech
    return {"max_seconds": section.max_seconds, "standardise": section.standardise}


def _reads_clips(encoder: dict[str, Any]) -> bool:
    return int(encoder.get("preprocess", {}).get("frames") or 1) > 1


def _clip_meta(config: Config, manifest: Manifest) -> dict[str, Any]:
    """Return what prediction on a video must know: frames a second, and between two of a clip."""
    rows, meta = manifest.split("train"), {"stride": config.data.face.stride}
    if not {"video", "time_s"} <= set(rows):
        return meta
    # a table need not be in the order of time, in which clips are taken from it
    steps = rows.sort_values("time_s").groupby("video")["time_s"].diff()
    known = steps[steps > 0]
    return meta if known.empty else {**meta, "fps": round(1 / float(known.median()), 3)}


def fit_encoder(config: Config, manifest: Manifest, model: AffectModel) -> None:
    """Give a fresh encoder what it takes from the training rows: mean and standard deviation.

    Only encoders of speech that start from no checkpoint take any. Under a transductive condition
    the input is standardised already.
    """
    if config.training.warm_start is not None or not hasattr(model.encoder, "fit"):
        return
    # only this modality needs its packages
    from affectrep.build.speech_rows import training_features

    if config.data.speech.standardise == "strict":
        model.encoder.fit(training_features(config, manifest, model.encoder.preprocess))
