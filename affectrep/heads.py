"""The layers on top of the embedding; HEADS names those that give the predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["HEADS", "HEAD_DEFAULTS", "Classifier", "KernelClassifier", "Projection"]
__all__ += ["build_heads", "check_heads", "copy_outputs"]

HEAD_DEFAULTS: dict[str, Any] = {
    "hidden": 0,
    "dropout": 0.1,
    "projection_dim": None,
    "kind": "linear",
    "vectors": None,
    "expressions": None,
    "activation": "gelu",
}

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class Classifier(nn.Module):
    """Map an embedding to logits, or to valence and arousal.

    The head of the CAF paper (Kim and Song 2021) is ``hidden=[64, 8], activation="relu",
    dropout=0.5``.

    Args:
        dim: width of the embedding.
        outputs: classes, or 2 for valence and arousal.
        hidden: units of a hidden layer, or of several; 0 keeps the classifier linear.
        activation: gelu or relu, after each hidden layer.
        dropout: share of values set to zero before each linear layer; a list of hidden layers, as
            in the paper's code, has none before its outputs.

    Example:
        >>> Classifier(8, 3, hidden=4)(torch.zeros(2, 8)).shape
        torch.Size([2, 3])
        >>> [type(layer).__name__ for layer in Classifier(8, 2, hidden=[4, 3]).layers]
        ['Dropout', 'Linear', 'GELU', 'Dropout', 'Linear', 'GELU', 'Linear']
    """

    def __init__(
        self,
        dim: int,
        outputs: int,
        *,
        hidden: int | Sequence[int] = 0,
        dropout: float = 0.1,
        activation: str = "gelu",
    ) -> None:
        super().__init__()
        single = isinstance(hidden, int)
        widths = [dim, *_widths(hidden)]
        layers: list[nn.Module] = []
        for inputs, units in pairwise(widths):
            layers += [nn.Dropout(dropout), nn.Linear(inputs, units), ACTIVATIONS[activation]()]
        if single:
            layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    @property
    def last(self) -> nn.Linear:
        """The layer whose rows are the outputs."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return ``(batch, outputs)`` from ``(batch, dim)``."""
        logits: Tensor = self.layers(embeddings)
        return logits


class Projection(nn.Module):
    """Map an embedding to a point on the unit sphere, where contrast is measured.

    Two layers with ReLU as in SimCLR (Chen et al. 2020); the length is normalised in float32 or
    wider also under half precision.

    Args:
        dim: width of the embedding.
        projection_dim: width of the projection.

    Example:
        >>> Projection(8, 4)(torch.randn(2, 8)).norm(dim=1).round(decimals=4).tolist()
        [1.0, 1.0]
    """

    def __init__(self, dim: int, projection_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, projection_dim))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return ``(batch, projection_dim)`` of length 1 from ``(batch, dim)``."""
        raw = self.layers(embeddings)
        wide = raw.float() if raw.dtype in (torch.float16, torch.bfloat16) else raw
        return nn.functional.normalize(wide, dim=-1)


class KernelClassifier(nn.Module):
    """A support vector machine with the RBF kernel ``exp(-gamma |x - v|^2)``, as tensors.

    One decision function for each pair of classes. With three classes and more the outputs are
    scikit-learn's ``decision_function`` of shape ``ovr``: the number of pairs that a class wins,
    plus its summed decision values squeezed into (-1/3, 1/3). With two they are minus and plus
    half the decision value, so that their softmax is its sigmoid. A softmax of them is a ranking,
    not calibrated probabilities. Nothing here is trained: ``training.fit_classifier`` fits it, and
    all values are float64 buffers of sizes that are fixed at construction.

    Args:
        dim: width of the embedding.
        outputs: classes, at least 2.
        vectors: support vectors.

    Raises:
        ValueError: if a size is too small.

    Source: Chang and Lin 2011, LIBSVM.

    Example:
        >>> KernelClassifier(8, 4, vectors=5)(torch.zeros(2, 8)).shape
        torch.Size([2, 4])
    """

    support_vectors: Tensor
    coefficients: Tensor
    intercepts: Tensor
    gamma: Tensor

    def __init__(self, dim: int, outputs: int, *, vectors: int) -> None:
        super().__init__()
        if dim < 1 or outputs < 2 or vectors < 1:
            raise ValueError(
                f"expected a dim and vectors of at least 1 and 2 outputs or more, got {dim}, "
                f"{vectors} and {outputs}"
            )
        self.outputs = outputs
        self.pairs = list(combinations(range(outputs), 2))
        pairs, wide = len(self.pairs), torch.float64
        self.register_buffer("support_vectors", torch.zeros(vectors, dim, dtype=wide))
        # one row a pair, 0 for the vectors of other classes
        self.register_buffer("coefficients", torch.zeros(pairs, vectors, dtype=wide))
        self.register_buffer("intercepts", torch.zeros(pairs, dtype=wide))
        self.register_buffer("gamma", torch.ones((), dtype=wide))

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> KernelClassifier:
        """Build it from a ``state_dict``, whose shapes tell the sizes.

        Raises:
            ValueError: if a tensor is missing or its shape does not fit.

        Example:
            >>> head = KernelClassifier.from_state(KernelClassifier(8, 4, vectors=5).state_dict())
            >>> head.outputs, tuple(head.support_vectors.shape)
            (4, (5, 8))
        """
        try:
            vectors, dim = state["support_vectors"].shape
            # pairs = outputs (outputs - 1) / 2
            outputs = round((1 + (1 + 8 * len(state["intercepts"])) ** 0.5) / 2)
            head = cls(dim, outputs, vectors=vectors)
            head.load_state_dict(state)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"this is no state of a kernel classifier: {error}") from error
        return head

    def pair_values(self, embeddings: Tensor) -> Tensor:
        """Return ``(batch, pairs)``, positive for the first of the pairs (0, 1), (0, 2), ..."""
        points, vectors = embeddings.to(self.support_vectors.dtype), self.support_vectors
        squares = points.square().sum(1, keepdim=True) + vectors.square().sum(1)
        distances = (squares - 2 * points @ vectors.T).clamp_min(0)
        return torch.exp(-self.gamma * distances) @ self.coefficients.T + self.intercepts

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return ``(batch, outputs)`` from ``(batch, dim)``, float32 for narrower input."""
        values = self.pair_values(embeddings)
        if self.outputs == 2:
            scores = torch.cat([values, -values], dim=1) / 2
        else:
            scores = self._votes(values)
        return scores.to(torch.promote_types(embeddings.dtype, torch.float32))

    def _votes(self, values: Tensor) -> Tensor:
        won = values.new_zeros(len(self.pairs), self.outputs)
        lost = torch.zeros_like(won)
        for pair, (first, second) in enumerate(self.pairs):
            won[pair, first], lost[pair, second] = 1, 1
        votes = (values >= 0).to(values) @ won + (values < 0).to(values) @ lost
        sums = values @ (won - lost)
        return votes + sums / (3 * (sums.abs() + 1))


HEADS: dict[str, tuple[type[Classifier] | type[KernelClassifier], tuple[str, ...]]] = {
    "linear": (Classifier, ("hidden", "dropout", "activation")),
    "kernel": (KernelClassifier, ("vectors",)),
}
"""heads.kind -> the class, and the settings that it takes."""


def build_heads(
    dim: int, outputs: int, settings: Mapping[str, Any]
) -> tuple[Classifier | KernelClassifier, Projection | None, Classifier | None]:
    """Return the classifier, and the projection and expression heads where they are asked for.

    Args:
        dim: width of the embedding.
        outputs: classes, or 2 for valence and arousal.
        settings: a value for each key of HEAD_DEFAULTS.

    Example:
        >>> settings = {**HEAD_DEFAULTS, "kind": "kernel", "vectors": 5}
        >>> build_heads(8, 4, settings)[0](torch.zeros(2, 8)).shape
        torch.Size([2, 4])
    """
    width = settings["projection_dim"]
    projection = Projection(dim, width) if width else None
    names, dropout = settings["expressions"], settings["dropout"]
    expression = Classifier(dim, len(names), dropout=dropout) if names else None
    head, keys = HEADS[settings["kind"]]
    return head(dim, outputs, **{key: settings[key] for key in keys}), projection, expression


def check_heads(settings: Mapping[str, Any], task: str) -> None:
    """Refuse settings that no heads can have.

    Raises:
        ValueError: for an unknown key, kind or activation, for hidden layers without units, or a
            kernel without vectors or for another task than classification.
    """
    unknown = sorted(set(settings) - set(HEAD_DEFAULTS))
    if unknown:
        raise ValueError(f"unknown key heads.{unknown[0]}; there are {', '.join(HEAD_DEFAULTS)}")
    hidden, activation = settings.get("hidden", 0), settings.get("activation", "gelu")
    if hidden != 0 and min(_widths(hidden), default=0) < 1:
        raise ValueError(f"heads.hidden is {hidden}, expected 0, a number of units or a list")
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"heads.activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)}"
        )
    _check_kind(settings, task)


def _check_kind(settings: Mapping[str, Any], task: str) -> None:
    kind, vectors = settings.get("kind", "linear"), settings.get("vectors")
    if kind not in HEADS:
        raise ValueError(f"heads.kind is {kind!r}, expected {' or '.join(HEADS)}")
    if (kind == "kernel") != (vectors is not None):
        raise ValueError(f"heads.kind {kind} and heads.vectors {vectors} do not fit each other")
    if kind == "kernel" and task != "classification":
        raise ValueError(f"heads.kind kernel needs one class a row, but task is {task}")


def _widths(hidden: int | Sequence[int]) -> list[int]:
    """Return the units of the hidden layers."""
    if isinstance(hidden, int):
        return [hidden] if hidden else []
    return list(hidden)


def copy_outputs(
    own: nn.Module, names: list[str], other: nn.Module, other_names: list[str]
) -> list[str]:
    """Copy the weights of the outputs that two classifiers share by name; return those names.

    Nothing is copied, and nothing named, when their hidden layers or inputs differ or one is no
    `Classifier`.

    Example:
        >>> copy_outputs(Classifier(4, 2), ["joy", "awe"], Classifier(4, 1), ["awe"])
        ['awe']
    """
    if not (isinstance(own, Classifier) and isinstance(other, Classifier)):
        return []
    deeper = [list(part.layers[:-1].parameters()) for part in (own, other)]
    shapes = [
        [value.shape for value in (*part, head.last.weight[0])]
        for part, head in zip(deeper, (own, other), strict=True)
    ]
    if shapes[0] != shapes[1]:
        return []
    shared = [name for name in names if name in other_names]
    with torch.no_grad():
        for mine, found in zip(*deeper, strict=True):
            mine.copy_(found)
        for name in shared:
            row, source = names.index(name), other_names.index(name)
            own.last.weight[row] = other.last.weight[source]
            own.last.bias[row] = other.last.bias[source]
    return shared
