"""Batches with strong and weak emotions in each, so that a critic of the two always has pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["StrongWeakSampler"]


class StrongWeakSampler:
    """Shuffled batches, each with some strong and some weak rows; every row once an epoch.

    A row is strong where its radius, sqrt(valence^2 + arousal^2), reaches the threshold. Each batch
    is first dealt ``at_least`` rows of both kinds, and then filled from all that are left. Where a
    kind has too few rows for every batch, as many batches as possible get their share and the
    others what chance gives, because a share of one or two rows tells a critic little. A last
    batch that is smaller than twice ``at_least`` gets half of each. As in `BatchSampler` the last
    batch is the small one, a single row joins the batch before it, and the plan is a pure function
    of seed and epoch.

    Args:
        radius: one per row, in [0, sqrt(2)].
        threshold: from which a row is strong (`affectrep.objectives.grouping.radius_threshold`).
        batch_size: rows per batch, over all processes.
        seed: of every draw.
        at_least: rows of both kinds in a batch.

    Raises:
        ValueError: if a group is empty, a number is not finite, or a batch cannot hold
            ``at_least`` rows of both.

    Example:
        >>> radius = [0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.8, 0.1]
        >>> sampler = StrongWeakSampler(radius, 0.5, batch_size=4, seed=0, at_least=1)
        >>> [sum(radius[row] >= 0.5 for row in batch) for batch in sampler.epoch(0)]
        [1, 1]
    """

    def __init__(
        self,
        radius: Sequence[float],
        threshold: float,
        *,
        batch_size: int,
        seed: int,
        at_least: int = 4,
    ) -> None:
        values = np.asarray(radius, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).all() or not np.isfinite(threshold):
            raise ValueError(
                f"expected finite radii (rows,) and a finite threshold, got shape {values.shape} "
                f"and threshold {threshold}"
            )
        if at_least < 1 or batch_size < 2 * at_least:
            raise ValueError(
                f"expected batches of at least {2 * at_least} rows for {at_least} strong and "
                f"{at_least} weak ones, got {batch_size}"
            )
        self.strong = np.flatnonzero(values >= threshold)
        self.weak = np.flatnonzero(values < threshold)
        if not len(self.strong) or not len(self.weak):
            raise ValueError(
                f"expected strong and weak rows, got {len(self.strong)} strong and "
                f"{len(self.weak)} weak at the threshold {threshold:g}: train without the critic"
            )
        self.size, self.batch_size = len(values), batch_size
        self.seed, self.at_least = seed, at_least

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return len(self._sizes())

    def epoch(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch, counted from 0; every row occurs once."""
        generator = np.random.default_rng([self.seed, epoch])
        sizes = self._sizes()
        strong, weak = generator.permutation(self.strong), generator.permutation(self.weak)
        shares = self._shares(sizes, generator)
        dealt = sum(shares)
        rest = generator.permutation(np.concatenate([strong[dealt:], weak[dealt:]]))
        batches, at, used = [], 0, 0
        for size, share in zip(sizes, shares, strict=True):
            free = size - 2 * share
            parts: list[NDArray[np.int64]] = [
                strong[at : at + share],
                weak[at : at + share],
                rest[used : used + free],
            ]
            batches.append(generator.permutation(np.concatenate(parts)).tolist())
            at, used = at + share, used + free
        return batches

    def _sizes(self) -> list[int]:
        full, rest = divmod(self.size, self.batch_size)
        sizes = [self.batch_size] * full
        if rest == 1 and sizes:
            sizes[-1] += 1
        elif rest:
            sizes.append(rest)
        return sizes

    def _shares(self, sizes: list[int], generator: np.random.Generator) -> list[int]:
        """Return how many rows of each kind every batch is dealt."""
        left = min(len(self.strong), len(self.weak))
        shares = [0] * len(sizes)
        # which batches go without is drawn anew in each epoch
        for place in generator.permutation(len(sizes)).tolist():
            wanted = min(self.at_least, sizes[place] // 2)
            if wanted <= left:
                shares[place] = wanted
                left -= wanted
        if not any(shares):
            shares[int(np.argmax(sizes))] = left
        return shares
