"""Strong and weak classes: the game of CAF beside a classifier."""

from __future__ import annotations

import pytest
import torch

from affectrep.batch import Batch, Output
from affectrep.objectives import CAFObjective, ClassGrouper, caf_objective
from affectrep.objectives.adaptive_margin import adaptive_margin
from affectrep.objectives.contrastive_critic import contrastive_critic_loss
from affectrep.objectives.critic_head import CriticHead
from affectrep.objectives.critics import FisherGame
from affectrep.objectives.cross_entropy import cross_entropy_loss


def test_the_losses_are_those_of_the_groups_of_classes():
    torch.manual_seed(0)
    objective = caf_objective(dim=6, strong_classes=[1, 3], network={"dropout": 0.0})
    labels = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    output = Output(torch.randn(8, 6), torch.randn(8, 4))
    batch, carry, found = Batch({}, labels, list("abcdefgh")), {}, {}
    for phase in objective.phases():
        result = phase.loss(output, batch, carry)
        carry.update(result.carry)
        found |= {term.name: term.value for term in result.terms}
    points = objective.head(output.embeddings)
    strong, weak = points[labels % 2 == 1], points[labels % 2 == 0]
    margins = adaptive_margin(strong.detach(), weak.detach())
    expected = contrastive_critic_loss(strong, weak, margins)
    assert found["critic"].item() == pytest.approx(expected.item())
    task = cross_entropy_loss(output.predictions, labels)
    assert found["cross_entropy"].item() == pytest.approx(task.item())
    assert sorted(found) == ["adversarial", "critic", "cross_entropy"]


def test_held_out_rows_are_looked_at_by_class():
    objective = caf_objective(dim=6, strong_classes=[1])
    look = objective.held_out()
    look.add(Output(torch.randn(8, 6), torch.randn(8, 2)), torch.tensor([0, 1] * 4))
    assert sorted(look.numbers()) == ["critic_auc", "critic_spread"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 0, 1], None),
        ([0, 0, 0], "none of 3 rows is of a weak class"),
        ([0, 1, 1], "1 of 3 rows are of a strong class"),
        ([1, 1, 1], "0 of 3 rows are of a strong class"),
    ],
)
def test_groups_that_are_too_small_are_told(labels, words):
    assert ClassGrouper([0]).learn(torch.tensor(labels)) == words


def test_labels_and_grouper_must_be_of_one_kind():
    with pytest.raises(ValueError, match="expected classes"):
        ClassGrouper([0])(torch.zeros(3, 2))
    with pytest.raises(ValueError, match="expected classes of high intensity"):
        ClassGrouper([])
    with pytest.raises(ValueError, match="grouper that fits the labels of av_regression"):
        CAFObjective(CriticHead(6), FisherGame(), grouper=ClassGrouper([0]))


def test_the_sampler_gets_no_radius():
    assert caf_objective(dim=6, strong_classes=[1]).sampling_hint() == {}
