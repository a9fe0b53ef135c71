from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from affectrep.data.group_protocol import GroupProtocol
from affectrep.data.group_splits import dropped_by, in_fold, level_classes, split_by_groups


def table(people: int = 15, each: int = 12) -> pd.DataFrame:
    """Invented rows; the last person is in both corpora."""
    size = people * each
    return pd.DataFrame(
        {
            "id": [str(number) for number in range(size)],
            "label": [["calm", "glad", "sad"][number % 3] for number in range(size)],
            "author": [f"a{number // each}" for number in range(size)],
            "corpus": ["old" if number < size - 6 else "new" for number in range(size)],
        }
    )


def test_each_group_is_tested_in_one_fold_and_classes_are_level():
    rows = table()
    names, tested = rows["author"].tolist(), []
    for fold in range(5):
        out = in_fold(names, level_classes(rows), fold=fold, folds=5, seed=1)
        assert Counter(rows.loc[out, "label"]) == {"calm": 12, "glad": 12, "sad": 12}
        assert not set(rows.loc[out, "author"]) & set(rows.loc[~out, "author"])
        tested += rows.loc[out, "id"].tolist()
    assert sorted(tested) == sorted(rows["id"])


def test_the_deal_follows_the_seed_and_not_the_order():
    rows = table()
    moved = rows.sample(frac=1, random_state=0)

    def tested(rows: pd.DataFrame, seed: int) -> set[str]:
        found = in_fold(rows["author"].tolist(), level_classes(rows), fold=2, folds=5, seed=seed)
        return set(rows.loc[found, "id"])

    assert tested(rows, 4) == tested(moved, 4)
    assert len({frozenset(tested(rows, seed)) for seed in range(6)}) > 1


def test_folds_are_levelled_by_what_the_rows_have():
    both = pd.DataFrame({"valence": [0.1, -0.1], "arousal": [0.2, -0.3]})
    assert level_classes(both) == ["++", "--"]
    assert level_classes(both.assign(label=["x", "y"])) == ["x", "y"]
    several = pd.DataFrame({"labels": [["a", "b"], ["a"], []]})
    assert level_classes(several) == ["b", "a", ""]


def test_a_person_of_the_tested_group_is_trained_on_nowhere():
    rows = table()
    protocol = GroupProtocol("leave_group_out", "corpus", "new")
    split, notes = split_by_groups(rows, protocol, units=rows["author"].tolist(), seed=0)
    assert (split == "test").tolist() == (rows["corpus"] == "new").tolist()
    left = rows[split == ""]
    assert set(left["author"]) == {"a14"}
    assert len(left) == 6
    assert list(dropped_by(protocol, split).values()) == [6]
    assert dropped_by(protocol, split[split != ""]) == {}
    assert notes == ["Test is the corpus new, which training never sees."]


def test_one_person_left_out_is_all_of_the_test():
    rows = table()
    protocol = GroupProtocol("leave_group_out", "author", "a3")
    split, _ = split_by_groups(rows, protocol, units=rows["author"].tolist(), seed=0)
    assert set(rows.loc[split == "test", "author"]) == {"a3"}
    assert Counter(split) == {"test": 12, "train": 168}


def test_folds_of_another_column_keep_its_groups_whole():
    rows = table().assign(corpus=[f"c{number % 4}" for number in range(180)])
    protocol = GroupProtocol("folds", "corpus", fold=1, folds=2)
    split, notes = split_by_groups(rows, protocol, units=rows["id"].tolist(), seed=0)
    sides = [set(rows.loc[split == name, "corpus"]) for name in ("train", "test")]
    assert [len(side) for side in sides] == [2, 2]
    assert not sides[0] & sides[1]
    assert notes == ["Test is fold 1 of 2, dealt by seed 0 (every corpus whole)."]


def test_a_row_without_a_name_is_a_person_of_its_own_in_folds_only():
    rows = table()
    units = ["row 0", *rows["author"][1:]]
    rows["author"] = pd.Series([None, *rows["author"][1:]], dtype=object)
    split, _ = split_by_groups(rows, GroupProtocol("folds", "author"), units=units, seed=0)
    assert set(split) == {"train", "test"}
    left_out = GroupProtocol("leave_group_out", "author", "a3")
    with pytest.raises(ValueError, match="1 rows have no author, and may be of one that is tested"):
        split_by_groups(rows, left_out, units=units, seed=0)
    rows.loc[5, "corpus"] = ""
    with pytest.raises(ValueError, match="1 rows have no corpus"):
        split_by_groups(rows, GroupProtocol("folds", "corpus"), units=units, seed=0)


def test_what_is_not_there_is_named():
    rows, units = table(), table()["author"].tolist()
    with pytest.raises(ValueError, match="no row has the author bob: there are a0, a1, .* 7 more"):
        split_by_groups(
            rows, GroupProtocol("leave_group_out", "author", "bob"), units=units, seed=0
        )
    with pytest.raises(ValueError, match="no row has a name in the column speaker: map it"):
        split_by_groups(rows, GroupProtocol("folds", "speaker"), units=units, seed=0)
    with pytest.raises(ValueError, match="2 to 15 folds for 15 groups, got 16"):
        split_by_groups(rows, GroupProtocol("folds", folds=16), units=units, seed=0)
    with pytest.raises(ValueError, match="leaves no row to train on"):
        protocol = GroupProtocol("leave_group_out", "corpus", "old")
        split_by_groups(rows[rows["corpus"] == "old"], protocol, units=units[:-6], seed=0)
