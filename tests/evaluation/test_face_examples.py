from __future__ import annotations

import numpy as np
import pytest

from affectrep.evaluation.face_examples import choose_examples
from affectrep.evaluation.quadrants import quadrants
from tests.evaluation.regressions import regression, told


def errors(table) -> np.ndarray:
    return np.hypot(
        table["predicted_valence"] - table["valence"], table["predicted_arousal"] - table["arousal"]
    ).to_numpy()


def test_kinds_are_what_they_say() -> None:
    table = regression().drop(columns="subject")
    told(table)
    found = choose_examples(table)
    assert found["kind"].tolist() == ["best"] * 8 + ["typical"] * 8 + ["worst"] * 8
    assert found["id"].is_unique
    error = dict(zip(table["id"], errors(table), strict=True))
    by_kind = {kind: [error[one] for one in part["id"]] for kind, part in found.groupby("kind")}
    assert sorted(by_kind["worst"]) == sorted(error.values())[-8:]
    low, high = np.quantile(list(error.values()), [0.4, 0.6])
    assert all(low <= one <= high for one in by_kind["typical"])
    assert max(by_kind["best"]) <= low


def test_best_rows_come_from_all_quadrants() -> None:
    table = regression().drop(columns="subject")
    neutral = table.index[:60]
    table.loc[neutral, ["valence", "arousal"]] = 0.0
    table.loc[neutral, ["predicted_valence", "predicted_arousal"]] = 0.0
    best = choose_examples(told(table)).query("kind == 'best'")["id"]
    rows = table[table["id"].isin(best)]
    words = quadrants(rows[["valence", "arousal"]].to_numpy())
    assert len(set(words)) == 5
    assert sorted(words.count(word) for word in set(words)) == [1, 1, 2, 2, 2]  # in turn


def test_nobody_is_shown_twice_while_there_are_others() -> None:
    table = regression(people=9)
    table.loc[table["subject"] == "p03", "predicted_valence"] += 5  # all the worst are hers
    found = choose_examples(told(table))
    owner = dict(zip(table["id"], table["subject"], strict=True))
    for kind, part in found.groupby("kind"):
        people = [owner[one] for one in part["id"]]
        assert len(set(people)) == 8, kind
    worst = found[found["kind"] == "worst"]["id"]
    assert "p03" in {owner[one] for one in worst}
    table["video"] = "one"  # a single video: its rows must do
    assert len(choose_examples(told(table))) == 24


def test_the_seed_moves_typical_rows_alone() -> None:
    table = regression()
    one, two, other = (choose_examples(table, seed=seed) for seed in (0, 0, 1))
    assert one.equals(two)
    typical = one["kind"] == "typical"
    assert one[~typical].equals(other[~typical])
    assert not one[typical].equals(other[typical])


def test_few_rows_give_few_examples() -> None:
    for rows, expected in ((1, 1), (2, 1), (3, 3), (10, 9)):
        table = told(regression(people=1, each=rows))
        found = choose_examples(table)
        assert len(found) == expected
        assert found["id"].is_unique


def test_mistakes_are_said_in_words() -> None:
    table = regression()
    with pytest.raises(ValueError, match="at least 3, got 2"):
        choose_examples(table, count=2)
    with pytest.raises(ValueError, match="0 rows of regression"):
        choose_examples(told(table[:0].copy()))
    table.attrs = {"task": "classification"}
    with pytest.raises(ValueError, match="rows of classification"):
        choose_examples(table)
