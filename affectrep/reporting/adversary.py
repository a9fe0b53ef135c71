"""The section about learned metrics and domain heads: whether the adversary lived, and its traces.

The critic of strong and weak expressions has a section of its own
(:mod:`affectrep.reporting.critic_traces`).
"""

from __future__ import annotations

from collections.abc import Iterable

from affectrep.evaluation.adversary_health import (
    adversary_traces,
    domain_sentences,
    metric_sentence,
)
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.critic_traces import Charts, health_lines, trace_charts
from affectrep.reporting.page import section
from affectrep.reporting.subject import Subject

__all__ = ["adversary_section"]

_DRAWN = 300  # points of a curve
_METRIC = {
    "Answers of the learned metric to hard pairs": {
        "response_sd": "spread (sd)",
        "response_gap": "negatives above positives",
    },
    "Share of the possible damage that the learned metric does": {"strength": "damage"},
}
_WORDS = (
    "Another player works against the model. One that dies gives no error: training goes on as "
    "plain training. What it knows here is no measure of leakage; a fresh probe on frozen "
    "embeddings is."
)


def adversary_section(subject: Subject, *, subjects: int = 1) -> str:
    """Return the adversary's health in a sentence and its traces; empty where there is none.

    Args:
        subject: whose runs.
        subjects: how many the report shows; they share the number of points.
    """
    traces = {run.seed: found for run in subject.runs if len(found := adversary_traces(run))}
    if not traces:
        return ""
    said = {run.seed: _sentences(run) for run in subject.runs if run.seed in traces}
    columns = dict.fromkeys(str(name) for one in traces.values() for name in one)
    charts = trace_charts(traces, charts=_charts(columns), most=2 * _DRAWN // max(2, subjects))
    words = _WORDS
    if len(traces) > 1:
        words += f" The strong line is seed {next(iter(traces))}, the pale ones are the others."
    inside = f'<div class="pair">{"".join(charts)}</div>' if charts else ""
    heading = subject.heading("Adversary")
    return section(subject.anchor("adversary"), heading, words, health_lines(said), inside)


def _sentences(run: StoredRun) -> list[str]:
    metric = metric_sentence(run)
    return [*([metric] if metric else []), *domain_sentences(run)]


def _charts(columns: Iterable[str]) -> Charts:
    """Return what to draw of traces with these columns."""
    found: dict[str, dict[str, str]] = dict(_METRIC)
    for name in columns:
        domain, _, kind = name.rpartition("_")
        if kind == "accuracy":
            found[f"Share of rows whose {domain} the head names"] = {
                name: "head",
                f"{domain}_chance": "an even guess",
            }
        elif kind == "distance":
            found[f"Distance of the two sides of {domain} by the critic"] = {name: "distance"}
    return found
