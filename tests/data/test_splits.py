from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from affectrep.data.keys import text_keys
from affectrep.data.splits import fixed_fraction, hold_out, reduce_train
from tests.data.rows import manifest, table


def corpus(size: int = 1000) -> pd.DataFrame:
    """Rows of three classes (10, 30, 60 %), every tenth text a repetition, 20 speakers."""
    random = np.random.default_rng(0)
    labels = random.choice(["rare", "some", "most"], size, p=[0.1, 0.3, 0.6])
    texts = [
        f"Text {number - number % 10 if number % 10 == 9 else number}" for number in range(size)
    ]
    return pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(size)],
            "text": [text.upper() if number % 3 else text for number, text in enumerate(texts)],
            "label": labels,
            "speaker": random.choice([f"s{number}" for number in range(20)], size),
        }
    )


def test_held_out_share_is_met_in_every_class():
    rows = corpus()
    held = hold_out(rows, share=0.2, seed=0)
    for label, count in rows["label"].value_counts().items():
        assert abs((held & (rows["label"] == label)).sum() - 0.2 * count) <= 0.02 * count + 1


def test_rows_with_the_same_text_stay_together():
    rows = corpus()
    held = hold_out(rows, share=0.2, seed=0)
    keys = pd.Series(text_keys(rows["text"]))
    assert keys.duplicated().sum() == 100
    assert not set(keys[held]) & set(keys[~held])


def test_the_choice_depends_on_the_seed_and_not_on_the_order():
    rows = corpus()
    held = set(rows["id"][hold_out(rows, share=0.2, seed=0)])
    other = rows.sample(frac=1.0, random_state=3)
    assert held == set(other["id"][hold_out(other, share=0.2, seed=0)])
    assert held != set(rows["id"][hold_out(rows, share=0.2, seed=1)])


def test_whole_people_are_held_out():
    rows = corpus()
    held = hold_out(rows, share=0.2, seed=0, by="speaker")
    assert not set(rows["speaker"][held]) & set(rows["speaker"][~held])
    assert 0.1 < held.mean() < 0.3


def test_people_who_alone_show_a_class_stay_in_training():
    rows = pd.DataFrame({"id": list("abcdef"), "text": list("uvwxyz"), "label": list("aabbcc")})
    rows["speaker"] = ["al", "bo", "bo", "cy", "cy", "cy"]
    held = hold_out(rows, share=0.34, seed=0, by="speaker")
    assert set(rows["label"][~held]) == {"a", "b", "c"}
    rows["speaker"] = rows["label"]
    with pytest.raises(ValueError, match="no whole speakers can be held out of 6 rows"):
        hold_out(rows, share=0.34, seed=0, by="speaker")


def test_small_classes_keep_a_training_row():
    rows = pd.DataFrame({"id": list("abcde"), "text": list("vwxyz"), "label": list("aabbc")})
    held = hold_out(rows, share=0.9, seed=0)
    assert set(rows["label"][~held]) == {"a", "b", "c"}
    assert held.sum() == 2
    with pytest.raises(ValueError, match="give a split column"):
        hold_out(rows[4:], share=0.5, seed=0)


def test_several_labels_are_drawn_by_their_rarest():
    rows = corpus(200)
    rows["labels"] = [
        ["most"] if label == "most" else ["most", label] for label in rows.pop("label")
    ]
    held = hold_out(rows, share=0.2, seed=0)
    rare = np.array(["rare" in labels for labels in rows["labels"]])
    assert (held & rare).sum() == pytest.approx(0.2 * rare.sum(), abs=1.5)


def test_wrong_shares_and_columns_are_refused():
    for share in (0, 1, -0.1):
        with pytest.raises(ValueError, match="share between 0 and 1"):
            hold_out(corpus(10), share=share, seed=0)
    with pytest.raises(ValueError, match="cannot hold out by author: there is no such column"):
        hold_out(corpus(10), share=0.5, seed=0, by="author")
    for fraction in (0, 1.1):
        with pytest.raises(ValueError, match="fraction in"):
            fixed_fraction(corpus(10), fraction)


def test_a_smaller_fraction_is_part_of_a_larger_one():
    rows = corpus()
    small, large = fixed_fraction(rows, 0.1), fixed_fraction(rows, 0.5)
    assert set(small["id"]) < set(large["id"]) < set(rows["id"])
    assert large["id"].tolist() == rows["id"][rows["id"].isin(large["id"])].tolist()
    shares = large["label"].value_counts() / rows["label"].value_counts()
    assert ((shares - 0.5).abs() < 0.01).all()
    mixed = rows.sample(frac=1.0, random_state=1)
    assert set(fixed_fraction(mixed, 0.1)["id"]) == set(small["id"])
    assert set(fixed_fraction(rows, 0.1, seed=1)["id"]) != set(small["id"])
    assert fixed_fraction(rows, 1.0) is rows
    assert set(fixed_fraction(rows, 0.0001)["label"]) == {"rare", "some", "most"}


def test_reduced_training_leaves_the_other_splits_alone():
    rows = pd.concat([table(), table().assign(id=lambda r: r["id"] + "b")], ignore_index=True)
    made = manifest(rows)
    reduced = reduce_train(made, 0.5)
    assert len(reduced.split("train")) == 3
    assert reduced.fingerprint()["test"] == made.fingerprint()["test"]
    assert reduced.info.notes == ["Trained on 3 of 6 training rows (a fixed 0.5)."]
    assert reduce_train(made, 1.0) is made
