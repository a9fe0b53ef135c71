from __future__ import annotations

import pytest

from affectrep.evaluation.alignment import clustered_table
from affectrep.evaluation.face_differences import face_differences
from affectrep.evaluation.person_components import compare_persons
from affectrep.evaluation.records import read_compact, write_compact
from affectrep.evaluation.strong_weak import RADIUS, compare_strong_weak
from tests.evaluation.regressions import regression

PARTS = ["strong_ccc", "weak_ccc", "strong_rmse", "weak_rmse"]
PERSONS = ["person_share", "person_share_valence", "person_share_arousal", "person_ccc"]


def sides(radius: float | None = 0.6):
    """Two seeds a side, on the same rows; the second side errs by person."""
    first = [regression(within=0.2 + 0.05 * seed) for seed in range(2)]
    second = [regression(between=0.4, within=0.2 + 0.05 * seed) for seed in range(2)]
    for table in (*first, *second):
        table.attrs |= {} if radius is None else {RADIUS: radius}
    return first, second


def test_each_figure_is_that_of_its_own_comparison():
    first, second = sides()
    found = face_differences(first, second, cluster="subject", resamples=200)
    assert list(found) == PARTS + PERSONS
    parts = compare_strong_weak(first, second, threshold=0.6, cluster="subject", resamples=200)
    persons = compare_persons(first, second)
    assert found == {name: (parts | persons)[name] for name in PARTS + PERSONS}
    assert found["person_share"].effect < -0.3
    assert found["person_share"].told_apart


def test_what_the_tables_cannot_give_is_left_out():
    first, second = sides(radius=None)
    assert list(face_differences(first, second)) == PERSONS
    nobody = [[table.drop(columns="subject") for table in side] for side in sides()]
    for side, with_attrs in zip(nobody, sides(), strict=True):
        for table, known in zip(side, with_attrs, strict=True):
            table.attrs = known.attrs
    assert list(face_differences(*nobody, resamples=50)) == PARTS
    first[0].loc[0, "subject"] = None
    assert face_differences(first, second) == {}
    assert face_differences(*sides(radius=1.4), resamples=50).keys() == set(PERSONS)


def test_two_people_are_no_comparison_of_persons():
    tables = [[regression(people=2)], [regression(people=2, within=0.3)]]
    assert face_differences(*tables) == {}


@pytest.mark.parametrize("radius", [None, 0.52])
def test_a_record_keeps_the_radius(tmp_path, radius):
    table = sides(radius)[0][0]
    table.attrs["split"] = "test"
    write_compact(tmp_path / "test.csv", table)
    assert read_compact(tmp_path / "test.csv").attrs.get(RADIUS) == radius


def test_a_run_knows_the_radius_from_its_card():
    class Run:
        def __init__(self):
            self.config = {}

        def table(self, split):
            return regression()

        def scorecard(self, split):
            return {"strong_weak": {"threshold": 0.4}} if split == "test" else {}

    assert clustered_table(Run(), "test").attrs[RADIUS] == 0.4
    assert RADIUS not in clustered_table(Run(), "validation").attrs
