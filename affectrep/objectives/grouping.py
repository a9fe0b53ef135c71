"""Strong and weak emotions: a threshold of valence and arousal, and the groups it makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.thresholds import kmeans_threshold, otsu_exact, otsu_histogram

__all__ = [
    "Grouper",
    "Grouping",
    "Groups",
    "code_groups",
    "delta_r",
    "radius_threshold",
    "strong_weak_groups",
]


@dataclass(frozen=True)
class Groups:
    """Masks ``(batch,)`` of strong and weak rows; a row may be in neither."""

    strong: Tensor
    weak: Tensor


@dataclass(frozen=True)
class Grouping:
    """How rows are grouped.

    Args:
        rule: otsu (256 bins for a data set, exact for batches), kmeans (threshold = mean of the
            centres), or code (the released code's rule, :func:`code_groups`; batches only).
        on: absolute or signed values of each axis, joined by :func:`delta_r`, or the radius.
            Signed labels can give thresholds near 0, and then everything is strong.
        scope: thresholds from the training split once, from each batch, or a running mean.
        centres: clusters of kmeans.
        strong_upper: rows with this radius or more are in neither group; the paper prints 1.0,
            which drops the strongest rows, as the radius goes up to sqrt(2).
        momentum: share of the old value in the running mean, in [0, 1).

    Raises:
        ValueError: if an option is unknown or out of range.
    """

    rule: Literal["otsu", "kmeans", "code"] = "otsu"
    on: Literal["abs", "signed", "radius"] = "abs"
    scope: Literal["dataset", "batch", "ema"] = "dataset"
    centres: int = 2
    strong_upper: float | None = None
    momentum: float = 0.99

    def __post_init__(self) -> None:
        for name, allowed in {
            "rule": ("otsu", "kmeans", "code"),
            "on": ("abs", "signed", "radius"),
            "scope": ("dataset", "batch", "ema"),
        }.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"expected {name} to be one of {', '.join(allowed)}, got {getattr(self, name)}"
                )
        if self.rule == "code" and self.scope != "batch":
            raise ValueError(f"expected scope batch with the rule of the code, got {self.scope}")
        if self.centres < 2 or not 0 <= self.momentum < 1:
            raise ValueError(
                f"expected centres >= 2 and momentum in [0, 1), got {self.centres} and "
                f"{self.momentum}"
            )


def delta_r(valence: float, arousal: float) -> float:
    """Join the thresholds of two axes to one of the radius; it is at least each of them.

    Example:
        >>> delta_r(0.4, 0.3)
        0.5
    """
    return math.hypot(valence, arousal)


def radius_threshold(labels: Tensor, grouping: Grouping | None = None) -> float:
    """Return the threshold of the radius, or NaN where the labels do not split.

    An axis of one value only adds that value; when no axis splits, nothing does.

    Args:
        labels: ``(rows, 2)``, valence and arousal in [-1, 1].
        grouping: rule and what it looks at; the scope chooses between binned and exact Otsu.

    Raises:
        ValueError: if the shape is wrong, there are no rows, or a label is out of range.

    Source: Kim and Song 2021, Contrastive Adversarial Learning for Facial Emotion Recognition.

    Example:
        >>> labels = torch.tensor([[0.1, 0.0], [0.0, 0.1], [0.9, 0.8]])
        >>> round(radius_threshold(labels, Grouping(scope="batch")), 3)
        0.673
    """
    grouping = grouping or Grouping()
    if grouping.rule == "code":
        return delta_r(*(_cumulative_ratio(axis) for axis in _pairs(labels).double().cpu().T))
    values = _pairs(labels).detach().cpu().double()
    low, high = 0.0, 1.0
    if grouping.on == "radius":
        values, high = values.norm(dim=1, keepdim=True), math.sqrt(2)
    elif grouping.on == "signed":
        low = -1.0
    else:
        values = values.abs()
    if grouping.rule == "kmeans":
        cuts = [kmeans_threshold(axis, centres=grouping.centres) for axis in values.T]
    elif grouping.scope == "dataset":
        cuts = [otsu_histogram(axis, low=low, high=high) for axis in values.T]
    else:
        cuts = [otsu_exact(axis) for axis in values.T]
    if not any(cut.between > 0 for cut in cuts):
        return math.nan
    return math.hypot(*(cut.threshold for cut in cuts))


def strong_weak_groups(
    labels: Tensor, *, threshold: float, strong_upper: float | None = None
) -> Groups:
    """Group rows by their radius: strong from the threshold on, weak below it.

    A threshold of NaN ("no split") puts every row in neither group.

    Args:
        labels: ``(batch, 2)``, valence and arousal in [-1, 1]; no rows give empty groups.
        threshold: of the radius.
        strong_upper: rows with this radius or more are in neither group.

    Raises:
        ValueError: if the shape is wrong.

    Example:
        >>> labels = torch.tensor([[0.3, 0.4], [0.6, 0.8], [0.9, 0.9]])
        >>> strong_weak_groups(labels, threshold=0.7, strong_upper=1.2).strong.tolist()
        [False, True, False]
    """
    radius = _radius(labels)
    strong = radius >= threshold
    if strong_upper is not None:
        strong &= radius < strong_upper
    return Groups(strong, radius < threshold)


def code_groups(labels: Tensor, *, threshold: float | None = None, balanced: bool = True) -> Groups:
    """Group rows as the released code does, for reproduction only.

    Its threshold is no threshold but depends on the order of the batch: per axis, the share of
    the sum up to halfway between the smallest and the largest label. Strong is ``r^2 > t + 0.25``.
    When a group is empty, strong is ``r^2 > 0.65`` and weak ``r^2 < 0.3``. Both are cut to one
    even size in batch order. Not copied: repeated entries, and "strong := weak" for no strong
    row, which makes the critic push identical samples apart; here both groups stay empty.

    Args:
        labels: ``(batch, 2)``, valence and arousal in [-1, 1]; no rows give empty groups.
        threshold: None computes it from these labels.
        balanced: cut both groups to one even size.

    Raises:
        ValueError: if the shape is wrong.

    Source: kdhht2334/Contrastive-Adversarial-Learning-FER, commit bb9ec95.

    Example:
        >>> labels = torch.tensor([[0.3, 0.4], [0.9, 0.9], [0.1, 0.0], [-0.9, 0.9]])
        >>> code_groups(labels, threshold=0.7).weak.tolist()
        [True, False, True, False]
    """
    squares = _radius(labels).square()
    if threshold is None and len(labels):
        threshold = radius_threshold(labels, Grouping(rule="code", scope="batch"))
    strong = squares > (math.nan if threshold is None else threshold) + 0.25
    weak = ~strong
    if not (bool(strong.any()) and bool(weak.any())):
        strong, weak = squares > 0.65, squares < 0.3
    if balanced:
        size = int(torch.minimum(strong.sum(), weak.sum())) // 2 * 2
        strong, weak = (group & (group.cumsum(0) <= size) for group in (strong, weak))
    return Groups(strong, weak)


class Grouper(nn.Module):
    """Group rows by thresholds of the training split, of the batch, or a running mean of both.

    Use the data set's (the default) where the labels are at hand: it is the same for every row
    and needs no luck with batches. A batch without a split leaves the running mean as it is.

    Args:
        grouping: rule, scope and what is looked at.
        threshold: of the radius, known beforehand; then :meth:`fit` is not needed.
        gather: batch thresholds from the labels of all processes, which then agree; the rule of
            the code looks at its own batch all the same.

    Example:
        >>> grouper = Grouper()
        >>> grouper.fit(torch.tensor([[0.1, 0.1], [0.2, 0.1], [0.8, 0.7]]))
        >>> grouper(torch.tensor([[0.0, 0.3], [0.9, 0.9]])).strong.tolist()
        [False, True]
    """

    threshold: Tensor

    def __init__(
        self,
        grouping: Grouping | None = None,
        *,
        threshold: float | None = None,
        gather: bool = False,
    ) -> None:
        super().__init__()
        self.grouping = grouping or Grouping()
        self.gather, self.given = gather, threshold is not None
        value = math.nan if threshold is None else threshold
        self.register_buffer("threshold", torch.tensor(value))

    def fit(self, labels: Tensor) -> None:
        """Take the threshold from the labels ``(rows, 2)`` of the training split.

        Raises:
            ValueError: if the labels do not split, or as :func:`radius_threshold`.
        """
        value = radius_threshold(labels, self.grouping)
        if math.isnan(value):
            raise ValueError("expected labels of at least two strengths, got one strength only")
        self.threshold.fill_(value)

    def learn(self, labels: Tensor) -> str | None:
        """Take the threshold, where it is to be learned, from the labels ``(rows, 2)`` of training.

        Return why there are no groups; None where there are.
        """
        learns = self.grouping.scope != "batch" and not self.given
        if learns:
            self.threshold.fill_(math.nan)  # that of other labels
        found = self.impossible(labels)
        if found is None and learns:
            self.fit(labels)
            found = self.impossible(labels)
        return found

    def hint(self) -> Mapping[str, Tensor]:
        """Return the radius from which a row is strong, where it is known."""
        known = not math.isnan(float(self.threshold))
        return {"strong_radius": self.threshold.clone()} if known else {}

    def forward(self, labels: Tensor) -> Groups:
        """Return the groups of ``(batch, 2)`` labels; in training a running mean moves on.

        Raises:
            ValueError: if the scope is the data set and there is no threshold yet.
        """
        if self.grouping.rule == "code":
            return code_groups(labels)
        return strong_weak_groups(
            labels, threshold=self._value(labels), strong_upper=self.grouping.strong_upper
        )

    def held_out(self, labels: Tensor) -> Groups:
        """Return the groups of rows ``(rows, 2)`` that are not trained on, by this process alone.

        A running mean does not move. Where every batch has thresholds of its own, all rows given
        are one batch.
        """
        if self.grouping.rule == "code":
            return code_groups(labels)
        stored = float(self.threshold)
        alone = self.grouping.scope == "batch" or math.isnan(stored)
        value = radius_threshold(labels, self.grouping) if alone else stored
        return strong_weak_groups(labels, threshold=value, strong_upper=self.grouping.strong_upper)

    def impossible(self, labels: Tensor) -> str | None:
        """Return why the labels ``(rows, 2)`` of a split cannot be grouped; None where they can.

        Example:
            >>> Grouper(threshold=0.5).impossible(torch.tensor([[0.1, 0.0], [0.2, 0.1]]))
            'all 2 rows are weak (radius below 0.5)'
        """
        radius, threshold = _radius(labels), float(self.threshold)
        alike = float(radius.max() - radius.min()) <= 1e-6
        if self.grouping.rule != "code":  # its ratio is NaN for labels that add up to 0
            alike |= math.isnan(radius_threshold(labels, self.grouping))
        if alike:
            return f"all {len(labels)} rows have one strength, a radius of {float(radius[0]):.3g}"
        if self.grouping.scope == "batch" or math.isnan(threshold):
            return None
        groups = strong_weak_groups(
            labels, threshold=threshold, strong_upper=self.grouping.strong_upper
        )
        strong, weak = int(groups.strong.sum()), int(groups.weak.sum())
        if weak == 0:
            return f"none of {len(labels)} rows is weak (radius below {threshold:.3g})"
        if strong < 2:
            how_many = "all" if strong == 0 else "all but one of"
            return f"{how_many} {len(labels)} rows are weak (radius below {threshold:.3g})"
        return None

    def _value(self, labels: Tensor) -> float:
        stored = float(self.threshold)
        if self.grouping.scope == "dataset":
            if math.isnan(stored):
                raise ValueError("expected fit(labels of the training split) first, got no fit")
            return stored
        running = self.grouping.scope == "ema"
        if running and not self.training and not math.isnan(stored):
            return stored
        everyone = torch.cat(gather_rows(labels)) if self.gather else labels
        found = radius_threshold(everyone, self.grouping) if len(everyone) else math.nan
        if not running:
            return found
        if not math.isnan(found) and self.training:
            keep = 0.0 if math.isnan(stored) else self.grouping.momentum
            found = (keep * stored if keep else 0.0) + (1 - keep) * found
            self.threshold.fill_(found)
        return stored if math.isnan(found) else found


def _cumulative_ratio(values: Tensor) -> float:
    """Return the share of the sum up to halfway between the extremes, NaN for a sum of zero."""
    middle = int(values.argmin() + values.argmax()) // 2
    total = float(values.sum())
    return float(values[: middle + 1].sum()) / total if abs(total) > 1e-12 else math.nan


def _radius(labels: Tensor) -> Tensor:
    pairs = _pairs(labels.detach(), empty=True)
    return torch.hypot(*(pairs if pairs.dtype == torch.float64 else pairs.float()).unbind(1))


def _pairs(labels: Tensor, *, empty: bool = False) -> Tensor:
    if labels.ndim != 2 or labels.shape[1] != 2:
        raise ValueError(
            f"expected labels (batch, 2), valence and arousal, got {tuple(labels.shape)}"
        )
    if labels.shape[0] == 0 and not empty:
        raise ValueError("expected at least one row, got none")
    return labels
