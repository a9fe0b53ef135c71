"""The cosine of both gradients on a toy, against autograd by hand."""

from __future__ import annotations

import pytest
import torch

from affectrep.objectives.av_regression import av_regression_loss
from tests.benchmarks.gradient_conflict import conflict
from tests.objectives.test_caf import caf, faces, model_of, weak_only


def test_cosine_and_ratio_are_those_of_the_two_losses():
    model, objective, batch = model_of().eval(), caf(), faces()
    found = conflict(model, objective, batch)
    assert found is not None
    output = model(batch.inputs)
    grouped = objective.grouper(batch.labels)
    points = objective.head.eval()(output.embeddings)
    centre = points[grouped.strong].mean(0).detach()
    adversarial = (points[grouped.weak] - centre).square().mean()
    weights = list(model.encoder.parameters())
    first, second = (
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights, retain_graph=True)])
        for loss in (adversarial, av_regression_loss(output.predictions, batch.labels))
    )
    wanted = torch.nn.functional.cosine_similarity(first, second, dim=0)
    assert found[0] == pytest.approx(float(wanted), rel=1e-9)
    assert found[1] == pytest.approx(float(first.norm() / second.norm()), rel=1e-9)


def test_a_batch_without_groups_says_nothing():
    assert conflict(model_of().eval(), caf(), weak_only()) is None
