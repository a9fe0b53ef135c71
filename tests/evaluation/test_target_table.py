"""Tables of unseen languages from results.csv."""

from __future__ import annotations

import pandas as pd
import pytest

from affectrep.evaluation.results import results_table
from affectrep.evaluation.target_table import is_target_result, target_tables


def frame(cells: dict[str, list[float]], config: str = "ce", metric: str = "uar") -> pd.DataFrame:
    rows = [
        {
            "config": config,
            "condition": condition,
            "split": "test",
            "seed": seed,
            "metric": metric,
            "value": value,
            "low": value - 0.1,
            "high": value + 0.1,
            "n": 10,
            "minutes": 1.0,
        }
        for condition, values in cells.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ")]


def test_a_cell_has_the_mean_and_spread_of_its_seeds():
    text = target_tables(frame({"strict de": [0.5, 0.6], "strict mean": [0.5, 0.6]}))
    assert lines(text) == [
        "| System | Seeds | de | mean |",
        "| ce | 2 | 55.0 ± 7.1 | 55.0 ± 7.1 [45.0, 65.0] |",
    ]


def test_a_system_that_lacks_a_target_says_so():
    table = pd.concat(
        [frame({"strict de": [0.5], "strict it": [0.4]}), frame({"strict de": [0.3]}, "b")]
    )
    assert "| b | 1 | 30.0 [20.0, 40.0] | not run |" in target_tables(table)


def test_pairs_have_a_table_and_their_mean_stands_with_the_targets():
    cells = {"strict en>de": [0.2], "strict it>de": [0.4], "strict *>de": [0.3]}
    text = target_tables(frame(cells, "one_source"))
    assert "| one_source | 1 | 30.0 [20.0, 40.0] |" in text
    assert "UAR of `one_source`, source by target:" in text
    assert "| it | 40.0 [30.0, 50.0] |" in text


def test_conditions_do_not_mix_and_folds_are_left_out():
    cells = {"strict de": [0.5], "transductive_corpus de": [0.7], "strict de fold 0/5": [0.9]}
    text = target_tables(frame(cells))
    assert text.index("UAR, strict:") < text.index("UAR, transductive by corpus:")
    assert "90.0" not in text


@pytest.mark.parametrize("condition", ["", "without_leaks", "strict"])
def test_other_conditions_stay_in_the_usual_table(condition):
    assert not is_target_result(condition)
    speech = frame({"strict de": [0.5]})
    text = results_table(pd.concat([frame({condition: [0.8]}, "text", "accuracy"), speech]))
    assert "| Configuration |" in text
    assert "| System |" in text
    assert text.index("80.0") < text.index("50.0")
