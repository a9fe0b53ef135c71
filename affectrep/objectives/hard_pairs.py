"""Mining of hard pairs: cosine's hardest, and the hardest in the eyes of a learned metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from affectrep.objectives.class_confusion import ClassConfusion, label_sets
from affectrep.objectives.class_memory import MemoryRows
from affectrep.objectives.supcon import unit_rows

__all__ = ["HardPairMiner", "HardPairs", "Mining", "Score"]

Score = Callable[[Tensor, Tensor], Tensor]
SOURCES = ("both", "learned", "cosine")
COSINE, LEARNED = 1, 2
CHUNK = 16384  # pairs scored at once: bounds the memory of large batches
OVERLAP = 256  # random pairs of each kind that the overlap of the two is measured on


@dataclass(frozen=True)
class Mining:
    """How hard pairs are chosen.

    Args:
        positives: hard positives per anchor and metric, >= 1.
        negatives: hard negatives per anchor and metric, >= 1.
        prefilter: candidates per anchor and type, hardest by cosine, that the learned metric
            ranks again; at least as many as are chosen.
        partners: classes most confused with the anchor's that its negatives come from, >= 1.
        confusion_weight: of the log confusion beside the similarity of negatives.
        skip_lowest: share of an anchor's positives, lowest first, left out as label noise (.01 to
            .02; rounded, so an anchor with few positives keeps them all), in [0, 1).
        source: "both" unites the choices of the two metrics; "learned" and "cosine" take one.

    Raises:
        ValueError: if a number is out of range or the source unknown.
    """

    positives: int = 2
    negatives: int = 4
    prefilter: int = 32
    partners: int = 5
    confusion_weight: float = 0.1
    skip_lowest: float = 0.0
    source: Literal["both", "learned", "cosine"] = "both"

    def __post_init__(self) -> None:
        chosen = (self.positives, self.negatives, self.partners)
        if min(chosen) < 1 or self.prefilter < max(chosen[:2]):
            raise ValueError(
                f"expected positives, negatives and partners of at least 1 and a prefilter of at "
                f"least as many, got {chosen} and {self.prefilter}"
            )
        if not 0 <= self.skip_lowest < 1:
            raise ValueError(f"expected skip_lowest in [0, 1), got {self.skip_lowest}")
        if self.source not in SOURCES:
            raise ValueError(f"expected source to be one of {', '.join(SOURCES)}: {self.source!r}")


@dataclass(frozen=True)
class HardPairs:
    """Pairs of rows, each unordered pair once, by row: columns index the candidates.

    Candidates are the batch's rows followed by the memory's, so the first of a pair is always a
    row of the batch. ``positive``, ``negative``, ``easy_positive`` and ``easy_negative`` are
    ``(pairs, 2)`` int64; ``positive_found`` and ``negative_found`` ``(pairs,)`` int64 say who chose
    the pair: 1 the cosine, 2 the learned metric, 3 both. ``positive_anchor`` ``(pairs,)`` int64
    says which row was the anchor: 1 the first, which chose the second; 2 the second; 3 each.
    ``overlap_positive`` and ``overlap_negative`` are random pairs whether hard or not, negatives
    of partner classes: on them a metric can be judged, as hard pairs are on its wrong side by
    their very choice.
    """

    positive: Tensor
    negative: Tensor
    easy_positive: Tensor
    easy_negative: Tensor
    positive_found: Tensor
    negative_found: Tensor
    positive_anchor: Tensor
    overlap_positive: Tensor = field(default_factory=lambda: torch.zeros(0, 2, dtype=torch.int64))
    overlap_negative: Tensor = field(default_factory=lambda: torch.zeros(0, 2, dtype=torch.int64))

    def chosen_positives(self) -> Tensor:
        """Return the rows that anchors chose as hard positives, ``(choices,)`` int64.

        A row that two anchors chose is there twice.
        """
        first, second = self.positive.unbind(dim=1)
        by_first, by_second = ((self.positive_anchor & bit) > 0 for bit in (1, 2))
        return torch.cat([second[by_first], first[by_second]])

    def logs(self) -> dict[str, float]:
        """Return the numbers of pairs and which share each metric alone, or both, found.

        Shares of no pairs are 0.
        """
        found: dict[str, float] = {}
        for name, by in (("positive", self.positive_found), ("negative", self.negative_found)):
            pairs = max(len(by), 1)
            found[f"hard_{name}_pairs"] = float(len(by))
            for who, bits in (("cosine_only", 1), ("learned_only", 2), ("both", 3)):
                found[f"hard_{name}_{who}"] = float((by == bits).sum()) / pairs
        return found


class HardPairMiner(nn.Module):
    """Finds the pairs that training is to part or join next; has no parameters.

    Hard positives of an anchor are those of its label with the lowest similarity s, hard
    negatives those of its partner classes with the highest ``s + gamma log(C + 1e-6)``, C the
    confusion of the two classes. The choice is made once with the cosine and once with the
    learned metric, which ranks the ``prefilter`` hardest by cosine again; the two are united, so
    an anchor gives up to twice the numbers of :class:`Mining`. Only rows of the batch are anchors.
    Rows without a known class (label below 0, no label set) are in no pair, nor is a row with its
    own older copy in memory. Easy pairs are random pairs of the same two kinds that are not hard,
    as many as there are hard ones where there are so many.

    Use it before a pair loss. :class:`SupConLoss` needs no mining: it weighs all rows of a batch.

    Args:
        mining: how pairs are chosen.
        generator: of the easy pairs; None is torch's global one on the CPU, which a checkpoint
            keeps. The state of a generator given here is the caller's to keep.

    Source: our design for adversarial metric learning (ACL 2026 made only its abstract public).

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.8, 0.3]])
        >>> miner = HardPairMiner(Mining(positives=1, negatives=1))
        >>> pairs = miner.mine(points, torch.tensor([0, 0, 0, 1]))
        >>> pairs.positive.tolist(), pairs.negative.tolist()
        ([[0, 2], [1, 2]], [[0, 3], [1, 3], [2, 3]])
    """

    def __init__(
        self, mining: Mining | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.mining = mining or Mining()
        self.generator = generator

    @torch.no_grad()
    def mine(
        self,
        embeddings: Tensor,
        labels: Tensor,
        *,
        score: Score | None = None,
        confusion: ClassConfusion | None = None,
        memory: MemoryRows | None = None,
        ids: Tensor | None = None,
    ) -> HardPairs:
        """Return the pairs of a batch, without gradient.

        Args:
            embeddings: ``(batch, dim)``, float32 at least inside.
            labels: ``(batch,)`` int64; or ``(batch, classes)`` multi-label, where rows that share
                a label are positives and rows that share none are negatives.
            score: ``(left (pairs, dim), right (pairs, dim)) -> similarity (pairs,)``, the learned
                metric; None mines with the cosine alone.
            confusion: gives partners; None makes all other classes partners.
            memory: rows of earlier batches, candidates after the batch's.
            ids: ``(batch,)`` int64 row ids, -1 where unknown, to know a row again in memory.

        Raises:
            ValueError: if there are no rows or shapes do not fit.
        """
        rows = _rows(embeddings, labels, memory, ids)
        wanted = _Wanted(self.mining, score, rows.points)
        with torch.autocast(embeddings.device.type, enabled=False):
            same, other = _kinds(rows)
            cosine = _cosines(rows)
            near, bonus = _near(rows, other, confusion, self.mining)
            positive = wanted.hits(-cosine, same, sign=-1.0)
            negative = wanted.hits(cosine + bonus, near, sign=1.0, bonus=bonus)
        hard = [_pairs(hits) for hits in (positive, negative)]
        easy = [
            self._drawn(_upper(kind) & (_upper(hits) == 0), len(pairs[0]))
            for kind, hits, pairs in zip((same, other), (positive, negative), hard, strict=True)
        ]
        overlap = [self._drawn(_upper(kind), OVERLAP) for kind in (same, near)]
        (pairs, found), (others, by) = hard
        anchor = _anchors(positive, pairs)
        return HardPairs(pairs, others, easy[0], easy[1], found, by, anchor, *overlap)

    def _drawn(self, allowed: Tensor, count: int) -> Tensor:
        pairs = allowed.nonzero()
        # drawn on the CPU: the same pairs on every device
        device = self.generator.device if self.generator else torch.device("cpu")
        order = torch.randperm(len(pairs), generator=self.generator, device=device)[:count]
        return pairs[order.to(pairs.device)]


class _Rows(NamedTuple):
    points: Tensor
    labels: Tensor
    ids: Tensor
    batch: int


class _Wanted(NamedTuple):
    mining: Mining
    score: Score | None
    points: Tensor

    def hits(
        self, hardness: Tensor, allowed: Tensor, *, sign: float, bonus: Tensor | None = None
    ) -> Tensor:
        """Return ``(batch, candidates)`` uint8: bit 1 chosen by the cosine, bit 2 by the score."""
        mining = self.mining
        count = mining.positives if sign < 0 else mining.negatives
        share = mining.skip_lowest if sign < 0 else 0.0
        width = min(mining.prefilter, hardness.shape[1])
        values, columns = hardness.masked_fill(~allowed, -torch.inf).topk(width, dim=1)
        available = allowed.sum(dim=1, keepdim=True)
        spare = (available.clamp_max(width) - count).clamp_min(0)
        skip = (available * share).round().long().minimum(spare)
        ranks = torch.arange(width, device=values.device)
        chosen = (ranks >= skip) & (ranks < skip + count)
        found = torch.zeros(hardness.shape, dtype=torch.uint8, device=hardness.device)
        if self.score is None or mining.source != "learned":
            by_cosine = (chosen & values.isfinite()).to(found) * COSINE
            found.scatter_(1, columns, by_cosine)
        if self.score is not None and mining.source != "cosine":
            ranked = self._ranked(self.score, columns, values.isfinite(), sign, bonus)
            values, order = ranked.sort(dim=1, descending=True)
            by_score = (chosen & values.isfinite()).to(found) * LEARNED
            found.scatter_add_(1, columns.gather(1, order), by_score)
        return found

    def _ranked(
        self, score: Score, columns: Tensor, valid: Tensor, sign: float, bonus: Tensor | None
    ) -> Tensor:
        anchors, places = valid.nonzero(as_tuple=True)
        candidates = columns[anchors, places]
        ranked = torch.full(valid.shape, -torch.inf, device=columns.device)
        ranked = ranked.to(self.points.dtype)
        if len(anchors) == 0:
            return ranked
        parts = zip(torch.split(anchors, CHUNK), torch.split(candidates, CHUNK), strict=True)
        scores = torch.cat([score(self.points[left], self.points[right]) for left, right in parts])
        hardness = sign * scores.to(ranked)
        if bonus is not None:
            hardness = hardness + bonus[anchors, candidates]
        ranked[anchors, places] = hardness
        return ranked


def _rows(
    embeddings: Tensor, labels: Tensor, memory: MemoryRows | None, ids: Tensor | None
) -> _Rows:
    batch = len(embeddings) if embeddings.ndim else 0
    ids = torch.full((batch,), -1, device=embeddings.device) if ids is None else ids
    if embeddings.ndim != 2 or labels.ndim not in (1, 2) or len(labels) != batch:
        raise ValueError(
            f"expected embeddings (batch, dim) and labels (batch,) or (batch, classes), got "
            f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        )
    if batch == 0 or ids.shape != (batch,):
        raise ValueError(
            f"expected at least one row and ids (batch,), got {batch} rows, {ids.shape}"
        )
    points = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
    if memory is None:
        return _Rows(points, labels, ids, batch)
    stored = memory.embeddings, memory.labels
    if stored[0].shape[1:] != points.shape[1:] or stored[1].shape[1:] != labels.shape[1:]:
        raise ValueError(
            f"expected memory rows like the batch's {tuple(points.shape)} and "
            f"{tuple(labels.shape)}, got {tuple(stored[0].shape)} and {tuple(stored[1].shape)}"
        )
    return _Rows(
        torch.cat([points, stored[0].to(points)]),
        torch.cat([labels, stored[1].to(labels)]),
        torch.cat([ids, memory.ids.to(ids)]),
        batch,
    )


def _cosines(rows: _Rows) -> Tensor:
    """Return ``(batch, candidates)`` cosines, without a normalised copy of the memory."""
    norms: Tensor = torch.linalg.vector_norm(rows.points, dim=1)
    if not norms.isfinite().all():  # squares overflowed
        unit = unit_rows(rows.points)
        return unit[: rows.batch] @ unit.T
    products = unit_rows(rows.points[: rows.batch]) @ rows.points.T
    return products / norms.clamp_min(1e-12)


def _kinds(rows: _Rows) -> tuple[Tensor, Tensor]:
    """Return which candidates are positives and which negatives of each anchor."""
    labels = rows.labels
    if labels.ndim == 1:
        known = labels >= 0
        same = labels[: rows.batch, None] == labels[None, :]
    else:
        sets = (labels > 0).float()
        known = sets.any(dim=1)
        same = sets[: rows.batch] @ sets.T > 0  # Jaccard above 0
    ids = rows.ids[: rows.batch, None]
    usable = known[: rows.batch, None] & known[None, :] & ~((ids == rows.ids) & (ids >= 0))
    usable[:, : rows.batch].fill_diagonal_(fill_value=False)
    return same & usable, ~same & usable


def _near(
    rows: _Rows, other: Tensor, confusion: ClassConfusion | None, mining: Mining
) -> tuple[Tensor, Tensor]:
    """Return which negatives are of partner classes, and what their confusion adds."""
    if confusion is None:
        return other, torch.zeros((), device=other.device).to(rows.points).expand(other.shape)
    matrix = confusion.matrix()
    sets = label_sets(rows.labels, confusion.classes).to(matrix)
    anchors, partners = sets[: rows.batch], confusion.partner_mask(mining.partners).to(matrix)
    near = other & (anchors @ partners @ sets.T > 0)
    if rows.labels.ndim == 1:
        confused = anchors @ (matrix + 1e-6).log() @ sets.T
    else:  # several labels: the mean confusion over pairs of them
        sizes = sets.sum(dim=1).clamp_min(1)
        mean = (anchors @ matrix @ sets.T) / (sizes[: rows.batch, None] * sizes)
        confused = (mean + 1e-6).log()
    return near, mining.confusion_weight * confused.to(rows.points)


def _upper(matrix: Tensor) -> Tensor:
    """Return each unordered pair once: of two rows of the batch, the lower one comes first."""
    batch = matrix.shape[0]
    inside = matrix[:, :batch]
    both = (inside | inside.T).triu(1)
    return torch.cat([both, matrix[:, batch:]], dim=1)


def _anchors(hits: Tensor, pairs: Tensor) -> Tensor:
    """Return which row of each pair chose the other: 1 the first, 2 the second, 3 each."""
    first, second = pairs.unbind(dim=1)
    last = hits.shape[0] - 1  # rows of the memory, behind it, choose none
    back = (second <= last) & (hits[second.clamp_max(last), first] > 0)
    return (hits[first, second] > 0).long() + 2 * back.long()


def _pairs(hits: Tensor) -> tuple[Tensor, Tensor]:
    upper = _upper(hits)
    pairs = upper.nonzero()
    return pairs, upper[pairs[:, 0], pairs[:, 1]].long()
