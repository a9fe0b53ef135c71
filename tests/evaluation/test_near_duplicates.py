from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from affectrep.data.manifest import SPLITS
from affectrep.evaluation import near_duplicates as module
from affectrep.evaluation.near_duplicates import (
    NearDuplicates,
    near_duplicates,
    nearer_share,
    nearest_quantiles,
)


def rows(sizes: tuple[int, int, int] = (60, 20, 30), seed: int = 0):
    """Random rows of three splits, shuffled."""
    generator = np.random.default_rng(seed)
    splits = np.repeat(SPLITS, sizes)
    generator.shuffle(splits)
    values = generator.normal(size=(len(splits), 8))
    return [f"r{place}" for place in range(len(splits))], list(splits), values


def by_hand(ids, splits, values, similarity):
    """Every pair of rows of different splits, one at a time, in double precision."""
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    found = []
    for i, j in combinations(range(len(ids)), 2):
        if splits[i] != splits[j]:
            first, second = sorted((i, j), key=lambda row: SPLITS.index(splits[row]))
            cosine = float(units[i] @ units[j])
            if cosine >= similarity:
                found.append((ids[first], ids[second], cosine))
    return sorted(found, key=lambda pair: -pair[2])


@pytest.mark.parametrize("block", [(1024, 4096), (7, 11)])
def test_all_pairs_of_different_splits_are_found_whatever_the_blocks(block, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", block)
    ids, splits, values = rows()
    found, wanted = near_duplicates(ids, splits, values, similarity=0.6), by_hand(*rows(), 0.6)
    assert len(wanted) > 50
    pairs = list(zip(found.pairs["first"], found.pairs["second"], strict=True))
    assert {(a, b) for a, b, _ in wanted} == set(pairs)
    assert len(set(pairs)) == len(pairs)
    assert found.pairs["similarity"].tolist() == pytest.approx([s for *_, s in wanted], abs=2e-6)
    assert sum(found.counts.values()) == len(wanted)
    split = dict(zip(ids, splits, strict=True))
    assert [split[name] for name in found.pairs["first"]] == found.pairs["first_split"].tolist()
    for (first, second), count in found.counts.items():
        mine = [(a, b) for a, b, _ in wanted if (split[a], split[b]) == (first, second)]
        assert count == len(mine)
        assert found.rows[first, second] == len({b for _, b in mine})


@pytest.mark.parametrize("most", [1, 10, 40])
def test_only_the_most_similar_are_listed_and_all_are_counted(most, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", (7, 11))
    whole = near_duplicates(*rows(), similarity=0.3)
    few = near_duplicates(*rows(), similarity=0.3, most=most)
    assert len(whole.pairs) > 100
    pd.testing.assert_frame_equal(few.pairs, whole.pairs.head(most))
    assert few.counts == whole.counts
    assert few.rows == whole.rows


def test_the_nearest_training_row_of_each_row_is_exact():
    ids, splits, values = rows()
    found = near_duplicates(ids, splits, values)
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    names = np.array(splits)
    for split in ("validation", "test"):
        wanted = (units[names == split] @ units[names == "train"].T).max(1)
        assert found.nearest[split] == pytest.approx(wanted, abs=1e-6)


def test_copies_are_found_at_any_length_and_come_first():
    ids, splits, values = rows()
    train, test = splits.index("train"), splits.index("test")
    values[test] = 7 * values[train]
    found = near_duplicates(ids, splits, values, similarity=1)
    assert found.pairs[["first", "second", "similarity"]].values.tolist() == [
        [ids[train], ids[test], 1.0]
    ]
    assert found.nearest["test"].max() == pytest.approx(1)


def test_a_row_of_zeros_is_like_none():
    values = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    found = near_duplicates(["a", "b", "c"], ["train", "test", "test"], values, similarity=0.5)
    assert found.pairs.empty
    assert found.counts == {("train", "test"): 0}
    assert found.nearest["test"].tolist() == [0, 0]


def test_splits_that_are_not_there_are_left_out():
    values = np.ones((3, 2))
    found = near_duplicates(["a", "b", "c"], ["train", "test", "other"], values)
    assert found.counts == {("train", "test"): 1}
    assert list(found.nearest) == ["test"]
    assert nearer_share(found) is None


def test_the_share_is_the_area_under_the_curve():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(3)
    nearest = {
        "validation": generator.integers(0, 9, 50) / 10,
        "test": generator.integers(2, 9, 70) / 10,
    }
    found = NearDuplicates(pd.DataFrame(), {}, {}, nearest, 0.98)
    scores = np.concatenate([nearest["validation"], nearest["test"]])
    area = metrics.roc_auc_score(np.repeat([0, 1], [50, 70]), scores)
    assert nearer_share(found)[0] == pytest.approx(area, abs=1e-12)


def test_splits_that_are_drawn_alike_stay_within_chance_and_copies_do_not():
    inside = 0
    for seed in range(40):
        share, width = nearer_share(near_duplicates(*rows((300, 60, 60), seed)))
        inside += abs(share - 0.5) <= width
    assert inside >= 34
    ids, splits, values = rows((300, 60, 60))
    names = np.array(splits)
    copied = np.flatnonzero(names == "test")[:30]
    values[copied] = values[np.flatnonzero(names == "train")[:30]]
    found = near_duplicates(ids, splits, values)
    share, width = nearer_share(found)
    assert share > 0.5 + width
    table = nearest_quantiles(found)
    assert table.loc[0.75, "test"] == pytest.approx(1)
    assert table.loc[0.75, "validation"] < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"similarity": 1.1}, r"a similarity in \(-1, 1\], got 1.1"),
        ({"most": 0}, "at least one pair"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        near_duplicates(*rows(), **change)


def test_rows_that_do_not_fit_are_refused():
    ids, splits, values = rows()
    with pytest.raises(ValueError, match="got shape .* 109 ids"):
        near_duplicates(ids[1:], splits, values)
    values[3, 2] = np.nan
    with pytest.raises(ValueError, match="the embedding of row r3 is not finite"):
        near_duplicates(ids, splits, values)
