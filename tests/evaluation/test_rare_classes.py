from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from affectrep.evaluation.rare_classes import rare_classes, rare_statistics


def test_a_third_rounded_up_and_ties_by_declared_order() -> None:
    classes = list("abcdefg")
    counts = dict(zip(classes, [5, 1, 5, 2, 9, 2, 2], strict=True))
    assert rare_classes(counts, classes) == ["b", "d", "f"]
    assert rare_classes({"a": 3}, ["a"]) == ["a"]


def test_a_class_without_training_rows_is_the_rarest() -> None:
    assert rare_classes({"a": 3, "b": 1}, ["a", "b", "c"]) == ["c"]


def test_f1_of_the_rare_classes_agrees_with_sklearn() -> None:
    rng = np.random.default_rng(0)
    y, said = rng.integers(0, 6, 200), rng.integers(0, 6, 200)
    said[:120] = y[:120]
    y[y == 4] = 0  # a rare class without rows
    said[said == 4] = 1
    found = rare_statistics(y, said, list("abcdef"), ["e", "b"]).values()
    by_class = f1_score(y, said, average=None, labels=range(6), zero_division=0)
    assert found == {"rare_f1": pytest.approx((by_class[4] + by_class[1]) / 2)}


def test_mistakes_are_said_in_words() -> None:
    with pytest.raises(ValueError, match="counts of 2 classes, got one of z"):
        rare_classes({"z": 3}, ["a", "b"])
    rows = np.array([0, 1])
    for rare in ([], ["z"]):
        with pytest.raises(ValueError, match="expected rare classes among a, b"):
            rare_statistics(rows, rows, ["a", "b"], rare)
