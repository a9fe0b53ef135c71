"""Classes of pairs beside regression are the quadrants that reports name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from affectrep.batch import Batch, Output
from affectrep.evaluation.quadrants import QUADRANTS, quadrants
from affectrep.objectives import CircumplexClasses, aml_objective, supcon_loss, supcon_objective
from affectrep.objectives.pair_classes import CIRCUMPLEX_CLASSES, pair_classes
from affectrep.objectives.tasks import task_of


def labels(rows: int = 200) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    found = torch.rand(rows, 2, generator=generator) * 2 - 1
    found[0], found[1], found[2] = torch.tensor([[0.0, 0.5], [0.5, 0.0], [-0.0, -0.0]])
    return found


def test_they_are_the_quadrants_of_the_reports():
    values = labels()
    found = [QUADRANTS[code] for code in CircumplexClasses(0.3)(values)]
    assert found == quadrants(values.numpy().astype(np.float64), neutral=0.3)
    assert len(QUADRANTS) == CIRCUMPLEX_CLASSES
    assert set(found) == set(QUADRANTS)


def test_a_prediction_is_in_one_class():
    values = labels()
    classes = CircumplexClasses(0.3)
    found = classes.probabilities(values)
    assert found.shape == (len(values), CIRCUMPLEX_CLASSES)
    assert torch.equal(found.argmax(dim=1), classes(values))
    assert torch.equal(found.sum(dim=1), torch.ones(len(values)))


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan"), float("inf")])
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(ValueError, match="expected a radius above 0"):
        CircumplexClasses(radius)


def test_the_radius_belongs_to_regression_alone():
    with pytest.raises(ValueError, match="only there"):
        pair_classes(task_of("cross_entropy"), 0.3)
    with pytest.raises(ValueError, match="only there"):
        pair_classes(task_of("av_regression"), None)


def test_contrast_beside_regression_is_supcon_of_the_quadrants():
    values, points = labels(24), torch.randn(24, 6, generator=torch.Generator().manual_seed(1))
    objective = supcon_objective(task="av_regression", strong_radius=0.4, temperature=0.2)
    (phase,) = objective.phases()
    batch = Batch({}, values, [str(i) for i in range(24)])
    terms = phase.loss(Output(points, torch.zeros(24, 2)), batch, {}).terms
    expected = supcon_loss(points, CircumplexClasses(0.4)(values), temperature=0.2)
    assert [term.name for term in terms] == ["av_regression", "supcon"]
    assert terms[1].value.item() == pytest.approx(expected.item())


def test_adversarial_metric_learning_mines_between_quadrants():
    """Its confusions are between the quadrants of labels and those of predictions."""
    torch.manual_seed(0)
    values = labels(60)
    objective = aml_objective(
        classes=CIRCUMPLEX_CLASSES, dim=6, task="av_regression", strong_radius=0.4, warmup=0.0
    )
    objective.progress(1.0)
    points = torch.randn(60, 6, requires_grad=True)
    predicted = torch.stack([-values[:, 0], values[:, 1]], dim=1)  # left and right mistaken
    carry: dict = {}
    for phase in objective.phases():
        result = phase.loss(
            Output(points, predicted), Batch({}, values, [str(i) for i in range(60)]), carry
        )
        carry.update(result.carry)
    confused = {frozenset(pair) for pair in objective.confusion.confusable_pairs(2).tolist()}
    named = {frozenset(QUADRANTS[code] for code in pair) for pair in confused}
    assert named == {
        frozenset({"excited/happy", "tense/angry"}),
        frozenset({"sad/tired", "calm/content"}),
    }
    pairs = carry["pairs"]
    assert pairs.logs()
