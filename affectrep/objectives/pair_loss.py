"""AML's pair loss: hard positives above a threshold, hard negatives below."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.groups import bounded
from affectrep.objectives.learned_similarity import bounded_similarity
from affectrep.objectives.phase import Term

__all__ = [
    "PairHalves",
    "PairLoss",
    "adversary_strength",
    "match_loss",
    "pair_halves",
    "pair_loss",
    "pair_losses",
    "pointwise_similarity",
    "trust_penalty",
]


class PairHalves(NamedTuple):
    """The mean losses of positives and of negatives, and how many pairs each mean is over."""

    positive: Tensor
    negative: Tensor
    positive_count: int
    negative_count: int

    @property
    def loss(self) -> Tensor:
        """The pair loss, half of each."""
        return 0.5 * self.positive + 0.5 * self.negative

    def terms(self, name: str, *, weight: float = 1.0) -> list[Term]:
        """Return two terms of ``weight / 2``.

        The trainer sums them over processes by their counts, which gives the single-process loss
        however unequally the pairs are spread, without further communication.
        """
        return [
            Term(f"{name}_positive", self.positive, self.positive_count, weight / 2),
            Term(f"{name}_negative", self.negative, self.negative_count, weight / 2),
        ]


def pair_loss(
    positive: Tensor,
    negative: Tensor,
    *,
    threshold: Tensor | float,
    temperature: float = 0.15,
    gather: bool = False,
) -> Tensor:
    """Half the mean loss of positives below the threshold plus half that of negatives above, nats.

    ``1/2 mean_{H+} softplus(-(s - b)/t) + 1/2 mean_{H-} softplus((s - b)/t)``. Each type has its
    own mean, so that the larger one does not drown the other; a type without a pair adds zero and
    the other keeps its half. Use it on few, hard pairs; :func:`supcon_loss` uses all of them.

    Args:
        positive: ``(positives,)`` similarities of pairs of one class, in float32 at least.
        negative: ``(negatives,)`` of pairs of two classes.
        threshold: b, scalar; where it is learned it belongs to the encoder's player.
        temperature: t, > 0; the paper's design uses .1 to .2.
        gather: over the pairs of all processes; every process then has the same value. See
            :meth:`PairHalves.terms` for the same without communication.

    Raises:
        ValueError: if shapes do not fit or the temperature is not positive.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public).

    Example:
        >>> positive, negative = torch.tensor([0.2, 0.5]), torch.tensor([0.7, 0.4])
        >>> round(pair_loss(positive, negative, threshold=0.3, temperature=0.2).item(), 6)
        1.097086
    """
    if gather:
        positive, negative = torch.cat(gather_rows(positive)), torch.cat(gather_rows(negative))
    return pair_halves(positive, negative, threshold=threshold, temperature=temperature).loss


def pair_halves(
    positive: Tensor, negative: Tensor, *, threshold: Tensor | float, temperature: float = 0.15
) -> PairHalves:
    """Return the two means that :func:`pair_loss` is half and half of; same arguments.

    Example:
        >>> pair_halves(torch.ones(3), torch.ones(0), threshold=1.0).positive_count
        3
    """
    above, below = pair_losses(positive, negative, threshold=threshold, temperature=temperature)
    return PairHalves(_mean(above), _mean(below), len(above), len(below))


def pair_losses(
    positive: Tensor, negative: Tensor, *, threshold: Tensor | float, temperature: float = 0.15
) -> tuple[Tensor, Tensor]:
    """Return the loss of each positive and of each negative, in nats; as :func:`pair_loss`.

    Example:
        >>> above, below = pair_losses(torch.zeros(2), torch.zeros(3), threshold=0.0)
        >>> [round(loss, 4) for loss in above.tolist()]  # log 2
        [0.6931, 0.6931]
    """
    _check_pairs(positive, negative)
    check_positive("temperature", temperature)
    positive, negative = bounded(positive), bounded(negative)
    return (
        functional.softplus((threshold - positive) / temperature),
        functional.softplus((negative - threshold) / temperature),
    )


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless the value is finite and above 0."""
    if not 0 < value < math.inf:
        raise ValueError(f"expected a finite {name} above 0, got {value}")


class PairLoss(nn.Module):
    """Pair loss that holds its learned threshold; see :func:`pair_loss`.

    Its parameter belongs to the *encoder's* player: given to the adversary it would move the
    threshold instead of the similarities.

    Args:
        threshold: b to begin with, in [-1, 1].
        temperature: t, > 0.
        gather: over the pairs of all processes.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> round(PairLoss()(torch.tensor([0.3]), torch.tensor([0.3])).item(), 4)  # log 2
        0.6931
    """

    def __init__(
        self, *, threshold: float = 0.3, temperature: float = 0.15, gather: bool = False
    ) -> None:
        super().__init__()
        if not -1 <= threshold <= 1:
            raise ValueError(f"expected a threshold in [-1, 1], got {threshold}")
        check_positive("temperature", temperature)
        self.threshold = nn.Parameter(torch.tensor(threshold))
        self.temperature, self.gather = temperature, gather

    def forward(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss of ``(positives,)`` and ``(negatives,)`` similarities."""
        return pair_loss(
            positive,
            negative,
            threshold=self.threshold,
            temperature=self.temperature,
            gather=self.gather,
        )

    def halves(self, positive: Tensor, negative: Tensor, *, fixed: bool = False) -> PairHalves:
        """Return the two means and their counts, of this process's pairs.

        Args:
            positive: ``(positives,)`` similarities.
            negative: ``(negatives,)``.
            fixed: no gradient for the threshold, as in the adversary's phase.
        """
        threshold = self.threshold.detach() if fixed else self.threshold
        return pair_halves(positive, negative, threshold=threshold, temperature=self.temperature)


def pointwise_similarity(cosine: Tensor, *, positive: bool, epsilon: float = 0.3) -> Tensor:
    """Return the worst similarity within the trust region: the adversary without a network.

    ``s0 - epsilon (1 - s0^2)`` for positives, plus for negatives: a margin that is widest where
    the cosine says least. No :class:`MetricDiscriminator` can make :func:`pair_loss` larger.

    Args:
        cosine: ``(pairs,)`` in [-1, 1].
        positive: whether the pairs are of one class.
        epsilon: size of the trust region, in [0, 1/2].

    Example:
        >>> pointwise_similarity(torch.tensor([0.5]), positive=True, epsilon=0.5).item()
        0.125
    """
    worst = torch.full_like(cosine, -1.0 if positive else 1.0)
    return bounded_similarity(cosine, worst, epsilon=epsilon)


def adversary_strength(learned: Tensor, cosine: Tensor, worst: Tensor) -> Tensor:
    """Return ``(learned - cosine) / (worst - cosine)``, the share of the possible damage done.

    At most 1; below 0 the discriminator helps instead of attacking. It is no evidence of life: a
    constant response reads .40 on text. See :func:`metric_liveness`.

    Args:
        learned: scalar pair loss under the learned similarity.
        cosine: under the cosine.
        worst: under :func:`pointwise_similarity`; where it equals ``cosine`` (epsilon 0, no
            pair) the strength is 0.

    Example:
        >>> adversary_strength(torch.tensor(1.5), torch.tensor(1.0), torch.tensor(3.0)).item()
        0.25
    """
    room = worst - cosine
    strength = (learned - cosine) / room.where(room > 0, 1.0)
    return strength.where(room > 0, 0.0)


def trust_penalty(cosine: Tensor, similarity: Tensor) -> Tensor:
    """Return ``mean (s - s0)^2``, which the adversary may pay for leaving the cosine.

    The bounded form needs it little (weight 0 to .1), the free form much. Zero without a pair.

    Args:
        cosine: s0 ``(pairs,)``.
        similarity: s ``(pairs,)``.

    Raises:
        ValueError: if shapes do not fit.

    Example:
        >>> trust_penalty(torch.tensor([0.0, 0.5]), torch.tensor([0.0, 1.0])).item()
        0.125
    """
    if cosine.ndim != 1 or cosine.shape != similarity.shape:
        raise ValueError(
            f"expected cosine and similarity (pairs,), got {tuple(cosine.shape)} and "
            f"{tuple(similarity.shape)}"
        )
    return _mean((bounded(similarity) - bounded(cosine)).square())


def match_loss(positive: Tensor, negative: Tensor, *, gather: bool = False) -> Tensor:
    """Return ``(mean positive - mean negative)^2``, which the *discriminator* minimises.

    The option ``confuse="match"``: the similarity is to say the same of both types. A constant
    one does so perfectly, and the encoder then learns nothing from it; :func:`pair_loss`, which
    the discriminator raises, has no such way out. Zero if a type has no pair.

    Args:
        positive: ``(positives,)`` similarities.
        negative: ``(negatives,)``.
        gather: means over the pairs of all processes; every process then has the same value.

    Raises:
        ValueError: if shapes do not fit.

    Source: this project's option, after the confusion losses of domain adaptation.

    Example:
        >>> match_loss(torch.tensor([0.0, 0.5]), torch.tensor([0.75])).item()
        0.25
    """
    _check_pairs(positive, negative)
    if gather:
        positive, negative = torch.cat(gather_rows(positive)), torch.cat(gather_rows(negative))
    both = float(len(positive) > 0 and len(negative) > 0)
    return both * (_mean(bounded(positive)) - _mean(bounded(negative))).square()


def _check_pairs(positive: Tensor, negative: Tensor) -> None:
    if positive.ndim != 1 or negative.ndim != 1:
        raise ValueError(
            f"expected positive (positives,) and negative (negatives,), got "
            f"{tuple(positive.shape)} and {tuple(negative.shape)}"
        )


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(1, len(values))
