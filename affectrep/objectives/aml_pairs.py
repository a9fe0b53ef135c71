"""How the two players of adversarial metric learning score the pairs that were mined."""

from __future__ import annotations

import torch
from torch import Tensor

from affectrep.objectives.dro_pair_loss import dro_pair_loss
from affectrep.objectives.hard_pairs import HardPairs, Score
from affectrep.objectives.learned_similarity import (
    MetricDiscriminator,
    self_penalty,
)
from affectrep.objectives.metric_liveness import beyond_cosine, metric_liveness, overlap_auc
from affectrep.objectives.pair_adversary import (
    AdversaryWeights,
    ScoredPairs,
    adversary_terms,
    pair_loss_chain,
)
from affectrep.objectives.pair_loss import PairLoss, match_loss, pointwise_similarity
from affectrep.objectives.phase import Term
from affectrep.objectives.supcon import unit_rows

__all__ = ["PairScorer"]

# the free and the bilinear form have no trust region by construction: their penalties' weights
SELF_WEIGHT, ORTHOGONAL_WEIGHT = 1.0, 0.1


class PairScorer:
    """Scores hard and easy pairs for the adversary's step and for the model's.

    Args:
        metric: the discriminator; None for the adversaries without a network.
        loss: pair loss with its threshold.
        adversary: see :class:`AMLOptions`.
        price: what the discriminator pays.
    """

    def __init__(
        self,
        metric: MetricDiscriminator | None,
        loss: PairLoss,
        adversary: str,
        price: AdversaryWeights,
    ) -> None:
        self.metric, self.loss, self.adversary, self.price = metric, loss, adversary, price

    def score(self, epsilon: float) -> Score | None:
        """Return the learned similarity for mining; None without a network."""
        metric = self.metric
        if metric is None:
            return None
        return lambda left, right: metric(left, right, epsilon=epsilon).similarity

    def attack(
        self, rows: Tensor, pairs: HardPairs, *, epsilon: float
    ) -> tuple[list[Term], dict[str, float]]:
        """Return what the discriminator minimises, and its signs of life before the step.

        Args:
            rows: ``(candidates, dim)`` detached, as the pairs index them.
            pairs: hard and easy pairs.
            epsilon: size of the trust region.
        """
        assert self.metric is not None
        hard = self._hard(rows, pairs, epsilon)
        easy = self._split(rows, pairs.easy_positive, pairs.easy_negative, epsilon)
        terms = adversary_terms(hard, easy, self.loss, weights=self.price)
        if self.adversary == "match":
            terms = [term for term in terms if not term.name.startswith("hard")]
            both = hard.positive.similarity, hard.negative.similarity
            terms.append(Term("match", match_loss(*both, gather=True), 1.0))
        if self.adversary == "free":
            value = self_penalty(self.metric, rows, epsilon=epsilon)
            terms.append(Term("self", value, float(len(rows)), SELF_WEIGHT))
        if self.adversary == "bilinear":
            terms.append(Term("orthogonal", self.metric.penalty(), 1.0, ORTHOGONAL_WEIGHT))
        alive = metric_liveness(hard.positive, hard.negative, epsilon=epsilon)
        chain = pair_loss_chain(hard, self.loss, epsilon=epsilon)
        random = self._split(rows, pairs.overlap_positive, pairs.overlap_negative, epsilon)
        beyond = beyond_cosine(*random)
        return terms, {
            "explained_by_cosine": beyond.explained,
            "gap_beyond_cosine": beyond.gap,
            "response_sd": alive.spread,
            "response_gap": alive.gap,
            "saturation": alive.saturation,
            "moved": alive.moved,
            "overlap_auc_learned": overlap_auc(*(part.similarity for part in random)),
            "violations": alive.violations if self.adversary in ("bounded", "match") else 0.0,
            "strength": chain.strength,
        }

    def defend(
        self, rows: Tensor, pairs: HardPairs, *, epsilon: float
    ) -> tuple[list[Term], dict[str, float]]:
        """Return the model's terms on the hard pairs, before its weight, and what to log."""
        overlap = [
            _cosines(rows.detach(), of) for of in (pairs.overlap_positive, pairs.overlap_negative)
        ]
        logs = {
            "threshold": float(self.loss.threshold.detach()),
            "overlap_auc_cosine": overlap_auc(*overlap),
        }
        if self.metric is not None:
            hard = self._hard(rows, pairs, epsilon)
            scored = hard.positive.similarity, hard.negative.similarity
            logs |= {
                "cosine_positive": _mean(hard.positive.cosine),
                "cosine_negative": _mean(hard.negative.cosine),
                "similarity_positive": _mean(scored[0]),
                "similarity_negative": _mean(scored[1]),
            }
            return self.loss.halves(*scored).terms("pair"), logs
        positive, negative = _cosines(rows, pairs.positive), _cosines(rows, pairs.negative)
        logs |= {"cosine_positive": _mean(positive), "cosine_negative": _mean(negative)}
        if self.adversary == "pointwise":
            worst = (
                pointwise_similarity(positive, positive=True, epsilon=epsilon),
                pointwise_similarity(negative, positive=False, epsilon=epsilon),
            )
            return self.loss.halves(*worst).terms("pair"), logs
        value = dro_pair_loss(
            positive,
            negative,
            threshold=self.loss.threshold,
            temperature=self.loss.temperature,
            gather=True,
        )
        return [Term("pair", value, 1.0)], logs

    def _hard(self, rows: Tensor, pairs: HardPairs, epsilon: float) -> ScoredPairs:
        assert self.metric is not None
        both = torch.cat([pairs.positive, pairs.negative])
        found = self.metric.score_hard(rows[both[:, 0]], rows[both[:, 1]], epsilon=epsilon)
        return ScoredPairs(*found.split(len(pairs.positive)))

    def _split(
        self, rows: Tensor, positive: Tensor, negative: Tensor, epsilon: float
    ) -> ScoredPairs:
        assert self.metric is not None
        both = torch.cat([positive, negative])
        found = self.metric(rows[both[:, 0]], rows[both[:, 1]], epsilon=epsilon)
        return ScoredPairs(*found.split(len(positive)))


def _cosines(rows: Tensor, pairs: Tensor) -> Tensor:
    left, right = unit_rows(rows[pairs[:, 0]]), unit_rows(rows[pairs[:, 1]])
    return (left * right).sum(dim=1).clamp(-1, 1)


def _mean(values: Tensor) -> float:
    return float(values.detach().mean()) if len(values) else 0.0
