"""``affectrep evaluate``: read a split once, score it with intervals, keep and show the figures."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console

from affectrep.build import build_loader, build_manifest
from affectrep.commands.recipe_results import record_results
from affectrep.config import Config, load_config
from affectrep.data.checks import leaked_ids
from affectrep.data.manifest import DOMAINS, Manifest
from affectrep.evaluation.baselines import baseline_table
from affectrep.evaluation.evaluate import predict_rows
from affectrep.evaluation.families import Families, families_from_confusion
from affectrep.evaluation.ledger import readings, record_read
from affectrep.evaluation.metrics import best_threshold, confusion_matrix
from affectrep.evaluation.predictions import (
    predictions_table,
    table_targets,
    write_predictions,
)
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.evaluation.stored_run import StoredRun
from affectrep.model import AffectModel
from affectrep.reporting.tables import (
    baseline_figures,
    class_table,
    confusion_table,
    family_figures,
    metric_table,
)

__all__ = ["run"]

console = Console(soft_wrap=True, markup=False, highlight=False)


def run(  # noqa: PLR0913 - one for each option of the command
    run: Path,
    *,
    split: str = "test",
    force: bool = False,
    condition: str = "",
    families: Path | None = None,
    write_families: Path | None = None,
    baselines: bool | None = None,
) -> dict[str, Any]:
    """Score a run on a split; write predictions, figures and the recipe's results, and print.

    Predictions of the same weights that are stored already are used again, so that the test
    split is not read twice by accident; each reading is noted in ``reads.jsonl``.

    Args:
        run: run folder.
        split: train, validation or test.
        force: read the split again although its predictions are stored.
        condition: named condition for results.csv.
        families: file of confusable families instead of the configuration's.
        write_families: on validation, write the families of confusable classes to this file.
        baselines: also fit and print baselines; None does so for generated corpora.

    Returns:
        The scorecard that was written to ``predictions/<split>.json``.

    Raises:
        FileNotFoundError: if the folder holds no finished run.
        ValueError: if the rows are not those of training, or an option does not fit.
    """
    stored = StoredRun(Path(run))
    config = load_config(stored.path / "config.yaml")
    _check_options(config, split, write_families)
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    manifest = build_manifest(config)
    _same_rows(stored, manifest)
    _check_cluster(config, manifest)
    groups = None if write_families else _families(config, manifest, families)
    table = _predictions(stored, config, manifest, split, force)
    if write_families is not None:
        groups = _write_families(stored, table, write_families)
    card = _score(stored, config, manifest, table, groups)
    if baselines or (baselines is None and manifest.info.generated):
        card["baselines"] = _baselines(manifest, split)
    _write_json(stored.path / "predictions" / f"{split}.json", card)
    record_results(stored, config, card, table, condition)
    _show(stored, manifest, card)
    return card


def _check_options(config: Config, split: str, write_families: Path | None) -> None:
    if split not in ("train", "validation", "test"):
        raise ValueError(f"there is no split {split!r}; give train, validation or test.")
    if write_families is None:
        return
    if split != "validation":
        raise ValueError("families are fixed on validation: add --split validation.")
    if config.task != "classification":
        raise ValueError(f"families belong to single-label classification, not {config.task}.")


def _same_rows(stored: StoredRun, manifest: Manifest) -> None:
    known, found = stored.fingerprint, manifest.fingerprint()
    if not known:
        raise FileNotFoundError(
            f"{stored.path / 'data.json'} does not say which rows the run was trained on; "
            "train it again."
        )
    for name, now in found.items():
        before = known.get(name, {})
        differing = [key for key in now if before.get(key) != now[key]]
        if differing:
            raise ValueError(
                f"{stored.path}: the {name} rows are not those of training "
                f"({before.get('rows', 0)} rows then, {now['rows']} now; "
                f"{', '.join(differing)} differ). "
                "Restore the corpus, or train again."
            )


def _predictions(
    stored: StoredRun, config: Config, manifest: Manifest, split: str, force: bool
) -> pd.DataFrame:
    """Return the stored predictions of these very weights, or make them."""
    path, model_hash = stored.table_path(split), stored.model_hash
    if path.is_file() and not force:
        table = stored.table(split)
        known = table.attrs.get("model"), table.attrs.get("split")
        if known == (model_hash, split):
            return _used_again(stored, split, table)
    threshold = None
    if config.task == "multilabel" and split != "validation":
        threshold = _predictions(stored, config, manifest, "validation", False).attrs["threshold"]
    table = _predict(stored, config, manifest, split, threshold)
    record_read(
        stored.path,
        split,
        config=stored.config_hash,
        model=model_hash,
        commit=str(stored.environment.get("commit") or ""),
    )
    table.attrs |= {"model": model_hash, "split": split}
    write_predictions(path, table)
    return table


def _used_again(stored: StoredRun, split: str, table: pd.DataFrame) -> pd.DataFrame:
    past = readings(stored.path, split)
    if split == "test" and past:
        console.print(
            f"The test split of this run was read on {past[-1].time}; the stored predictions "
            "are used again (--force reads it once more).",
            style="dim",
        )
    return table


def _predict(
    stored: StoredRun, config: Config, manifest: Manifest, split: str, threshold: float | None
) -> pd.DataFrame:
    model = AffectModel.from_pretrained(stored.path / "model")
    classes = manifest.info.classes
    if model.classes != classes:
        raise ValueError(
            f"{stored.path / 'model'} knows the classes {model.classes}, the corpus {classes}."
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    loader = build_loader(config, manifest, split, model.encoder.preprocess)
    predictions = predict_rows(model.to(device), loader, device=device)
    if config.task == "multilabel" and threshold is None:
        threshold = best_threshold(predictions.labels, predictions.probabilities(config.task))
    rows = manifest.split(split).set_index("id").loc[predictions.ids]
    domains = rows[[name for name in DOMAINS if name in rows]]
    return predictions_table(
        predictions, config.task, classes, threshold=threshold, domains=domains
    )


def _check_cluster(config: Config, manifest: Manifest) -> None:
    """Refuse a column that is not there before the split is read."""
    cluster = config.evaluation.cluster
    if cluster is not None and cluster not in manifest.rows:
        raise ValueError(
            f"evaluation.cluster={cluster}, but {manifest.info.title} has no such column; "
            "set it to null, or to a domain column that the corpus has."
        )


def _families(config: Config, manifest: Manifest, path: Path | None) -> Families | None:
    file = path or config.evaluation.families
    if file is None or config.task != "classification":
        return None
    return Families.load(file, manifest.info.classes)


def _write_families(stored: StoredRun, table: pd.DataFrame, path: Path) -> Families:
    classes = table.attrs["classes"]
    confusion = confusion_matrix(*table_targets(table), len(classes))
    source = {
        "config": stored.name,
        "seed": stored.seed,
        "split": "validation",
        "data": _data_digest(stored, "validation"),
    }
    families = families_from_confusion(confusion, classes, source=source)
    families.save(path)
    console.print(f"Families written to {path}: set evaluation.families={path} to use them.")
    return families


def _score(
    stored: StoredRun,
    config: Config,
    manifest: Manifest,
    table: pd.DataFrame,
    families: Families | None,
) -> dict[str, Any]:
    settings, split = config.evaluation, table.attrs["split"]
    rows = manifest.split(split)
    leaked: Sequence[str] = [] if split == "train" else leaked_ids(manifest, split)
    card = scorecard(
        table,
        families=families,
        resampling=Resampling(settings.resamples, settings.confidence, settings.cluster),
        texts=dict(zip(rows["id"], rows["text"], strict=True)) if "text" in rows else None,
        leaked=leaked,
    )
    return {
        "config": stored.name,
        "seed": stored.seed,
        "split": split,
        "data": _data_digest(stored, split),
        "readings": len(readings(stored.path, split)),
        **card,
    }


def _baselines(manifest: Manifest, split: str) -> list[dict[str, Any]]:
    if manifest.info.task != "classification" or "text" not in manifest.rows or split == "train":
        return []
    return list(baseline_table(manifest, split))


def _show(stored: StoredRun, manifest: Manifest, card: dict[str, Any]) -> None:
    split, info = card["split"], manifest.info
    if info.generated:
        console.print("This corpus is generated: the figures are not a benchmark.", style="bold")
    if info.accept_leaks:
        console.print(f"Leaks between the splits are accepted: {info.accept_leaks}")
    times = {1: "once", 2: "twice"}.get(card["readings"], f"{card['readings']} times")
    heading = f"{stored.name}, seed {stored.seed}: {split}, {card['n']:,} rows, read {times}"
    console.print(metric_table(card, heading))
    if card["threshold"] is not None:
        console.print(f"Labels are predicted from {card['threshold']:.2f} (set on validation).")
    if card.get("baselines"):
        console.print(baseline_figures(card, stored.name))
    for key, table in (
        ("per_class", class_table),
        ("confused", confusion_table),
        ("family_table", family_figures),
    ):
        if card.get(key):
            console.print(table(card[key]))
    for warning in card["warnings"]:
        console.print(f"note: {warning}", style="yellow")


def _data_digest(stored: StoredRun, split: str) -> str:
    return str(stored.fingerprint.get(split, {}).get("content", ""))[:12]


def _write_json(path: Path, value: Any) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, path)
