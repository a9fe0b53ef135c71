"""Which classes the classifier takes for one another, as a running mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.gather import gather_rows

__all__ = ["ClassConfusion"]


class ClassConfusion(nn.Module):
    """Running confusion between classes from predicted probabilities, for mining and sampling.

    Entry (a, c) is the running mean of the probability of c on rows of class a (multi-label: rows
    with a and without c). :meth:`matrix` has a zero diagonal, rows brought to sum 1, and is then
    averaged with its transpose. A class that was never seen (or never confused) counts as equally
    confused with all others. The running means are corrected for their start at zero.

    Use it beside any classifier whose errors fall between a few classes; :class:`HardPairMiner`
    takes its negatives from :meth:`partners`, a sampler draws classes by :meth:`sampling_hint`.

    Args:
        classes: number of classes, >= 1.
        decay: of the running mean, a step, in [0, 1).
        gather: average over the rows of all processes, whose matrices are then the same; every
            process must then call :meth:`update` alike.

    Raises:
        ValueError: if there is no class or the decay is outside [0, 1).

    Source: our design for adversarial metric learning (ACL 2026 made only its abstract public).

    Example:
        >>> confusion = ClassConfusion(3)
        >>> confusion.update(torch.tensor([[0.6, 0.3, 0.1]]), torch.tensor([0]))
        >>> confusion.matrix()[0]
        tensor([0.0000, 0.6250, 0.3750])
        >>> confusion.confusable_pairs(1).tolist()
        [[0, 1]]
    """

    means: Tensor
    weights: Tensor

    def __init__(self, classes: int, *, decay: float = 0.99, gather: bool = False) -> None:
        super().__init__()
        if classes < 1 or not 0 <= decay < 1:
            raise ValueError(
                f"expected at least one class and a decay in [0, 1), got {classes} and {decay}"
            )
        self.classes, self.decay, self.gather = classes, decay, gather
        self.register_buffer("means", torch.zeros(classes, classes))
        self.register_buffer("weights", torch.zeros(classes, classes))

    @torch.no_grad()
    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Take note of a batch; classes that it lacks keep their means.

        Args:
            probabilities: ``(batch, classes)`` in [0, 1]: softmax, or sigmoids for multi-label.
            labels: ``(batch,)`` int64, rows below 0 are left out; or ``(batch, classes)`` float.

        Raises:
            ValueError: if shapes do not fit, a value is no probability or a label no class.
        """
        self._check(probabilities, labels)
        present = label_sets(labels, self.classes)
        with torch.autocast(probabilities.device.type, enabled=False):
            absent = 1 - present
            totals = present.T @ (probabilities.to(present) * absent)
            counts = present.T @ absent
        if self.gather:
            totals, counts = torch.cat(gather_rows(torch.stack([totals, counts])[None])).sum(dim=0)
        seen = counts > 0
        means = torch.where(seen, totals / counts.clamp_min(1), 0.0).to(self.means)
        step = (1 - self.decay) * seen.to(self.means)
        self.means += step * (means - self.means)
        self.weights += step * (1 - self.weights)

    def matrix(self) -> Tensor:
        """Return the symmetric confusion ``(classes, classes)``, in [0, 1], zero diagonal."""
        rows = self._rows()
        return (rows + rows.T) / 2

    def partners(self, count: int = 5) -> Tensor:
        """Return the classes most confused with each: ``(classes, min(count, classes - 1))`` int64.

        Most confused first; of equal ones the lower class first.

        Example:
            >>> ClassConfusion(3).partners(1).tolist()
            [[1], [0], [0]]
        """
        order = self._ranked().argsort(dim=1, descending=True, stable=True)
        return order[:, : self._most(count)]

    def partner_mask(self, count: int = 5) -> Tensor:
        """Return ``(classes, classes)`` bool: row a marks the partners of a, and their equals.

        Classes as much confused as the last partner count as well, so that all others are
        partners as long as nothing is known.

        Example:
            >>> ClassConfusion(3).partner_mask(1).sum().item()
            6
        """
        most = self._most(count)
        if most == 0:
            return torch.zeros_like(self.means, dtype=torch.bool)
        ranked = self._ranked()
        last = ranked.topk(most, dim=1).values[:, -1:]
        return ranked.ge(last)

    def confusable_pairs(self, count: int = 10) -> Tensor:
        """Return the most confused pairs of classes, ``(pairs, 2)`` int64, lower class first.

        Most confused first. A pair of which neither class was seen is left out, so there is none
        before the first update.
        """
        left, right = torch.triu_indices(self.classes, self.classes, 1, device=self.means.device)
        seen = self._seen()
        known = seen[left] | seen[right]
        left, right = left[known], right[known]
        order = self.matrix()[left, right].argsort(descending=True, stable=True)[:count]
        return torch.stack([left[order], right[order]], dim=1)

    def sampling_hint(self, count: int = 10) -> dict[str, Tensor]:
        """Return what a sampler can use: ``confusable_pairs`` and their ``confusable_weights``."""
        pairs = self.confusable_pairs(count)
        weights = self.matrix()[pairs[:, 0], pairs[:, 1]]
        return {"confusable_pairs": pairs, "confusable_weights": weights}

    def entropy(self) -> Tensor:
        """Return the mean entropy of the rows before they are made symmetric, scalar, in nats.

        ``log(classes - 1)``: each class is confused with all others alike; 0: with one only.

        Example:
            >>> round(ClassConfusion(3).entropy().item(), 4)  # log 2
            0.6931
        """
        entropies: Tensor = torch.special.entr(self._rows()).sum(dim=1)
        return entropies.mean()

    def _rows(self) -> Tensor:
        means = torch.where(self.weights > 0, self.means / self.weights.clamp_min(1e-30), 0.0)
        total = means.sum(dim=1, keepdim=True)
        others = (1 - torch.eye(self.classes).to(means)) / max(self.classes - 1, 1)
        return torch.where(total > 0, means / total.clamp_min(1e-30), others)

    def _ranked(self) -> Tensor:
        # below every other: a class is never its own partner
        return self.matrix().fill_diagonal_(-math.inf)

    def _seen(self) -> Tensor:
        return (self.weights > 0).any(dim=1)

    def _most(self, count: int) -> int:
        if count < 1:
            raise ValueError(f"expected at least one partner, got {count}")
        return min(count, self.classes - 1)

    def _check(self, probabilities: Tensor, labels: Tensor) -> None:
        batch = len(probabilities)
        shapes = [(batch,), (batch, self.classes)]
        if probabilities.shape != shapes[1] or tuple(labels.shape) not in shapes:
            raise ValueError(
                f"expected probabilities {shapes[1]} and labels {shapes[0]} or {shapes[1]}, got "
                f"{tuple(probabilities.shape)} and {tuple(labels.shape)}"
            )
        if batch == 0:
            return
        low, high = float(probabilities.min()), float(probabilities.max())
        if not (low >= 0 and high <= 1.01):  # half precision may round above 1
            raise ValueError(f"expected probabilities in [0, 1], got {low:.4g} to {high:.4g}")


def label_sets(labels: Tensor, classes: int) -> Tensor:
    """Return labels as ``(batch, classes)`` float32 in {0, 1}; a label below 0 is the empty set.

    Raises:
        ValueError: if a label is no class, or the sets have another number of classes.

    Example:
        >>> label_sets(torch.tensor([1, -1]), 2)
        tensor([[0., 1.],
                [0., 0.]])
    """
    highest = labels.shape[1] - 1 if labels.ndim == 2 else int(labels.max()) if len(labels) else -1
    if highest >= classes or (labels.ndim == 2 and highest + 1 < classes):
        raise ValueError(f"expected labels of {classes} classes, got class {highest}")
    if labels.ndim == 2:
        return (labels > 0).float()
    return functional.one_hot(labels.clamp_min(-1) + 1, classes + 1)[:, 1:].float()
