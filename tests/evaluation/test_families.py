from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectrep.evaluation.families import (
    Families,
    families_from_confusion,
    family_statistics,
    family_table,
)
from affectrep.evaluation.metrics import confusion_matrix
from affectrep.evaluation.predictions import table_targets
from tests.evaluation.invented import CLASSES, table_of

KNOWN = [["annoyance", "anger", "rage"], ["joy", "delight"], ["fear", "worry"]]


def test_the_families_that_were_put_in_are_found() -> None:
    confusion = confusion_matrix(*table_targets(table_of(2000)), len(CLASSES))
    assert families_from_confusion(confusion, CLASSES).groups == KNOWN


def test_a_frequent_class_is_no_family_of_everything() -> None:
    confusion = np.array([[900, 20, 20], [60, 90, 3], [60, 3, 90]])
    assert families_from_confusion(confusion, list("abc")).groups == []


def test_a_handful_of_rows_proves_nothing() -> None:
    confusion = np.array([[200, 1, 9], [1, 2, 0], [9, 0, 200]])
    assert families_from_confusion(confusion, list("abc"), least=0.05).groups == []


def test_no_errors_and_one_class() -> None:
    assert families_from_confusion(np.eye(3) * 5, list("abc")).groups == []
    assert families_from_confusion(np.array([[5]]), ["a"]).groups == []


def test_save_and_load(tmp_path: Path) -> None:
    families = Families(KNOWN, CLASSES, "a rule", {"config": "ce", "seed": 0})
    families.save(tmp_path / "new" / "families.json")
    assert Families.load(tmp_path / "new" / "families.json") == families
    other = Families.load(tmp_path / "new" / "families.json", CLASSES[::-1])
    assert other.classes == CLASSES[::-1]
    assert other.of_class().tolist() == families.of_class()[::-1].tolist()


def test_bad_files_are_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--write-families"):
        Families.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('{"groups": [["a", "b"]]}')
    with pytest.raises(ValueError, match="not a families file"):
        Families.load(tmp_path / "bad.json")
    Families([["a", "b"]], ["a", "b"]).save(tmp_path / "f.json")
    with pytest.raises(ValueError, match="differ in b, c"):
        Families.load(tmp_path / "f.json", ["a", "c"])
    with pytest.raises(ValueError, match="unknown classes: z"):
        Families([["a", "z"]], ["a", "b"])
    with pytest.raises(ValueError, match="more than one family: a"):
        Families([["a", "b"], ["a", "c"]], ["a", "b", "c"])


def test_a_folder_is_no_families_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder: give the name of a file"):
        Families([["a", "b"]], ["a", "b"]).save(tmp_path)


def test_order_keeps_members_together() -> None:
    families = Families([["a", "d"]], list("abcd"))
    assert [list("abcd")[i] for i in families.order()] == ["a", "d", "b", "c"]


def test_figures_agree_with_counting_by_hand() -> None:
    table = table_of(500)
    y, said = table_targets(table)
    families = Families(KNOWN, CLASSES)
    number = families.of_class()
    found = family_statistics(y, said, families).values()
    errors = y != said
    inside = number[y] == number[said]
    assert found["errors_inside"] == pytest.approx((errors & inside).sum() / errors.sum())
    assert found["family_accuracy"] == pytest.approx(inside.mean())
    from sklearn.metrics import f1_score

    f1 = f1_score(y, said, average=None, labels=range(8))
    assert found["family_f1"] == pytest.approx(f1[:7].mean(), abs=1e-12)
    rows = family_table(confusion_matrix(y, said, 8), families)
    assert sum(row["rows"] for row in rows) == (y < 7).sum()
    assert rows[0]["f1"] == pytest.approx(f1[:3].mean(), abs=1e-12)


def test_without_families_the_figures_are_zero_or_the_accuracy() -> None:
    y, said = table_targets(table_of(100))
    found = family_statistics(y, said, Families([], CLASSES)).values()
    assert found["family_f1"] == found["errors_inside"] == 0
    assert found["family_accuracy"] == pytest.approx((y == said).mean())


def test_the_worst_family_is_the_one_with_the_lowest_accuracy() -> None:
    table = table_of(500)
    y, said = table_targets(table)
    said = np.where(y == 3, 0, said)  # joy goes wrong
    families = Families(KNOWN, CLASSES)
    found = family_statistics(y, said, families)
    shares = [
        (said == y)[np.isin(y, [CLASSES.index(name) for name in group])].mean() for group in KNOWN
    ]
    assert found.values()["worst_family_accuracy"] == pytest.approx(min(shares))
    assert min(shares) == shares[1]
    rows = family_table(confusion_matrix(y, said, 8), families)
    assert [row["accuracy"] for row in rows] == pytest.approx(shares)


def test_a_small_family_is_never_the_worst_one() -> None:
    y = np.repeat([0, 1, 3, 4], [15, 15, 20, 9])
    said = np.where(y < 2, y, 7)
    found = family_statistics(y, said, Families(KNOWN[:2], CLASSES)).values()
    assert found["worst_family_accuracy"] == 1.0  # 30 rows; the family of 29 is all wrong
    found = family_statistics(y[1:], said[1:], Families(KNOWN[:2], CLASSES)).values()
    assert "worst_family_accuracy" not in found
