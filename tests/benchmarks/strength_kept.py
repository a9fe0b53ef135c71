"""What an embedding keeps of the strength of an expression, and how strong weak rows are read.

    python -m tests.benchmarks.strength_kept runs/ferplus_plain-* runs/ferplus_caf-*

CAF's encoder is moved so that weak rows look strong to the critic, while the task asks how strong
they are. So a critic that does its work could cost what the task needs. From the stored embeddings
and predictions of each run, no training and no new reading of a split:

- ``auc``: strong rows told from weak ones by a logistic regression on the frozen embeddings, five
  folds; ``r2``: the label's radius by a ridge regression alike;
- ``weak``, ``strong``: predicted radius minus the label's, mean over the rows of that group.

The threshold is Otsu's on the training labels, as the evaluation stored it. Configurations after
the first are compared with the first over the seeds that both have (Student's t, 95 %).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectrep.evaluation.embeddings import read_embeddings
from affectrep.evaluation.metrics import AXES
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.strong_weak import strong_rows

__all__ = ["FIGURES", "against_first", "figures", "main", "of_run"]

Array = NDArray[Any]
FIGURES = ("auc", "r2", "weak", "strong")
FOLDS = 5


def figures(table: pd.DataFrame, embeddings: Array, threshold: float) -> dict[str, float]:
    """Return the four figures of one model.

    Args:
        table: predictions of a regression, ``rows`` lines.
        embeddings: ``(rows, dim)`` in the same order.
        threshold: of the radius.
    """
    strong = strong_rows(table, threshold)
    radius = np.hypot(*(table[axis].to_numpy(np.float64) for axis in AXES))
    said = np.hypot(*(table[f"predicted_{axis}"].to_numpy(np.float64) for axis in AXES))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    score = cross_val_predict(classifier, embeddings, strong, cv=folds, method="decision_function")
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 11)))
    guess = cross_val_predict(
        ridge, embeddings, radius, cv=KFold(FOLDS, shuffle=True, random_state=0)
    )
    return {
        "auc": float(roc_auc_score(strong, score)),
        "r2": float(r2_score(radius, guess)),
        "weak": float((said - radius)[~strong].mean()),
        "strong": float((said - radius)[strong].mean()),
    }


def of_run(folder: Path, split: str) -> tuple[str, int, dict[str, float]]:
    """Return name, seed and figures of a run that was evaluated on test and has the split's rows.

    Raises:
        FileNotFoundError: if the predictions, the embeddings or the test card are not there.
    """
    run = StoredRun(folder)
    table = run.table(split)
    threshold = run.scorecard("test")["strong_weak"]["threshold"]
    stored = read_embeddings(run.table_path(split).with_name(f"{split}.embeddings.safetensors"))
    values = np.asarray(stored.of(table["id"].tolist()), np.float64)
    return run.name, run.seed, figures(table, values, threshold)


def against_first(
    found: Mapping[str, Mapping[int, Mapping[str, float]]],
) -> dict[str, dict[str, tuple[float, float, int]]]:
    """Return name -> figure -> (mean difference to the first name, half-width, paired seeds)."""
    names = list(found)
    said: dict[str, dict[str, tuple[float, float, int]]] = {}
    for name in names[1:]:
        shared = sorted(set(found[name]) & set(found[names[0]]))
        said[name] = {}
        for figure in FIGURES:
            gaps = np.array([found[name][s][figure] - found[names[0]][s][figure] for s in shared])
            few = len(gaps) < 2
            half = np.nan if few else stats.t.ppf(0.975, len(gaps) - 1) * stats.sem(gaps)
            said[name][figure] = (float(gaps.mean()) if shared else np.nan, float(half), len(gaps))
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the means of each configuration and the differences to the first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="run folders; the first names the base")
    parser.add_argument("--split", default="validation", help="validation (default) or test")
    options = parser.parse_args(arguments)
    found: dict[str, dict[int, dict[str, float]]] = {}
    for folder in options.runs:
        name, seed, said = of_run(folder, options.split)
        found.setdefault(name, {})[seed] = said
    print(f"{'':28}" + "".join(f"{figure:>24}" for figure in FIGURES))
    for name, seeds in found.items():
        columns = [np.array([said[figure] for said in seeds.values()]) for figure in FIGURES]
        spread = [column.std(ddof=1) if len(column) > 1 else np.nan for column in columns]
        cells = [f"{c.mean():.3f} sd {s:.3f}" for c, s in zip(columns, spread, strict=True)]
        print(f"{f'{name} ({len(seeds)})':28}" + "".join(f"{cell:>24}" for cell in cells))
    for name, gaps in against_first(found).items():
        cells = [f"{gap:+.3f} +- {half:.3f} ({n})" for gap, half, n in gaps.values()]
        print(f"{f'{name} - first':28}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
