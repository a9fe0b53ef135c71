"""Did the critic live? Traces of a contrastive adversarial run, and a sentence about them.

A dead critic gives no NaN and a small loss: its outputs coincide, the encoder has nothing to work
against, and the run is plain regression under another name. A critic is alive while the standard
deviation of its outputs is above .01 and it ranks strong above weak rows with an AUC above .6.
Rows of validation decide where the run looked at them; else the rows of each step before the
critic is trained on them, which it may know from earlier epochs.
"""

from __future__ import annotations

import pandas as pd

from affectrep.evaluation.signs_of_life import Player, life_sentence, short
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["LEAST_AUC", "LEAST_SPREAD", "critic_sentence", "critic_traces"]

LEAST_SPREAD, LEAST_AUC = 0.01, 0.6
_NAMES = {  # as the objective logs them -> as the paper calls them
    "information": "mi",
    "delta": "delta",
    "neighbours": "k",
    "alpha": "alpha",
    "inside": "inside",
    "negatives_inside": "inside",
    "spread": "spread",
    "auc": "auc",
    "permuted": "permuted",
    "cross_distance": "cross_distance",
    "strong_fraction": "strong_fraction",
    "admissible": "admissible",
}
_HELD_OUT = {"critic_auc": "held_out_auc", "critic_spread": "held_out_spread"}
_CRITIC = "critic"  # phase; further steps of one batch are critic_2, ...


def critic_traces(run: StoredRun) -> pd.DataFrame:
    """Return what was logged of a critic, by step; no row where the run had none.

    Columns, where they were logged: ``epoch``; ``mi`` (nats), ``delta``, ``k``, ``alpha`` and
    ``inside`` (share of strong-weak pairs inside the margin) of the paper's Figure 2; ``permuted``
    (a figure of the critic under shuffled groups, ``mi`` for the adaptive margin); ``spread`` and
    ``auc`` of the step's rows; ``held_out_spread`` and ``held_out_auc`` of validation at the end
    of an epoch; ``skipped``, whether the step had no critic, for want of strong or weak rows. A
    figure that a step lacks is NaN. The table's ``attrs`` hold ``skipped_steps`` of the whole run,
    None where nothing is known.

    Args:
        run: a finished or unfinished run.

    Source: Kim and Song 2021, Contrastive Adversarial Learning (AAAI), Figure 2.
    """
    history = run.history()
    critic = history[history["phase"] == _CRITIC]
    if critic.empty:
        return pd.DataFrame()
    known = critic[critic["name"].isin(_NAMES)]
    told = known.assign(name=known["name"].map(_NAMES))
    held = history[(history["phase"] == "validation") & history["name"].isin(_HELD_OUT)]
    whole = pd.concat([told, held.assign(name=held["name"].map(_HELD_OUT))])
    traces = whole.pivot_table(index="step", columns="name", values="value", aggfunc="last")
    steps = history[history["phase"] == "main"]
    logged = traces.index.union(steps["step"].unique())
    traces = traces.reindex(logged).rename_axis(index="step", columns=None)
    epochs = history.groupby("step")["epoch"].last()
    traces.insert(0, "epoch", epochs.reindex(logged).astype(int))
    traces["skipped"] = logged.isin(steps["step"]) & ~logged.isin(critic["step"])
    skipped = run.environment.get("skipped_phases")
    traces.attrs["skipped_steps"] = None if skipped is None else int(skipped.get(_CRITIC, 0))
    return traces


def critic_sentence(run: StoredRun) -> str | None:
    """Return a sentence on whether the critic lived through training; None where there was none.

    Epochs are judged, by their medians, so that a single batch does not decide. The first may be
    spent waking up, where there are others.

    Args:
        run: a finished or unfinished run.
    """
    traces = critic_traces(run)
    if traces.empty:
        return None
    epochs, held_out = _by_epoch(traces)
    if epochs.empty:
        return None
    said = "" if held_out else " (training rows: the run did not look at held-out ones)"
    return life_sentence(_CRITIC_LIFE, epochs, traces["epoch"]) + said


def _by_epoch(traces: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Return spread and AUC of each epoch, and whether they are of held-out rows."""
    there = {"held_out_auc", "held_out_spread"} <= set(traces)
    names = ["held_out_spread", "held_out_auc"] if there else ["spread", "auc"]
    told = traces.reindex(columns=["epoch", *names]).dropna(subset=names, how="all")
    epochs = told.groupby("epoch")[names].median()
    return epochs.set_axis(["spread", "auc"], axis=1), there


def _lived(lowest: pd.Series) -> str:
    return (
        f"after the first epoch the sd of its outputs was never below {short(lowest['spread'])}, "
        f"and its AUC between strong and weak rows never below {short(lowest['auc'])}"
    )


def _died(last: pd.Series) -> str:
    """Say whether the outputs coincide or only do not tell the groups apart."""
    if last["spread"] <= LEAST_SPREAD:
        return f"its outputs coincide (sd {short(last['spread'])})"
    return f"its outputs do not tell strong from weak rows (AUC {short(last['auc'])})"


_CRITIC_LIFE = Player(
    "critic",
    limits={"spread": LEAST_SPREAD, "auc": LEAST_AUC},
    lived=_lived,
    died=_died,
    without="this run is plain regression",
)
