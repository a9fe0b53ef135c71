from __future__ import annotations

import pandas as pd
import pytest

from affectrep.data.leaks import find_leaks, leak_problems, shared_people
from tests.data.rows import manifest, table


def test_as_many_rows_are_named_as_are_counted_each_with_a_partner():
    rows = table()
    rows.loc[[0, 1, 6, 7], "text"] = "Same."
    rows.loc[[2, 8], "text"] = "Other."
    (problem,) = find_leaks(manifest(rows))
    assert problem.message.startswith("3 rows of test share their text with train: remove them, or")
    assert problem.rows == ("8 = 2", "9 = 2", "10 = 4")
    rows["source_file"] = ["train.tsv"] * 3 + ["dev.tsv"] * 3 + ["test.tsv"] * 3
    (problem,) = find_leaks(manifest(rows))
    assert str(problem).endswith(
        "(rows test.tsv:8 = train.tsv:2, test.tsv:9 = train.tsv:2, test.tsv:10 = train.tsv:4)"
    )


def test_people_are_named_and_an_accepted_leak_is_a_note():
    rows = table()
    keys = pd.Series(["al", "bo", "", "cy", "", "", "al ", "bo", "zo"])
    (problem,) = leak_problems(rows, keys, "speaker", "one take")
    assert problem.severity == "note"
    assert problem.message == (
        "1 row of test shares its speaker with train (bo); accepted: one take"
    )
    assert problem.rows == ("9 = 3",)


@pytest.mark.parametrize("column", ["author", "speaker", "subject"])
def test_people_of_texts_that_two_splits_share_are_a_warning_with_names_and_rows(column):
    names = ["al", "bo", None, "cy", "al", " ", "al", "zo", "cy"]
    problems = shared_people(table().assign(**{column: names}))
    assert [(problem.kind, problem.severity) for problem in problems] == [
        ("shared_people", "warning")
    ] * 3
    told = [problem.message.partition(":")[0] for problem in problems]
    assert told == [
        f"1 of 2 {column}s of validation also occur in train (al)",
        f"1 of 3 {column}s of test also occur in train (al)",
        f"2 of 3 {column}s of test also occur in validation (al, cy)",
    ]
    assert [problem.rows for problem in problems] == [
        ("6 = 2",),
        ("8 = 2",),
        ("8 = 6", "10 = 5"),
    ]
    assert shared_people(table()) == []


def test_people_are_judged_for_texts_only_beside_the_keys_of_speech_and_faces():
    rows = table().assign(author=["al"] * 9)
    assert {problem.severity for problem in find_leaks(manifest(rows))} == {"warning"}
    speech = rows.assign(path=[f"{row}.wav" for row in range(9)])
    assert find_leaks(manifest(speech, modality="speech")) == []
