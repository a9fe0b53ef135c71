from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from affectrep.data.corpora import face_splits
from affectrep.data.corpora.face_splits import fill_splits, read_words, split_by_fold, split_units


def people(count: int = 20, each: int = 10) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    size = count * each
    return pd.DataFrame(
        {
            "id": [str(number) for number in range(size)],
            "split": "train",
            "subject": [f"s{number // each}" for number in range(size)],
            "valence": generator.uniform(-1, 1, size),
            "arousal": generator.uniform(-1, 1, size),
        }
    )


def sides(rows: pd.DataFrame, column: str) -> dict[str, set[str]]:
    return rows.groupby("split")[column].agg(set).to_dict()


def test_drawn_splits_share_no_person_and_have_about_their_size():
    rows, notes = fill_splits(people(), holdout=0.2, seed=0)
    found = sides(rows, "subject")
    assert not found["train"] & found["test"]
    assert not found["train"] & found["validation"]
    assert not found["validation"] & found["test"]
    sizes = rows["split"].value_counts()
    assert sizes["test"] == pytest.approx(40, abs=20)
    assert sizes["validation"] == pytest.approx(40, abs=20)
    assert [note.split(" rows")[0] for note in notes] == ["No test", "No validation"]
    assert "whole persons" in notes[0]


def test_the_draw_follows_the_seed_and_not_the_order():
    rows = people()
    first, _ = fill_splits(rows, holdout=0.2, seed=0)
    shuffled, _ = fill_splits(rows.sample(frac=1, random_state=1), holdout=0.2, seed=0)
    assert shuffled.sort_index()["split"].tolist() == first["split"].tolist()
    others = [fill_splits(rows, holdout=0.2, seed=seed)[0]["split"].tolist() for seed in (1, 2)]
    assert first["split"].tolist() not in others


def test_every_person_is_tested_in_one_fold():
    rows, tested = people(), []
    for fold in range(5):
        split, notes = split_by_fold(rows, fold=fold, folds=5, holdout=0.1, seed=3)
        found = sides(split, "subject")
        assert not found["test"] & (found["train"] | found["validation"])
        assert notes[0].startswith(f"Test is fold {fold} of 5")
        tested += sorted(found["test"])
    assert sorted(tested) == sorted(set(rows["subject"]))


def test_many_units_are_drawn_by_the_quick_rule(monkeypatch):
    monkeypatch.setattr(face_splits, "_MANY", 3)
    rows, _ = fill_splits(people(), holdout=0.2, seed=0)
    found = sides(rows, "subject")
    assert not found["train"] & (found["test"] | found["validation"])
    assert rows["split"].value_counts()["test"] == pytest.approx(40, abs=10)


def test_equal_images_stay_together_where_nothing_else_is_known():
    rows = people().drop(columns="subject").assign(content=[f"c{n // 2}" for n in range(200)])
    rows, notes = fill_splits(rows, holdout=0.2, seed=0)
    found = sides(rows, "content")
    assert not found["train"] & (found["test"] | found["validation"])
    assert "equal images together" in notes[0]


def test_a_person_comes_before_the_unit_and_the_video():
    rows = pd.DataFrame(
        {"id": list("abc"), "subject": ["x", None, None], "unit": ["u", "u", None], "video": "v"}
    )
    assert split_units(rows.assign(unit=["t", "u", None])) == ["subject x", "unit u", "video v"]
    # b is of the unit in which x is seen
    assert split_units(rows) == ["subject x", "subject x", "video v"]


def test_persons_who_share_a_unit_are_one_whatever_the_order():
    chain = [("p9", "u1"), ("p3", "u1"), ("p3", "u2"), ("p5", "u2"), ("p7", "u3"), (None, "u3")]
    rows = pd.DataFrame(chain, columns=["subject", "unit"]).assign(id=list("abcdef"))
    wanted = pd.Series(["subject p3"] * 4 + ["subject p7"] * 2)
    for seed in range(5):
        mixed = rows.sample(frac=1, random_state=seed)
        assert split_units(mixed) == wanted[mixed.index].tolist()


def test_a_long_row_of_persons_in_common_units_is_one():
    count = 3000
    rows = pd.DataFrame({"id": [str(number) for number in range(2 * count)]})
    rows["subject"] = [f"p{(number + 1) // 2:05d}" for number in range(2 * count)]
    rows["unit"] = [f"u{number // 2:05d}" for number in range(2 * count)]
    assert set(split_units(rows)) == {"subject p00000"}


def test_given_splits_are_kept():
    rows = people()
    rows["split"] = ["train"] * 100 + ["validation"] * 50 + ["test"] * 50
    kept, notes = fill_splits(rows, holdout=0.2, seed=0)
    assert kept["split"].tolist() == rows["split"].tolist()
    assert notes == []
    rows.loc[rows["split"] == "validation", "split"] = "train"
    drawn, notes = fill_splits(rows, holdout=0.2, seed=0)
    assert (drawn["split"] == "test").tolist() == (rows["split"] == "test").tolist()
    assert len(notes) == 1


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match=r"data\.holdout=0\.5 for validation and again for test"):
        fill_splits(people(), holdout=0.5, seed=0)
    with pytest.raises(ValueError, match="all 10 training rows are of one person or video"):
        fill_splits(people(1), holdout=0.1, seed=0)
    with pytest.raises(ValueError, match="5 folds need as many persons or videos, there are 3"):
        split_by_fold(people(3), fold=0, folds=5, holdout=0.1, seed=0)
    with pytest.raises(ValueError, match="got fold=5 folds=5"):
        split_by_fold(people(), fold=5, folds=5, holdout=0.1, seed=0)


def test_words_of_a_protocol():
    known = {"fold": int, "folds": int, "fps": float}
    assert read_words("x", None, known) == {}
    assert read_words("x", "folds", known) == {"folds": 5, "fold": 0}
    assert read_words("x", "folds fold=1 folds=3", known) == {"folds": 3, "fold": 1}
    assert read_words("x", "fold=1", known) == {"folds": 5, "fold": 1}
    for wrong in ("fps=many", "speakers", "rate=5", "fps"):
        with pytest.raises(ValueError, match=f"of x has the word '{wrong}': expected folds, fold="):
            read_words("x", wrong, known)
    with pytest.raises(ValueError, match="the word 'folds': expected fps=<float>"):
        read_words("x", "folds", {"fps": float})
