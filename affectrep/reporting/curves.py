"""The section with learning curves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from affectrep.evaluation.metric_names import is_natural
from affectrep.reporting.figures import title
from affectrep.reporting.page import figure, legend, section
from affectrep.reporting.plots import Curve, line_chart
from affectrep.reporting.subject import Subject

__all__ = ["learning"]

_DRAWN = 300  # points of a curve; of more than 20 runs each has fewer
_HARD = ("hard_positive", "hard_negative")  # halves of the pair loss of AML's hard pairs
_NO_LOSS = ("grad_norm", "lr", "learning_rate", "rows", "skipped")


def learning(subjects: Sequence[Subject]) -> str:
    """Return curves of each player's training loss and of the metric that picked the epoch.

    Seeds of one configuration share a colour. Players beside the main one are phases of their own,
    domain heads that learn in the main phase, and classifiers that weigh pairs.
    """
    runs = [(i, run) for i, subject in enumerate(subjects) for run in subject.runs]
    select = str((runs[0][1].config.get("training") or {}).get("select", subjects[0].metric))
    train: dict[str, Curve] = {}
    validation: dict[str, Curve] = {}
    others: dict[str, dict[str, Curve]] = {}
    shades: dict[str, int] = {}
    most = max(50, min(_DRAWN, 20 * _DRAWN // len(runs)))
    for shade, run in runs:
        name, history = f"{run.name}, seed {run.seed}", run.history()
        shades[name] = shade
        train[name] = _losses(history, most)
        validation[name] = _validation(history, select)
        for player, curve in _players(history, most).items():
            others.setdefault(player, {})[name] = curve
    charts = [_loss_chart(train, shades), _validation_chart(validation, shades, select)]
    charts += [_loss_chart(one, shades, player) for player, one in others.items()]
    inside = "".join(charts)
    if not inside:
        return ""
    shown = legend([subject.name for subject in subjects]) if len(subjects) > 1 else ""
    words = "The ring marks the epoch that was kept; the test split had no part in the choice."
    seeds = max(len(subject.runs) for subject in subjects)
    words += " Each line is a seed." if seeds > 1 else ""
    pair = f'<div class="pair">{inside}</div>'
    return section("learning", "Learning curves", words, pair, shown)


def _loss_chart(
    curves: Mapping[str, Curve], shades: Mapping[str, int], words: str = "Training loss"
) -> str:
    there = {name: curve for name, curve in curves.items() if curve}
    if not there:
        return ""
    alt = f"{words} by step for {'; '.join(there)}."
    colours = [shades[name] for name in there]
    return figure(words, line_chart(there, alt=alt, across="step", colours=colours))


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


def _losses(history: pd.DataFrame, most: int) -> Curve:
    """Return a smoothed curve of the phase `main` or the last; nothing where it is one point."""
    train = _training(history)
    if train["step"].nunique() < 2:
        return []
    phases = list(dict.fromkeys(train["phase"]))
    train = train[train["phase"] == ("main" if "main" in phases else phases[-1])]
    known = list(dict.fromkeys(train["name"]))
    losses = ("loss", "cross_entropy", "regression")
    wanted = next((name for name in losses if name in known), known[0])
    return _smooth(train[train["name"] == wanted], most)


def _players(history: pd.DataFrame, most: int) -> dict[str, Curve]:
    """Return the smoothed loss of each player beside the main one, by its caption."""
    train = _training(history)
    parts: dict[str, pd.DataFrame] = {}
    for phase, part in train.groupby("phase", sort=False):
        # of the steps that a player takes on one batch the last, which comes last, is drawn
        parts |= _main_players(part) if phase == "main" else _own_phase(str(phase), part)
    return {name: _smooth(part, most) for name, part in parts.items() if part["step"].nunique() > 1}


def _main_players(part: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the losses that players have in the main phase: domain heads, weighting classifiers.

    A head logs its loss by the domain's name and beside it how many rows it names right.
    """
    names = dict.fromkeys(part["name"])
    called = {name: f"Loss of the {name} head" for name in names if f"{name}_accuracy" in names}
    if "weighting" in names:
        called["weighting"] = "Loss of the weighting classifier"
    return {words: part[part["name"] == name] for name, words in called.items()}


def _own_phase(phase: str, part: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the loss of a phase of its own by its caption; nothing where it logs none."""
    player = re.sub(r"_\d+$", "", phase)
    domain, _, kind = player.rpartition("_")
    called = {phase: f"Loss of phase {player}", player: f"Loss of phase {player}"}
    if kind in ("head", "critic"):
        called[domain] = f"Loss of the {domain} {kind}"
    if player == "adversary":
        called["match"] = "Loss of the learned metric"
    for name, words in called.items():
        if (part["name"] == name).any():
            return {words: part[part["name"] == name]}
    hard = part[part["name"].isin(_HARD)]
    if hard.empty:
        return {}
    halves = hard.groupby("step", as_index=False)["value"].mean()
    return {"Pair loss that the learned metric raises": halves}


def _training(history: pd.DataFrame) -> pd.DataFrame:
    train = history[(history["phase"] != "validation") & ~history["name"].isin(_NO_LOSS)]
    return train[np.isfinite(train["value"].astype(float))]


def _smooth(one: pd.DataFrame, most: int) -> Curve:
    smooth = one["value"].astype(float).rolling(max(1, len(one) // 30), min_periods=1).mean()
    every = max(1, len(one) // most)
    return [(float(s), float(v)) for s, v in zip(one["step"], smooth, strict=True)][::every]
