"""What two face models differ in beside their metrics: strong and weak rows, and persons."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.person_components import compare_persons, known_subjects
from affectrep.evaluation.strong_weak import RADIUS, compare_strong_weak, strong_rows

__all__ = ["face_differences"]

_PARTS = ("strong_ccc", "weak_ccc", "strong_rmse", "weak_rmse")
_PERSONS = ("person_share", "person_share_valence", "person_share_arousal", "person_ccc")
_FEWEST = 3  # people, and rows of a part; of two nothing can be told


def face_differences(
    side_a: Sequence[pd.DataFrame],
    side_b: Sequence[pd.DataFrame],
    *,
    cluster: str | None = None,
    resamples: int = 10_000,
) -> dict[str, Difference]:
    """Compare two regressions on strong and on weak rows, and by person where all are named.

    Args:
        side_a: predictions, one table per seed; ``attrs["strong_radius"]`` of the first, where it
            is there, parts strong from weak.
        side_b: as many, of the same rows in the same order.
        cluster: column to resample instead of rows, such as subject.
        resamples: of rows or clusters.

    Returns:
        Figures such as ``weak_ccc`` and ``person_share`` -> difference A minus B; none of those
        that the tables cannot give.

    Example:
        >>> import numpy as np
        >>> rng, rows = np.random.default_rng(0), pd.DataFrame({"id": [str(i) for i in range(90)]})
        >>> rows["subject"] = np.repeat(list("xyz"), 30)
        >>> for axis in ("valence", "arousal"): rows[axis] = rng.uniform(-1, 1, 90)
        >>> for axis in ("valence", "arousal"): rows[f"predicted_{axis}"] = rng.normal(size=90)
        >>> rows.attrs = {"task": "regression", "classes": [], "strong_radius": 0.6}
        >>> list(face_differences([rows], [rows]))[::4]
        ['strong_ccc', 'person_share']
    """
    found: dict[str, Difference] = {}
    radius = side_a[0].attrs.get(RADIUS)
    if radius is not None and _parts(side_a[0], radius) >= _FEWEST:
        parts = compare_strong_weak(
            side_a, side_b, threshold=radius, cluster=cluster, resamples=resamples
        )
        found |= {name: parts[name] for name in _PARTS}
    named = "subject" in side_a[0] and known_subjects(side_a[0]).all()
    if named and side_a[0]["subject"].nunique() >= _FEWEST:
        persons = compare_persons(side_a, side_b)
        found |= {name: persons[name] for name in _PERSONS}
    return found


def _parts(table: pd.DataFrame, radius: float) -> int:
    """Return how many rows the smaller part has."""
    strong = int(strong_rows(table, radius).sum())
    return min(strong, len(table) - strong)
