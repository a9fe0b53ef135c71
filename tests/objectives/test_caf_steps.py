"""Orders and passes of CAF's step: one pass for two phases, one move for two losses."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.caf_steps import CAFSteps
from tests.objectives.test_caf import caf, faces, model_of, runner, terms, weak_only
from tests.training.toys import cut


@pytest.mark.parametrize(
    ("steps", "names", "passes"),
    [
        ({}, ["critic", "adversarial", "main"], 2),
        ({"order": "main_first"}, ["main", "critic", "adversarial"], 2),
        ({"shared_pass": True}, ["critic", "adversarial", "main"], 1),
        ({"order": "main_first", "shared_pass": True}, ["main", "critic", "adversarial"], 1),
        ({"order": "joint"}, ["critic", "main"], 1),
        ({"order": "joint", "critic_steps": 2}, ["critic", "critic_2", "main"], 1),
    ],
    ids=str,
)
def test_phases_and_passes(steps, names, passes):
    objective, model = caf(steps=steps), model_of()
    assert [phase.name for phase in objective.phases()] == names
    log = runner(model, objective).step([faces()])
    assert model.forwards == passes
    assert ("main", "regression") in log.numbers
    assert any(name == "adversarial" for _, name in log.numbers)


@pytest.mark.parametrize("steps", [{"shared_pass": True}, {"order": "joint"}], ids=str)
def test_micro_batches_give_the_step_of_the_whole_batch(steps):
    ends = []
    for sizes in [(24,), (11, 13), (20, 1, 3)]:
        objective, model = caf(steps=steps), model_of()
        made = runner(model, objective)
        for step in range(3):
            made.step(cut(faces(seed=step), sizes))
        ends.append({**model.state_dict(), **objective.state_dict()})
    for other in ends[1:]:
        for key, value in ends[0].items():
            torch.testing.assert_close(
                other[key], value, rtol=1e-7, atol=1e-9, equal_nan=True, msg=key
            )


def test_joint_is_the_sum_of_both_losses_in_one_move():
    objective = caf(steps={"order": "joint", "adversarial_weight": 0.3})
    model, batch = model_of(), faces()
    found = terms(objective, model(batch.inputs), batch)
    wanted = terms(caf(steps={"adversarial_weight": 0.3}), model(batch.inputs), batch)
    for name in ("critic", "adversarial", "regression"):
        assert found[name].item() == pytest.approx(wanted[name].item(), rel=1e-12)
    (grad,) = torch.autograd.grad(
        wanted["regression"] + 0.3 * wanted["adversarial"], [model.encoder[0].weight]
    )
    made = runner(model, objective)
    seen = []
    move = made.optimizers["main"].step

    def step(parameters, scaler):
        seen.append(model.encoder[0].weight.grad.clone())
        return move(parameters, scaler)

    made.optimizers["main"].step = step
    made.step([batch])
    # the critic has moved before: only the regression's part is the same for certain
    assert len(seen) == 1
    assert torch.nn.functional.cosine_similarity(seen[0].flatten(), grad.flatten(), dim=0) > 0.99
    assert set(made.optimizers) == {"critic", "main"}


@pytest.mark.parametrize("steps", [{"shared_pass": True}, {"order": "joint"}], ids=str)
def test_a_batch_of_weak_rows_still_trains_the_regression(steps):
    objective, model = caf(steps=steps), model_of()
    before = model.head.bias.clone()
    log = runner(model, objective).step([weak_only()])
    assert "critic" in log.skipped
    assert "main" not in log.skipped
    assert not torch.equal(model.head.bias, before)


@pytest.mark.parametrize("clash", [{"shared_adam": True}, {"shared_pass": True}], ids=str)
def test_joint_has_one_optimizer_and_one_pass_anyway(clash):
    with pytest.raises(ValueError, match="order joint"):
        CAFSteps(order="joint", **clash)
