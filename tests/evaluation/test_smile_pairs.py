from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from affectrep.evaluation.smile_pairs import (
    compare_smile_pairs,
    smile_pairs,
    smile_statistics,
    wilson,
)


def photos(people: int = 40, *, shift: float = 0.3, seed: int = 0) -> pd.DataFrame:
    """Two photos a person, in no order, and some with another expression or nobody's name."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"subject": np.repeat([f"p{i:03d}" for i in range(people)], 2)})
    table["expression"] = ["neutral", "happiness"] * people
    smiling = np.arange(2 * people) % 2
    own = np.repeat(rng.normal(0, 0.1, people), 2)
    table["predicted_valence"] = own + shift * smiling + rng.normal(0, 0.1, 2 * people)
    table["predicted_arousal"] = rng.normal(0, 0.1, 2 * people)
    more = pd.DataFrame({"subject": ["q", "p000", None], "predicted_valence": 9.0})
    more["expression"], more["predicted_arousal"] = ["neutral", "sadness", "happiness"], 0.0
    table = pd.concat([table, more], ignore_index=True)
    table["id"] = [f"r{i}" for i in range(len(table))]
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def sides(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    named = table.dropna(subset=["subject"])
    parts = [named[named["expression"] == one] for one in ("neutral", "happiness")]
    neutral, smiling = (part.set_index("subject").sort_index() for part in parts)
    return neutral.loc[smiling.index], smiling


def test_shifts_and_shares_are_those_of_the_pairs() -> None:
    table = photos()
    found = json.loads(json.dumps(smile_pairs(table)))
    assert found["people"] == 40
    assert found["left_out"] == 1  # q has one photo
    assert found["ties"] == 0
    neutral, smiling = sides(table)
    for axis in ("valence", "arousal"):
        shift = (smiling[f"predicted_{axis}"] - neutral[f"predicted_{axis}"]).to_numpy()
        one = found["metrics"][f"smile_shift_{axis}"]
        assert one["value"] == pytest.approx(shift.mean(), abs=1e-12)
        ends = stats.ttest_1samp(shift, 0).confidence_interval()
        assert (one["low"], one["high"]) == pytest.approx((ends.low, ends.high), abs=1e-9)
        spread = found["metrics"][f"smile_shift_sd_{axis}"]
        assert spread["value"] == pytest.approx(shift.std(ddof=1), abs=1e-12)
        assert spread["low"] < spread["value"] < spread["high"]
    higher = smiling["predicted_valence"] > neutral["predicted_valence"]
    one = found["metrics"]["smile_higher"]
    assert one["value"] == pytest.approx(higher.mean())
    expected = stats.binomtest(int(higher.sum()), 40).proportion_ci(method="wilson")
    assert (one["low"], one["high"]) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert "reidentified" not in found["metrics"]


def test_the_order_of_all_pairs_is_the_auc() -> None:
    table = photos(shift=0.1)
    neutral, smiling = sides(table)
    labels = np.repeat([0, 1], 40)
    scores = np.concatenate([neutral["predicted_valence"], smiling["predicted_valence"]])
    one = smile_pairs(table)["metrics"]["smile_order"]
    assert one["value"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert one["chance"] == 0.5
    assert 0.4 < one["low"] < one["value"] < one["high"] < 1


def test_intervals_of_the_order_and_of_the_spread_cover_the_truth() -> None:
    true = stats.norm.cdf(0.1 / 0.2)  # a difference of 0.1 between values of variance 0.02 each
    hits = np.zeros(2, int)
    for seed in range(60):
        found = smile_pairs(photos(shift=0.1, seed=seed))["metrics"]
        for place, (name, value) in enumerate(
            (("smile_order", true), ("smile_shift_sd_valence", 0.1 * 2**0.5))
        ):
            hits[place] += found[name]["low"] <= value <= found[name]["high"]
    assert (hits >= 52).all()


def test_people_are_found_again_by_a_naive_search() -> None:
    table = photos(people=25)
    rng = np.random.default_rng(1)
    codes = {name: rng.normal(size=6) for name in sorted(set(table["subject"].dropna()))}
    values = np.stack([codes.get(one, np.ones(6)) for one in table["subject"]])
    values = values + 0.7 * rng.normal(size=values.shape)
    found = smile_pairs(table, values)["metrics"]
    neutral, smiling = sides(table)
    where = {one: row for row, one in enumerate(table["id"])}
    gallery = [values[where[one]] for one in neutral["id"]]
    places = []
    for place, one in enumerate(smiling["id"]):
        asked = values[where[one]]
        near = [asked @ g / np.linalg.norm(asked) / np.linalg.norm(g) for g in gallery]
        places.append(1 + sum(other > near[place] for other in near))
    assert found["reidentified"]["value"] == pytest.approx(np.mean(np.array(places) == 1))
    assert found["reidentified_rank"]["value"] == pytest.approx(np.mean(places))
    assert found["reidentified"]["chance"] == pytest.approx(1 / 25)
    assert found["reidentified_rank"]["chance"] == 13
    assert 0 < found["reidentified"]["value"] < 1


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_embeddings_that_coincide_find_nobody(value: float) -> None:
    table = photos(people=20)
    found = smile_pairs(table, np.full((len(table), 7), value))["metrics"]
    assert found["reidentified"]["value"] == pytest.approx(1 / 20)
    assert found["reidentified_rank"]["value"] == pytest.approx(10.5)


def test_ties_do_not_count_as_a_smile_seen() -> None:
    table = photos(people=10).assign(predicted_valence=0.2)
    found = smile_pairs(table)
    assert found["ties"] == 10
    assert found["metrics"]["smile_higher"]["value"] == 0
    assert found["metrics"]["smile_order"]["value"] == 0.5
    assert found["metrics"]["smile_shift_sd_valence"]["low"] is None


def test_two_systems_are_compared_on_the_same_people() -> None:
    table = photos()
    flat = table.assign(predicted_valence=np.random.default_rng(3).normal(size=len(table)))
    parts = [[smile_statistics(one)] * 2 for one in (table, flat)]
    found = compare_smile_pairs(*parts, resamples=1000)
    for name in ("smile_higher", "smile_order", "smile_shift_sd_valence"):
        values = [side[0].values()[name] for side in parts]
        assert found[name].effect == pytest.approx(values[0] - values[1])
        assert found[name].told_apart
    assert found["smile_shift_arousal"].effect == 0
    few = smile_statistics(photos(people=39))
    with pytest.raises(ValueError, match="different rows"):
        compare_smile_pairs(parts[0][:1], [few])


def test_wilson_has_ends_inside_the_unit() -> None:
    assert wilson(0, 12).low == 0
    assert wilson(12, 12).high == 1
    assert wilson(0.5, 12).value == pytest.approx(0.5 / 12)
    with pytest.raises(ValueError, match="got 3 of 2"):
        wilson(3, 2)


def test_mistakes_are_said_in_words() -> None:
    table = photos(people=5)
    with pytest.raises(ValueError, match="expression, predicted_arousal, which are missing"):
        smile_pairs(table.drop(columns=["expression", "predicted_arousal"]))
    with pytest.raises(ValueError, match="p001 has more than one neutral photo"):
        smile_pairs(pd.concat([table, table[table["subject"] == "p001"]]))
    with pytest.raises(ValueError, match="found 0"):
        smile_pairs(table[table["expression"] == "neutral"])
    with pytest.raises(ValueError, match="finite predictions"):
        smile_pairs(table.assign(predicted_arousal=np.nan))
    with pytest.raises(ValueError, match=r"embeddings \(13, dim\), got shape \(4, 2\)"):
        smile_pairs(table, np.ones((4, 2)))
    with pytest.raises(ValueError, match="finite embeddings"):
        smile_pairs(table, np.full((13, 2), np.nan))
