"""Classifiers that are fitted in one go by scikit-learn, as tensors for the heads."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectrep.heads import KernelClassifier

__all__ = ["fit_kernel", "fit_linear"]

Array = NDArray[Any]
Weighting = Literal["balanced"] | None


def fit_linear(
    embeddings: Tensor | Array,
    labels: Tensor | Array,
    *,
    c: float = 0.05,
    class_weight: Weighting = "balanced",
    classes: int | None = None,
    row_weights: Array | None = None,
) -> tuple[Tensor, Tensor]:
    """Fit multinomial logistic regression with an L2 penalty, to its optimum.

    The logits ``embeddings @ weight.T + bias`` give scikit-learn's probabilities by softmax. With
    two classes the one weight vector is split into minus and plus its half. The penalty depends on
    scale: standardise the embeddings first.

    Args:
        embeddings: ``(rows, dim)``.
        labels: ``(rows,)`` class codes from 0.
        c: inverse weight of the penalty; the loss is summed over rows.
        class_weight: ``balanced`` gives each class the same total weight, None each row.
        classes: how many there are; None takes them from the labels.
        row_weights: ``(rows,)`` on top of the class weights; None weighs rows alike.

    Returns:
        weight ``(classes, dim)`` and bias ``(classes,)``, float32.

    Raises:
        ValueError: if shapes do not fit, a value is not finite, a class has no row, or ``c`` is
            not positive.

    Example:
        >>> labels = np.repeat(np.arange(3), 9)
        >>> weight, bias = fit_linear(np.eye(3)[labels], labels)
        >>> (torch.eye(3) @ weight.T + bias).argmax(dim=1).tolist()
        [0, 1, 2]
    """
    from sklearn.linear_model import LogisticRegression

    points, codes, count = _rows(embeddings, labels, c, classes)
    model = LogisticRegression(C=c, class_weight=class_weight, max_iter=5000)
    model.fit(points, codes, sample_weight=row_weights)
    weight, bias = model.coef_, model.intercept_
    if count == 2:
        weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()


def fit_kernel(
    embeddings: Tensor | Array,
    labels: Tensor | Array,
    *,
    c: float = 1.0,
    gamma: float | Literal["scale"] = "scale",
    class_weight: Weighting = "balanced",
    classes: int | None = None,
) -> KernelClassifier:
    """Fit a support vector machine with the RBF kernel.

    Its outputs are scikit-learn's ``decision_function`` of shape ``ovr`` (see
    :class:`~affectrep.heads.KernelClassifier`). The class with the highest output can differ from
    scikit-learn's ``predict`` where two classes win as many pairs: there it takes the first.

    Args:
        embeddings: ``(rows, dim)``, standardised.
        labels: ``(rows,)`` class codes from 0.
        c: penalty of an error, for every row of a class of mean size.
        gamma: of the kernel; ``scale`` is 1 / (dim times the variance of all values).
        class_weight: as in :func:`fit_linear`.
        classes: as in :func:`fit_linear`.

    Raises:
        ValueError: as :func:`fit_linear`, and if ``gamma`` is not positive.

    Example:
        >>> labels = np.repeat(np.arange(3), 9)
        >>> fit_kernel(np.eye(3)[labels], labels)(torch.eye(3)).argmax(dim=1).tolist()
        [0, 1, 2]
    """
    from sklearn.svm import SVC

    points, codes, count = _rows(embeddings, labels, c, classes)
    if gamma != "scale" and not gamma > 0:
        raise ValueError(f"expected a positive gamma or 'scale', got {gamma}")
    if gamma == "scale":
        gamma = 1 / (points.shape[1] * (float(points.var()) or 1.0))
    machine = SVC(C=c, gamma=gamma, class_weight=class_weight).fit(points, codes)
    head = KernelClassifier(points.shape[1], count, vectors=len(machine.support_vectors_))
    # scikit-learn turns the sign of the dual form round for two classes
    sign = -1.0 if count == 2 else 1.0
    owner = np.repeat(np.arange(count), machine.n_support_)
    for pair, (first, second) in enumerate(head.pairs):
        row = np.zeros(len(owner))
        # a vector's coefficients stand in the order of the other classes
        row[owner == first] = machine.dual_coef_[second - 1][owner == first]
        row[owner == second] = machine.dual_coef_[first][owner == second]
        head.coefficients[pair] = torch.from_numpy(sign * row)
    head.support_vectors.copy_(torch.from_numpy(machine.support_vectors_))
    head.intercepts.copy_(torch.from_numpy(sign * machine.intercept_))
    head.gamma.fill_(float(gamma))
    return head.eval()


def _rows(
    embeddings: Tensor | Array, labels: Tensor | Array, c: float, classes: int | None
) -> tuple[Array, Array, int]:
    points = np.asarray(torch.as_tensor(embeddings).detach().cpu().double())
    codes = np.asarray(torch.as_tensor(labels).cpu())
    if points.ndim != 2 or codes.shape != points.shape[:1] or not points.size:
        raise ValueError(
            f"expected embeddings (rows, dim) and labels (rows,), got {points.shape} and "
            f"{codes.shape}"
        )
    if not np.issubdtype(codes.dtype, np.integer) or codes.min() < 0:
        raise ValueError(f"expected class codes from 0, got {codes.dtype} from {codes.min()}")
    if not np.isfinite(points).all():
        raise ValueError("expected finite embeddings, found NaN or infinity")
    if not c > 0:
        raise ValueError(f"expected a positive c, got {c}")
    count = int(codes.max()) + 1 if classes is None else classes
    seen = np.bincount(codes, minlength=count)
    if count < 2 or len(seen) > count or seen.min() == 0:
        absent = np.flatnonzero(seen[:count] == 0).tolist()
        raise ValueError(
            f"expected rows of each of {count} classes, at least 2; got codes up to "
            f"{int(codes.max())}, without rows: {absent or 'none'}"
        )
    return points, codes, count
