"""Ranked suspects against known wrong labels: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from affectrep.evaluation.suspects import suspect_precision

RANKED = ["a", "b", "c", "d", "e", "f"]


def test_by_hand():
    found = suspect_precision(RANKED, ["a", "d"], at=[1, 2, 4, 6, 50])
    assert found.precision == {1: 1.0, 2: 0.5, 4: 0.5, 6: pytest.approx(1 / 3)}
    assert found.base_rate == pytest.approx(1 / 3)
    assert found.average_precision == pytest.approx((1 + 2 / 4) / 2)
    assert found.chance == {cut: pytest.approx(1 / 3) for cut in (1, 2, 4, 6)}


def test_the_usual_cuts_end_with_the_ranking():
    found = suspect_precision([str(number) for number in range(120)], ["7"])
    assert found.precision == {50: 1 / 50, 100: 1 / 100}


@pytest.mark.parametrize("ranked", [300, 299, 40, 1])
def test_average_precision_is_that_of_scikit_learn(ranked):
    random = np.random.default_rng(ranked)
    wrong = random.random(300) < 0.15
    score = random.random(300) + wrong
    order = np.argsort(-score)
    # rows that are not ranked share the lowest score
    score[order[ranked:]] = -1
    names = [f"r{number}" for number in range(300)]
    found = suspect_precision(
        [names[place] for place in order[:ranked]],
        {name for name, bad in zip(names, wrong, strict=True) if bad},
        labels=dict.fromkeys(names, "calm"),
    )
    assert found.average_precision == pytest.approx(average_precision_score(wrong, score))
    assert found.base_rate == pytest.approx(wrong.mean())


def test_a_ranking_of_a_bad_class_is_no_better_than_its_chance():
    # of the rare class 3 of 4 rows are wrong, of the other 1 of 16
    labels = {f"x{number}": "rare" for number in range(4)}
    labels |= {f"y{number}": "frequent" for number in range(16)}
    flipped = {"x0", "x1", "x2", "y0"}
    found = suspect_precision(["x3", "x0", "x2", "x1", "y9"], flipped, at=[4, 5], labels=labels)
    assert found.base_rate == 0.2
    assert found.precision == {4: 0.75, 5: 0.6}
    assert found.chance == {4: 0.75, 5: pytest.approx((4 * 0.75 + 1 / 16) / 5)}


def test_a_random_order_has_the_base_rate():
    random = np.random.default_rng(0)
    names = [str(number) for number in range(2000)]
    flipped = set(random.choice(names, 200, replace=False))
    found = [suspect_precision(list(random.permutation(names)), flipped) for _ in range(20)]
    assert np.mean([one.average_precision for one in found]) == pytest.approx(0.1, abs=0.01)
    assert np.mean([one.precision[100] for one in found]) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ranked_ids": []}, "at least one ranked row"),
        ({"flipped_ids": []}, "at least one row with a wrong label"),
        ({"ranked_ids": ["a", "b", "a"]}, "got 'a' more than once"),
        ({"flipped_ids": ["a", "z"]}, "1 rows such as 'z' are not among the 6 rows"),
        ({"labels": {"a": "calm"}}, "5 rows such as 'b' are not among the 1 rows"),
        ({"at": [0, 5]}, "cuts of at least 1 row, got 0"),
    ],
)
def test_what_is_refused(values, message):
    given = {"ranked_ids": RANKED, "flipped_ids": ["a"], **values}
    with pytest.raises(ValueError, match=message):
        suspect_precision(given.pop("ranked_ids"), given.pop("flipped_ids"), **given)
