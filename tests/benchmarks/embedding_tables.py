"""What AML's embedding has over the others', in recipes/fec_text/README.md, from results.csv.

    python -m tests.benchmarks.embedding_tables
    python -m tests.benchmarks.embedding_tables --page recipes/fec_text/README.md

AML minus each other system, paired over the seeds that both have. The records keep no embeddings,
so rows cannot be drawn anew: intervals are Student's t over seeds alone, and no p is corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from affectrep.evaluation.results import read_results
from affectrep.reporting.figures import title
from tests.benchmarks.aml_tables import CORPORA, SYSTEMS
from tests.benchmarks.marked_page import print_or_write

__all__ = ["METRICS", "lead", "main", "table", "tables"]

NAME = "embedding"
METRICS = ("family_auc", "knn_accuracy", "knn_perturbed_mean", "knn_perturbed_worst", "rare_f1")
_RECIPE = "recipes/fec_text"
_LEAST = 2  # seeds, for an interval


def lead(one: pd.Series, other: pd.Series, confidence: float = 0.95) -> str:
    """Return the paired difference in points, such as ``+.43 [+.12, +.74], 3 seeds``.

    Args:
        one: values in [0, 1] by seed.
        other: the same; only seeds that both have count.
        confidence: of the interval.

    Example:
        >>> lead(pd.Series({0: 0.5, 1: 0.52}), pd.Series({0: 0.49, 1: 0.51, 2: 0.9}))
        '+1.00 [+1.00, +1.00], 2 seeds'
    """
    gaps = 100 * (one - other).dropna().to_numpy()
    if len(gaps) < _LEAST:
        return "not run"
    half = stats.t.ppf((1 + confidence) / 2, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
    mean = gaps.mean()
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}], {len(gaps)} seeds"


def table(values: pd.DataFrame, corpus: str) -> str:
    """Return the table of a corpus: a line a measure, a column a system.

    Args:
        values: ``config``, ``seed``, ``metric``, ``value`` of the test split.
        corpus: as configurations are named.
    """
    measures = values[values["metric"].isin(METRICS)]
    sets = measures.set_index(["config", "metric", "seed"])["value"].sort_index()
    known = {config for config, _, _ in sets.index}
    there = [name for name in SYSTEMS if f"{corpus}_{name}" in known]
    lines = [
        [f"{CORPORA[corpus]}: AML minus", *(SYSTEMS[name] for name in there)],
        ["---"] * (1 + len(there)),
    ]
    for metric in METRICS:
        mine = sets.loc[f"{corpus}_aml", metric]
        cells = [lead(mine, _of(sets, f"{corpus}_{name}", metric)) for name in there]
        lines.append([title(metric), *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(root: Path) -> str:
    """Return the tables of all corpora."""
    results = read_results(root / _RECIPE / "results.csv")
    whole = results[(results["split"] == "test") & (results["condition"] == "")]
    values = whole.assign(value=whole["value"].astype(float), seed=whole["seed"].astype(int))
    return "\n\n".join(table(values, corpus) for corpus in CORPORA)


def _of(sets: pd.Series, config: str, metric: str) -> pd.Series:
    """Return a system's values by seed; none where the measure was not taken."""
    if (config, metric) not in sets.index.droplevel("seed"):
        return pd.Series(dtype=np.float64)
    return sets.loc[config, metric]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into a page."""
    print_or_write(arguments, __doc__, NAME, tables)


if __name__ == "__main__":
    main()
