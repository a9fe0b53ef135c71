"""Pair loss that attends to the worst pairs: distributionally robust weights in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.groups import bounded
from affectrep.objectives.pair_loss import check_positive, pair_losses

__all__ = ["dro_pair_loss", "dro_value", "dro_weights"]


def dro_weights(losses: Tensor, *, gamma: float = 0.5) -> Tensor:
    """Return ``softmax(l / gamma)``: the worst weights of pairs within a KL ball.

    Args:
        losses: ``(pairs,)`` in nats; there may be none.
        gamma: > 0; small follows the worst pair, large weighs all alike.

    Raises:
        ValueError: if the losses are not ``(pairs,)`` or gamma is not positive.

    Source: Qi et al. 2019, A Simple and Effective Framework for Pairwise Deep Metric Learning
    (arXiv 1912.11194).

    Example:
        >>> [round(weight, 4) for weight in dro_weights(torch.tensor([0.2, 1.0, 2.0])).tolist()]
        [0.0235, 0.1164, 0.8601]
    """
    return (_losses(losses, gamma) / gamma).softmax(dim=0)


def dro_value(losses: Tensor, *, gamma: float = 0.5) -> Tensor:
    """Return ``gamma log mean exp(l / gamma)``, between the mean and the largest of the losses.

    Its gradient weighs the pairs by :func:`dro_weights`. Zero without a pair. Same arguments.

    Example:
        >>> round(dro_value(torch.tensor([0.2, 1.0, 2.0])).item(), 6)
        1.526049
    """
    losses = _losses(losses, gamma)
    if len(losses) == 0:
        return losses.sum()
    return gamma * ((losses / gamma).logsumexp(dim=0) - math.log(len(losses)))


def dro_pair_loss(
    positive: Tensor,
    negative: Tensor,
    *,
    threshold: Tensor | float,
    temperature: float = 0.15,
    gamma: float = 0.5,
    gather: bool = False,
) -> Tensor:
    """Pair loss whose means give way to :func:`dro_value`: an adversary that weighs the pairs.

    ``adversary="dro"``, without a network: give it cosines. It attends to the worst pairs of a
    set, where :func:`pointwise_similarity` makes each pair worse. Never below :func:`pair_loss`
    of the same similarities, which it becomes for large gamma.

    Args:
        positive: ``(positives,)`` similarities.
        negative: ``(negatives,)``.
        threshold: b, scalar.
        temperature: t, > 0.
        gamma: > 0, see :func:`dro_weights`.
        gather: over the pairs of all processes; every process then has the same value.

    Raises:
        ValueError: if shapes do not fit or a number is not positive.

    Source: Qi et al. 2019 (arXiv 1912.11194), on this project's pair loss, by type.

    Example:
        >>> positive, negative = torch.tensor([0.2, 0.5]), torch.tensor([0.7, 0.4])
        >>> from affectrep.objectives.pair_loss import pair_loss
        >>> loss = dro_pair_loss(positive, negative, threshold=0.3, temperature=0.2)
        >>> bool(loss > pair_loss(positive, negative, threshold=0.3, temperature=0.2))
        True
    """
    if gather:
        positive, negative = torch.cat(gather_rows(positive)), torch.cat(gather_rows(negative))
    above, below = pair_losses(positive, negative, threshold=threshold, temperature=temperature)
    return 0.5 * dro_value(above, gamma=gamma) + 0.5 * dro_value(below, gamma=gamma)


def _losses(losses: Tensor, gamma: float) -> Tensor:
    check_positive("gamma", gamma)
    if losses.ndim != 1:
        raise ValueError(f"expected losses (pairs,), got {tuple(losses.shape)}")
    return bounded(losses)
