"""From a configuration to objects: names and plain keyword values, nothing more."""

from affectrep.build.cut_texts import cut_texts
from affectrep.build.loaders import build_loader, build_training_loader
from affectrep.build.manifest import build_manifest
from affectrep.build.model import build_model, fit_encoder
from affectrep.build.objective import (
    NotApplicableError,
    build_objective,
    grouping_fault,
    objective_values,
    strong_threshold,
)
from affectrep.build.run_name import run_name

__all__ = [
    "NotApplicableError",
    "build_loader",
    "build_manifest",
    "build_model",
    "build_objective",
    "build_training_loader",
    "cut_texts",
    "fit_encoder",
    "grouping_fault",
    "objective_values",
    "run_name",
    "strong_threshold",
]
