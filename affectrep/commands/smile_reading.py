"""``affectrep evaluate --smiles``: photos of people neutral and smiling, read by a run of faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from affectrep.build import build_loader, build_manifest
from affectrep.config import Config, parse_config
from affectrep.data.manifest import Manifest
from affectrep.evaluation.evaluate import predict_rows
from affectrep.evaluation.ledger import record_read
from affectrep.evaluation.predictions import predictions_table, write_predictions
from affectrep.evaluation.smile_pairs import SMILES, smile_pairs
from affectrep.evaluation.stored_run import StoredRun
from affectrep.model import AffectModel
from affectrep.reporting.tables import metric_table

__all__ = ["read_smiles", "smile_table"]


def read_smiles(stored: StoredRun, config: Config, root: Path) -> dict[str, Any]:
    """Read the photos once, store what was said of them, and return the figures as a card.

    Args:
        stored: a run of faces.
        config: its configuration; detector and margin are those of training.
        root: folder of the London set, or of other faces in its layout.

    Returns:
        A card with ``metrics`` and ``n`` as a split has it, also in ``predictions/smiles.json``.

    Raises:
        ValueError: if the run predicts no valence and arousal, or the folder holds something else.
        FileNotFoundError: if there is no such folder.
    """
    if config.task != "regression":
        raise ValueError(f"--smiles reads valence, but the run has task {config.task}.")
    manifest = build_manifest(_other_corpus(config, root))
    rows = manifest.split("test")
    model = AffectModel.from_pretrained(stored.path / "model")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    loader = build_loader(config, manifest, "test", model.encoder.preprocess)
    found = predict_rows(model.to(device), loader, device=device, keep_embeddings=True)
    record_read(
        stored.path,
        SMILES,
        config=stored.config_hash,
        model=stored.model_hash,
        commit=str(stored.environment.get("commit") or ""),
        purpose=manifest.info.title,
    )
    domains = rows.set_index("id").loc[found.ids][["subject", "expression"]]
    table = predictions_table(found, config.task, domains=domains)
    table.attrs |= {"model": stored.model_hash, "split": SMILES}
    write_predictions(stored.table_path(SMILES), table)
    assert found.embeddings is not None
    said = smile_pairs(table, found.embeddings, confidence=config.evaluation.confidence)
    return {
        "config": stored.name,
        "seed": stored.seed,
        "split": SMILES,
        "data": _digest(manifest),
        "n": said["people"],
        "title": manifest.info.title,
        "resampling": {"confidence": config.evaluation.confidence},
        **said,
    }


def smile_table(card: dict[str, Any]) -> Table:
    """Return the figures for the terminal."""
    left = f", {card['left_out']} without a pair left out" if card["left_out"] else ""
    return metric_table(card, f"{card['title']}: {card['people']} people{left}")


def _other_corpus(config: Config, root: Path) -> Config:
    values = config.model_dump(mode="json")
    section = values["data"]
    section |= {"corpus": "london", "root": str(root), "protocol": None, "columns": {}}
    section |= {"labels": None, "holdout": 0.1, "train_fraction": 1.0, "accept_leaks": None}
    return parse_config(values)


def _digest(manifest: Manifest) -> str:
    return str(manifest.fingerprint()["test"]["content"])[:12]
