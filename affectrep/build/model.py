"""The model that a configuration names, for the classes of a corpus."""

from __future__ import annotations

from affectrep.config import Config
from affectrep.data.manifest import Manifest
from affectrep.model import AffectModel

__all__ = ["build_model"]


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
