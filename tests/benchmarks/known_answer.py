"""Whether mining finds the confusable classes that were planted in the generated corpus.

    affectrep train configs/fec_text/demo_aml.yaml seed=0
    affectrep train configs/fec_text/demo_aml.yaml seed=0 name=demo_aml_blind \
        objective.mining.partners=15 objective.mining.confusion_weight=0
    python -m tests.benchmarks.known_answer runs/demo_aml-* runs/demo_aml_blind-*

The corpus has families whose members share wordings by design, so that the pairs of classes to be
found are known. The second run is blind: its miner may take negatives of every class and is not
told which the classifier confuses, so that what it finds is the two metrics' own.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from affectrep.data.corpora.demo_text import planted_families

__all__ = ["known_answer", "planted_pairs"]

METRICS = ("cosine", "learned", "confusion")


def planted_pairs() -> set[frozenset[str]]:
    """Return the pairs of classes that are confusable by design."""
    return {
        frozenset(pair)
        for members in planted_families().values()
        for pair in itertools.combinations(members, 2)
    }


def known_answer(mined: pd.DataFrame, planted: set[frozenset[str]]) -> dict[str, float]:
    """Return how much of what was planted each metric found, and how much of its budget went there.

    Args:
        mined: ``findings/mined_pairs.csv`` of a run.
        planted: pairs of classes.

    Returns:
        ``recall_<metric>``: of the planted pairs, the share among as many most mined ones;
        ``share_<metric>``: of the mined pairs of rows, the share between planted classes;
        ``chance``: the share of all pairs of classes that is planted.

    Raises:
        ValueError: if a planted pair is not in the table.
    """
    pairs = [frozenset(pair) for pair in zip(mined["class_a"], mined["class_b"], strict=True)]
    missing = planted - set(pairs)
    if missing:
        raise ValueError(f"expected all planted pairs in the table, without {sorted(missing)}")
    hit = pd.Series([pair in planted for pair in pairs], index=mined.index)
    found = {"chance": float(hit.mean())}
    for metric in METRICS:
        top = mined[metric].sort_values(ascending=False, kind="stable").index[: len(planted)]
        found[f"recall_{metric}"] = float(hit[top].sum()) / len(planted)
        found[f"share_{metric}"] = float(mined.loc[hit, metric].sum() / mined[metric].sum())
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, a line a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="finished runs of demo_aml")
    rows = []
    for run in parser.parse_args(arguments).runs:
        mined = pd.read_csv(run / "findings" / "mined_pairs.csv")
        rows.append({"run": run.name, **known_answer(mined, planted_pairs())})
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
