"""Attackers of leakage probes: classifiers that choose their size inside their training part."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["Attack", "Attacker", "known_rows", "utterance_split"]

Array = NDArray[Any]
_INNER = 0.25  # share of the training rows on which settings are chosen
_EVERY = 5  # steps between two looks at them
_PATIENCE = 12  # looks without a better one
_RATE = 1e-2
_TINY = 1e-12  # a probability below it counts as this


@dataclass(frozen=True, eq=False)
class Attack:
    """A trained attacker.

    Args:
        prior: ``(classes,)`` shares of the training rows.
        chosen: the settings that were chosen.
        posterior: maps ``(rows, dim)`` to log probabilities ``(rows, classes)``, none below -27.6.
    """

    prior: Array
    chosen: dict[str, Any]
    posterior: Callable[[Array], Array] = field(repr=False)

    def decide(self, log_posterior: Array) -> Array:
        """Return ``(rows,)`` codes by posterior over prior, which balanced accuracy asks for."""
        codes: Array = (log_posterior - np.log(self.prior)).argmax(axis=1)
        return codes


@dataclass(frozen=True)
class Attacker:
    """How an attacker is trained: logistic regression, or one hidden layer with ReLU.

    It standardises by its training rows, tries every combination of its settings on three quarters
    of them (inside each class), takes the one with the lowest cross-entropy on the last quarter,
    and is trained anew on all of them. The hidden layer starts as the class frequencies and its
    number of full-batch Adam steps is chosen likewise, 0 among them; so an embedding that says
    nothing gives an attacker that says nothing.

    Args:
        kind: ``linear`` or ``mlp``.
        strengths: inverse weights C of the L2 penalty, for ``linear``.
        units: of the hidden layer, for ``mlp``.
        decays: weight decay, for ``mlp``.
        steps: at most, for ``mlp``.
        seed: of the inner split and the first weights.

    Raises:
        ValueError: if the kind is unknown or a list is empty.

    Example:
        >>> codes = np.repeat(np.arange(2), 20)
        >>> attack = Attacker().train(np.eye(2)[codes], codes, 2)
        >>> attack.decide(attack.posterior(np.eye(2))).tolist()
        [0, 1]
    """

    kind: Literal["linear", "mlp"] = "linear"
    strengths: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
    units: tuple[int, ...] = (32, 128)
    decays: tuple[float, ...] = (1e-2, 1.0)
    steps: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("linear", "mlp"):
            raise ValueError(f"attacker kind is {self.kind!r}, expected linear or mlp")
        if not (self.strengths and self.units and self.decays) or self.steps < 1:
            raise ValueError("expected at least one strength, number of units, decay and step")

    def train(self, embeddings: Array, codes: Array, classes: int) -> Attack:
        """Return an attacker of ``(rows, dim)`` with ``(rows,)`` codes below ``classes``.

        Raises:
            ValueError: if a class has no row.
        """
        counts = np.bincount(codes, minlength=classes)
        if counts.min() == 0:
            raise ValueError(f"class {int(counts.argmin())} of {classes} has no training row")
        values = embeddings.astype(np.float64)
        mean, sd = values.mean(axis=0), values.std(axis=0)
        # a column that never varies here may vary elsewhere, by rounding alone
        sd = np.where(sd > 1e-7 * np.maximum(np.abs(mean), 1e-30), sd, np.inf)
        points = (values - mean) / sd
        inner = np.zeros(len(codes), dtype=np.bool_)
        if counts.max() > 1:
            inner = utterance_split(codes, share=_INNER, seed=self.seed)
        fit = self._linear if self.kind == "linear" else self._hidden
        chosen, posterior = fit(points, codes, inner, counts / counts.sum())
        return Attack(
            counts / counts.sum(), chosen, lambda x: posterior((x.astype(np.float64) - mean) / sd)
        )

    def _linear(
        self, points: Array, codes: Array, inner: Array, prior: Array
    ) -> tuple[dict[str, Any], Callable[[Array], Array]]:
        best, lowest = self.strengths[0], np.inf
        for strength in self.strengths if inner.any() else ():
            found = _logistic(points[~inner], codes[~inner], strength)(points[inner])
            loss = -found[np.arange(inner.sum()), codes[inner]].mean()
            if loss < lowest:
                best, lowest = strength, loss
        return {"c": best}, _logistic(points, codes, best)

    def _hidden(
        self, points: Array, codes: Array, inner: Array, prior: Array
    ) -> tuple[dict[str, Any], Callable[[Array], Array]]:
        best: tuple[float, tuple[int, float, int]] = (np.inf, (self.units[0], self.decays[0], 0))
        data = torch.from_numpy(points).float(), torch.from_numpy(codes)
        rest, asked = torch.from_numpy(~inner), torch.from_numpy(inner)
        for units, decay in product(self.units, self.decays) if inner.any() else ():
            net = _network(points.shape[1], units, prior, self.seed)
            outside = (data[0][asked], data[1][asked])
            loss, steps = _descend(net, data[0][rest], data[1][rest], (self.steps, decay), outside)
            best = min(best, (loss, (units, decay, steps)))
        units, decay, steps = best[1]
        net = _network(points.shape[1], units, prior, self.seed)
        _descend(net, *data, (steps, decay), None)

        def posterior(values: Array) -> Array:
            with torch.no_grad():
                found = net(torch.from_numpy(values).float()).double().log_softmax(1)
            return np.asarray(np.maximum(found.numpy(), np.log(_TINY)))

        return {"units": units, "decay": decay, "steps": steps}, posterior


def utterance_split(speakers: Sequence[Any] | Array, *, share: float = 0.2, seed: int = 0) -> Array:
    """Return which rows are held out: a share of the utterances inside each speaker.

    A speaker with two utterances or more gives at least one and keeps at least one. A speaker with
    one is never held out, nor are rows of unknown speaker (None or -1).

    Args:
        speakers: ``(rows,)`` names or codes.
        share: of the rows of each speaker, in (0, 1).
        seed: of the draw.

    Returns:
        ``(rows,)`` bool.

    Raises:
        ValueError: if the share is out of range, or no speaker has two utterances.

    Example:
        >>> held = utterance_split(["a"] * 5 + ["b"] * 10 + ["c"])
        >>> held[:5].sum(), held[5:15].sum(), held[15:].sum()
        (np.int64(1), np.int64(2), np.int64(0))
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share in (0, 1), got {share}")
    known = known_rows(speakers)
    names = np.asarray(speakers).astype(str)
    generator, held = np.random.default_rng(seed), np.zeros(len(names), dtype=np.bool_)
    for name in np.unique(names[known]):
        rows = np.flatnonzero(known & (names == name))
        if len(rows) > 1:
            count = min(max(1, round(share * len(rows))), len(rows) - 1)
            held[generator.choice(rows, count, replace=False)] = True
    if not held.any():
        raise ValueError(f"no speaker among {len(names)} rows has two utterances to split")
    return held


def known_rows(names: Sequence[Any] | Array) -> Array:
    """Return ``(rows,)`` bool: a name, or a code that is not negative; None, NaN, -1 are unknown.

    Example:
        >>> known_rows(["a", None, "b"]).tolist(), known_rows(np.array([3, -1])).tolist()
        ([True, False, True], [True, False])
    """
    values = np.asarray(names)
    if np.issubdtype(values.dtype, np.integer):
        return np.asarray(values >= 0)
    plain = [isinstance(v, str) or (isinstance(v, int | np.integer) and v >= 0) for v in values]
    return np.array(plain, dtype=np.bool_)


def _logistic(points: Array, codes: Array, strength: float) -> Callable[[Array], Array]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # separable speakers have no finite optimum worth waiting for
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=strength, max_iter=500).fit(points, codes)
    return lambda values: np.log(np.maximum(model.predict_proba(values), _TINY))


def _network(dim: int, units: int, prior: Array, seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(dim, units), nn.ReLU(), nn.Linear(units, len(prior)))
    last = net[2]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.from_numpy(np.log(prior)))
    return net


def _descend(
    net: nn.Sequential,
    points: torch.Tensor,
    codes: torch.Tensor,
    limits: tuple[int, float],
    outside: tuple[torch.Tensor, torch.Tensor] | None,
) -> tuple[float, int]:
    """Take up to ``(steps, decay)`` steps; return the lowest cross-entropy outside, and when."""
    loss_of = nn.functional.cross_entropy
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=limits[1])
    best, waited = (np.inf, 0), 0
    with torch.enable_grad():
        for step in range(limits[0] + 1):
            if outside is not None and step % _EVERY == 0:
                with torch.no_grad():
                    loss = float(loss_of(net(outside[0]), outside[1]))
                waited = 0 if loss < best[0] else waited + 1
                best = min(best, (loss, step))
                if waited > _PATIENCE:
                    break
            if step < limits[0]:
                optimizer.zero_grad()
                loss_of(net(points), codes).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    return best
