"""A run without epochs: one reading of the training rows, one fit, one score on validation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affectrep.batch import Batch
from affectrep.build import build_loader, build_model, fit_encoder
from affectrep.config import Config
from affectrep.config.objectives import FittedConfig
from affectrep.data.manifest import Manifest
from affectrep.evaluation.evaluate import Predictions, predict_rows, score
from affectrep.heads import Classifier
from affectrep.model import AffectModel
from affectrep.training.committee import Member, TrainingRows, fit_committee
from affectrep.training.fit_classifier import fit_kernel, fit_linear
from affectrep.training.forward import autocast
from affectrep.training.precision import settled_precision
from affectrep.training.run_folder import MetricLog, RunFolder, describe_environment

__all__ = ["FittedRun"]

_MENDS = {
    "text": "set encoder.tuning=frozen and encoder.pooling=mean or cls",
    "speech": "set encoder.tuning=frozen, encoder.pooling=mean and encoder.layer_weights=none",
    "functionals": "set encoder.layers=0",
    "egemaps": "set encoder.layers=0",
    "crnn": "use encoder.name=functionals with encoder.layers=0",
}


@dataclass(frozen=True)
class FittedRun:
    """What ``objective.name=fitted`` does in place of the training loop.

    Args:
        config: names the classifier, and an encoder that is fixed.
        manifest: of a corpus with one class a row.
        folder: of the run.
        device: where the encoder reads; the classifier is fitted on the CPU by scikit-learn.

    Raises:
        ValueError: if a setting asks for what a fitted classifier cannot have.
    """

    config: Config
    manifest: Manifest
    folder: RunFolder
    device: torch.device

    def __post_init__(self) -> None:
        _refuse_settings(self.config)

    def build(self) -> AffectModel:
        """Return the model with what its encoder takes from the training rows, not yet fitted.

        Raises:
            ValueError: if the encoder has weights to train.
        """
        model = build_model(self.config, self.manifest)
        if not model.encoder.is_fixed:
            name = self.config.encoder.name
            raise ValueError(
                f"objective fitted needs an encoder that is fixed, but encoder.name={name} has "
                f"weights to train: {_MENDS[name]}"
            )
        fit_encoder(self.config, self.manifest, model)
        return model.to(self.device)

    def minutes(self, model: AffectModel, *, batches: int = 6) -> float:
        """Return how long the training rows would take, by the time of a few batches."""
        loader = build_loader(self.config, self.manifest, "train", model.encoder.preprocess)
        started = time.monotonic()
        self._predict(model, islice(loader, batches))
        seconds = time.monotonic() - started
        return seconds / 60 * max(1.0, len(loader) / batches)

    def fit(self, model: AffectModel) -> dict[str, float]:
        """Fit the classifier of ``model``, score it and write the files of a finished run.

        With ``objective.refit`` encoder and classifier are fitted once more on the rows of train
        and validation together, after they were scored; environment.json and the model say so. A
        run that was stopped is fitted anew.

        Returns:
            The scores on validation, of a model that had not seen them.

        Raises:
            ValueError: if a class has no training rows, or the metric of ``training.select`` is
                not among those of validation.
        """
        section = self.config.objective
        assert isinstance(section, FittedConfig)
        environment, started = describe_environment(), time.monotonic()
        environment["versions"]["scikit-learn"] = version("scikit-learn")
        rows = self._read(model, "train")
        _fit_classifier(self, model, rows)
        fitted = self._score(self._classified(model, rows))
        scores = self._score(self._read(model, "validation"))
        select = self.config.training.select
        if select not in scores:
            raise ValueError(f"training.select={select}: validation gives {', '.join(scores)}.")
        self._log({"fit": fitted, "validation": scores})
        if section.refit:
            environment["refit"] = self._refit(model)
        model.meta.update(validation_metric=select, validation=scores[select])
        model.save_pretrained(self.folder.model)
        result = {
            "best_epoch": 1,
            "best": scores[select],
            "select": select,
            "epochs": 1,
            "steps": 1,
            "minutes": round((time.monotonic() - started) / 60, 3),
            "skipped_phases": {},
            "finished": True,
        }
        self.folder.write_json(self.folder.environment, {**environment, **result})
        return scores

    def _refit(self, model: AffectModel) -> dict[str, Any]:
        """Fit encoder and classifier on train and validation; return what was done, for files."""
        joined = replace(self, manifest=_joined(self.manifest))
        fit_encoder(self.config, joined.manifest, model)
        rows = joined._read(model, "train")
        _fit_classifier(joined, model, rows)
        model.meta["fitted_on"] = "train and validation; validation was scored before"
        return {"splits": ["train", "validation"], "rows": len(rows)}

    def _read(self, model: AffectModel, split: str) -> Predictions:
        """Return embeddings and predictions, the segments of a long clip averaged to one row."""
        loader = build_loader(self.config, self.manifest, split, model.encoder.preprocess)
        return self._predict(model, loader)

    def _copies(self, model: AffectModel, rows: Predictions) -> tuple[NDArray[Any], ...]:
        """Return the embeddings of altered copies of the training rows, in the order of rows."""
        if self.config.data.speech.augment is None:
            return ()
        # only this modality needs its packages
        from affectrep.build.speech_rows import altered_copy

        found = []
        for copy in range(self.config.data.speech.copies):
            loader = altered_copy(self.config, self.manifest, model.encoder.preprocess, copy)
            altered = self._predict(model, loader)
            assert altered.embeddings is not None
            place = {name: row for row, name in enumerate(altered.ids)}
            found.append(altered.embeddings[[place[name] for name in rows.ids]].astype(np.float64))
        return tuple(found)

    def _predict(self, model: AffectModel, batches: Iterable[Batch]) -> Predictions:
        precision = settled_precision(self.config.training.precision, self.device.type)
        cast = partial(autocast, self.device.type, precision)
        return predict_rows(model, batches, device=self.device, autocast=cast, keep_embeddings=True)

    def _classified(self, model: AffectModel, rows: Predictions) -> Predictions:
        points = torch.as_tensor(rows.embeddings).to(self.device)
        with torch.inference_mode():
            scores = model.eval()({"embeddings": points}).predictions.float()
        return replace(rows, scores=scores.cpu().numpy())

    def _score(self, rows: Predictions) -> dict[str, float]:
        return score(rows, self.config.task, self.manifest.info.classes)

    def _log(self, scores: dict[str, dict[str, float]]) -> None:
        log = MetricLog(self.folder)
        try:
            for phase, values in scores.items():
                numbers = {(phase, name): value for name, value in values.items()}
                log.write(numbers, step=1, epoch=0)
        finally:
            log.close()


def _joined(manifest: Manifest) -> Manifest:
    """Return the manifest with its validation rows among those of train."""
    split = manifest.rows["split"].replace("validation", "train")
    return Manifest(manifest.rows.assign(split=split), manifest.info)


def _refuse_settings(config: Config) -> None:
    if config.task != "classification":
        raise ValueError(
            f"objective fitted needs one class a row, but task is {config.task}: choose another "
            "objective.name"
        )
    heads, speech, section = config.heads, config.data.speech, config.objective
    assert isinstance(section, FittedConfig)
    asked: dict[str, tuple[Any, Any]] = {
        "heads.hidden": (heads.hidden, 0),
        "heads.projection_dim": (heads.projection_dim, None),
        "data.speech.composition": (speech.composition, None),
    }
    if section.classifier == "svm":
        asked["data.speech.augment"] = (speech.augment, None)
    elif speech.augment is not None:
        asked["data.speech.max_seconds"] = (speech.max_seconds, None)
    if config.encoder.name not in ("egemaps", "functionals"):
        asked["objective.views"] = (section.views, ["all"])
    for key, (value, expected) in asked.items():
        if value != expected:
            mend = "null" if expected is None else expected
            raise ValueError(
                "objective fitted fits one classifier on the embeddings of each row as it is; "
                f"{key} has no meaning there: set {key}={mend}"
            )
    if section.adapt != "none" and speech.standardise == "strict":
        raise ValueError(
            f"objective.adapt={section.adapt} reads unlabelled features of the target: set "
            "data.speech.standardise to a transductive condition"
        )


def _fit_classifier(work: FittedRun, model: AffectModel, rows: Predictions) -> None:
    section = work.config.objective
    assert isinstance(section, FittedConfig)
    assert rows.embeddings is not None
    device = next(iter(model.classifier.state_dict().values())).device
    weighting = "balanced" if section.class_weights == "balanced" else None
    known: dict[str, Any] = {"class_weight": weighting, "classes": len(model.outputs)}
    known["c"] = section.c
    if section.classifier == "svm":
        head = fit_kernel(rows.embeddings, rows.labels, gamma=section.gamma, **known)
        model.take_kernel(head.to(device))
        model.meta["probabilities"] = "softmax of the machine's scores: a ranking, not calibrated"
        return
    if section.is_plain and work.config.data.speech.augment is None:
        weights, bias = fit_linear(rows.embeddings, rows.labels, **known)
    else:
        found = _committee(work, model, rows, section)
        weights, bias = (torch.from_numpy(part).float() for part in found)
    assert isinstance(model.classifier, Classifier)
    with torch.no_grad():
        model.classifier.last.weight.copy_(weights)
        model.classifier.last.bias.copy_(bias)


def _committee(
    work: FittedRun, model: AffectModel, rows: Predictions, section: FittedConfig
) -> tuple[NDArray[Any], NDArray[Any]]:
    missing = sorted(set(range(len(model.outputs))) - set(rows.labels.tolist()))
    if missing:
        raise ValueError(f"{', '.join(model.outputs[code] for code in missing)}: no training rows")
    table = work.manifest.rows.set_index("id").loc[rows.ids]
    corpora, speakers = (
        table[name].fillna("").astype(str).to_numpy() if name in table else np.full(len(rows), "")
        for name in ("corpus", "speaker")
    )
    assert rows.embeddings is not None
    known = TrainingRows(
        rows.embeddings.astype(np.float64),
        rows.labels,
        corpora,
        speakers,
        work._copies(model, rows),
    )
    keys = set(Member.__dataclass_fields__) - {"weights"}
    member = Member(weights=section.class_weights, **section.model_dump(include=keys))
    names = getattr(model.encoder.preprocess, "names", None)
    return fit_committee(
        known,
        member,
        names=names or [str(column) for column in range(model.encoder.dim)],
        views=section.views,
        sources=section.sources,
        target=None if section.adapt == "none" else work._read(model, "test").embeddings,
    )
