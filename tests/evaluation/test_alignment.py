from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.evaluation.alignment import align, clustered_table
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.crosslingual_runs import make_setting


def test_rows_come_in_the_order_of_the_reference(tmp_path: Path) -> None:
    first, other = (StoredRun(make_setting(tmp_path, name, "de")) for name in "ab")
    reference, table = first.table("test"), other.table("test")
    shuffled = table.sample(frac=1, random_state=0)
    shuffled.attrs = table.attrs
    found = align(shuffled, other, reference, first)
    assert found["id"].tolist() == reference["id"].tolist()
    assert found["predicted"].tolist() == table["predicted"].tolist()
    assert found.attrs == table.attrs


def test_what_differs_is_said(tmp_path: Path) -> None:
    first, other = (StoredRun(make_setting(tmp_path, name, "de")) for name in "ab")
    reference = first.table("test")
    labels = other.table("test").assign(label="joy")
    labels.attrs = reference.attrs
    with pytest.raises(ValueError, match="have other labels for"):
        align(labels, other, reference, first)
    classes = other.table("test")
    classes.attrs = {**classes.attrs, "classes": ["joy"]}
    with pytest.raises(ValueError, match="have a different classes: not comparable"):
        align(classes, other, reference, first)
    rows = other.table("test").assign(id=[f"x{i}" for i in range(len(reference))])
    rows.attrs = reference.attrs
    with pytest.raises(ValueError, match="120 only in the first, 120 only in the second"):
        align(rows, other, reference, first)


def test_the_cluster_is_that_of_the_configuration(tmp_path: Path) -> None:
    with_speakers = StoredRun(make_setting(tmp_path, "a", "de"))
    without = StoredRun(make_setting(tmp_path, "b", "de", cluster=None))
    missing = StoredRun(make_setting(tmp_path, "c", "de", cluster="subject"))
    assert clustered_table(with_speakers, "test").attrs["cluster"] == "speaker"
    assert "cluster" not in clustered_table(without, "test").attrs
    assert "cluster" not in clustered_table(missing, "test").attrs
