"""``affectrep evaluate``: read a split once, score it with intervals, keep and show the figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from affectrep.build import build_manifest
from affectrep.commands.before_tables import before_tables
from affectrep.commands.calibration import add_temperature, calibration_table
from affectrep.commands.embedding_map import add_map
from affectrep.commands.family_files import known_families, written_families
from affectrep.commands.group_words import worst_groups
from affectrep.commands.leakage import add_leakage, leakage_table, require_leakage
from affectrep.commands.preflight import check_cluster
from affectrep.commands.recipe_results import record_results, require_condition
from affectrep.commands.representation import add_representation, representation_table
from affectrep.commands.split_reading import SplitReader
from affectrep.commands.training_rows import require_same_rows
from affectrep.config import Config, load_config
from affectrep.data.checks import leaked_ids
from affectrep.data.manifest import Manifest
from affectrep.data.whole_file import whole_file
from affectrep.evaluation.adversary_health import adversary_sentences
from affectrep.evaluation.adversary_signs import write_signs
from affectrep.evaluation.baselines import baseline_table
from affectrep.evaluation.families import Families
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.scorecard import Resampling, scorecard
from affectrep.evaluation.stored_run import StoredRun
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
    representation: bool = False,
    leakage: bool = False,
    mapped: bool = False,
    before: bool = False,
    smiles: Path | None = None,
) -> dict[str, Any]:
    """Score a run on a split; write predictions, figures and the recipe's results, and print.

    Predictions and embeddings of the same weights that are stored already are used again, so that
    the test split is not read twice by accident; each reading is noted in ``reads.jsonl``.

    Args:
        run: run folder.
        split: train, validation or test.
        force: read the split again although its predictions are stored.
        condition: named condition for results.csv.
        families: file of confusable families instead of the configuration's.
        write_families: on validation, write the families of confusable classes to this file.
        baselines: also fit and print baselines; None does so for generated corpora.
        representation: also measure the embeddings, with the training rows as a gallery, and keep
            a map of them.
        leakage: also measure what they say about speaker and language, or about the person of a
            face, and keep a map of them.
        mapped: keep a map of the embeddings without a measure of them, which reads no training row.
        before: measure representation and leakage also of the encoder as it was before training.
        smiles: folder of people neutral and smiling, which a run of faces reads in place of a
            split.

    Returns:
        The scorecard that was written to ``predictions/<split>.json``.

    Raises:
        FileNotFoundError: if the folder holds no finished run.
        ValueError: if the rows are not those of training, or an option does not fit.
    """
    stored = StoredRun(Path(run))
    config = load_config(stored.path / "config.yaml")
    if smiles is not None:
        return _read_smiles(stored, config, smiles)
    _check_options(config, split, write_families, representation, condition)
    _check_before(before, representation or leakage)
    _refuse_refitted(stored, split)
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    manifest = build_manifest(config)
    if leakage:
        require_leakage(split, manifest.rows)
    require_same_rows(stored, manifest)
    check_cluster(config, manifest)
    groups = None if write_families else known_families(config, manifest, families)
    reader, known = SplitReader(stored, config, manifest), len(readings(stored.path, split))
    table = reader.table(split, force=force)
    _say_used_again(stored, split, known)
    if write_families is not None:
        groups = written_families(stored, table, write_families, data=_data_digest(stored, split))
    faces = manifest.info.task == "regression" and manifest.info.modality == "face"
    _embed(reader, split, now=representation or leakage, before=before)
    if mapped or representation or leakage or faces:
        add_map(reader, table)
    table.attrs["ranking"] = stored.gives_rankings
    card = _score(stored, config, manifest, table, groups)
    add_temperature(card, stored, table)
    if representation:
        leaked = leaked_ids(manifest, split)
        add_representation(card, reader, table, families=groups, leaked=leaked, before=before)
    if leakage:
        add_leakage(card, reader, table, before=before)
    if faces:
        _add_faces(config, reader, card, table)
    if baselines or (baselines is None and manifest.info.generated):
        card["baselines"] = _baselines(manifest, split)
    _keep(stored, split, card)
    _show(stored, manifest, card)
    record_results(stored, config, card, table, condition)  # may find its files damaged
    return card


def _keep(stored: StoredRun, split: str, card: dict[str, Any]) -> None:
    _write_json(stored.path / "predictions" / f"{split}.json", card)
    write_signs(stored)


def _refuse_refitted(stored: StoredRun, split: str) -> None:
    if split == "validation" and stored.environment.get("refit"):
        raise ValueError(
            f"{stored.path} was fitted once more on its validation rows: figures on them say "
            "nothing. Those from before stand in its metrics.jsonl."
        )


def _check_options(
    config: Config, split: str, write_families: Path | None, representation: bool, condition: str
) -> None:
    require_condition(condition)
    if split not in ("train", "validation", "test"):
        raise ValueError(f"there is no split {split!r}; give train, validation or test.")
    if representation and config.task == "multilabel":
        raise ValueError("--representation needs one class, or one place in the plane, a row.")
    if representation and split == "train":
        raise ValueError(
            "--representation compares a split with the training rows: give validation or test."
        )
    if write_families is None:
        return
    if split != "validation":
        raise ValueError("families are fixed on validation: add --split validation.")
    if config.task != "classification":
        raise ValueError(f"families belong to single-label classification, not {config.task}.")


def _check_before(before: bool, measured: bool) -> None:
    if before and not measured:
        raise ValueError("--before goes with --representation or --leakage.")


def _embed(reader: SplitReader, split: str, *, now: bool, before: bool) -> None:
    """Read the split for its embeddings before the card counts the readings."""
    if now:
        reader.embeddings(split)
    if before:
        reader.embeddings_before(split)


def _say_used_again(stored: StoredRun, split: str, known: int) -> None:
    past = readings(stored.path, split)
    if split == "test" and past and len(past) == known:
        console.print(
            f"The test split of this run was read on {past[-1].time}; the stored predictions "
            "are used again (--force reads it once more).",
            style="dim",
        )


def _read_smiles(stored: StoredRun, config: Config, folder: Path) -> dict[str, Any]:
    # only this modality needs its packages
    from affectrep.commands.smile_reading import read_smiles, smile_table
    from affectrep.evaluation.smile_pairs import SMILES

    card = read_smiles(stored, config, folder)
    _write_json(stored.path / "predictions" / f"{SMILES}.json", card)
    console.print(smile_table(card))
    record_results(stored, config, card, stored.table(SMILES), "")
    return card


def _add_faces(
    config: Config, reader: SplitReader, card: dict[str, Any], table: pd.DataFrame
) -> None:
    # only this modality needs its packages
    from affectrep.commands.face_figures import add_face_figures, write_examples

    settings, split = config.evaluation, str(table.attrs["split"])
    resampling = Resampling(settings.resamples, settings.confidence, settings.cluster)
    add_face_figures(card, table, reader.manifest, resampling)
    path = reader.stored.path / "predictions" / f"{split}.faces.json"
    rows = reader.manifest.split(split)
    write_examples(path, table, rows, margin=config.data.face.margin)


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
        training_counts=_training_counts(manifest),
        resampling=Resampling(settings.resamples, settings.confidence, settings.cluster),
        texts=_texts(manifest, rows),
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


def _texts(manifest: Manifest, rows: pd.DataFrame) -> dict[str, str] | None:
    """Return the texts of rows that are text; what was said in a recording says little of it."""
    if manifest.info.modality != "text" or "text" not in rows:
        return None
    return dict(zip(rows["id"], rows["text"], strict=True))


def _training_counts(manifest: Manifest) -> dict[str, int] | None:
    if manifest.info.task != "classification":
        return None
    counts = manifest.split("train")["label"].value_counts()
    return {str(name): int(count) for name, count in counts.items()}


def _baselines(manifest: Manifest, split: str) -> list[dict[str, Any]]:
    if manifest.info.modality == "face" and manifest.info.task == "regression" and split != "train":
        # only this modality needs its packages
        from affectrep.commands.face_figures import face_baselines

        return face_baselines(manifest, split)
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
    for table in _more_tables(card):
        console.print(table)
    for health in adversary_sentences(stored):
        console.print(health)
    for warning in card["warnings"]:
        console.print(f"note: {warning}", style="yellow")


def _more_tables(card: dict[str, Any]) -> Iterator[Table | str]:
    """Yield what a card holds beside its figures, for the terminal."""
    for key, table in (
        ("calibration", calibration_table),
        ("representation", representation_table),
        ("leakage", leakage_table),
    ):
        if card.get(key):
            yield table(card)
    yield from before_tables(card)
    yield from worst_groups(card)
    if card.get("persons"):
        from affectrep.commands.face_figures import face_tables

        yield from face_tables(card)
        yield card["persons"]["sentence"]
    if card.get("baselines"):
        yield baseline_figures(card, card["config"])
    for key, part in (
        ("per_class", class_table),
        ("confused", confusion_table),
        ("family_table", family_figures),
    ):
        if card.get(key):
            yield part(card[key])


def _data_digest(stored: StoredRun, split: str) -> str:
    return str(stored.fingerprint.get(split, {}).get("content", ""))[:12]


def _write_json(path: Path, value: Any) -> None:
    with whole_file(path) as partial:
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        partial.write_text(text, encoding="utf-8")
