"""Label noise: which rows change, into what, and that nothing else does."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectrep.data.label_noise import add_label_noise, flipped_rows
from affectrep.data.manifest import Manifest
from tests.data.rows import info, manifest, table

CLASSES = ["angry", "annoyed", "furious", "calm", "glad"]
FAMILIES = [["furious", "angry", "annoyed"]]
TRAIN_ROWS_WITHOUT_NOISE = {
    "rows": 3,
    "ids": "01681c1157dd08d684f1e6f6177047f148cdc6d48b502023ae957cce1d731bec",
    "content": "8361b97f84d651957819ceb0bb7474cc9ee24fed5f41f8ff385b55d740c72c9a",
    "targets": "1551b7cd2b54c766598d70fa84381dd5f73b432868c5875c9feade86a940fc7a",
}
PINNED = [
    ["r6", "calm", "annoyed"],
    ["r8", "angry", "calm"],
    ["r19", "calm", "glad"],
    ["r22", "annoyed", "furious"],
]


def corpus(train: int = 6000, held: int = 50) -> Manifest:
    """Five classes in turn; the first rows of the table are held out."""
    size = train + 2 * held
    splits = ["validation"] * held + ["test"] * held + ["train"] * train
    rows = pd.DataFrame({"id": [f"r{number}" for number in range(size)], "split": splits})
    rows["text"] = [f"text {number}" for number in range(size)]
    rows["label"] = [CLASSES[number % 5] for number in range(size)]
    return Manifest(rows, info(classes=CLASSES))


def test_a_share_of_nothing_changes_nothing():
    made = manifest()
    assert add_label_noise(made, 0) is made
    assert made.fingerprint()["train"] == TRAIN_ROWS_WITHOUT_NOISE
    assert flipped_rows(made).empty
    assert list(flipped_rows(made)) == ["id", "label", "clean_label"]


@pytest.mark.parametrize(("share", "count"), [(0.1, 600), (0.2, 1200), (0.0001, 1), (0.00001, 0)])
@pytest.mark.parametrize("families", [None, FAMILIES])
def test_exactly_the_share_of_the_training_rows_changes(share, count, families):
    clean = corpus()
    noisy = add_label_noise(clean, share, families=families)
    changed = noisy.rows["label"] != clean.rows["label"]
    assert changed.sum() == len(flipped_rows(noisy)) == count
    assert set(clean.rows["split"][changed]) <= {"train"}
    assert noisy.rows["clean_label"].equals(clean.rows["label"])
    others = list(clean.rows.columns.drop("label"))
    assert noisy.rows[others].equals(clean.rows[others])


def test_the_fingerprint_shows_it_in_the_training_targets_alone():
    before, after = corpus().fingerprint(), add_label_noise(corpus(), 0.1).fingerprint()
    differing = [
        (split, part)
        for split, parts in before.items()
        for part, value in parts.items()
        if value != after[split][part]
    ]
    assert differing == [("train", "targets")]


def test_the_targets_of_training_are_the_wrong_ones():
    noisy = add_label_noise(corpus(), 0.2)
    flipped = flipped_rows(noisy).set_index("id")["label"]
    train = noisy.split("train")
    named = [CLASSES[code] for code in noisy.targets("train")]
    assert dict(zip(train["id"], named, strict=True)).items() >= dict(flipped).items()


def test_the_same_seed_changes_the_same_rows_in_any_order():
    first = flipped_rows(add_label_noise(corpus(), 0.1, seed=3))
    pd.testing.assert_frame_equal(first, flipped_rows(add_label_noise(corpus(), 0.1, seed=3)))
    rows = corpus().rows.sample(frac=1.0, random_state=1)
    mixed = flipped_rows(add_label_noise(Manifest(rows, info(classes=CLASSES)), 0.1, seed=3))
    assert mixed.sort_values("id").values.tolist() == first.sort_values("id").values.tolist()
    other = flipped_rows(add_label_noise(corpus(), 0.1, seed=4))
    assert len(set(first["id"]) & set(other["id"])) < 100  # 60 of 600 by chance


def test_the_draw_is_pinned():
    clean = corpus(20, 2)
    assert flipped_rows(add_label_noise(clean, 0.2)).values.tolist() == PINNED


def test_a_smaller_share_is_part_of_a_larger_one():
    small, large = (flipped_rows(add_label_noise(corpus(), share)) for share in (0.1, 0.2))
    pairs = [set(zip(part["id"], part["label"], strict=True)) for part in (small, large)]
    assert pairs[0] < pairs[1]


def counts(flipped: pd.DataFrame) -> Counter[tuple[str, str]]:
    return Counter(zip(flipped["clean_label"], flipped["label"], strict=True))


def test_uniform_noise_goes_evenly_from_all_classes_into_all_others():
    found = counts(flipped_rows(add_label_noise(corpus(), 0.5)))
    assert set(found) == {(one, other) for one in CLASSES for other in CLASSES if one != other}
    assert all(abs(count - 150) < 60 for count in found.values())  # sd about 12


def test_neighbours_stay_in_the_family_and_take_its_members_evenly():
    found = counts(flipped_rows(add_label_noise(corpus(), 0.5, families=FAMILIES)))
    family = FAMILIES[0]
    assert set(found) == {(one, other) for one in family for other in family if one != other}
    assert all(abs(count - 500) < 110 for count in found.values())  # sd about 22


def test_a_family_of_two_has_one_way_to_go():
    found = counts(flipped_rows(add_label_noise(corpus(), 0.1, families=[["glad", "calm"]])))
    assert set(found) == {("calm", "glad"), ("glad", "calm")}
    assert sum(found.values()) == 600


@settings(max_examples=60, deadline=None)
@given(
    codes=st.lists(st.integers(0, 4), min_size=4, max_size=40),
    share=st.floats(0.01, 0.6),
    seed=st.integers(0, 5),
)
def test_any_table(codes, share, seed):
    rows = pd.DataFrame({"id": [str(number) for number in range(len(codes))]})
    rows["split"] = (["train", "train", "validation", "test"] * 10)[: len(codes)]
    rows["text"], rows["label"] = rows["id"], [CLASSES[code] for code in codes]
    clean = Manifest(rows, info(classes=CLASSES))
    noisy = add_label_noise(clean, share, seed=seed)
    flipped = flipped_rows(noisy)
    assert len(flipped) == round(share * len(clean.split("train")))
    assert (flipped["label"] != flipped["clean_label"]).all()
    assert set(flipped["label"]) <= set(CLASSES)
    for split in ("validation", "test"):
        assert noisy.fingerprint()[split] == clean.fingerprint()[split]


def test_the_note_says_what_was_done():
    assert add_label_noise(corpus(), 0.1).info.notes == [
        "Label noise: 600 of 6,000 training labels replaced by another class "
        "(share 0.1, seed 0); validation and test keep theirs."
    ]
    [note] = add_label_noise(corpus(), 0.1, seed=2, families=FAMILIES).info.notes
    in_family = corpus().split("train")["label"].isin(FAMILIES[0]).sum()
    assert "by another class of the same family (share 0.1, seed 2)" in note
    assert f"drawn from the {in_family:,} rows whose class is in a family." in note


@pytest.mark.parametrize("share", [-0.1, 1, 1.5])
def test_a_wrong_share_is_refused(share):
    with pytest.raises(ValueError, match=r"a share of wrong labels in \[0, 1\), got"):
        add_label_noise(corpus(), share)


def test_labels_that_are_not_one_class_a_row_are_refused():
    several = table().rename(columns={"label": "labels"})
    several["labels"] = [[label] for label in several["labels"]]
    with pytest.raises(ValueError, match="the labels of Tiny are for multilabel: set data.label_n"):
        add_label_noise(manifest(several, task="multilabel"), 0.5)
    numbers = table().assign(valence=0.1, arousal=0.2).drop(columns="label")
    with pytest.raises(ValueError, match="the labels of Tiny are for regression"):
        add_label_noise(manifest(numbers, task="regression", classes=None), 0.5)


def test_families_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="families name jolly, merry, but the classes are angry"):
        add_label_noise(corpus(), 0.1, families=[["glad", "merry", "jolly"]])


def test_a_share_that_the_families_cannot_carry_is_refused():
    able = corpus().split("train")["label"].isin(["calm", "glad"]).sum()
    match = f"3,000 of 6,000 training labels should be replaced, but only {able:,} rows"
    with pytest.raises(ValueError, match=match):
        add_label_noise(corpus(), 0.5, families=[["calm", "glad"]])


def test_a_label_that_is_no_class_is_left_for_the_check_to_report():
    clean = corpus(20, 2)
    clean.rows.loc[clean.rows["split"] == "train", "label"] = ["clam", "calm"] * 10
    noisy = add_label_noise(clean, 0.5)
    assert set(flipped_rows(noisy)["clean_label"]) == {"calm"}
    assert (noisy.rows["label"] == "clam").sum() == 10
