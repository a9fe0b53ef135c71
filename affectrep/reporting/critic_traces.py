"""The section about the critic of a contrastive adversarial run: its margin and its health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd

from affectrep.evaluation.critic_health import critic_sentence, critic_traces
from affectrep.reporting.page import figure, legend, section
from affectrep.reporting.plots import Curve, line_chart
from affectrep.reporting.subject import Subject

__all__ = ["critic_section", "health_lines", "trace_charts"]

Charts = Mapping[str, Mapping[str, str]]  # caption -> column of the traces -> its name

_DRAWN = 300  # points of a curve
_CHARTS: Charts = {
    "Margin and its parts": {
        "alpha": "margin alpha",
        "mi": "information MI, nats",
        "delta": "confidence Delta",
        "permuted": "MI under shuffled groups",
    },
    "K, neighbours until the group is sure": {"k": "K"},
    "Share of negatives inside the margin": {"inside": "negatives inside"},
    "Spread (sd) of the critic's outputs": {
        "spread": "training rows",
        "held_out_spread": "held-out rows",
    },
    "Strong told from weak (AUC; 0.5 is a guess)": {
        "auc": "training rows",
        "held_out_auc": "held-out rows",
    },
}
_WORDS = (
    "The critic tells strong from weak expressions, the encoder works against it. The margin "
    "alpha is the information that the groups share (MI) plus the confidence of a neighbourhood "
    "of K rows (Delta); negatives inside the margin are the pairs that still teach the critic. A "
    "critic whose outputs coincide teaches nothing."
)


def critic_section(subject: Subject, *, subjects: int = 1) -> str:
    """Return the critic's health in a sentence and its traces; empty where no run has a critic.

    Args:
        subject: whose runs.
        subjects: how many the report shows; they share the number of points.

    Source: Kim and Song 2021, Contrastive Adversarial Learning (AAAI), Figure 2.
    """
    runs = [(run, critic_traces(run)) for run in subject.runs]
    seeds = {run.seed: traces for run, traces in runs if len(traces)}
    if not seeds:
        return ""
    skipped = [traces.attrs.get("skipped_steps") or 0 for traces in seeds.values()]
    health = {run.seed: critic_sentence(run) for run, _ in runs if run.seed in seeds}
    said = {seed: [words] if words else [] for seed, words in health.items()}
    words = _WORDS
    if len(seeds) > 1:
        words += f" The strong line is seed {next(iter(seeds))}, the pale ones are the others."
    if any(skipped):
        counts = ", ".join(f"{count:,}" for count in skipped)
        words += f" Steps without a critic, for want of strong or weak rows: {counts}."
    charts = "".join(trace_charts(seeds, most=2 * _DRAWN // max(2, subjects)))
    inside = f'<div class="pair">{charts}</div>' if charts else ""
    parts = (health_lines(said), inside)
    return section(subject.anchor("critic"), subject.heading("Critic"), words, *parts)


def trace_charts(
    seeds: Mapping[int, pd.DataFrame], *, charts: Charts = _CHARTS, most: int = _DRAWN
) -> list[str]:
    """Return a figure for each group of traces that the runs have.

    Args:
        seeds: seed -> traces by step; the first is drawn strong, the others pale.
        charts: what to draw; the critic's by default.
        most: points of a strong curve; a pale one has half as many.
    """
    found = []
    for caption, names in charts.items():
        curves: dict[str, Curve] = {}
        colours: list[int] = []
        faint: list[str] = []
        shown = [name for name in names if any(_curve(one, name, most) for one in seeds.values())]
        for place, (seed, traces) in enumerate(seeds.items()):
            for colour, name in enumerate(shown):
                curve = _curve(traces, name, most // 2 if place else most)
                if not curve:
                    continue
                label = f"{names[name]}, seed {seed}"
                curves[label] = curve
                colours.append(colour)
                if place:
                    faint.append(label)
        if not curves:
            continue
        chart = line_chart(
            curves, alt=_told(caption, curves), across="step", colours=colours, faint=faint
        )
        key = legend([names[name] for name in shown]) if len(shown) > 1 else ""
        found.append(figure(caption, chart, key))
    return found


def health_lines(said: Mapping[int, Sequence[str]]) -> str:
    """Return the sentences of each seed as paragraphs, one that several share once."""
    seeds: dict[str, list[str]] = {}
    for seed, sentences in said.items():
        for words in sentences:
            seeds.setdefault(words, []).append(str(seed))
    lines = []
    for words, which in seeds.items():
        whose = f"Seed {', '.join(which)}: " if len(which) < len(said) else ""
        lines.append(f'<p class="verdict">{whose}{escape(words)}</p>')
    return "".join(lines)


def _curve(traces: pd.DataFrame, name: str, most: int) -> Curve:
    """Return a smoothed trace, thinned; nothing where it is one point."""
    if name not in traces:
        return []
    values = pd.to_numeric(traces[name], errors="coerce")
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return []
    smooth = values.rolling(max(1, len(values) // 40), min_periods=1).mean()
    kept: Sequence[int] = np.unique(
        np.linspace(0, len(smooth) - 1, min(len(smooth), max(most, 20))).round().astype(int)
    ).tolist()
    return [(float(smooth.index[i]), float(smooth.iloc[i])) for i in kept]


def _told(caption: str, curves: Mapping[str, Curve]) -> str:
    parts = (
        f"{name} from {curve[0][1]:.3g} to {curve[-1][1]:.3g}" for name, curve in curves.items()
    )
    return f"{caption} by step: {'; '.join(parts)}."
