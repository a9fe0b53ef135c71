"""Expression as a second task: unknown rows do not count, alone and beside valence-arousal."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.objectives.caf_objective import caf_objective
from affectrep.objectives.expression import ExpressionLoss, expression_loss
from tests.objectives.test_caf import FaceModel, faces, model_of, runner
from tests.training.toys import cut


def test_unknown_rows_do_not_count():
    torch.manual_seed(0)
    logits = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    known = torch.tensor([2, -1, 0, -1, 1])
    by_hand = [-logits[i].softmax(0)[known[i]].log() for i in (0, 2, 4)]
    loss = expression_loss(logits, known)
    assert loss.item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-12)
    loss.backward()
    assert not logits.grad[[1, 3]].any()
    assert ExpressionLoss().count(torch.zeros(5, 2), known) == 3.0


def test_no_known_row_is_zero_with_a_live_graph():
    logits = torch.randn(2, 3, requires_grad=True)
    loss = expression_loss(logits, torch.tensor([-1, -1]))
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()


@pytest.mark.parametrize(
    ("logits", "known"), [((2, 3), [0, 1, 2]), ((2,), [0, 1]), ((2, 3), [0, 3])]
)
def test_wrong_shapes_and_classes_are_refused(logits, known):
    with pytest.raises(ValueError, match="expected"):
        expression_loss(torch.zeros(logits), torch.tensor(known))


class TwoHeads(FaceModel):
    """With logits of three expressions beside valence and arousal."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(8, 3)

    def forward(self, inputs):
        output = super().forward(inputs)
        logits = self.second(output.embeddings)
        return Output(output.embeddings, output.predictions, expressions=logits)

    def players(self):
        heads = nn.ModuleDict({"classifier": self.head, "expression": self.second})
        return {"encoder": self.encoder, "heads": heads}


def told(size: int = 24, *, seed: int = 0) -> Batch:
    batch = faces(size, seed=seed)
    known = torch.arange(size) % 4 - 1
    return Batch(batch.inputs, batch.labels, batch.ids, {"expression": known})


def two_heads() -> TwoHeads:
    torch.manual_seed(3)
    return TwoHeads().double()


def objective(**options):
    torch.manual_seed(7)
    network = {"dropout": 0.0}
    return caf_objective(dim=8, threshold=0.5, network=network, **options).double()


@pytest.mark.parametrize("critic", ["caf", "none"])
def test_both_tasks_learn_and_micro_batches_agree(critic):
    ends = []
    for sizes in ((24,), (11, 13)):
        model, made = two_heads(), objective(critic=critic, expression_weight=0.5)
        work = runner(model, made)
        logs = [work.step(cut(told(seed=step), sizes)) for step in range(3)]
        ends.append(model.state_dict())
    assert made.targets.domains == ("expression",)
    assert {"regression", "expression"} <= {
        name for phase, name in logs[0].numbers if phase == "main"
    }
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, rtol=1e-7, atol=1e-9)
        assert not torch.equal(value, two_heads().state_dict()[name]), name


def test_the_weight_scales_the_gradient_of_its_head_alone():
    grads = []
    for weight in (1.0, 3.0):
        model, made = two_heads(), objective(critic="none", expression_weight=weight)
        batch = told()
        terms = made.phases()[0].loss(model(batch.inputs), batch, {}).terms
        torch.stack([term.value * term.weight for term in terms]).sum().backward()
        grads.append((model.second.weight.grad, model.head.weight.grad))
    torch.testing.assert_close(grads[1][0], 3 * grads[0][0])
    torch.testing.assert_close(grads[1][1], grads[0][1])


def test_what_is_missing_is_named():
    made, batch = objective(critic="none", expression_weight=1.0), told()
    (main,) = made.phases()
    with pytest.raises(ValueError, match="expected expressions from the model"):
        main.loss(model_of()(batch.inputs), batch, {})
    with pytest.raises(ValueError, match="expected the domain expression"):
        main.loss(two_heads()(batch.inputs), faces(), {})
    with pytest.raises(ValueError, match="expression_weight"):
        objective(expression_weight=-1.0)
    assert objective().targets.domains == ()
