"""Invented findings of mining, in the folders of invented runs."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from tests.evaluation.invented import CLASSES, KIN


def mined_table(seed: int = 0, *, learned: float = 1.0) -> pd.DataFrame:
    """Every pair of classes; pairs of one family were mined most, by the learned metric more.

    With ``learned=-1`` the learned metric chose those pairs least.
    """
    rng = np.random.default_rng(50 + seed)
    rows = []
    for (i, a), (j, b) in combinations(enumerate(CLASSES), 2):
        kin = KIN[i] == KIN[j]
        cosine = int(rng.integers(0, 400) + (150 if kin else 0))
        chosen = int(rng.integers(0, 100) + learned * (500 if kin else 0) + 500)
        both, confusion = min(cosine, chosen) // 2, float(rng.uniform(0.2, 0.4) * (1 + kin))
        rows.append((a, b, cosine, chosen, both, confusion))
    columns = ["class_a", "class_b", "cosine", "learned", "both", "confusion"]
    return pd.DataFrame(rows, columns=columns).sort_values("confusion", ascending=False)


def add_findings(run: Path, seed: int = 0, *, learned: float = 1.0) -> Path:
    """Write the two tables that AML leaves into a run folder, and return it."""
    folder = run / "findings"
    folder.mkdir()
    mined_table(seed, learned=learned).to_csv(folder / "mined_pairs.csv", index=False)
    rows = pd.DataFrame({"id": ["", *(f"00{i}<" for i in range(30))]})
    rows["times"] = range(200, 200 - 6 * len(rows), -6)
    rows.to_csv(folder / "recurring_positives.csv", index=False)
    return run
