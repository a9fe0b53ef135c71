"""Cross-entropy and its binary form against loops written from the equations."""

from __future__ import annotations

import math

import pytest
import torch

from affectrep.objectives import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    binary_cross_entropy_loss,
    cross_entropy_loss,
)

LOGITS = torch.tensor([[1.0, -0.5, 0.2], [0.3, 0.1, -2.0]], dtype=torch.float64)


def test_cross_entropy_is_the_weighted_mean_of_log_probabilities():
    weights, labels = [1.0, 2.0, 5.0], [2, 1]
    expected = top = 0.0
    for row, label in zip(LOGITS.tolist(), labels, strict=True):
        log_probability = row[label] - math.log(sum(math.exp(value) for value in row))
        expected -= weights[label] * log_probability
        top += weights[label]
    loss = CrossEntropyLoss(class_weights=weights).double()
    assert loss(LOGITS, torch.tensor(labels)).item() == pytest.approx(expected / top, abs=1e-12)
    assert loss.count(torch.tensor(labels)) == top


def test_label_smoothing_mixes_in_the_uniform_distribution():
    labels = torch.tensor([0, 2])
    plain = cross_entropy_loss(LOGITS, labels).item()
    uniform = float(-LOGITS.log_softmax(1).mean())
    smooth = cross_entropy_loss(LOGITS, labels, label_smoothing=0.2).item()
    assert smooth == pytest.approx(0.8 * plain + 0.2 * uniform)


def test_binary_cross_entropy_is_the_mean_over_rows_and_classes():
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    expected = 0.0
    for row, targets in zip(LOGITS.tolist(), labels.tolist(), strict=True):
        for value, target in zip(row, targets, strict=True):
            p = 1 / (1 + math.exp(-value))
            expected -= (target * math.log(p) + (1 - target) * math.log(1 - p)) / 6
    assert binary_cross_entropy_loss(LOGITS, labels).item() == pytest.approx(expected, abs=1e-12)
    assert BinaryCrossEntropyLoss().count(labels) == 2


def test_weighted_binary_cross_entropy_weighs_the_positive_label():
    labels = torch.tensor([[1.0, 0.0]])
    logits = torch.zeros(1, 2)
    weighted = BinaryCrossEntropyLoss(class_weights=[3.0, 3.0])(logits, labels).item()
    assert weighted == pytest.approx((3 + 1) / 2 * math.log(2), rel=1e-6)


@pytest.mark.parametrize("loss", [cross_entropy_loss, binary_cross_entropy_loss])
def test_shapes_that_do_not_fit_are_refused(loss):
    with pytest.raises(ValueError, match="predictions"):
        loss(LOGITS, torch.zeros(3, dtype=torch.long))
