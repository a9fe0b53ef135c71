"""The section with learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from affectrep.evaluation.metric_names import is_natural
from affectrep.reporting.figures import title
from affectrep.reporting.page import figure, legend, section
from affectrep.reporting.plots import Curve, line_chart
from affectrep.reporting.subject import Subject

__all__ = ["learning"]

_NO_LOSS = ("grad_norm", "lr", "learning_rate", "rows", "skipped")


def learning(subjects: Sequence[Subject]) -> str:
    """Return curves of the training loss and of the metric that picked the epoch.

    Seeds of one configuration share a colour.
    """
    runs = [(i, run) for i, subject in enumerate(subjects) for run in subject.runs]
    select = str((runs[0][1].config.get("training") or {}).get("select", "weighted_f1"))
    train: dict[str, Curve] = {}
    validation: dict[str, Curve] = {}
    shades: dict[str, int] = {}
    for shade, run in runs:
        name, history = f"{run.name}, seed {run.seed}", run.history()
        shades[name] = shade
        train[name] = _losses(history)
        validation[name] = _validation(history, select)
    charts = [_loss_chart(train, shades), _validation_chart(validation, shades, select)]
    inside = "".join(charts)
    if not inside:
        return ""
    shown = legend([subject.name for subject in subjects]) if len(subjects) > 1 else ""
    words = "The ring marks the epoch that was kept; the test split had no part in the choice."
    seeds = max(len(subject.runs) for subject in subjects)
    words += " Each line is a seed." if seeds > 1 else ""
    pair = f'<div class="pair">{inside}</div>'
    return section("learning", "Learning curves", words, pair, shown)


def _loss_chart(curves: Mapping[str, Curve], shades: Mapping[str, int]) -> str:
    there = {name: curve for name, curve in curves.items() if curve}
    if not there:
        return ""
    alt = f"Training loss by step for {'; '.join(there)}."
    colours = [shades[name] for name in there]
    return figure("Training loss", line_chart(there, alt=alt, across="step", colours=colours))


def _validation_chart(curves: Mapping[str, Curve], shades: Mapping[str, int], select: str) -> str:
    there = {name: curve for name, curve in curves.items() if curve}
    if not there:
        return ""
    pick = min if select.startswith(("rmse", "cross_entropy")) else max
    best = {name: pick(curve, key=lambda point: point[1]) for name, curve in there.items()}
    told = "; ".join(
        f"{name} {value:.4g} in epoch {epoch:g}" for name, (epoch, value) in best.items()
    )
    plot = line_chart(
        there,
        alt=f"{title(select)} on validation by epoch. Best: {told}.",
        across="epoch",
        marks=[[point] for point in best.values()],
        colours=[shades[name] for name in there],
    )
    return figure(f"{title(select)} on validation", plot)


def _validation(history: pd.DataFrame, select: str) -> Curve:
    scale = 1.0 if is_natural(select) else 100.0
    points = history[(history["phase"] == "validation") & (history["name"] == select)]
    return [
        (float(epoch) + 1, scale * float(value))
        for epoch, value in zip(points["epoch"], points["value"], strict=True)
        if np.isfinite(value)
    ]


def _losses(history: pd.DataFrame) -> Curve:
    """Return a smoothed curve of the phase `main` or the last; nothing where it is one point."""
    train = history[(history["phase"] != "validation") & ~history["name"].isin(_NO_LOSS)]
    train = train[np.isfinite(train["value"].astype(float))]
    if train["step"].nunique() < 2:
        return []
    phases = list(dict.fromkeys(train["phase"]))
    train = train[train["phase"] == ("main" if "main" in phases else phases[-1])]
    known = list(dict.fromkeys(train["name"]))
    wanted = next((name for name in ("loss", "cross_entropy") if name in known), known[0])
    one = train[train["name"] == wanted]
    smooth = one["value"].astype(float).rolling(max(1, len(one) // 30), min_periods=1).mean()
    every = max(1, len(one) // 300)
    return [(float(s), float(v)) for s, v in zip(one["step"], smooth, strict=True)][::every]
