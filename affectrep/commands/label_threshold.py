"""From which probability on a multi-label model names a class: chosen once, kept with the model."""

from __future__ import annotations

from affectrep.build import build_loader
from affectrep.config import Config
from affectrep.data.manifest import Manifest
from affectrep.evaluation.evaluate import predict_rows
from affectrep.evaluation.metrics import best_threshold
from affectrep.model import AffectModel

__all__ = ["keep_threshold"]


def keep_threshold(model: AffectModel, config: Config, manifest: Manifest) -> None:
    """Store the best threshold of the validation rows in the model's meta; else do nothing.

    It is read as ``affectrep evaluate`` reads it, without the precision of training, so that
    ``predict`` names the classes that were scored.

    Args:
        model: with its final weights.
        config: of its run; a task with one class a row has no threshold.
        manifest: of its corpus.
    """
    if config.task != "multilabel":
        return
    rows = build_loader(config, manifest, "validation", model.encoder.preprocess)
    found = predict_rows(model, rows, device=next(model.parameters()).device)
    model.meta["threshold"] = best_threshold(found.labels, found.probabilities(config.task))
