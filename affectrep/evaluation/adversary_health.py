"""Did the adversary live? Sentences about every player that a run trained against.

- **A critic** of strong and weak rows (CAF): :mod:`affectrep.evaluation.critic_health`.
- **A learned metric** (AML) gives no NaN when it dies either: its answers to hard pairs become one
  constant, and the pair loss is one on the cosine. It is alive while the standard deviation of its
  answers is above .1 and they are .2 higher on negatives than on positives (they go against the
  labels), in the median of an epoch, on pairs of the step before it is trained on them.
- **A head that names a domain** (gradient reversal and its kin) is judged by how many rows it names
  beside an even guess. At the level of a guess it has nothing to teach the model: because the
  domain is hidden from it, or because it never learnt.
- **A critic of two domains** (Wasserstein) has no accuracy: its distance, the penalty taken off,
  is above 0 while it tells the two apart.

None of these is a measure of leakage: a fresh probe on frozen embeddings is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from affectrep.evaluation.critic_health import critic_sentence
from affectrep.evaluation.signs_of_life import Player, life_sentence, short
from affectrep.evaluation.stored_run import StoredRun

__all__ = [
    "LEAST_GAP",
    "LEAST_SD",
    "adversary_sentences",
    "adversary_traces",
    "domain_sentences",
    "metric_sentence",
]

# as MetricLiveness.alive has them: measured on embeddings of GoEmotions, see its docstring
LEAST_SD, LEAST_GAP = 0.1, 0.2
_SATURATED = 0.8
_SIGNS = ("response_sd", "response_gap", "saturation", "moved", "strength")
_ADVERSARY = "adversary"  # phase; further ascents of one batch are adversary_2, ...
_NOT_JUDGED = {
    "bilinear": "has no answers, only another similarity",
    "match": "is to make hard pairs alike, not to go against the labels",
}
_MANY = {"speaker": "speakers", "subject": "persons", "language": "languages", "corpus": "corpora"}


def adversary_sentences(run: StoredRun) -> list[str]:
    """Return a sentence for each adversary that the run logged; none where it had none.

    Args:
        run: a finished or unfinished run.
    """
    found = [critic_sentence(run), metric_sentence(run)]
    return [one for one in found if one is not None] + domain_sentences(run)


def adversary_traces(run: StoredRun) -> pd.DataFrame:
    """Return what was logged of a learned metric and of domain heads, by step.

    Columns, where they were logged: ``epoch``; ``response_sd``, ``response_gap``, ``saturation``,
    ``moved`` and ``strength`` of AML's metric; ``<domain>_accuracy`` and ``<domain>_chance`` of a
    head, both shares; ``<domain>_distance`` of a Wasserstein critic (minus its loss, so the penalty
    is taken off). No row where there is none of these.

    Args:
        run: a finished or unfinished run.
    """
    history = run.history()
    named = history["name"].isin(_SIGNS)
    parts = [history[(history["phase"] == _ADVERSARY) & named]]
    for domain in _domains(run):
        parts += [_head_log(history, domain), _distances(history, domain)]
    told = pd.concat(parts)
    if told.empty:
        return pd.DataFrame()
    traces = told.pivot_table(index="step", columns="name", values="value", aggfunc="last")
    traces = traces.rename_axis(index="step", columns=None)
    epochs = told.groupby("step")["epoch"].last()
    traces.insert(0, "epoch", epochs.reindex(traces.index).astype(int))
    return traces


def metric_sentence(run: StoredRun) -> str | None:
    """Return a sentence on whether AML's learned metric lived; None where none was trained.

    Args:
        run: a finished or unfinished run.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public).
    """
    traces = adversary_traces(run)
    if not {"response_sd", "response_gap"} <= set(traces):
        return None
    told = traces.dropna(subset=["response_sd", "response_gap"], how="all")
    epochs = told.groupby("epoch").median()
    form = str((run.config.get("objective") or {}).get("adversary") or "bounded")
    if form in _NOT_JUDGED:
        if "moved" not in epochs:
            return None
        return (
            f"The learned metric ({form}) {_NOT_JUDGED[form]}: in the last epoch it moved hard "
            f"negatives {short(epochs['moved'].iloc[-1])} further up than hard positives."
        )
    said = life_sentence(_METRIC_LIFE, epochs, told["epoch"])
    if "saturation" in epochs and epochs["saturation"].iloc[-1] > _SATURATED:
        share = 100 * epochs["saturation"].iloc[-1]
        said += f" At the end {share:.0f} % of its answers lay at their limit: it takes each pair "
        said += "at its worst, and has learnt no more than that."
    return said


def domain_sentences(run: StoredRun) -> list[str]:
    """Return a sentence for each domain that was to be hidden, from the log of its player.

    Halves of training are judged by Student's t over the logged steps (95 %, so few steps or a
    head near chance say little).

    Args:
        run: a finished or unfinished run.

    Source: Ganin et al. 2016, Domain-Adversarial Training of Neural Networks, Eq. 9.
    """
    traces, found = adversary_traces(run), []
    for domain, options in _domains(run).items():
        if f"{domain}_accuracy" in traces:
            found.append(_of_head(domain, options, traces))
        elif f"{domain}_distance" in traces:
            found.append(_of_critic(domain, traces[f"{domain}_distance"].dropna()))
    return found


def _domains(run: StoredRun) -> dict[str, dict[str, Any]]:
    domains = (run.config.get("objective") or {}).get("domains") or {}
    return {str(name): dict(options or {}) for name, options in domains.items()}


def _head_log(history: pd.DataFrame, domain: str) -> pd.DataFrame:
    names = [f"{domain}_accuracy", f"{domain}_chance"]
    phases = history["phase"].isin(["main", f"{domain}_head"])
    return history[phases & history["name"].isin(names)]


def _distances(history: pd.DataFrame, domain: str) -> pd.DataFrame:
    """Return minus the loss of the critic's last step on each batch, under a name of its own."""
    phases = history["phase"].str.fullmatch(rf"{domain}_critic_\d+").astype(bool)
    mine = history[phases & (history["name"] == domain)]
    last = mine[mine["phase"] == max(mine["phase"], key=_number, default="")]
    return last.assign(name=f"{domain}_distance", value=-last["value"].astype(float))


def _number(phase: str) -> int:
    return int(phase.rpartition("_")[2])


def _of_head(domain: str, options: dict[str, Any], traces: pd.DataFrame) -> str:
    right = traces[f"{domain}_accuracy"].dropna()
    chance = traces.get(f"{domain}_chance", pd.Series(dtype=float)).reindex(right.index)
    early, late = _halves(right)
    many = _MANY.get(domain, f"{domain}s")
    said = (
        f"The head that tells {many} apart named {_percent(right[late])} of rows right in the "
        "second half of training"
    )
    if chance.isna().any():
        return f"{said}; the run did not log what a guess would reach."
    said += f", an even guess names {_percent(chance[late])}: "
    over = right - chance
    only_watched = options.get("weight") == 0
    if _above_zero(over[late]):
        said += "it stayed above chance" + (
            ", and only watched."
            if only_watched
            else ", so the model had something to work against."
        )
    elif _above_zero(over[early]):
        said += "it began above chance and fell to it."
    else:
        said += "it was not told from chance" + (
            ", and only watched." if only_watched else ", so it had little to teach the model."
        )
    return f"{said} What a fresh probe finds is under leakage."


def _of_critic(domain: str, distance: pd.Series) -> str:
    early, late = _halves(distance)
    then, now = (float(distance[half].median()) for half in (early, late))
    many = _MANY.get(domain, f"{domain}s")
    said = (
        f"The critic of two {many} kept them {short(now)} apart in the second half of training, "
        f"{short(then)} in the first (median, penalty taken off)"
    )
    if now > 0:
        return f"{said}: it told them apart."
    return f"{said}: it did not tell them apart, so it had little to teach the model."


def _halves(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return masks of the first half of training and of the second; of one step, both hold it."""
    late = pd.Series(values.index > values.index.max() / 2, index=values.index)
    return (~late if (~late).any() else late), late


def _above_zero(values: pd.Series) -> bool:
    """Whether a mean over steps is above 0 by more than chance."""
    from scipy.stats import t

    if len(values) < 2:
        return False
    error = float(values.std(ddof=1)) / np.sqrt(len(values))
    return bool(values.mean() - t.ppf(0.975, len(values) - 1) * error > 0)


def _percent(shares: pd.Series) -> str:
    return f"{100 * shares.mean():.1f} %"


def _metric_lived(lowest: pd.Series) -> str:
    return (
        f"after its first epoch the sd of its answers to hard pairs was never below "
        f"{short(lowest['response_sd'])}, and they were never less than "
        f"{short(lowest['response_gap'])} higher on negatives than on positives"
    )


def _metric_died(last: pd.Series) -> str:
    if last["response_sd"] <= LEAST_SD:
        return f"its answers to hard pairs hardly differ (sd {short(last['response_sd'])})"
    gap = short(last["response_gap"])
    return f"its answers do not go against the labels (negatives above positives by {gap})"


_METRIC_LIFE = Player(
    "learned metric",
    limits={"response_sd": LEAST_SD, "response_gap": LEAST_GAP},
    lived=_metric_lived,
    died=_metric_died,
    without="this run has no adversary",
)
