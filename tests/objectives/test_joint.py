"""A joint objective against sums put together by hand: domains, schedules, players, tasks."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from affectrep.batch import Batch
from affectrep.objectives.av_regression import (
    AVRegressionLoss,
    HeteroscedasticLoss,
    av_regression_loss,
    heteroscedastic_loss,
)
from affectrep.objectives.binary_cross_entropy import (
    BinaryCrossEntropyLoss,
    binary_cross_entropy_loss,
)
from affectrep.objectives.cross_entropy import CrossEntropyLoss, cross_entropy_loss
from affectrep.objectives.joint import DomainSupConLoss, JointObjective, WeightedLoss
from affectrep.objectives.phase import Targets
from affectrep.objectives.supcon import DomainWeight, SupConLoss, supcon_loss
from affectrep.objectives.supcon_memory import SupConMemoryLoss
from affectrep.objectives.weight_schedule import WeightSchedule
from tests.training.test_steps import assert_same, runner
from tests.training.toys import ToyModel, cut, rows

LANGUAGES = torch.tensor([0, 1, -1, 0, 1, 1, 0, 0, 1, -1, 0, 1])


def batch(seed: int = 0) -> Batch:
    return replace(rows(seed=seed), domains={"language": LANGUAGES})


def model() -> ToyModel:
    torch.manual_seed(3)
    return ToyModel().double()


class Prototypes(nn.Module):
    """A loss with parameters: distance to a learned prototype a class, mean over rows."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.arange(15.0).reshape(3, 5) / 15)

    def forward(self, values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return (values - self.points[labels]).square().mean()

    def count(self, labels: torch.Tensor) -> float:
        return float(len(labels))


def joint(*others: WeightedLoss) -> JointObjective:
    return JointObjective(CrossEntropyLoss(), task_name="cross_entropy", others=others).double()


def result(objective, output, of):
    (phase,) = objective.phases()
    return phase.loss(output, of, {})


def total(objective, output, of):
    return sum(term.weight * term.value for term in result(objective, output, of).terms)


def test_language_aware_contrast_gets_the_domains_of_the_batch():
    contrast = DomainSupConLoss(SupConLoss(temperature=0.5), weight=3.0, normaliser="count")
    objective = joint(WeightedLoss("supcon", contrast, 0.7, domain="language"))
    output, of = model()(batch().inputs), batch()
    expected = cross_entropy_loss(output.predictions, of.labels) + 0.7 * supcon_loss(
        output.embeddings,
        of.labels,
        temperature=0.5,
        domain_weight=DomainWeight(LANGUAGES, 3.0, "count"),
    )
    torch.testing.assert_close(total(objective, output, of), expected, rtol=1e-12, atol=0)
    plain = joint(WeightedLoss("supcon", SupConLoss(temperature=0.5), 0.7))
    assert abs(total(plain, output, of) - expected) > 1e-3
    assert objective.targets.domains == ("language",)
    assert plain.targets.domains == ()


def test_a_schedule_scales_its_own_term():
    ramp = WeightSchedule("linear", start=0.2, end=0.6)
    scheduled = WeightedLoss("supcon", SupConLoss(), 0.5, schedule=ramp)
    constant = WeightedLoss("prototypes", Prototypes(), 2.0, span="rows")
    objective = joint(scheduled, constant)
    output, of = model()(batch().inputs), batch()
    for done, weight in ((0.0, None), (0.2, None), (0.3, 0.125), (0.9, 0.5)):
        objective.progress(done)
        found = result(objective, output, of)
        weights = {term.name: term.weight for term in found.terms}
        assert weights.get("supcon") == (None if weight is None else pytest.approx(weight))
        assert weights["prototypes"] == 2.0
        assert found.logs["supcon_weight"] == pytest.approx(weight or 0.0)


def test_progress_is_in_the_state_where_something_depends_on_it():
    ramp = WeightSchedule("ganin", start=0.1)
    objective = joint(WeightedLoss("supcon", SupConLoss(), 1.0, schedule=ramp))
    objective.progress(0.4)
    again = joint(WeightedLoss("supcon", SupConLoss(), 1.0, schedule=ramp))
    again.load_state_dict(objective.state_dict())
    output, of = model()(batch().inputs), batch()
    assert torch.equal(total(objective, output, of), total(again, output, of))
    assert list(joint(WeightedLoss("supcon", SupConLoss(), 1.0)).state_dict()) == []


def test_a_loss_with_parameters_is_a_player_that_moves():
    objective = joint(WeightedLoss("prototypes", Prototypes(), 0.5, span="rows"))
    assert list(objective.players()) == ["prototypes"]
    assert objective.phases()[0].updates == ("encoder", "heads", "prototypes")
    before = copy.deepcopy(objective.losses["prototypes"].points)
    runner(model(), objective).step([batch()])
    assert not torch.equal(objective.losses["prototypes"].points, before)


def test_memory_stores_the_rows_of_each_step_and_resumes():
    def made() -> JointObjective:
        torch.manual_seed(0)
        return joint(WeightedLoss("supcon", SupConMemoryLoss(size=20, dim=5), 1.0))

    objective, trained = made(), model()
    runner(trained, objective).step([batch()])
    again, other = made(), copy.deepcopy(trained)
    again.load_state_dict(objective.state_dict())
    assert int(again.losses["supcon"].filled) == 12
    logs = [runner(m, o).step([batch(1)]) for m, o in ((trained, objective), (other, again))]
    assert logs[0].numbers == logs[1].numbers
    assert_same(trained, other)
    assert int(again.losses["supcon"].filled) == 20


@pytest.mark.parametrize("sizes", [(6, 6), (7, 1, 4)])
@pytest.mark.parametrize("task", ["cross_entropy", "weighted", "av"])
@pytest.mark.parametrize("contrast", [False, True])
def test_micro_batches_give_the_steps_of_the_whole_batch(sizes, task, contrast):
    losses = {
        "cross_entropy": CrossEntropyLoss(),
        "weighted": CrossEntropyLoss(class_weights=[1.0, 4.0, 0.5]),
        "av": AVRegressionLoss(),
    }
    others = [WeightedLoss("prototypes", Prototypes(), 0.5, span="rows")] if task != "av" else []
    if contrast and task != "av":
        aware = DomainSupConLoss(SupConLoss(temperature=0.5))
        others.append(WeightedLoss("supcon", aware, 0.5, domain="language"))

    def train(parts: tuple[int, ...]):
        objective = JointObjective(copy.deepcopy(losses[task]), task_name=task, others=others)
        objective = copy.deepcopy(objective).double()
        trained = model()
        made = runner(trained, objective)
        for step in range(2):
            of = batch(step)
            if task == "av":
                of = replace(of, labels=torch.tanh(of.inputs["x"][:, :3]))
            log = made.step(cut(of, parts))
        return trained, objective, log

    whole, parts = train((12,)), train(sizes)
    assert_same(whole[0], parts[0])
    assert_same(whole[1], parts[1])
    for key, value in whole[2].numbers.items():
        assert parts[2].numbers[key] == pytest.approx(value, rel=1e-9), key


@pytest.mark.parametrize(
    ("task", "pure", "width", "span"),
    [
        (BinaryCrossEntropyLoss(), binary_cross_entropy_loss, 3, "rows"),
        (AVRegressionLoss(), av_regression_loss, 3, "batch"),
        (HeteroscedasticLoss(), heteroscedastic_loss, 1, "rows"),
    ],
)
def test_other_tasks(task, pure, width, span):
    output = model()(batch().inputs)
    predictions = output.predictions[:, : 2 if width == 1 else 3]
    labels = (batch().inputs["x"][:, :width] > 0).double()
    objective = JointObjective(task, task_name="task")
    of = replace(batch(), labels=labels)
    found = total(objective, replace(output, predictions=predictions), of)
    assert found.item() == pure(predictions, labels).item()
    assert objective.phases()[0].span == span


def test_reads_predictions_and_keeps_features_when_asked():
    objective = joint(WeightedLoss("supcon", SupConLoss(), 1.0, reads="predictions"))
    output, of = model()(batch().inputs), batch()
    expected = cross_entropy_loss(output.predictions, of.labels) + supcon_loss(
        output.predictions, of.labels
    )
    torch.testing.assert_close(total(objective, output, of), expected)
    two = joint(
        WeightedLoss("supcon", SupConLoss(), 1.0),
        WeightedLoss("prototypes", Prototypes(), 1.0, reads="features"),
    )
    assert two.phases()[0].reads == "features"


def test_targets_are_those_of_the_task_and_all_terms():
    aware = WeightedLoss("supcon", DomainSupConLoss(SupConLoss()), 1.0, domain="language")
    given = Targets("classes", ("corpus", "language"))
    objective = JointObjective(CrossEntropyLoss(), task_name="x", others=[aware], targets=given)
    assert objective.targets == given


def test_mistakes_are_named():
    aware = WeightedLoss("supcon", DomainSupConLoss(SupConLoss()), 1.0, domain="corpus")
    output, of = model()(batch().inputs), batch()
    with pytest.raises(ValueError, match="domain corpus in the batch, got language"):
        result(joint(aware), output, of)
    with pytest.raises(ValueError, match="projections, which the model does not give"):
        result(joint(WeightedLoss("a", SupConLoss(), 1.0, reads="projections")), output, of)
    with pytest.raises(ValueError, match="weight of at least 0, got -1"):
        WeightedLoss("a", SupConLoss(), -1.0)
    with pytest.raises(ValueError, match="different names"):
        joint(WeightedLoss("a", SupConLoss(), 1.0), WeightedLoss("a", SupConLoss(), 1.0))
    with pytest.raises(ValueError, match="different names"):
        joint(WeightedLoss("heads", SupConLoss(), 1.0))
    with pytest.raises(ValueError, match="domain weight above 0"):
        DomainSupConLoss(SupConLoss(), weight=0.0)
