from __future__ import annotations

import pandas as pd
import pytest

from affectrep.evaluation.results import Result, results_table
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


def test_a_recipe_s_table_and_the_report_name_a_metric_alike() -> None:
    names = ["accuracy", "weighted_f1", "family_f1", "errors_inside", "exact_match", "sagr"]
    rows = [Result("ce", "", "test", 0, name, 0.5, 0.4, 0.6, 9) for name in names]
    tables = results_table(pd.DataFrame([vars(row) for row in rows])).split("\n\n")
    headers = [table.splitlines()[0].strip("| ").split(" | ")[2:-1] for table in tables]
    cells = [cell for header in headers for cell in header if cell != "Minutes"]
    assert sorted(cells) == sorted(title(name) for name in names)
