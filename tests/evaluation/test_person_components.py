from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from affectrep.evaluation.metrics import AXES, regression_metrics
from affectrep.evaluation.person_components import (
    compare_persons,
    error_components,
    person_statistics,
    person_table,
)
from tests.evaluation.regressions import regression, told


def naive_share(table: pd.DataFrame, axis: str) -> tuple[float, float, float]:
    """Variance between persons, within them, and the share, as the docstring has it."""
    error = table[f"predicted_{axis}"] - table[axis]
    groups = [part.to_numpy() for _, part in error.groupby(table["subject"])]
    means = np.array([group.mean() for group in groups])
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    within /= len(table) - len(groups)
    harmonic = len(groups) / sum(1 / len(group) for group in groups)
    between = max(0.0, means.var(ddof=1) - within / harmonic)
    return between, within, between / (between + within)


def test_shares_are_those_of_the_definition() -> None:
    table = regression(between=0.2, within=0.2, seed=4)
    kept = np.random.default_rng(0).random(len(table)) < 0.5  # people with unequally many rows
    table = told(table[kept])
    statistics = person_statistics(table)
    for axis in AXES:
        between, within, share = naive_share(table, axis)
        found = error_components(statistics, axis)
        assert statistics.values()[f"person_share_{axis}"] == pytest.approx(share, abs=1e-12)
        assert found.share == pytest.approx(share, abs=1e-12)
        assert found.between_sd == pytest.approx(between**0.5, abs=1e-12)
        assert found.within_sd == pytest.approx(within**0.5, abs=1e-12)
        assert found.interval is not None
        assert found.interval.low < share < found.interval.high


def test_equal_groups_give_the_analysis_of_variance() -> None:
    table = regression(between=0.1, within=0.2, seed=1)
    error = table["predicted_valence"] - table["valence"]
    groups = [part.to_numpy() for _, part in error.groupby(table["subject"])]
    ratio = stats.f_oneway(*groups).statistic
    # the intraclass correlation of one-way random effects
    expected = (ratio - 1) / (ratio - 1 + len(groups[0]))
    share = person_statistics(table).values()["person_share_valence"]
    assert share == pytest.approx(expected, abs=1e-12)


def test_a_known_share_is_found() -> None:
    true = 0.3**2 / (0.3**2 + 0.4**2)
    drawn = [
        person_statistics(regression(30, 25, between=0.3, within=0.4, seed=seed)).values()
        for seed in range(20)
    ]
    shares = [one[f"person_share_{axis}"] for one in drawn for axis in AXES]
    assert np.mean(shares) == pytest.approx(true, abs=0.03)


def test_intervals_cover_the_known_share() -> None:
    true, hit = 0.5, 0
    for seed in range(60):
        table = regression(15, 8, between=0.2, within=0.2, seed=seed)
        one = error_components(person_statistics(table), "valence").interval
        assert one is not None
        hit += one.low <= true <= one.high
    assert 52 <= hit <= 60


def test_degenerate_shares() -> None:
    table = regression()
    table["predicted_valence"] = table["valence"] + 0.25  # every error is the same
    found = person_statistics(told(table)).values()
    assert found["person_share_valence"] == 0
    assert found["person_bias_sd_valence"] == 0
    single = told(regression(people=20, each=1))
    assert person_statistics(single).values()["person_share_valence"] == 0
    assert error_components(person_statistics(single), "valence").interval is None
    two = regression(people=2, between=0.3)
    assert error_components(person_statistics(two), "valence").interval is None
    constant = regression()
    code = constant["subject"].str[1:].astype(float)
    constant["predicted_valence"] = constant["valence"] + code / 10  # one error a person
    found = error_components(person_statistics(told(constant)), "valence")
    assert found.share == pytest.approx(1, abs=1e-9)


def test_a_line_a_person() -> None:
    table = regression(people=3, each=20)
    table.loc[table["subject"] == "p01", "valence"] = 0.5  # constant labels: no CCC
    short = told(pd.concat([table[:5], table[20:]]))  # p00 has five rows
    found = person_table(short).set_index("subject")
    assert found["n"].tolist() == [5, 20, 20]
    assert found["ccc_valence"].isna().tolist() == [True, True, False]
    assert found["ccc_arousal"].isna().tolist() == [True, False, False]
    mine = table[table["subject"] == "p02"]
    scores = regression_metrics(
        mine[list(AXES)].to_numpy(), mine[[f"predicted_{axis}" for axis in AXES]].to_numpy()
    )
    for axis in AXES:
        error = mine[f"predicted_{axis}"] - mine[axis]
        assert found.loc["p02", f"bias_{axis}"] == pytest.approx(error.mean(), abs=1e-12)
        assert found.loc["p02", f"rmse_{axis}"] == pytest.approx(scores[f"rmse_{axis}"], abs=1e-12)
        assert found.loc["p02", f"ccc_{axis}"] == pytest.approx(scores[f"ccc_{axis}"], abs=1e-12)
    values = person_statistics(table).values()
    ccc = person_table(table)["ccc_arousal"]
    assert values["person_ccc_arousal"] == pytest.approx(ccc.mean(), abs=1e-12)
    assert values["person_ccc_sd_arousal"] == pytest.approx(ccc.std(ddof=1), abs=1e-9)


def test_rows_without_a_subject_do_not_count() -> None:
    table = regression(between=0.2)
    more = pd.concat([table, table[:30].assign(subject=None, predicted_valence=9.0)])
    assert person_statistics(told(more)).values() == person_statistics(table).values()
    for odd in (table.drop(columns="subject"), table.assign(subject=None)):
        with pytest.raises(ValueError, match="name none"):
            person_table(told(odd))
    table.attrs = {"task": "classification"}
    with pytest.raises(ValueError, match="regression, got classification"):
        person_statistics(table)


def test_two_systems_are_compared_over_persons() -> None:
    side_a = [regression(40, 15, between=0.05, within=0.3, seed=3) for _ in range(3)]
    side_b = [one.copy() for one in side_a]
    rng = np.random.default_rng(9)
    for one in side_b:
        shift = rng.normal(size=40) * 0.4
        one["predicted_valence"] += shift[one["subject"].str[1:].astype(int)]
        told(one)
    found = compare_persons(side_a, side_b)
    one = found["person_share_valence"]
    assert one.told_apart
    assert one.high < 0
    assert one.seeds == 3
    assert found["person_share_arousal"].effect == 0
    shares = [person_statistics(x).values()["person_share_valence"] for x in (*side_a, *side_b)]
    assert one.effect == pytest.approx(np.mean(shares[:3]) - np.mean(shares[3:]), abs=1e-12)
    without = [
        [
            person_statistics(told(x[x["subject"] != name])).values()["person_share_valence"]
            for x in (side_a[0], side_b[0])
        ]
        for name in sorted(set(side_a[0]["subject"]))
    ]
    gaps = np.subtract(*np.array(without).T)
    own = shares[0] - shares[3]
    error = (39 / 40 * ((gaps - own) ** 2).sum()) ** 0.5
    single = compare_persons(side_a[:1], side_b[:1])["person_share_valence"]
    half = stats.t.ppf(0.975, 39) * error
    assert (single.low, single.high) == pytest.approx((own - half, own + half), abs=1e-9)
    shuffled = told(side_b[0].sample(frac=1, random_state=0))
    again = compare_persons(side_a[:1], [shuffled])
    assert again["person_share_valence"].effect == pytest.approx(shares[0] - shares[3])
    with pytest.raises(ValueError, match="as many seeds on both sides"):
        compare_persons(side_a, side_b[:1])
    with pytest.raises(ValueError, match="not scored on the same rows"):
        compare_persons(side_a[:1], [told(side_b[0][:-1])])
