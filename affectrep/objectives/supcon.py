"""Supervised contrast: rows of a class attract one another, all others repel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.gather import gather_rows, process_rank
from affectrep.objectives.supcon_chunks import Pairs, chunked_losses, plain_losses

__all__ = ["DomainWeight", "SupConLoss", "SupConOptions", "supcon_loss"]


@dataclass(frozen=True)
class SupConOptions:
    """Readings of supervised contrast; the defaults are L_out as in its paper.

    Args:
        reduction: "mean", "sum", or "none" for ``(batch,)`` losses, 0 without a positive.
        no_positive: "exclude" anchors without a positive from the mean, or count them as "zero"
            and divide by all anchors (as the released SupContrast code does).
        inside: mean over positives outside the logarithm (False: L_out, Eq. 2, which trains
            better) or inside it (True: L_in, Eq. 3, for comparison).
        chunk: rows of a tile, at most; memory is linear in the rows. None holds all pairs at
            once, which is slower but has a second derivative.

    Raises:
        ValueError: if a word is unknown or the chunk is not positive.

    Example:
        >>> SupConOptions(no_positive="zero").reduction
        'mean'
    """

    reduction: Literal["mean", "sum", "none"] = "mean"
    no_positive: Literal["exclude", "zero"] = "exclude"
    inside: bool = False
    chunk: int | None = 1024

    def __post_init__(self) -> None:
        _one_of("reduction", self.reduction, ("mean", "sum", "none"))
        _one_of("no_positive", self.no_positive, ("exclude", "zero"))
        if self.chunk is not None and self.chunk < 1:
            raise ValueError(f"expected a chunk of at least one row, got {self.chunk}")


@dataclass(frozen=True)
class DomainWeight:
    """A larger weight for positives from another domain (language, speaker, corpus).

    Use it to draw a class together across languages instead of within each; negatives and the
    denominator stay as they are. With weight 1 it is plain supervised contrast.

    Args:
        domains: ``(batch,)`` int64, -1 where unknown: such a row never counts as another domain.
        weight: of a positive whose domain differs, > 0; the others weigh 1.
        normaliser: "sum" of the weights (the loss keeps its scale), or "count" of the positives
            (the scale grows with the share of other domains).

    Raises:
        ValueError: if the weight is not positive and finite or the normaliser is unknown.

    Source: language-aware SupCon, Interspeech 2026 (arXiv 2606.06200), weight 2.5.

    Example:
        >>> DomainWeight(torch.tensor([0, 1])).weight
        2.5
    """

    domains: Tensor
    weight: float = 2.5
    normaliser: Literal["sum", "count"] = "sum"

    def __post_init__(self) -> None:
        _one_of("normaliser", self.normaliser, ("sum", "count"))
        if not 0 < self.weight < math.inf:
            raise ValueError(f"expected a finite domain weight above 0, got {self.weight}")


def supcon_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float = 0.1,
    gather: bool = False,
    options: SupConOptions | None = None,
    domain_weight: DomainWeight | None = None,
) -> Tensor:
    """Supervised contrastive loss L_out, mean over anchors that have a positive, in nats.

    ``l_i = -1/W_i sum_{p in P(i)} w_ip [s_ip/t - log sum_{a != i} exp(s_ia/t)]`` on unit vectors,
    where ``w_ip = 1`` and ``W_i = |P(i)|`` without domain weights.
    An anchor without a positive is left out of the mean (SupContrast counts it as zero and
    divides by all anchors: ``no_positive="zero"``); without any positive the loss is zero with a
    live graph. A batch of one class only is a valid batch here (pytorch-metric-learning returns
    zero for it).

    Args:
        embeddings: ``(batch, dim)``, normalised here, in float32 at least.
        labels: ``(batch,)`` int64.
        temperature: divides the cosine, > 0.
        gather: contrast against the rows of all processes; this process's mean is over its own
            anchors. A process may have no rows if another has some.
        options: reduction, anchors without a positive, L_in, tiles; None for the defaults.
        domain_weight: weights of positives by domain; None weighs all alike.

    Raises:
        ValueError: if shapes do not fit, there are no rows, or the temperature is not positive.

    Source: Khosla et al. 2020, Supervised Contrastive Learning, Eq. 2 (L_in: Eq. 3).

    Example:
        >>> points = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> round(supcon_loss(points, torch.tensor([0, 0, 1, 1]), temperature=1.0).item(), 6)
        0.551445
    """
    check_supcon(embeddings, labels, temperature)
    options = options or SupConOptions()
    unit = unit_rows(embeddings)
    candidates, candidate_labels, start = candidate_rows(unit, labels, gather=gather)
    pairs = Pairs(labels, candidate_labels, start)
    if domain_weight is not None:
        pairs = _weighted(pairs, domain_weight, gather=gather)
    return contrast(unit, candidates, pairs, temperature=temperature, options=options)


def contrast(
    unit: Tensor, candidates: Tensor, pairs: Pairs, *, temperature: float, options: SupConOptions
) -> Tensor:
    """Return the reduced loss of unit anchors against unit candidates; for losses in this package.

    Example:
        >>> pairs = Pairs(torch.tensor([0, 0]), torch.tensor([0, 0]))
        >>> contrast(torch.eye(2), torch.eye(2), pairs, temperature=1.0, options=SupConOptions())
        tensor(0.)
    """
    inside, chunk = options.inside, options.chunk
    with torch.autocast(unit.device.type, enabled=False):
        if pairs.domains is None and not inside:
            losses = plain_losses(unit, candidates, pairs, temperature=temperature, chunk=chunk)
        elif chunk is None:
            losses = _dense_losses(unit, candidates, pairs, temperature=temperature, inside=inside)
        else:
            losses = chunked_losses(
                unit, candidates, pairs, temperature=temperature, inside=inside, chunk=chunk
            )
    if options.reduction == "none":
        return losses
    if options.reduction == "sum":
        return losses.sum()
    if options.no_positive == "zero":
        return losses.sum() / max(1, len(losses))
    return losses.sum() / anchors_with_positive(pairs).clamp(min=1)


class SupConLoss(nn.Module):
    """Supervised contrastive loss that holds its temperature; see :func:`supcon_loss`.

    Use it when several rows of a class fit in a batch. It needs about ten times cross-entropy's
    care for batch composition; with fewer than two rows a class it says nothing. Where too few
    rows of a class fit, :class:`SupConMemoryLoss` also contrasts with earlier batches.

    Example:
        >>> loss = SupConLoss(temperature=0.1)
        >>> loss(torch.eye(3), torch.tensor([0, 1, 2])).item()
        0.0
    """

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        gather: bool = False,
        options: SupConOptions | None = None,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.gather = gather
        self.options = options or SupConOptions()

    def forward(
        self, embeddings: Tensor, labels: Tensor, domain_weight: DomainWeight | None = None
    ) -> Tensor:
        """Return the loss, by default the mean over anchors with a positive."""
        return supcon_loss(
            embeddings,
            labels,
            temperature=self.temperature,
            gather=self.gather,
            options=self.options,
            domain_weight=domain_weight,
        )

    def count(self, labels: Tensor) -> float:
        """Return how many of this process's rows the mean is over: those with a positive."""
        everyone = torch.cat(gather_rows(labels)) if self.gather else labels
        if self.options.no_positive == "zero":
            return float(labels.numel())
        return float(anchors_with_positive(Pairs(labels, everyone)))


def anchors_with_positive(pairs: Pairs) -> Tensor:
    """Return how many anchors have a positive, in memory linear in the rows; scalar int64.

    Example:
        >>> labels = torch.tensor([0, 0, 1])
        >>> anchors_with_positive(Pairs(labels, labels)).item()
        2
    """
    return (pairs.classes()[2] > 0).sum()


def check_supcon(embeddings: Tensor, labels: Tensor, temperature: float) -> None:
    """Refuse what is no batch.

    Raises:
        ValueError: if shapes do not fit or the temperature is not positive.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] == 0 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            f"expected embeddings (batch, dim) and labels (batch,), got "
            f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}")


def candidate_rows(unit: Tensor, labels: Tensor, *, gather: bool) -> tuple[Tensor, Tensor, int]:
    """Return rows and labels of the batch, or of all processes, and where this process's begin.

    A process may have no rows as long as another has some: it must still gather.

    Raises:
        ValueError: if there are no rows on any process.

    Example:
        >>> candidate_rows(torch.eye(2), torch.tensor([0, 1]), gather=False)[1:]
        (tensor([0, 1]), 0)
    """
    parts, label_parts = [unit], [labels]
    if gather:
        parts, label_parts = gather_rows(unit), gather_rows(labels)
    # of one process, the very same tensor: it tells the tiles that rows and columns are alike
    rows = torch.cat(parts) if len(parts) > 1 else parts[0]
    if len(rows) == 0:
        raise ValueError("expected at least one row, got none")
    start = sum(len(part) for part in parts[: process_rank()]) if gather else 0
    return rows, torch.cat(label_parts), start


def unit_rows(embeddings: Tensor) -> Tensor:
    """Return rows of length 1 in float32 at least; a zero row stays zero.

    Example:
        >>> unit_rows(torch.tensor([[3e30, 4e30], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    values = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
    # the square of a large value overflows: bring the row's largest to 1 first
    largest = values.detach().abs().amax(dim=1, keepdim=True).clamp(min=1.0)
    return functional.normalize(values / largest, dim=1)


def _dense_losses(
    unit: Tensor, candidates: Tensor, pairs: Pairs, *, temperature: float, inside: bool
) -> Tensor:
    logits = unit @ candidates.T / temperature
    itself, weights = pairs.tile(slice(None), slice(None), logits.dtype)
    counts = (weights > 0).sum(dim=1)
    valid = counts > 0
    total = weights.sum(dim=1).to(logits.dtype)
    divisor = pairs.divisor(total, counts)
    # a row that is alone keeps its own entry: an empty denominator would not be finite
    others = logits.masked_fill(itself, -torch.inf) if logits.shape[1] > 1 else logits
    repulsion = others.logsumexp(dim=1)
    if inside:
        log_weights = weights.to(logits.dtype).log().where(valid[:, None], 0.0)
        losses = repulsion - (logits + log_weights).logsumexp(dim=1) + divisor.log()
    else:
        attraction = (logits * weights).sum(dim=1)
        losses = repulsion * (total / divisor) - attraction / divisor
    return losses.where(valid, 0.0)


def _weighted(pairs: Pairs, domain_weight: DomainWeight, *, gather: bool) -> Pairs:
    domains = domain_weight.domains
    if domains.shape != pairs.labels.shape:
        raise ValueError(
            f"expected domains {tuple(pairs.labels.shape)} like the labels, "
            f"got {tuple(domains.shape)}"
        )
    everyone = torch.cat(gather_rows(domains)) if gather else domains
    return Pairs(
        pairs.labels,
        pairs.candidate_labels,
        pairs.start,
        domains=(domains, everyone),
        weight=domain_weight.weight,
        normaliser=domain_weight.normaliser,
    )


def _one_of(name: str, value: str, words: tuple[str, ...]) -> None:
    # stands here, too, and not in plain_values: a call of a loss passes through three files at most
    if value not in words:
        raise ValueError(f"expected {name} to be one of {', '.join(words)}, got {value!r}")
