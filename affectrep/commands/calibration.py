"""Calibration on the terminal, and the temperature that stored validation predictions choose."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from affectrep.evaluation.calibration import calibration_metrics
from affectrep.evaluation.predictions import table_probabilities, table_targets
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.temperature import fit_temperature, tempered
from affectrep.reporting.figures import number, title, with_interval

__all__ = ["add_temperature", "calibration_table"]

_FITTED_ON = "validation"


def add_temperature(card: dict[str, Any], stored: StoredRun, table: pd.DataFrame) -> None:
    """Add the temperature that validation would choose, and the figures that it would give.

    No prediction changes. Only stored predictions of the same weights are read; where there are
    none, or the run was fitted once more on its validation rows, nothing is added. On validation
    itself the temperature is given without figures, as they would be of the rows of the fit.

    Args:
        card: of the split; ``calibration`` gets the key ``temperature``.
        stored: the run.
        table: predictions of the split.
    """
    found, split = card.get("calibration") or {}, card["split"]
    single = table.attrs["task"] == "classification"
    if "expected" not in found or split == "train" or stored.environment.get("refit"):
        return
    fitted_on = table if split == _FITTED_ON else _validation(stored, table)
    if fitted_on is None:
        return
    fitted = fit_temperature(table_probabilities(fitted_on), table_targets(fitted_on)[0])
    found["temperature"] = {**asdict(fitted), "fitted_on": _FITTED_ON, "metrics": {}}
    if split != _FITTED_ON:
        said = tempered(table_probabilities(table), fitted.value, single=single)
        found["temperature"]["metrics"] = calibration_metrics(said, table_targets(table)[0])


def calibration_table(card: dict[str, Any]) -> Table | str:
    """Return the figures of calibration, or the sentence that there are none."""
    found = card["calibration"]
    if found.get("ranking"):
        return "Not calibrated: the scores of this classifier are a ranking."
    expected = found.get("expected") or {}
    fitted = found.get("temperature") or {"metrics": {}}
    table = Table(
        title="Calibration", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold"
    )
    table.add_column("metric")
    table.add_column(f"{100 * card['resampling']['confidence']:.0f} % interval", justify="right")
    if expected:
        table.add_column("if calibrated", justify="right")
    if fitted["metrics"]:
        table.add_column(f"with T = {fitted['value']:.2f}", justify="right")
    for name, figure in found["metrics"].items():
        cells = [title(name), with_interval(name, figure)]
        if expected:
            cells.append(number(name, expected[name]["mean"]) if name in expected else "")
        if fitted["metrics"]:
            cells.append(number(name, fitted["metrics"][name]))
        table.add_row(*cells)
    return table


def _validation(stored: StoredRun, table: pd.DataFrame) -> pd.DataFrame | None:
    """Return the stored validation predictions of the weights that made the table."""
    if not stored.table_path(_FITTED_ON).is_file():
        return None
    known = stored.table(_FITTED_ON)
    same = all(known.attrs.get(key) == table.attrs.get(key) for key in ("model", "classes", "task"))
    return known if same and "prob_0" in known and len(known) else None
