from __future__ import annotations

import pandas as pd
import pytest

from affectrep.data.checks import (
    Problem,
    check_manifest,
    count_leaks,
    leaked_ids,
    require_clean,
)
from tests.data.rows import manifest, table


def kinds(problems: list[Problem]) -> dict[str, tuple[int | str, ...]]:
    return {problem.kind: problem.rows for problem in problems}


def test_a_clean_manifest_has_no_problem():
    assert check_manifest(manifest()) == []
    require_clean([])


def test_all_problems_are_listed_at_once_with_their_rows():
    rows = table()
    rows.loc[0, "text"] = "  "
    rows["text"] = rows["text"].astype(object)
    rows.loc[1, "text"] = None
    rows["label"] = rows["label"].astype(object)
    rows.loc[4, "label"] = "gald"
    rows.loc[5, "label"] = None
    rows.loc[7, "text"] = " RAIN again in train"
    rows.loc[8, "id"] = "r6"
    rows.loc[3, "split"] = "dev"
    problems = check_manifest(manifest(rows))
    found = kinds(problems)
    assert found == {
        "unknown_split": (5,),
        "duplicate_id": (8, 10),
        "empty_text": (2, 3),
        "no_label": (7,),
        "unknown_label": (6,),
        "leak": ("9 = 4",),
        "class_not_tested": (),
    }
    with pytest.raises(ValueError, match="the data has 6 problems:") as caught:
        require_clean(problems)
    message = str(caught.value)
    assert "- labels 'gald' are not among the 3 classes" in message
    assert "(row 6)" in message
    assert "class_not_tested" not in message
    with pytest.raises(ValueError, match="the data has 6 problems, see above$"):
        require_clean(problems, shown=True)


def test_empty_split_and_class_without_training_rows():
    rows = table()
    found = kinds(check_manifest(manifest(rows[rows["split"] != "test"])))
    assert found == {"empty_split": ()}
    (problem,) = check_manifest(manifest(rows.drop(index=2)))
    assert problem.kind == "no_training_rows"
    assert "no training row has the class sad" in str(problem)


def test_one_class_only():
    rows = table()[lambda rows: rows["label"] == "sad"]
    found = kinds(check_manifest(manifest(rows, classes=["sad"])))
    assert found == {"one_class": ()}


def test_an_empty_table_is_three_empty_splits():
    problems = check_manifest(manifest(table()[:0]))
    assert [problem.kind for problem in problems] == ["empty_split"] * 3


def test_leaks_of_every_pair_are_found_and_can_be_accepted():
    rows = table()
    rows.loc[3, "text"] = rows.loc[0, "text"].upper()
    rows.loc[6, "text"] = rows.loc[0, "text"]
    problems = check_manifest(manifest(rows))
    assert [problem.rows for problem in problems] == [("5 = 2",), ("8 = 2",), ("8 = 5",)]
    assert {problem.severity for problem in problems} == {"error"}
    accepted = check_manifest(manifest(rows, accept_leaks="an official split"))
    assert {problem.severity for problem in accepted} == {"note"}
    assert all("accepted: an official split" in problem.message for problem in accepted)
    require_clean(accepted)
    assert count_leaks(rows) == (
        "Shared texts: 1 validation texts occur in train (0 letter for letter); "
        "1 test texts occur in train (1 letter for letter); "
        "1 test texts occur in validation (0 letter for letter)."
    )
    assert leaked_ids(manifest(rows)) == ["r6"]
    assert leaked_ids(manifest(rows), "validation") == ["r3"]
    assert count_leaks(table()) is None


def test_rows_are_named_by_file_where_there_are_several():
    rows = table().assign(source_file=["a.csv"] * 3 + ["b.csv"] * 6)
    rows.loc[[0, 6], "text"] = "Same."
    (problem,) = check_manifest(manifest(rows))
    assert problem.rows == ("b.csv:8 = a.csv:2",)
    assert problem.message.startswith("1 row of test shares its text with train: remove it, or")
    rows = rows.drop(columns=["row", "source_file"])
    assert check_manifest(manifest(rows))[0].rows == ("r6 = r0",)


@pytest.mark.parametrize(
    ("modality", "column"),
    [("speech", "speaker"), ("speech", "content"), ("face", "subject"), ("face", "content")],
)
def test_media_leak_by_their_own_keys_and_not_by_text(modality, column):
    rows = table().assign(path=[f"{row}.x" for row in range(9)], text="The same sentence.")
    assert check_manifest(manifest(rows, modality=modality)) == []
    rows[column] = ["al", "al", None, "bo", "bo", None, "al", "cy", None]
    (problem,) = check_manifest(manifest(rows, modality=modality))
    assert problem.kind == "leak"
    assert problem.rows == ("8 = 2",)


def test_texts_under_several_labels_are_counted_with_their_rows():
    rows = pd.concat([table(), table()[:4], table()[:1]], ignore_index=True)
    rows = rows.assign(id=[f"r{n}" for n in range(14)], row=range(2, 16))
    rows.loc[[9, 12], "label"] = "sad"  # of training and of validation
    rows.loc[10, "text"] = rows.loc[10, "text"].upper()  # the same label again
    problems = check_manifest(manifest(rows))
    (problem,) = [one for one in problems if one.kind == "contradicting_labels"]
    assert problem.severity == "warning"
    assert problem.rows == (2, 11, 15)
    assert problem.message.startswith("1 text of train occurs under several labels, 3 rows in all")
    several = rows.assign(labels=[[label, "calm"] for label in rows["label"]])
    found = kinds(check_manifest(manifest(several, task="multilabel")))
    assert found["contradicting_labels"] == (2, 11, 15)
    rows["label"] = rows["label"].where(rows.index != 9, None)
    assert "contradicting_labels" not in kinds(check_manifest(manifest(rows)))


def test_several_labels():
    rows = table().assign(labels=[["sad", "calm"], ["glad"], ["sad"]] * 3)
    assert check_manifest(manifest(rows, task="multilabel")) == []
    rows.at[0, "labels"] = []
    rows.at[1, "labels"] = ["glad", "gald"]
    found = kinds(check_manifest(manifest(rows, task="multilabel")))
    assert found == {"no_label": (2,), "unknown_label": (3,), "no_training_rows": ()}


def test_valence_and_arousal_outside_their_range():
    rows = table().assign(valence=0.5, arousal=[0.0] * 8 + [None])
    rows.loc[1, "valence"] = 3.0
    problems = check_manifest(manifest(rows, task="regression", classes=None))
    assert [(problem.kind, problem.rows) for problem in problems] == [
        ("bad_value", (3,)),
        ("bad_value", (10,)),
    ]


def test_string_columns_of_pandas_are_fine():
    rows = table().astype({"text": "string", "label": "string"})
    rows.loc[0, "label"] = pd.NA
    assert kinds(check_manifest(manifest(rows)))["no_label"] == (2,)
