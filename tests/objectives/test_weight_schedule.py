"""Weights along training against their formulas, and what a schedule refuses."""

from __future__ import annotations

import math

import pytest

from affectrep.objectives.gradient_reversal import ReversalSchedule
from affectrep.objectives.weight_schedule import WeightSchedule

SHARES = [0.0, 0.1, 0.25, 0.5, 0.9, 1.0]


@pytest.mark.parametrize("done", SHARES)
def test_the_kinds_are_their_formulas(done):
    assert WeightSchedule().at(done) == 1.0
    expected = 2 / (1 + math.exp(-10 * done)) - 1
    assert WeightSchedule("ganin").at(done) == pytest.approx(expected, abs=1e-12)
    expected = 2 / (1 + math.exp(-3 * max(0.0, done - 0.2) / 0.8)) - 1
    late = WeightSchedule("ganin", start=0.2, gamma=3.0)
    assert late.at(done) == pytest.approx(expected, abs=1e-12)
    expected = min(1.0, max(0.0, (done - 0.1) / 0.4))
    assert WeightSchedule("linear", start=0.1, end=0.5).at(done) == pytest.approx(expected)


@pytest.mark.parametrize("done", SHARES)
def test_agrees_with_the_schedule_of_the_reversal(done):
    assert WeightSchedule("ganin").at(done) == ReversalSchedule().at(done)
    other = ReversalSchedule("warmup", start=0.1, end=0.5)
    assert WeightSchedule("linear", start=0.1, end=0.5).at(done) == other.at(done)


def test_the_task_is_alone_until_start():
    for schedule in (
        WeightSchedule("constant", start=0.3),
        WeightSchedule("linear", start=0.3, end=0.3),
    ):
        assert [schedule.at(done) for done in (0.0, 0.2999, 0.3, 1.0)] == [0.0, 0.0, 1.0, 1.0]
    assert WeightSchedule("ganin", start=0.3).at(0.3) == 0.0
    assert WeightSchedule("ganin", start=1.0).at(1.0) == 0.0


def test_says_whether_it_moves():
    assert not WeightSchedule().moves
    assert WeightSchedule(start=0.1).moves
    assert WeightSchedule("linear").moves
    assert WeightSchedule("ganin").moves


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "cosine"}, "expected constant, linear or ganin, got 'cosine'"),
        ({"start": -0.1}, r"start in \[0, 1\], got -0.1"),
        ({"end": 1.1}, r"end in \[0, 1\], got 1.1"),
        ({"kind": "linear", "start": 0.5, "end": 0.2}, "start <= end, got 0.5 and 0.2"),
        ({"gamma": 0.0}, "gamma above 0"),
        ({"gamma": math.nan}, "gamma above 0"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        WeightSchedule(**options)


def test_progress_outside_training_is_refused():
    with pytest.raises(ValueError, match=r"done in \[0, 1\], got 1.5"):
        WeightSchedule("ganin").at(1.5)
