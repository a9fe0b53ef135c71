"""What AML's discriminator minimises: minus the pair loss on hard pairs, plus its price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

from affectrep.objectives.learned_similarity import PairSimilarity
from affectrep.objectives.pair_loss import (
    PairLoss,
    adversary_strength,
    pointwise_similarity,
    trust_penalty,
)
from affectrep.objectives.phase import Term

__all__ = ["AdversaryWeights", "PairLossChain", "ScoredPairs", "adversary_terms", "pair_loss_chain"]


class ScoredPairs(NamedTuple):
    """The similarities of a set's positives and of its negatives."""

    positive: PairSimilarity
    negative: PairSimilarity


@dataclass(frozen=True)
class AdversaryWeights:
    """What the discriminator pays for its attack.

    Args:
        validity: factor on the pair loss of easy pairs, .1 to 1: it must stay a similarity there
            and may only lie where pairs are ambiguous.
        trust: factor on :func:`trust_penalty` of the hard pairs, 0 to .1 ("free": more).

    Raises:
        ValueError: if a factor is negative.

    Example:
        >>> AdversaryWeights().validity
        0.5
    """

    validity: float = 0.5
    trust: float = 0.0

    def __post_init__(self) -> None:
        if not (self.validity >= 0 and self.trust >= 0):
            raise ValueError(
                f"expected validity and trust of at least 0, got {self.validity} and {self.trust}"
            )


def adversary_terms(
    hard: ScoredPairs,
    easy: ScoredPairs,
    loss: PairLoss,
    *,
    weights: AdversaryWeights | None = None,
) -> list[Term]:
    """Return the terms of ``-L(hard) + validity L(easy) + trust mean (s - s0)^2``, to minimise.

    The discriminator's phase; its embeddings and the threshold must not move in it (the threshold
    is detached here). Every type of pair is a term with its own count, so the trainer's sum over
    processes is the single-process loss however unequally the pairs are spread. Terms of weight 0
    are left out.

    Args:
        hard: from :meth:`MetricDiscriminator.score_hard`, split into positives and negatives.
        easy: pairs whose labels the cosine already tells, scored with the centre of the hard set.
        loss: threshold and temperature.
        weights: of validity and trust; None for the defaults.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public).

    Example:
        >>> pairs = ScoredPairs(*(PairSimilarity(*torch.full((3, 1), 0.3)) for _ in range(2)))
        >>> terms = adversary_terms(pairs, pairs, PairLoss(), weights=AdversaryWeights(trust=0.1))
        >>> [(term.name, term.weight) for term in terms]
        [('hard_positive', -0.5), ('hard_negative', -0.5), ('easy_positive', 0.25),
         ('easy_negative', 0.25), ('trust', 0.1)]
    """
    weights = weights or AdversaryWeights()
    terms = _terms("hard", hard, loss, weight=-1.0)
    if weights.validity > 0:
        terms += _terms("easy", easy, loss, weight=weights.validity)
    if weights.trust > 0:
        cosine = torch.cat([hard.positive.cosine, hard.negative.cosine])
        similarity = torch.cat([hard.positive.similarity, hard.negative.similarity])
        value = trust_penalty(cosine, similarity)
        terms.append(Term("trust", value, len(cosine), weights.trust))
    return terms


class PairLossChain(NamedTuple):
    """The pair loss under the cosine, the learned similarity and the worst within the region.

    For the bounded form ``worst`` is never below the others, and ``cosine`` never above
    ``learned`` if the adversary does its work.
    """

    cosine: float
    learned: float
    worst: float

    @property
    def strength(self) -> float:
        """The share of the possible damage done, see :func:`adversary_strength`."""
        return float(adversary_strength(*torch.tensor([self.learned, self.cosine, self.worst])))


@torch.no_grad()
def pair_loss_chain(pairs: ScoredPairs, loss: PairLoss, *, epsilon: float) -> PairLossChain:
    """Return the three losses of hard pairs, for the log; on this process's pairs.

    Args:
        pairs: the hard pairs.
        loss: threshold and temperature.
        epsilon: size of the trust region, in [0, 1/2].

    Example:
        >>> cosine = torch.tensor([0.2])
        >>> pairs = ScoredPairs(*(PairSimilarity(cosine, cosine * 0, cosine) for _ in range(2)))
        >>> pair_loss_chain(pairs, PairLoss(), epsilon=0.3).strength
        0.0
    """
    positive, negative = pairs
    worst = (
        pointwise_similarity(positive.cosine, positive=True, epsilon=epsilon),
        pointwise_similarity(negative.cosine, positive=False, epsilon=epsilon),
    )
    both = (
        (positive.cosine, negative.cosine),
        (positive.similarity, negative.similarity),
        worst,
    )
    return PairLossChain(*(float(loss.halves(*values).loss) for values in both))


def _terms(name: str, pairs: ScoredPairs, loss: PairLoss, *, weight: float) -> list[Term]:
    positive, negative = pairs.positive.similarity, pairs.negative.similarity
    return loss.halves(positive, negative, fixed=True).terms(name, weight=weight)
