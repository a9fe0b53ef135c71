"""A learned similarity: the cosine, moved within a trust region by a small symmetric network."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectrep.objectives.gather import gather_rows
from affectrep.objectives.spectral_linear import SpectralLinear
from affectrep.objectives.supcon import unit_rows

__all__ = [
    "MetricDiscriminator",
    "PairSimilarity",
    "bounded_similarity",
    "gradient_penalty",
    "self_penalty",
]

FORMS = ("bounded", "free", "bilinear")
READS = ("pair", "direction")


class PairSimilarity(NamedTuple):
    """What is known of each pair, all ``(pairs,)``.

    ``cosine`` is of the embeddings, ``response`` what the network answers, in [-1, 1] (0 for the
    bilinear form, which has none), ``similarity`` the learned one.
    """

    cosine: Tensor
    response: Tensor
    similarity: Tensor

    def split(self, first: int) -> tuple[PairSimilarity, PairSimilarity]:
        """Return the first pairs and the others, such as positives and negatives."""
        return (
            PairSimilarity(*(values[:first] for values in self)),
            PairSimilarity(*(values[first:] for values in self)),
        )


def bounded_similarity(cosine: Tensor, response: Tensor, *, epsilon: float = 0.3) -> Tensor:
    """Return ``s = s0 + epsilon (1 - s0^2) response``, a similarity whatever the response.

    For ``epsilon <= 1/2``: s is in [-1, 1], equals s0 at +-1, lies within ``epsilon (1 - s0^2)``
    of s0, rises with s0 for a fixed response, and is s0 for epsilon 0.

    Args:
        cosine: s0 in [-1, 1], any shape, in float32 at least.
        response: in [-1, 1], the same shape.
        epsilon: size of the trust region, in [0, 1/2].

    Raises:
        ValueError: if shapes differ or epsilon is out of range.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public).

    Example:
        >>> cosine = torch.tensor([-1.0, 0.0, 0.5, 1.0])
        >>> bounded_similarity(cosine, torch.ones(4), epsilon=0.5).tolist()
        [-1.0, 0.5, 0.875, 1.0]
    """
    if cosine.shape != response.shape:
        raise ValueError(
            f"expected cosine and response of one shape, got {tuple(cosine.shape)} and "
            f"{tuple(response.shape)}"
        )
    if not 0 <= epsilon <= 0.5:
        raise ValueError(f"expected epsilon in [0, 1/2], got {epsilon}")
    cosine, response = _at_least_float32(cosine), _at_least_float32(response)
    return cosine + epsilon * (1 - cosine.square()) * response


class MetricDiscriminator(nn.Module):
    """AML's adversary: a similarity that is symmetric and stays near the cosine.

    It reads a pair of unit rows through an MLP of spectral norm 1 with one output g, which is
    centred on the hard pairs and scaled: ``response = tanh(gain (g - centre))``. Without the
    centre it ends as one constant for all pairs, which is no adversary; see
    :func:`metric_liveness`. Train it to *raise* :func:`pair_loss` on hard pairs
    (:func:`adversary_terms`) and drop it after training. It judges pairs;
    :class:`DomainAdversary` and :class:`WassersteinCritic` judge single rows.

    Args:
        dim: dimension of the embeddings.
        hidden: width of the hidden layer (not for "bilinear").
        gain: factor on the centred output, > 0; spectral norm 1 alone leaves responses tiny.
        reads: "pair", ``[|z_i - z_j| ; z_i * z_j]``, from which the cosine can be read off: on hard
            pairs, which the cosine chose, the cheapest attack then is a function of the cosine,
            and the metric ranks pairs as the cosine does (measured: docs/aml.md). "direction",
            ``|z_i - z_j| / |z_i - z_j|_2``, hides how far apart two rows are and shows only in
            which dimensions they differ. Not for "bilinear".
        form: "bounded" (:func:`bounded_similarity`), "free" (s is the response itself: add
            :func:`trust_penalty` and :func:`self_penalty`) or "bilinear" (cosine of ``U z``, one
            matrix product for all pairs: add :meth:`penalty`).
        spectral: False leaves the norm free: add :func:`gradient_penalty`.
        centred: False keeps the centre at 0, to show why it is needed.

    Raises:
        ValueError: if a dimension is below 1, the gain not positive or the form unknown.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public);
    Miyato et al. 2018 for the norm.

    Example:
        >>> metric, rows = MetricDiscriminator(4, hidden=8), torch.eye(4)
        >>> found = metric(rows, rows, epsilon=0.3)
        >>> found.similarity.tolist()  # a row is as similar to itself as can be
        [1.0, 1.0, 1.0, 1.0]
    """

    centre: Tensor

    def __init__(  # noqa: PLR0913 - each is a property of the similarity
        self,
        dim: int,
        *,
        hidden: int = 256,
        gain: float = 5.0,
        form: Literal["bounded", "free", "bilinear"] = "bounded",
        reads: Literal["pair", "direction"] = "pair",
        spectral: bool = True,
        centred: bool = True,
    ) -> None:
        super().__init__()
        if dim < 1 or hidden < 1:
            raise ValueError(f"expected dim and hidden of at least 1, got {dim} and {hidden}")
        if not 0 < gain < math.inf:
            raise ValueError(f"expected a finite gain above 0, got {gain}")
        if form not in FORMS:
            raise ValueError(f"expected form to be one of {', '.join(FORMS)}, got {form!r}")
        if reads not in READS:
            raise ValueError(f"expected reads to be one of {', '.join(READS)}, got {reads!r}")
        self.dim, self.gain, self.form, self.centred = dim, gain, form, centred
        self.reads = reads
        self.register_buffer("centre", torch.zeros(()))
        if form == "bilinear":
            self.matrix = nn.Parameter(torch.eye(dim))
        else:
            self.first = SpectralLinear(
                dim if reads == "direction" else 2 * dim, hidden, spectral=spectral
            )
            self.last = SpectralLinear(hidden, 1, spectral=spectral)

    def forward(
        self, left: Tensor, right: Tensor, *, epsilon: float, centre: Tensor | None = None
    ) -> PairSimilarity:
        """Return cosine, response and similarity of the pairs.

        Args:
            left: ``(pairs, dim)``, normalised here, in float32 at least; there may be no pair.
            right: the same.
            epsilon: size of the trust region, in [0, 1/2]; only for "bounded".
            centre: scalar to subtract from g; None takes the buffer, the mean of g over the last
                hard pairs.

        Raises:
            ValueError: if shapes do not fit or epsilon is out of range.
        """
        left, right = self._unit(left, right)
        centre = self.centre if centre is None else centre
        return self._similarity(left, right, self._raw(left, right), centre, epsilon)

    def score_hard(self, left: Tensor, right: Tensor, *, epsilon: float) -> PairSimilarity:
        """Return the same for the hard pairs, centred on themselves, with one network pass.

        All processes must call it at once, also those without a pair: the centre is the mean over
        the pairs of all of them, with its gradient.
        """
        left, right = self._unit(left, right)
        raw = self._raw(left, right)
        return self._similarity(left, right, raw, self.set_centre(raw), epsilon)

    def raw(self, left: Tensor, right: Tensor) -> Tensor:
        """Return g ``(pairs,)``, neither centred nor scaled ("bilinear": the similarity)."""
        return self._raw(*self._unit(left, right))

    def set_centre(self, raw_hard: Tensor) -> Tensor:
        """Return the mean of g over the hard pairs of all processes, and keep it in the buffer.

        Args:
            raw_hard: ``(pairs,)`` of :meth:`raw`. Without a pair anywhere the buffer stays, and
                is what comes back.
        """
        if not self.centred or self.form == "bilinear":
            return self.centre
        everyone = torch.cat(gather_rows(raw_hard))
        if everyone.numel() == 0:
            return self.centre + everyone.sum()
        mean = everyone.mean()
        self.centre.copy_(mean.detach())
        return mean

    def transform(self, rows: Tensor) -> Tensor:
        """Return unit rows whose inner product is the similarity; only for "bilinear".

        Raises:
            ValueError: if the form has no such rows.
        """
        if self.form != "bilinear":
            raise ValueError(f"expected the form bilinear, got {self.form}")
        rows = unit_rows(rows)
        with torch.autocast(rows.device.type, enabled=False):
            moved = rows @ self.matrix.T.to(rows.dtype)
            # not functional.normalize, whose second derivative at a zero row is not finite
            return moved / moved.square().sum(dim=1, keepdim=True).clamp_min(1e-24).sqrt()

    def penalty(self) -> Tensor:
        """Return ``|U'U - I|^2`` (sum of squares) of the bilinear form, 0 for the others."""
        if self.form != "bilinear":
            return self.centre.new_zeros(())
        matrix = _at_least_float32(self.matrix)
        with torch.autocast(matrix.device.type, enabled=False):
            product = matrix.T @ matrix
        return (product - torch.eye(self.dim, dtype=matrix.dtype).to(product)).square().sum()

    def _unit(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        if left.ndim != 2 or left.shape != right.shape or left.shape[1] != self.dim:
            raise ValueError(
                f"expected left and right (pairs, {self.dim}), got {tuple(left.shape)} and "
                f"{tuple(right.shape)}"
            )
        return unit_rows(left), unit_rows(right)

    def _raw(self, left: Tensor, right: Tensor) -> Tensor:
        with torch.autocast(left.device.type, enabled=False):
            if self.form == "bilinear":
                return (self.transform(left) * self.transform(right)).sum(dim=1).clamp(-1, 1)
            apart = (left - right).abs()
            if self.reads == "direction":
                # two equal rows have no direction; their similarity is 1 whatever is answered
                features = apart / apart.square().sum(dim=1, keepdim=True).clamp_min(1e-12).sqrt()
            else:
                features = torch.cat([apart, left * right], dim=1)
            hidden = functional.leaky_relu(self.first(features), 0.2)
            output: Tensor = self.last(hidden)
            return output.squeeze(1)

    def _similarity(
        self, left: Tensor, right: Tensor, raw: Tensor, centre: Tensor, epsilon: float
    ) -> PairSimilarity:
        cosine = (left * right).sum(dim=1).clamp(-1, 1)
        if self.form == "bilinear":
            return PairSimilarity(cosine, torch.zeros_like(cosine), raw)
        response = (self.gain * (raw - centre.to(raw.dtype))).tanh()
        if self.form == "free":
            return PairSimilarity(cosine, response, response)
        return PairSimilarity(
            cosine, response, bounded_similarity(cosine, response, epsilon=epsilon)
        )


def gradient_penalty(
    metric: MetricDiscriminator, left: Tensor, right: Tensor, *, epsilon: float
) -> Tensor:
    """Return ``mean max(0, |grad_z s| - 1)^2``, which keeps s no steeper than the cosine.

    The gradient is with respect to each unit row of a pair, along the sphere; the mean is over
    both. It stands in for the spectral norm where the discriminator should be free to be strong.
    No gradient reaches the embeddings. Pairs with a row of zeros are left out; zero without a pair.

    Args:
        metric: the discriminator.
        left: ``(pairs, dim)``.
        right: the same.
        epsilon: size of the trust region.

    Source: this project's one-sided form of Gulrajani et al. 2017, Improved Training of
    Wasserstein GANs, Eq. 3.

    Example:
        >>> metric = MetricDiscriminator(2, hidden=4)
        >>> points = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
        >>> gradient_penalty(metric, points, points.flip(0), epsilon=0.0).item()  # the cosine
        0.0
    """
    with torch.enable_grad():
        ends = metric._unit(left.detach(), right.detach())
        # a row of zeros has no place on the sphere, and no slope there
        placed = torch.stack([end.square().sum(dim=1) > 0.5 for end in ends]).all(dim=0)
        ends = ends[0][placed].requires_grad_(), ends[1][placed].requires_grad_()
        similarity = metric(*ends, epsilon=epsilon).similarity
        slopes = torch.autograd.grad(similarity.sum(), ends, create_graph=True)
        squares = torch.cat(slopes).square().sum(dim=1)
        # the root has no finite slope at zero
        excess = (squares.clamp(min=1.0).sqrt() - 1).square()
        return excess.sum() / max(1, excess.numel())


def self_penalty(metric: MetricDiscriminator, rows: Tensor, *, epsilon: float = 0.0) -> Tensor:
    """Return ``mean (s(z, z) - 1)^2``; needed by "free" only, zero by construction for the others.

    Args:
        metric: the discriminator.
        rows: ``(rows, dim)``; zero without a row.
        epsilon: size of the trust region ("bounded").

    Example:
        >>> metric = MetricDiscriminator(2, hidden=4)
        >>> self_penalty(metric, torch.eye(2)).item()
        0.0
    """
    found: PairSimilarity = metric(rows, rows, epsilon=epsilon)
    excess = (found.similarity - 1).square()
    return excess.sum() / max(1, excess.numel())


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
