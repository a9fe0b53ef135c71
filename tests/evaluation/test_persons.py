from __future__ import annotations

import json

import pandas as pd
import pytest

from affectrep.evaluation.persons import independence, person_report, person_table
from tests.evaluation.regressions import regression, told


def test_a_report_is_json_and_says_what_the_parts_say() -> None:
    table = regression(people=35, between=0.2, within=0.2)
    found = json.loads(json.dumps(person_report(table, training_subjects=["a", "b"])))
    assert found["independent"]
    assert found["persons"] == 35
    assert found["unknown_rows"] == 0
    assert found["warnings"] == []
    assert len(found["table"]) == 35
    own = person_table(table)
    for axis in ("valence", "arousal"):
        share = found["metrics"][f"person_share_{axis}"]
        assert share["n"] == 35
        assert share["low"] < share["value"] < share["high"]
        ccc = own[f"ccc_{axis}"]
        mean = found["metrics"][f"person_ccc_{axis}"]
        assert mean["value"] == pytest.approx(ccc.mean())
        assert mean["low"] < mean["value"] < mean["high"] <= 1
        said = found["axes"][axis]
        assert said["ccc_sd"] == pytest.approx(ccc.std(ddof=1))
        assert said["worst"]["ccc"] == pytest.approx(ccc.min())
        assert said["best"]["subject"] == own.loc[ccc.idxmax(), "subject"]


def test_people_with_few_rows_are_warned_of() -> None:
    table = pd.concat([regression(people=5)[:-15], regression(people=1).assign(subject="q")])
    told(table)
    found = person_report(table, training_subjects=["a"])
    assert any("1 of 6 people have fewer than 10 rows" in one for one in found["warnings"])
    assert any("only 6 people" in one for one in found["warnings"])
    assert found["table"][4]["ccc_valence"] is None
    single = told(regression(people=40, each=1))
    found = person_report(single)
    assert any("Nobody has two rows" in one for one in found["warnings"])
    assert found["metrics"]["person_share_valence"]["low"] is None
    assert "person_ccc_valence" not in found["metrics"]
    json.dumps(found)
    frames = told(regression(people=40).assign(video="v", frame=0))
    assert any("frames of videos" in one for one in person_report(frames)["warnings"])


def test_what_is_not_known_is_not_claimed() -> None:
    table = regression(people=4, each=5)
    for odd in (table.drop(columns="subject"), table.assign(subject=None)):
        found = person_report(told(odd), training_subjects=["a"])
        assert not found["independent"]
        assert "no row of this split names its subject" in found["sentence"]
        assert set(found) == {"independent", "sentence", "warnings"}
    assert "are not known" in independence(table, None)[1]
    assert "1 of 2 training rows name no subject" in independence(table, ["a", None])[1]
    assert "1 of 2 training rows" in independence(table, ["a", float("nan")])[1]
    assert not independence(table, [])[0]
    some = table.assign(subject=[None, *table["subject"][1:]])
    assert "1 of 20 rows of this split name no subject" in independence(some, ["a"])[1]
    person_report(told(some), training_subjects=["a"])


def test_people_of_training_are_named() -> None:
    table = regression(people=8, each=5)
    independent, sentence = independence(table, ["p01", "p01", "x"])
    assert not independent
    assert sentence == (
        "Not person-independent: 1 of the 8 people of this split (5 of 40 rows) occurs in "
        "training: p01."
    )
    sentence = independence(table, list(table["subject"]))[1]
    assert "8 of the 8 people of this split (40 of 40 rows) occur in training" in sentence
    assert sentence.endswith("p04, ....")
    assert independence(table, ["x", "y"])[0]
    numbers = table.assign(subject=range(40))
    assert "1 of the 40 people" in independence(numbers, [7, 90])[1]
