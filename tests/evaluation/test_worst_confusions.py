from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.worst_confusions import (
    found_curve,
    found_differences,
    found_share,
    margin_errors,
    worst_confusions,
)
from tests.evaluation.invented import CLASSES, table_of

ABCD = ["d", "a", "c", "b"]  # the model's order is not the alphabet's


def predictions(rows: list[tuple[str, str, float, float]]) -> pd.DataFrame:
    """Rows as (true, predicted, p(true), p(predicted)); the rest of p is spread over the others."""
    probabilities = np.zeros((len(rows), 4))
    for row, (true, said, p_true, p_said) in zip(probabilities, rows, strict=True):
        ends = {ABCD.index(true), ABCD.index(said)}
        row[:] = (1 - (p_said if true == said else p_true + p_said)) / (4 - len(ends))
        row[ABCD.index(true)] = p_true
        row[ABCD.index(said)] = p_said
    table = pd.DataFrame({"id": [f"r{i}" for i in range(len(rows))]})
    table["label"], table["predicted"] = [r[0] for r in rows], [r[1] for r in rows]
    table = table.assign(**{f"prob_{i}": probabilities[:, i] for i in range(4)})
    table.attrs = {"task": "classification", "classes": ABCD, "threshold": None}
    return table


TABLE = predictions(
    [
        ("a", "b", 0.1, 0.8),  # .7
        ("a", "a", 0.9, 0.9),
        ("b", "a", 0.3, 0.6),  # .3
        ("c", "d", 0.0, 0.9),  # .9
        ("d", "c", 0.2, 0.4),  # .2
        ("d", "b", 0.25, 0.5),  # .25
    ]
)
# In the model's order: d-a d-c d-b a-c a-b c-b.
MINED = pd.DataFrame(
    [
        ("a", "b", 9, 1, 0.3),
        ("c", "d", 0, 8, 0.1),
        ("d", "b", 5, 5, 0.6),
        ("a", "c", 0, 0, 0.2),
        ("b", "c", 7, 0, 0.0),
        ("d", "a", 0, 0, 0.0),
    ],
    columns=["class_a", "class_b", "cosine", "learned", "confusion"],
)


def test_margins_of_the_wrong_rows() -> None:
    found = margin_errors(TABLE)
    assert found["id"].tolist() == ["r0", "r2", "r3", "r4", "r5"]
    assert found["margin"].tolist() == pytest.approx([0.7, 0.3, 0.9, 0.2, 0.25])
    pairs = list(zip(found["class_a"], found["class_b"], strict=True))
    assert pairs == [("a", "b"), ("a", "b"), ("d", "c"), ("d", "c"), ("d", "b")]
    assert found.attrs["classes"] == ABCD


def test_margins_are_those_of_a_loop() -> None:
    table = table_of(200)
    expected = [
        row[f"prob_{CLASSES.index(row['predicted'])}"] - row[f"prob_{CLASSES.index(row['label'])}"]
        for row in table.to_dict("records")
        if row["label"] != row["predicted"]
    ]
    found = margin_errors(table)["margin"]
    assert found.tolist() == pytest.approx(expected)
    assert found.between(0, 1).all()


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, ["r3", "r0", "r2", "r5", "r4"]),
        (0.4, ["r3", "r0"]),
        (0.41, ["r3", "r0", "r2"]),
        (0.1, ["r3"]),
    ],
)
def test_the_worst_come_first(share: float, expected: list[str]) -> None:
    assert worst_confusions(TABLE, share)["id"].tolist() == expected


def test_seven_per_cent_of_a_hundred_are_seven() -> None:
    table = predictions([("a", "b", 0.1, 0.8)] * 100)
    found = worst_confusions(table, 0.07)  # .07 * 100 is 7.000000000000001
    assert found["id"].tolist() == [f"r{i}" for i in range(7)]  # equal margins keep their order


def test_no_errors() -> None:
    right = predictions([("a", "a", 0.9, 0.9)])
    assert margin_errors(right).empty
    assert worst_confusions(right).empty
    with pytest.raises(ValueError, match="at least one wrong row"):
        found_curve(worst_confusions(right), MINED)
    with pytest.raises(ValueError, match="at least one wrong row"):
        found_differences([right], [MINED], budgets=[1])


def test_curves_by_hand() -> None:
    # The pairs of the errors: a-b twice, d-c twice, d-b once.
    curve = found_curve(worst_confusions(TABLE, 1.0), MINED)
    assert curve["budget"].tolist() == [1, 2, 3, 4, 5, 6]
    # a-b, b-c, d-b, then in the order of the classes d-a, d-c, a-c
    assert curve["cosine"].tolist() == pytest.approx([0.4, 0.4, 0.6, 0.6, 1, 1])
    # d-c, d-b, a-b, then d-a, a-c, c-b
    assert curve["learned"].tolist() == pytest.approx([0.4, 0.6, 1, 1, 1, 1])
    # d-b, a-b, a-c, d-c, then d-a, c-b
    assert curve["confusion"].tolist() == pytest.approx([0.2, 0.6, 0.6, 1, 1, 1])
    assert curve["chance"].tolist() == pytest.approx([i / 6 for i in range(1, 7)])


def test_ties_go_by_the_classes_and_not_by_the_lines() -> None:
    worst = worst_confusions(TABLE, 1.0)
    expected = found_curve(worst, MINED)
    pd.testing.assert_frame_equal(found_curve(worst, MINED.iloc[::-1]), expected)
    turned = MINED.rename(columns={"class_a": "class_b", "class_b": "class_a"})
    pd.testing.assert_frame_equal(found_curve(worst, turned), expected)
    nothing = MINED.assign(cosine=0, learned=0, confusion=0.0)
    # d-a, d-c, d-b, a-c, a-b, c-b
    assert found_curve(worst, nothing)["cosine"].tolist() == pytest.approx([0, 0.4, 0.6, 0.6, 1, 1])


def test_a_share_is_a_point_of_the_curve() -> None:
    found = found_share(worst_confusions(TABLE, 1.0), MINED, 2)
    expected = {"cosine": 0.4, "learned": 0.6, "confusion": 0.6, "chance": 1 / 3}
    assert found == pytest.approx(expected)
    for budget in (0, 7):
        with pytest.raises(ValueError, match=rf"budgets from 1 to 6 .* got \[{budget}\]"):
            found_share(worst_confusions(TABLE), MINED, budget)


def test_pairs_drawn_at_random_find_what_chance_finds() -> None:
    rng = np.random.default_rng(0)
    worst = worst_confusions(table_of(300), 1.0)
    pairs = pd.DataFrame(combinations(CLASSES, 2), columns=["class_a", "class_b"])
    curves = [
        found_curve(worst, pairs.assign(cosine=rng.random(28), learned=0, confusion=0))
        for _ in range(400)
    ]
    mean = np.mean([curve["cosine"] for curve in curves], axis=0)
    assert np.abs(mean - curves[0]["chance"]).max() < 0.04


def invented_mined(learned: list[str], cosine: list[str]) -> pd.DataFrame:
    """Every pair of classes; those inside the named classes were mined."""
    pairs = pd.DataFrame(combinations(CLASSES, 2), columns=["class_a", "class_b"])
    inside = {
        name: [int(a in group and b in group) for a, b in combinations(CLASSES, 2)]
        for name, group in (("learned", learned), ("cosine", cosine))
    }
    return pairs.assign(**inside, confusion=0.0)


NEAR, FAR = ["annoyance", "anger", "rage"], ["joy", "fear", "calm"]


def test_differences_are_those_of_the_shares() -> None:
    tables = [table_of(500, seed) for seed in range(3)]
    mined = [invented_mined(NEAR, FAR)] * 3
    found = found_differences(tables, mined, budgets=[3, 10], share=0.5, resamples=300)
    for budget, one in found.items():
        shares = [found_share(worst_confusions(table, 0.5), mined[0], budget) for table in tables]
        assert one.a == pytest.approx(np.mean([share["learned"] for share in shares]))
        assert one.b == pytest.approx(np.mean([share["cosine"] for share in shares]))
        assert one.effect == pytest.approx(one.a - one.b)
        assert one.seeds == 3
    assert found[3].told_apart  # the invented errors stay inside the families
    assert found[3].effect > 0
    swapped = [invented_mined(FAR, NEAR)] * 3
    other = found_differences(tables, swapped, budgets=[3], share=0.5, resamples=300)[3]
    assert other.effect == pytest.approx(-found[3].effect)
    assert other.high == pytest.approx(-found[3].low, rel=0.05)  # other draws


def test_the_interval_of_one_seed_is_that_of_resampled_errors() -> None:
    table, mined = table_of(2000), invented_mined(NEAR, FAR)
    one = found_differences([table], [mined], budgets=[3], share=0.5, resamples=4000)[3]
    worst = worst_confusions(table, 0.5)
    gain = worst["class_a"].isin(NEAR) & worst["class_b"].isin(NEAR)
    gain = gain.astype(float) - (worst["class_a"].isin(FAR) & worst["class_b"].isin(FAR))
    error = gain.std() / np.sqrt(len(worst))
    assert (one.high - one.low) / 2 == pytest.approx(1.96 * error, rel=0.06)


def test_equal_mining_is_no_difference() -> None:
    mined = invented_mined(NEAR, NEAR)
    one = found_differences([table_of(300)], [mined], budgets=[3], resamples=100)[3]
    assert (one.effect, one.low, one.high, one.told_apart) == (0, 0, 0, False)


def test_the_other_side_may_be_the_simple_rule() -> None:
    tables, mined = [TABLE], [MINED]
    options = {"budgets": [1], "share": 1.0, "resamples": 50}
    assert found_differences(tables, mined, against="confusion", **options)[1].b == pytest.approx(
        0.2
    )
    with pytest.raises(ValueError, match="got 'chance'"):
        found_differences(tables, mined, against="chance", **options)


def test_rows_in_another_order_and_other_rows() -> None:
    tables = [table_of(200, seed) for seed in range(2)]
    shuffled = tables[1].sample(frac=1, random_state=0)
    shuffled.attrs = tables[1].attrs
    mined = [invented_mined(NEAR, FAR)] * 2
    one, other = (
        found_differences(pair, mined, budgets=[3], share=0.5, resamples=50)
        for pair in (tables, [tables[0], shuffled])
    )
    assert one == other
    fewer = tables[1].iloc[1:]
    fewer.attrs = tables[1].attrs
    with pytest.raises(ValueError, match="the same rows with every seed"):
        found_differences([tables[0], fewer], mined, budgets=[3])
    renamed = tables[1].copy()
    renamed.attrs = {**tables[1].attrs, "classes": CLASSES[::-1]}
    with pytest.raises(ValueError, match="the same classes with every seed"):
        found_differences([tables[0], renamed], mined, budgets=[3])


def _mixed(change: dict[str, object]) -> pd.DataFrame:
    return MINED.assign(**change)


@pytest.mark.parametrize(
    ("mined", "words"),
    [
        (MINED.drop(columns="confusion"), "lack confusion"),
        (MINED.iloc[1:], "each of the 6 pairs of 4 classes once, got 5 lines with 5 different"),
        (MINED.iloc[[0, 0, 2, 3, 4, 5]], "got 6 lines with 5 different"),
        (_mixed({"class_b": "a"}), "a class with itself"),
        (_mixed({"class_b": "x"}), "does not have: x"),
        (_mixed({"learned": float("nan")}), "finite values of learned"),
    ],
)
def test_mined_pairs_that_do_not_fit_are_refused(mined: pd.DataFrame, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        found_curve(worst_confusions(TABLE), mined)


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"share of the wrong rows in \(0, 1\], got 0"):
        worst_confusions(TABLE, 0)
    several = TABLE.copy()
    several.attrs = {**TABLE.attrs, "task": "multilabel"}
    with pytest.raises(ValueError, match="classification task, got task 'multilabel'"):
        margin_errors(several)
    record = TABLE.drop(columns=["prob_1"])
    record.attrs = TABLE.attrs
    with pytest.raises(ValueError, match="got none in prob_1; a record keeps margins only"):
        margin_errors(record)
    lost = worst_confusions(TABLE)
    lost.attrs = {}
    with pytest.raises(ValueError, match="with attrs"):
        found_curve(lost, MINED)
    with pytest.raises(ValueError, match="at least one, got 1 and 0"):
        found_differences([TABLE], [])
    with pytest.raises(ValueError, match="budgets from 1 to 6"):
        found_differences([TABLE], [MINED], budgets=[10])
