"""Labels that cannot be grouped: plain regression, said once, kept with the run."""

from __future__ import annotations

import re
import warnings

import pytest
import torch

from affectrep.objectives.grouping import Grouper, Grouping
from tests.objectives.test_caf import caf, faces, model_of, runner
from tests.objectives.test_critic_held_out import run_of

WEAK = torch.tensor([[0.1, 0.0], [0.0, 0.2], [0.1, 0.1], [0.2, 0.0]])
# Otsu's cut of either axis is near .45: together more than any row's radius
CROSSED = torch.tensor([[0.9, 0.0], [0.0, 0.9], [0.0, 0.0], [0.01, 0.02]])
CONSTANT = torch.tensor([[0.6, 0.8], [0.8, -0.6], [-1.0, 0.0], [0.6, 0.8]])


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        (WEAK, {"threshold": 0.5}, r"all 4 rows are weak \(radius below 0\.5\)"),
        (WEAK + 0.6, {"threshold": 0.5}, r"none of 4 rows is weak"),
        (CONSTANT, {}, "all 4 rows have one strength, a radius of 1"),
        (CONSTANT, {"grouping": {"scope": "batch"}}, "one strength"),
        (CONSTANT, {"grouping": {"rule": "code"}}, "one strength"),
        (torch.zeros(3, 2), {"grouping": {"scope": "ema"}}, "one strength"),
        (0.5001 + 0.001 * WEAK, {}, "all 4 rows have one strength, a radius of 0.707"),  # one bin
        (WEAK, {"threshold": 0.19}, None),
        (CROSSED, {"grouping": {"strong_upper": 0.5}}, "rows are weak"),
        (torch.cat([WEAK, torch.ones(1, 2)]), {}, "all but one of 5 rows are weak"),
        (CROSSED, {}, None),
    ],
)
def test_impossible_groups_leave_plain_regression(labels, options, words):
    objective = caf(**{"threshold": None, **options})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        objective.fit(labels)
    if words is None:
        assert (told, objective.remarks()) == ([], [])
        assert objective.players()
        return
    (said,) = objective.remarks()
    assert re.fullmatch(f"grouping is impossible: .*{words}.*; CAF trains without the critic", said)
    assert [str(item.message) for item in told] == [said]
    assert (objective.players(), objective.sampling_hint()) == ({}, {})
    assert [phase.name for phase in objective.phases()] == ["main"]
    log = runner(model_of(), objective).step([faces()])
    assert ("main", "regression") in log.numbers


def test_the_run_keeps_the_sentence(tmp_path):
    objective = caf(threshold=None)
    with pytest.warns(UserWarning, match="grouping is impossible"):
        objective.fit(CONSTANT)
    result = run_of(tmp_path, objective, shown=True, epochs=1).fit()
    assert result["remarks"] == list(objective.remarks())
    assert "trains without the critic" in result["remarks"][0]


def test_other_labels_are_fitted_anew():
    objective = caf(threshold=None)
    objective.fit(faces(100).labels)
    objective.fit(0.1 * faces(100).labels)
    assert float(objective.sampling_hint()["strong_radius"]) < 0.15


def test_a_given_threshold_stays():
    objective = caf(threshold=0.5)
    objective.fit(faces(100).labels)
    assert float(objective.sampling_hint()["strong_radius"]) == 0.5


@pytest.mark.parametrize("scope", ["dataset", "batch", "ema"])
def test_held_out_groups_are_those_of_training_where_thresholds_are_kept(scope):
    grouper = Grouper(Grouping(scope=scope), gather=True)
    labels = faces(50).labels
    if scope != "batch":
        grouper.fit(faces(200, seed=1).labels)
    held = grouper.held_out(labels)
    trained = grouper.eval()(labels)
    assert torch.equal(held.strong, trained.strong)
    assert torch.equal(held.weak, trained.weak)
