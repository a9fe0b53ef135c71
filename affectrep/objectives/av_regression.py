"""Valence and arousal as numbers: RMSE, PCC and CCC losses, their sum, a Gaussian likelihood."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectrep.objectives.gather import gather_rows

__all__ = [
    "AVRegressionLoss",
    "HeteroscedasticLoss",
    "av_regression_loss",
    "ccc_loss",
    "heteroscedastic_loss",
    "pcc_loss",
    "rmse_loss",
]

SMALLEST = 1e-8  # a denominator is never below this; added in quadrature it changes no other value
LOG_VARIANCE = 10.0  # log variances act as if within plus and minus this


def av_regression_loss(
    predictions: Tensor,
    labels: Tensor,
    *,
    correlation_weight: float = 0.5,
    official: bool = False,
    gather: bool = False,
) -> Tensor:
    """RMSE summed over axes plus ``correlation_weight`` times (PCC loss + CCC loss).

    ``L_AV = RMSE_v + RMSE_a + 0.5 (L_PCC + L_CCC)``. Rows depend on one another in all three
    parts: a phase that holds it spans the batch. Use it where the test figure is CCC; for small
    or ordered batches, where a correlation says little, set the weight to 0.

    Args:
        predictions: ``(batch, axes)`` in the labels' unit, in float32 at least.
        labels: ``(batch, axes)``, valence and arousal in [-1, 1].
        correlation_weight: factor of the two correlation losses, >= 0.
        official: the released code's mixed moments, see :func:`pcc_loss`.
        gather: moments over the rows of all processes instead of this one's.

    Raises:
        ValueError: if shapes differ, there are no rows, or the weight is negative.

    Source: Kim and Song 2021, Contrastive Adversarial Learning for Facial Emotion Recognition,
    AAAI, the loss of line 8 of Algorithm 1 (which prints a signed residual: a slip).

    Example:
        >>> labels = torch.tensor([[-0.5, 0.1], [0.2, 0.3], [0.9, 0.8]])
        >>> round(av_regression_loss(labels + 0.1, labels).item(), 4)
        0.2174
    """
    if not correlation_weight >= 0:
        raise ValueError(f"expected a correlation weight of 0 or more, got {correlation_weight}")
    if gather:
        predictions = torch.cat(gather_rows(predictions))
        labels = torch.cat(gather_rows(labels))
    correlation = pcc_loss(predictions, labels, official=official)
    correlation = correlation + ccc_loss(predictions, labels, official=official)
    return rmse_loss(predictions, labels) + correlation_weight * correlation


def rmse_loss(predictions: Tensor, labels: Tensor) -> Tensor:
    """Root mean squared error over rows, summed over axes, in the labels' unit.

    It is ``sqrt(MSE + 1e-12)``: the bare root has an infinite gradient at a perfect fit.

    Args:
        predictions: ``(batch, axes)``.
        labels: ``(batch, axes)``.

    Raises:
        ValueError: if shapes differ or there are no rows.

    Example:
        >>> round(rmse_loss(torch.full((4, 2), 0.3), torch.zeros(4, 2)).item(), 4)
        0.6
    """
    found, wanted, scale = _same_scale(predictions, labels)
    return scale * ((found - wanted).square().mean(dim=0) + 1e-12).sqrt().sum()


def pcc_loss(predictions: Tensor, labels: Tensor, *, official: bool = False) -> Tensor:
    """One minus Pearson's correlation, mean over axes; in [0, 2].

    A constant axis has correlation 0 and gets no gradient, as the correlation is undefined there
    and its gradient grows without bound close by. Blind to offset and to the scale of either side
    as long as the product of their deviations is far above 1e-8: use it only beside RMSE or CCC.

    Args:
        predictions: ``(batch, axes)``.
        labels: ``(batch, axes)``.
        official: covariance over N with deviations over N - 1, as in the released code; perfect
            agreement is then (N - 1) / N instead of 1.

    Raises:
        ValueError: if shapes differ or there are no rows.

    Example:
        >>> labels = torch.tensor([[1.0], [2.0], [3.0]])
        >>> abs(round(pcc_loss(labels + 1, labels).item(), 4))
        0.0
        >>> round(pcc_loss(labels + 1, labels, official=True).item(), 4)
        0.3333
    """
    found, wanted = (_deviations(values) for values in _checked(predictions, labels))
    lengths = torch.linalg.vector_norm(found, dim=0) * torch.linalg.vector_norm(wanted, dim=0)
    rows = found.shape[0]
    covariance = (found * wanted).mean(dim=0)
    deviations = lengths / (max(rows - 1, 1) if official else rows)
    return 1 - (covariance / _not_zero(deviations)).mean()


def ccc_loss(predictions: Tensor, labels: Tensor, *, official: bool = False) -> Tensor:
    """One minus Lin's concordance correlation, mean over axes; in [0, 2].

    ``CCC = 2 cov / (var_y + var_p + (mean_y - mean_p)^2)`` with moments over N. A constant
    prediction has CCC 0; constant and equal to constant labels it has 1. The convention does not
    cancel: torchmetrics divides all moments by N - 1 and finds another value.

    Args:
        predictions: ``(batch, axes)``.
        labels: ``(batch, axes)``.
        official: covariance over N with variances over N - 1, as in the released code.

    Raises:
        ValueError: if shapes differ or there are no rows.

    Source: Lin 1989, A Concordance Correlation Coefficient to Evaluate Reproducibility.

    Example:
        >>> labels = torch.tensor([[1.0], [2.0], [3.0]])
        >>> round(1 - ccc_loss(labels + 1, labels).item(), 4)
        0.5714
    """
    found, wanted, _ = _same_scale(predictions, labels)
    shift = found.mean(dim=0) - wanted.mean(dim=0)
    alike = (found == wanted).all(dim=0) & _constant(wanted)
    found, wanted = _centred(found), _centred(wanted)
    rows = found.shape[0]
    covariance = (found * wanted).mean(dim=0)
    spread = (found.square() + wanted.square()).sum(dim=0)
    spread = spread / (max(rows - 1, 1) if official else rows)
    concordance = 2 * covariance / _not_zero(spread + shift.square())
    return 1 - concordance.masked_fill(alike, 1.0).mean()


def heteroscedastic_loss(predictions: Tensor, labels: Tensor, *, beta: float = 0.0) -> Tensor:
    """Gaussian negative log-likelihood with a predicted variance, in nats without the constant.

    ``0.5 (exp(-s) (y - m)^2 + s)``, summed over axes, mean over rows. Use it where labels are
    noisier for some rows than for others; it gives the predictor an uncertainty. Rows are
    independent here. The log variance ``s`` acts as if within [-10, 10] and still gets the
    gradient of the bound when it is outside. Quadratic without bound: in float16 the gradient of
    a row overflows beyond a misfit of about 3 at the smallest variance.

    Args:
        predictions: ``(batch, 2 * axes)``: the means of all axes, then their log variances.
        labels: ``(batch, axes)``.
        beta: each row's loss on an axis is weighted by its detached variance to this power; 0 is
            the likelihood, 0.5 keeps badly fitted rows from being given up (Seitzer 2022).

    Raises:
        ValueError: if shapes do not fit, there are no rows, or beta is outside [0, 1].

    Source: Kendall and Gal 2017, What Uncertainties Do We Need, Eq. 8; Seitzer et al. 2022, On
    the Pitfalls of Heteroscedastic Uncertainty Estimation, Eq. 5.

    Example:
        >>> heteroscedastic_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0]])).item()
        0.5
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"expected beta in [0, 1], got {beta}")
    if labels.ndim != 2 or predictions.shape != (labels.shape[0], 2 * labels.shape[1]):
        raise ValueError(
            f"expected labels (batch, axes) and predictions (batch, 2 * axes), got "
            f"{tuple(labels.shape)} and {tuple(predictions.shape)}"
        )
    means, logs = _at_least_float32(predictions).chunk(2, dim=1)
    means, wanted = _checked(means, labels)
    logs = logs + (logs.clamp(-LOG_VARIANCE, LOG_VARIANCE) - logs).detach()
    misfit = ((means - wanted) * (-0.5 * logs).exp()).square()
    return (0.5 * (misfit + logs) * (beta * logs.detach()).exp()).sum(dim=1).mean()


class AVRegressionLoss(nn.Module):
    """The paper's valence-arousal loss with its weight held; see :func:`av_regression_loss`.

    Example:
        >>> loss = AVRegressionLoss()
        >>> round(loss(torch.zeros(3, 2), torch.zeros(3, 2)).item(), 3), loss.count(torch.ones(3))
        (0.5, 3.0)
    """

    span = "batch"  # rows depend on one another: a joint objective puts micro-batches together

    def __init__(
        self, *, correlation_weight: float = 0.5, official: bool = False, gather: bool = False
    ) -> None:
        super().__init__()
        self.correlation_weight = correlation_weight
        self.official = official
        self.gather = gather

    def forward(self, predictions: Tensor, labels: Tensor) -> Tensor:
        """Return the loss; shapes as in :func:`av_regression_loss`."""
        return av_regression_loss(
            predictions,
            labels,
            correlation_weight=self.correlation_weight,
            official=self.official,
            gather=self.gather,
        )

    def count(self, labels: Tensor) -> float:
        """Return this process's rows."""
        return float(labels.shape[0])


class HeteroscedasticLoss(nn.Module):
    """Gaussian likelihood that holds its beta; see :func:`heteroscedastic_loss`.

    Example:
        >>> HeteroscedasticLoss()(torch.zeros(3, 4), torch.zeros(3, 2)).item()
        0.0
    """

    def __init__(self, *, beta: float = 0.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, predictions: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss; shapes as in :func:`heteroscedastic_loss`."""
        return heteroscedastic_loss(predictions, labels, beta=self.beta)

    def count(self, labels: Tensor) -> float:
        """Return the rows."""
        return float(labels.shape[0])


def _same_scale(predictions: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Check and widen both; values beyond 1 are divided so that no square overflows."""
    found, wanted = _checked(predictions, labels)
    largest = torch.maximum(found.detach().abs().amax(), wanted.abs().amax())
    scale = largest.clamp(min=1.0)
    return found / scale, wanted / scale, scale


def _checked(predictions: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    if predictions.ndim != 2 or labels.shape != predictions.shape:
        raise ValueError(
            f"expected predictions and labels of one shape (batch, axes), got "
            f"{tuple(predictions.shape)} and {tuple(labels.shape)}"
        )
    if predictions.numel() == 0:
        raise ValueError("expected at least one row and one axis, got none")
    found = _at_least_float32(predictions)
    return found, labels.to(found.dtype)


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(dim=0)


def _deviations(values: Tensor) -> Tensor:
    """Centre each axis, by its own largest value if beyond 1, so that no square overflows.

    The other side's unit must not matter: one scale for both would leave the smaller few digits.
    """
    scaled = values / values.detach().abs().amax(dim=0).clamp(min=1.0)
    return _centred(scaled) * ~_constant(scaled)


def _constant(values: Tensor) -> Tensor:
    """Say which axes do not vary by more than rounding."""
    values = values.detach()
    rounding = 4 * torch.finfo(values.dtype).eps
    return values.amax(dim=0) - values.amin(dim=0) <= rounding * values.abs().amax(dim=0)


def _not_zero(values: Tensor) -> Tensor:
    return torch.hypot(values, torch.full_like(values, SMALLEST))


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
