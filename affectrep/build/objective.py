"""The objective that a configuration names, and what it has to know of corpus and model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from affectrep.config import Config
from affectrep.config.objectives import (
    AMLConfig,
    CAFConfig,
    DomainAdversarialConfig,
    FittedConfig,
    HiddenDomainConfig,
    LabelAwareConfig,
    SupConConfig,
    TripletConfig,
)
from affectrep.data.manifest import Manifest
from affectrep.objectives import OBJECTIVES, Objective
from affectrep.objectives.caf import NO_GROUPS
from affectrep.objectives.caf_objective import caf_grouper
from affectrep.objectives.grouping import Grouping, radius_threshold
from affectrep.objectives.pair_classes import CIRCUMPLEX_CLASSES

__all__ = [
    "NotApplicableError",
    "build_objective",
    "grouping_fault",
    "objective_values",
    "strong_threshold",
]

TASKS = {
    "classification": "cross_entropy",
    "multilabel": "binary_cross_entropy",
    "regression": "av_regression",
}


class NotApplicableError(ValueError):
    """An objective and a corpus do not go together: it needs labels or columns that are not there.

    A wrong value is another ValueError: that is a mistake, this is none.
    """


_OF_CLASSES = ("class_weights", "label_smoothing")


def build_objective(config: Config, manifest: Manifest, *, dim: int | None = None) -> Objective:
    """Build the objective; refuse one whose targets the corpus does not have.

    Args:
        config: names the objective and its values.
        manifest: gives classes, class weights, domains and the labels that groups come from.
        dim: dimension of the embeddings (channels, where the objective reads feature maps);
            None where the objective has no network of its own.

    Raises:
        NotApplicableError: saying which labels or domains the objective needs.
        ValueError: for a value that is wrong, or a fitted classifier, which is no such objective.
    """
    name = config.objective.name
    if isinstance(config.objective, FittedConfig):
        raise ValueError(
            "objective fitted has no epochs and is no objective of the training loop: "
            "affectrep.training.fitted_run fits it"
        )
    if isinstance(config.objective, DomainAdversarialConfig):
        _require(name, _columns(config.objective), manifest)
    objective: Any = OBJECTIVES[name](**objective_values(config, manifest, dim=dim))
    kinds = {"classification": "classes", "multilabel": "multilabel", "regression": "continuous"}
    wanted, given = objective.targets.labels, kinds[config.task]
    if wanted not in ("any", given):
        caf = isinstance(config.objective, CAFConfig) and given == "classes"
        other = ", or name the classes of high intensity in objective.strong_classes" if caf else ""
        raise NotApplicableError(
            f"objective {name} needs {wanted} as labels, but task={config.task} gives {given}: "
            f"choose another objective.name or task{other}."
        )
    _require(name, objective.targets.domains, manifest)
    if isinstance(config.objective, CAFConfig):
        labels = torch.as_tensor(manifest.targets("train"))
        objective.fit(labels.float() if given == "continuous" else labels)
    built: Objective = objective
    return built


def strong_threshold(config: Config, manifest: Manifest) -> float:
    """Return the radius from which a training row is strong; NaN where the labels do not split.

    It is the objective's where that groups rows by the training labels, else Otsu's.
    """
    section, grouping = config.objective, Grouping()
    if isinstance(section, CAFConfig):
        if section.threshold is not None:
            return section.threshold
        if section.grouping.get("rule") != "code":  # that rule looks at the order of a batch
            given = {key: value for key, value in section.grouping.items() if value is not None}
            grouping = Grouping(**given)
    return radius_threshold(torch.as_tensor(manifest.targets("train")), grouping)


def grouping_fault(config: Config, manifest: Manifest) -> str | None:
    """Return what CAF will warn of where the training rows cannot be grouped; None elsewhere.

    Labels that are missing are no such fault: the checks of the corpus name them.

    Raises:
        ValueError: if there are no training rows, or labels or options are wrong.
    """
    section = config.objective
    if not isinstance(section, CAFConfig) or section.critic == "none":
        return None
    grouper = caf_grouper(
        section.grouping,
        threshold=section.threshold,
        strong_classes=_strong_classes(section, manifest),
    )
    labels = torch.as_tensor(manifest.targets("train"))
    found = grouper.learn(labels) if bool(labels.isfinite().all()) else None
    return None if found is None else NO_GROUPS.format(found)


def objective_values(
    config: Config, manifest: Manifest, *, dim: int | None = None
) -> dict[str, Any]:
    """Return the plain keyword values of the objective's entry in OBJECTIVES.

    Args:
        config: the section's values.
        manifest: class weights, number of classes, and the values of domains.
        dim: dimension of the embeddings, for an objective with a network of its own.
    """
    section = config.objective
    values = section.model_dump(mode="json", exclude={"name"})
    if "class_weights" in values:
        values["class_weights"] = _class_weights(manifest, values["class_weights"])
    classes = len(manifest.info.classes or ())
    if isinstance(section, CAFConfig):
        values["margins"] = {"epochs": config.training.epochs, **section.margins}
        values["strong_classes"] = _strong_classes(section, manifest)
        return {**values, "dim": dim or 1}
    if isinstance(section, SupConConfig | TripletConfig | AMLConfig):
        if config.task == "regression":
            values = _beside_regression(config, values, manifest)
            classes = CIRCUMPLEX_CLASSES
        if isinstance(section, SupConConfig):
            return values
    if isinstance(section, AMLConfig) and section.space == "projections":
        dim = config.heads.projection_dim
    if isinstance(section, AMLConfig | LabelAwareConfig | TripletConfig):
        return {**values, "classes": classes, "dim": dim or 1}
    if isinstance(section, DomainAdversarialConfig):
        return {
            **_domain_values(config, section, values, manifest),
            "dim": dim,
            "outputs": classes or 2,
        }
    if section.name == "cross_entropy":
        values["multilabel"] = config.task == "multilabel"
    return values


def _beside_regression(
    config: Config, values: dict[str, Any], manifest: Manifest
) -> dict[str, Any]:
    """Return the values of a loss of pairs with what it needs beside regression."""
    rest = {key: value for key, value in values.items() if key not in _OF_CLASSES}
    return {**rest, "task": TASKS["regression"], "strong_radius": _strong_radius(config, manifest)}


def _strong_radius(config: Config, manifest: Manifest) -> float:
    radius = strong_threshold(config, manifest)
    if math.isnan(radius):
        raise NotApplicableError(
            f"objective {config.objective.name} parts the quadrants of valence and arousal, but "
            f"the training labels of {manifest.info.title} are all of one strength."
        )
    return radius


def _strong_classes(section: CAFConfig, manifest: Manifest) -> list[int] | None:
    if section.strong_classes is None:
        return None
    known = list(manifest.info.classes or ())
    unknown = [name for name in section.strong_classes if name not in known]
    if unknown:
        raise ValueError(
            f"objective.strong_classes: {', '.join(unknown)} is no class of {manifest.info.title}; "
            f"there are {', '.join(known) or 'none'}."
        )
    return [known.index(name) for name in section.strong_classes]


def _domain_values(
    config: Config, section: DomainAdversarialConfig, values: dict[str, Any], manifest: Manifest
) -> dict[str, Any]:
    regression = config.task == "regression"
    options = {} if regression else {key: values[key] for key in _OF_CLASSES}
    contrast = values["contrast"]
    return {
        "task": TASKS[config.task],
        "task_options": options,
        "contrast": contrast,
        "strong_radius": _strong_radius(config, manifest) if regression and contrast else None,
        "domains": {
            name: _hidden(name, hidden, manifest) for name, hidden in section.domains.items()
        },
    }


def _hidden(name: str, hidden: HiddenDomainConfig, manifest: Manifest) -> Mapping[str, Any]:
    known = manifest.domains()[name]
    values = hidden.model_dump(mode="json", exclude={"balanced"})
    values["classes"] = len(known)
    train = manifest.split("train")
    if hidden.balanced:
        counts = Counter(train[name])
        values["rows"] = [counts[value] for value in known]
    if hidden.scope == "per_language":
        languages = {value: code for code, value in enumerate(manifest.domains()["language"])}
        spoken = dict(zip(train[name], train["language"], strict=True))
        values["groups"] = [languages.get(spoken[value], -1) for value in known]
    return values


def _columns(section: DomainAdversarialConfig) -> list[str]:
    columns: list[str] = list(section.domains)
    if any(hidden.scope == "per_language" for hidden in section.domains.values()):
        columns.append("language")
    return columns


def _require(name: str, domains: Iterable[str], manifest: Manifest) -> None:
    missing = [domain for domain in domains if domain not in manifest.domains()]
    if missing:
        raise NotApplicableError(
            f"objective {name} needs the column {', '.join(missing)}, which {manifest.info.title} "
            f"does not have."
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
