"""Nearest neighbours in a gallery, by cosine and by random similarities near the cosine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectrep.objectives.learned_similarity import bounded_similarity

__all__ = [
    "DRAWS",
    "EPSILON",
    "NEIGHBOURS",
    "knn_labels",
    "perturbed_knn_labels",
    "perturbed_similarity",
    "random_form",
]

Array = NDArray[Any]
NEIGHBOURS = 20
DRAWS = 20
EPSILON = 0.3
_CHUNK = 128  # queries held at once: small enough to stay in a cache


def knn_labels(
    gallery: Array, gallery_labels: Array, queries: Array, *, neighbours: int = NEIGHBOURS
) -> Array:
    """Return the class of each query by a vote of its nearest gallery rows.

    Each of the neighbours votes for its class with its cosine (0 where that is negative); there
    is no temperature. Of classes with equal votes the one of the nearer neighbour wins. A gallery
    with fewer rows votes as a whole.

    Args:
        gallery: ``(rows, dim)``; lengths do not matter.
        gallery_labels: ``(rows,)`` class codes.
        queries: ``(queries, dim)``.
        neighbours: how many vote.

    Returns:
        ``(queries,)`` int64.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, or ``neighbours`` is below 1.

    Example:
        >>> gallery = np.array([[1.0, 0.0], [0.9, 0.4], [0.0, 1.0]])
        >>> knn_labels(gallery, np.array([0, 1, 1]), np.array([[1.0, 0.3]]), neighbours=3)
        array([1])
    """
    votes: Array = _vote(gallery, gallery_labels, queries, neighbours, lambda x, y: [x @ y.T])[0]
    return votes


def perturbed_knn_labels(
    gallery: Array,
    gallery_labels: Array,
    queries: Array,
    *,
    neighbours: int = NEIGHBOURS,
    draws: int = DRAWS,
    epsilon: float = EPSILON,
) -> Array:
    """Return the classes that :func:`knn_labels` gives under random similarities.

    Draw ``i`` ranks and votes by :func:`perturbed_similarity` with :func:`random_form` ``i``: every
    system with embeddings of one width meets the same forms.

    Returns:
        ``(draws, queries)`` int64.

    Raises:
        ValueError: as :func:`knn_labels`, and for ``draws`` below 1 or ``epsilon`` not in [0, 1/2].

    Example:
        >>> gallery = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> perturbed_knn_labels(gallery, np.array([0, 1]), gallery, draws=3).tolist()
        [[0, 1], [0, 1], [0, 1]]
    """
    if draws < 1:
        raise ValueError(f"expected at least 1 draw, got {draws}")
    forms = [torch.from_numpy(random_form(queries.shape[-1], draw)) for draw in range(draws)]

    def similarities(x: Tensor, y: Tensor) -> Iterator[Tensor]:
        cosine = x @ y.T
        return (_moved(cosine, x @ form.to(x.dtype) @ y.T, epsilon) for form in forms)

    return _vote(gallery, gallery_labels, queries, neighbours, similarities)


def random_form(dim: int, draw: int) -> Array:
    """Return a random symmetric matrix ``S (dim, dim)``, float64, the same for the same draw.

    Entries are normal, of variance 1 beside and 2 on the diagonal (the Gaussian orthogonal
    ensemble). For unit x and y, ``x'Sy`` is then normal over draws with variance ``1 + s0^2``,
    s0 their cosine, and two pairs covary by their cosines alone. So neither the axes nor the
    dimension of an embedding change what it meets.

    Example:
        >>> form = random_form(3, 0)
        >>> bool((form == form.T).all()), bool((form == random_form(3, 1)).any())
        (True, False)
    """
    square = np.random.default_rng([20, draw]).standard_normal((dim, dim))
    form: Array = (square + square.T) / np.sqrt(2)
    return form


def perturbed_similarity(x: Tensor, y: Tensor, form: Tensor, *, epsilon: float = EPSILON) -> Tensor:
    """Return ``s = s0 + epsilon (1 - s0^2) tanh(x'Sy)`` for all pairs.

    A random member of the set of similarities that AML's adversary chooses from, with a bilinear
    form in the place of its network: symmetric, 1 for a row and itself, and **never** farther than
    ``epsilon (1 - s0^2)`` from the cosine s0. Nothing is clipped. On average over draws it is about
    .55 to .65 of that bound away.

    Args:
        x: ``(n, dim)`` unit rows.
        y: ``(m, dim)`` unit rows.
        form: S, ``(dim, dim)`` symmetric.
        epsilon: in [0, 1/2].

    Raises:
        ValueError: if epsilon is out of range.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public).

    Example:
        >>> x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> swap = torch.tensor([[0.0, 9.0], [9.0, 0.0]])
        >>> [round(value, 3) for value in perturbed_similarity(x, y, swap)[0].tolist()]
        [1.0, 0.3]
    """
    return _moved(x @ y.T, x @ form @ y.T, epsilon)


def _moved(cosine: Tensor, response: Tensor, epsilon: float) -> Tensor:
    return bounded_similarity(cosine.clamp(-1, 1), torch.tanh(response), epsilon=epsilon)


@torch.no_grad()
def _vote(
    gallery: Array,
    gallery_labels: Array,
    queries: Array,
    neighbours: int,
    similarities: Callable[[Tensor, Tensor], Iterable[Tensor]],
) -> Array:
    """Return ``(similarities, queries)``: the vote under each of the similarities."""
    gallery_labels = np.asarray(gallery_labels)
    if gallery_labels.shape != gallery.shape[:1] or gallery.shape[1:] != queries.shape[1:]:
        raise ValueError(
            f"expected gallery (rows, dim), labels (rows,) and queries (queries, dim), got "
            f"{gallery.shape}, {gallery_labels.shape} and {queries.shape}"
        )
    if neighbours < 1:
        raise ValueError(f"expected at least 1 neighbour, got {neighbours}")
    names, codes = np.unique(gallery_labels, return_inverse=True)
    labels, rows, asked = torch.from_numpy(codes), _unit(gallery), _unit(queries)
    parts = []
    for start in range(0, len(asked), _CHUNK):
        found = similarities(asked[start : start + _CHUNK], rows)
        parts.append(torch.stack([_winner(one, labels, neighbours) for one in found]))
    return np.asarray(names[torch.cat(parts, dim=1).numpy()])


def _winner(similarity: Tensor, labels: Tensor, neighbours: int) -> Tensor:
    nearest = similarity.topk(min(neighbours, len(labels)), dim=1)
    votes_of = labels[nearest.indices]
    votes = torch.zeros(len(similarity), int(labels.max()) + 1, dtype=torch.float64)
    votes.scatter_add_(1, votes_of, nearest.values.double().clamp_min(0))
    own = votes.gather(1, votes_of)
    # argmax takes the first of equal values, and neighbours stand nearest first
    first = (own == own.amax(dim=1, keepdim=True)).int().argmax(dim=1)
    return votes_of.gather(1, first[:, None])[:, 0]


def _unit(values: Array) -> Tensor:
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"expected finite embeddings (rows, dim), got shape {values.shape}")
    wide = values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
    return torch.nn.functional.normalize(torch.from_numpy(np.ascontiguousarray(wide)), dim=1)
