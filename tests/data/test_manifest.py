from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from affectrep.data.manifest import Manifest
from tests.data.rows import info, manifest, table


def test_split_renumbers_rows():
    rows = manifest().split("test")
    assert rows.index.tolist() == [0, 1, 2]
    assert rows["id"].tolist() == ["r6", "r7", "r8"]


def test_unknown_and_empty_splits_are_refused_in_words():
    with pytest.raises(ValueError, match="no split 'dev'; expected one of train, validation, test"):
        manifest().split("dev")
    some = table()[lambda rows: rows["split"] != "test"]
    with pytest.raises(ValueError, match="the split test of Tiny has no rows"):
        manifest(some).split("test")


def test_missing_columns_are_all_named():
    with pytest.raises(ValueError, match="no column split, label, text or path; it has id"):
        Manifest(pd.DataFrame({"id": ["1"]}), info())


def test_targets_of_each_task():
    assert manifest().targets("train").tolist() == [0, 1, 2]
    assert manifest().targets("train").dtype == np.int64
    several = table().assign(labels=[["sad", "calm"], ["glad"], ["sad"]] * 3)
    target = manifest(several, task="multilabel").targets("train")
    assert target.dtype == np.float32
    assert target.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    plane = table().assign(valence=0.5, arousal=-1.0)
    numbers = manifest(plane, task="regression", classes=None).targets("test")
    assert numbers.dtype == np.float32
    assert numbers.tolist() == [[0.5, -1.0]] * 3


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="'blue' is not a class of Tiny: calm, glad, sad"):
        manifest(table().assign(label="blue")).targets("train")


def test_domains_hold_names_of_training_rows_only():
    rows = table().assign(
        speaker=["bo", None, "al", "cy", "cy", "cy", "bo", "bo", "bo"], author=[None] * 9
    )
    assert manifest(rows).domains() == {"speaker": ["al", "bo"]}


def test_fingerprint_tells_ids_content_and_targets_apart():
    first = manifest().fingerprint()
    assert first == manifest().fingerprint()
    assert first["train"]["rows"] == 3
    for column, value, key in (
        ("id", "x", "ids"),
        ("text", "x", "content"),
        ("label", "glad", "targets"),
    ):
        changed = table()
        changed.loc[0, column] = value
        second = manifest(changed).fingerprint()
        assert [
            name for name in second["train"] if second["train"][name] != first["train"][name]
        ] == [key]
        assert second["test"] == first["test"]


def test_boxes_have_a_digest_of_their_own_where_there_are_any():
    plain = manifest()
    assert plain.box_digests() == {}
    boxes = {"box_left": 4.0, "box_top": -0.0, "box_side": 30.0}
    rows = table().assign(**boxes)
    rows.loc[rows["split"] == "test", list(boxes)] = np.nan  # whole images
    first = manifest(rows)
    assert set(first.box_digests()) == {"train", "validation"}
    assert first.fingerprint() == plain.fingerprint()
    near = manifest(rows.assign(box_left=rows["box_left"] + 0.001, box_top=abs(rows["box_top"])))
    assert near.box_digests() == first.box_digests()
    other = rows.copy()
    other.loc[other.index[other["split"] == "train"][-1], "box_side"] = np.nan
    moved = manifest(other).box_digests()
    assert moved["train"] != first.box_digests()["train"]
    assert moved["validation"] == first.box_digests()["validation"]


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_save_and_load_give_the_same_manifest(tmp_path, task):
    rows = table().assign(
        labels=[["sad", "calm"], [], ["sad"]] * 3,
        valence=0.25,
        arousal=-0.25,
        speaker=["al", None, "bo"] * 3,
        posterior=[[0.5, 0.25, 0.25]] * 9,
    )
    first = manifest(rows, task=task, dropped={"neutral": 3}, notes=["A note."], accept_leaks="why")
    second = Manifest.load(first.save(tmp_path / "deep" / "folder"))
    assert second.info == first.info
    assert second.fingerprint() == first.fingerprint()
    assert second.domains() == first.domains()
    assert second.rows["labels"].tolist() == rows["labels"].tolist()
    assert second.rows["posterior"].tolist() == rows["posterior"].tolist()
    np.testing.assert_array_equal(second.targets("train"), first.targets("train"))


def test_load_names_the_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no manifest\.parquet: prepare the corpus"):
        Manifest.load(tmp_path)
