"""The section about what mining found in training: pairs of classes, worst errors, odd rows."""

from __future__ import annotations

import textwrap
from collections.abc import Collection
from html import escape
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.worst_confusions import found_differences
from affectrep.reporting.figures import number
from affectrep.reporting.found_curve import RULES, MinedRun, found_chart, mean_curve, mined_runs
from affectrep.reporting.page import figure, legend, section, table
from affectrep.reporting.subject import Subject

__all__ = ["mining", "training_rows"]

_PAIRS, _ROWS, _BUDGET, _LETTERS = 12, 15, 25, 200


def mining(subject: Subject) -> str:
    """Return what the runs' mining found; empty where no run has mined."""
    mined = [one for run in subject.runs if (one := run.findings("mined_pairs")) is not None]
    if not mined:
        return ""
    words = (
        "Hard negatives of the training: rows of two classes that look alike. The cosine and the "
        "learned metric each choose equally many."
    )
    parts = [_pairs(subject, mined), _worst(subject), _rows(subject)]
    return section(subject.anchor("mining"), subject.heading("What mining found"), words, *parts)


def _pairs(subject: Subject, mined: list[pd.DataFrame]) -> str:
    """Return the pairs of classes that both metrics together chose most often."""
    keys = ["class_a", "class_b"]
    mean = pd.concat(mined).groupby(keys, sort=False)[["cosine", "learned", "confusion"]].mean()
    mean["total"] = mean["cosine"] + mean["learned"]
    top = mean.sort_values(["total", "confusion"], ascending=False, kind="stable").head(_PAIRS)
    families = subject.families
    inside = {
        pair for group in (families.groups if families else []) for pair in combinations(group, 2)
    }
    header = ["Pair of classes", "By the cosine", "By the learned metric", "Confusion at the end"]
    rows = []
    for (a, b), one in top.iterrows():
        counts = [f"{one[rule]:,.0f}" for rule in ("cosine", "learned")]
        cells = [f"{a}, {b}", *counts, f"{number('share', one['confusion'])} %"]
        kin = "yes" if {(a, b), (b, a)} & inside else "no"
        rows.append([*cells, kin] if families else cells)
    over = f", mean of {len(mined)} seeds" if len(mined) > 1 else ""
    said = (
        f"Pairs of rows that were chosen{over}. Confusion: of the probability that rows of one "
        "class gave to wrong classes, the share that went to the other, mean of both ways."
    )
    told = table([*header, "In one family"] if families else header, rows)
    return f"<h3>Most mined pairs of classes</h3><p>{escape(said)}</p>{told}"


def _worst(subject: Subject) -> str:
    """Return the curve of the worst errors that were found, with a sentence about one budget."""
    if subject.split is None or subject.task != "classification":
        return ""
    heading = "<h3>Worst errors that mining had found</h3>"
    try:
        runs = mined_runs(subject.runs, subject.split)
        if not runs:
            return ""
        curves = [run.curve() for run in runs]
        pairs = len(curves[0])
        budget = min(_BUDGET, max(1, pairs // 4))  # of few classes all pairs are soon found
        difference = found_differences(
            [run.table for run in runs],
            [run.mined for run in runs],
            budgets=[budget],
        )[budget]
    except ValueError as error:
        return f"{heading}<p>{escape(f'The curve was not drawn: {error}')}</p>"
    mean = mean_curve(curves).set_index("budget").loc[budget]
    said = _sentence(runs, budget, difference, float(mean["chance"]))
    chart = figure(
        f"Worst tenth of the errors on {subject.split}, share found in per cent",
        found_chart(curves),
        legend(list(RULES.values())),
    )
    return f"{heading}<p>{escape(said)}</p>{chart}"


def _sentence(runs: list[MinedRun], budget: int, one: Difference, chance: float) -> str:
    """Say both shares at a budget and what their difference shows."""
    counts = sorted({len(run.worst()) for run in runs})
    rows = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    a, b = number("share", one.a), number("share", one.b)
    seeds = f", mean of {one.seeds} seeds" if one.seeds > 1 else ""
    size = number("share", abs(one.effect))
    way = "more" if one.effect > 0 else "less"
    span = f"{number('share', one.low, sign=True)} to {number('share', one.high, sign=True)}"
    if one.effect == one.low == one.high == 0:
        told = "no difference"
    elif one.told_apart:
        told = f"{size} points {way} for the learned metric (95 % interval {span})"
    else:
        told = (
            f"{size} points {way} for the learned metric, which cannot be told from none "
            f"(95 % interval {span})"
        )
    most = f"{budget} pairs of classes" if budget > 1 else "pair of classes"
    return (
        f"Of the worst tenth of the errors ({rows} rows{seeds}), {a} % fall on the {most} that "
        f"the learned metric chose most often, and {b} % on as many that the cosine chose: "
        f"{told}. Pairs drawn at random would find {number('share', chance)} %. "
        "The curve of the confusion ranks pairs by what the classifier confused in training."
    )


def _rows(subject: Subject) -> str:
    """Return the training rows that were most often chosen as a hard positive."""
    found = [run.findings("recurring_positives") for run in subject.runs]
    tables = [one for one in found if one is not None and len(one)]
    if not tables:
        return ""
    times = pd.concat(tables).groupby("id", sort=False)["times"].sum()
    top = times[times.index != ""].sort_values(ascending=False, kind="stable").head(_ROWS)
    known = training_rows(subject.runs[0], list(top.index))
    said = (
        "These training rows were most often the least similar of their class to another row of "
        "it. They may carry a wrong label, or be hard to read; nothing was removed."
    )
    heading = f"<h3>Rows to read again</h3><p>{escape(said)}</p>"
    if not known:
        cells = [[name, f"{count:,.0f}"] for name, count in top.items()]
        return heading + table(["Row", "Times chosen"], cells)
    items = "".join(_item(str(name), int(count), known) for name, count in top.items())
    return f'{heading}<div class="panel"><ul class="confused">{items}</ul></div>'


def _item(name: str, times: int, known: dict[str, dict[str, str]]) -> str:
    row = known.get(name, {"label": "not among the rows", "text": ""})
    text = textwrap.shorten(row["text"], _LETTERS, placeholder=" …")
    said = f"<blockquote>“{escape(text)}”</blockquote>" if text else ""
    return (
        f'<li><div class="what">{escape(row["label"])}'
        f"<span>{escape(name)}, chosen {times:,} times</span></div>{said}</li>"
    )


def training_rows(run: StoredRun, ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return label and text of training rows; nothing where the corpus is not at hand.

    Nothing is fetched from a network: the corpus must be a local folder or file, or a generated
    one, and its training rows those of the run.

    Args:
        run: whose configuration names the corpus.
        ids: of the rows.

    Returns:
        Row id -> ``label`` and ``text``; nothing for corpora of another kind.
    """
    root = (run.config.get("data") or {}).get("root")
    if run.info.get("modality", "text") != "text":
        return {}  # to tell whether the rows are the same, all media would be decoded
    if not (run.info.get("generated") if root is None else Path(str(root)).exists()):
        return {}
    from affectrep.build import build_manifest
    from affectrep.config import load_config

    try:
        manifest = build_manifest(load_config(run.path / "config.yaml"))
    except (ValueError, OSError):
        return {}
    if manifest.fingerprint()["train"] != run.fingerprint.get("train"):
        return {}
    rows = manifest.split("train")
    rows = rows[rows["id"].isin(list(ids))]
    return {str(row["id"]): _shown(row) for row in rows.to_dict("records")}


def _shown(row: dict[Any, Any]) -> dict[str, str]:
    labels = row["labels"] if "labels" in row else [row["label"]]
    return {"label": ", ".join(map(str, labels)), "text": str(row.get("text", ""))}
