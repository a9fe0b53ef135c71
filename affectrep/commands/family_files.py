"""The file of confusable families that an evaluation uses, or writes from validation errors."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console

from affectrep.config import Config
from affectrep.data.manifest import Manifest
from affectrep.evaluation.families import Families, families_from_confusion
from affectrep.evaluation.metrics import confusion_matrix
from affectrep.evaluation.predictions import table_targets
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["known_families", "written_families"]

console = Console(soft_wrap=True, markup=False, highlight=False)


def known_families(config: Config, manifest: Manifest, path: Path | None) -> Families | None:
    """Return the families of the file that is named, or of the configuration's; None for neither.

    Raises:
        ValueError: if the file names other classes than the corpus.
    """
    file = path or config.evaluation.families
    if file is None or config.task != "classification":
        return None
    return Families.load(file, manifest.info.classes)


def written_families(stored: StoredRun, table: pd.DataFrame, path: Path, *, data: str) -> Families:
    """Find the families in a run's validation errors, write them and say so.

    Args:
        stored: the run.
        table: its predictions of validation.
        path: of the file.
        data: digest of the validation rows, for the file.
    """
    classes = table.attrs["classes"]
    confusion = confusion_matrix(*table_targets(table), len(classes))
    source = {
        "config": stored.name,
        "seed": stored.seed,
        "split": "validation",
        "data": data,
    }
    families = families_from_confusion(confusion, classes, source=source)
    families.save(path)
    console.print(f"Families written to {path}: set evaluation.families={path} to use them.")
    return families
