from __future__ import annotations

import pytest

from affectrep.reporting.figures import headline, number, title, with_interval


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_every_task_has_headlines_with_titles(task: str) -> None:
    assert len(headline(task)) == 4
    assert all(title(name) != name for name in headline(task))


def test_numbers() -> None:
    assert number("weighted_f1", 0.6543) == "65.4"
    assert number("ccc_valence", -0.5, sign=True) == "-0.500"
    assert number("accuracy", None) == number("accuracy", float("nan")) == "n/a"
    assert with_interval("accuracy", {"value": 0.5, "low": None, "high": None}) == "50.0"
