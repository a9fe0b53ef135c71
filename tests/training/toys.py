"""A small model and toy objectives that exercise the protocol of phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives import Carry, Phase, PhaseResult, Targets, Term, supcon_loss
from affectrep.objectives.gather import gather_rows

CLASSES = 3


class ToyModel(nn.Module):
    """A linear encoder with dropout and batch normalisation on request, and a linear head."""

    keep_features = False

    def __init__(self, *, dropout: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(6, 5)]
        if norm:
            layers.append(nn.BatchNorm1d(5))
        self.encoder = nn.Sequential(*layers, nn.Tanh(), nn.Dropout(dropout))
        self.head = nn.Linear(5, CLASSES)
        self.forwards = 0

    def forward(self, inputs: dict[str, Tensor]) -> Output:
        self.forwards += 1
        embeddings = self.encoder(inputs["x"])
        return Output(embeddings, self.head(embeddings))

    def players(self) -> dict[str, nn.Module]:
        return {"encoder": self.encoder, "heads": self.head}


class ToyObjective(nn.Module):
    """What every toy shares: no hint, no progress, any labels."""

    targets = Targets()

    def players(self) -> Mapping[str, nn.Module]:
        return {}

    def sampling_hint(self) -> Mapping[str, Tensor]:
        return {}

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        return {}

    def progress(self, done: float) -> None:
        pass


def classify(output: Output, batch: Batch) -> Tensor:
    return nn.functional.cross_entropy(output.predictions, batch.labels)


class TwoPlayers(ToyObjective):
    """A discriminator learns to tell class 0 from the rest, then the encoder hides it.

    The main phase is contrast and cross-entropy with different counts, on the pass that the
    discriminator's phase read detached.
    """

    def __init__(self) -> None:
        super().__init__()
        self.discriminator = nn.Linear(5, 1)

    def players(self) -> Mapping[str, nn.Module]:
        return {"discriminator": self.discriminator}

    def phases(self) -> Sequence[Phase]:
        return [
            Phase(
                "adversary",
                self._adversary,
                updates=("discriminator",),
                optimizer="adversary",
                grad=False,
                span="batch",
            ),
            Phase("main", self._main, span="batch"),
        ]

    def _scores(self, output: Output, batch: Batch) -> Tensor:
        target = (batch.labels == 0).to(output.embeddings.dtype)
        logits = self.discriminator(output.embeddings)[:, 0]
        return nn.functional.binary_cross_entropy_with_logits(logits, target)

    def _adversary(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        loss = self._scores(output, batch)
        return PhaseResult([Term("discriminator", loss, len(batch))], carry={"seen": batch.ids})

    def _main(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        assert carry["seen"] == batch.ids
        everyone = torch.cat(gather_rows(batch.labels))
        anchors = float(((batch.labels[:, None] == everyone[None]).sum(1) > 1).sum())
        contrast = supcon_loss(output.embeddings, batch.labels, temperature=0.5, gather=True)
        return PhaseResult(
            [
                Term("cross_entropy", classify(output, batch), len(batch)),
                Term("supcon", contrast, anchors, 0.5),
                Term("hide", -self._scores(output, batch), len(batch), 0.3),
            ]
        )


class ThreePhases(ToyObjective):
    """Like CAF: a critic on detached values, the encoder against it on some rows, the task."""

    def __init__(self, weak: int | None = 2) -> None:
        super().__init__()
        self.critic = nn.Linear(5, 2)
        self.weak = weak

    def players(self) -> Mapping[str, nn.Module]:
        return {"critic": self.critic}

    def phases(self) -> Sequence[Phase]:
        return [
            Phase(
                "critic",
                self._critic,
                updates=("critic",),
                optimizer="critic",
                grad=False,
                norm="frozen",
            ),
            Phase(
                "adversarial",
                self._adversarial,
                updates=("encoder",),
                optimizer="adversarial",
                rows=self._weak_rows,
                norm="frozen",
            ),
            Phase("main", self._main),
        ]

    def _weak_rows(self, batch: Batch, carry: Carry) -> Tensor:
        return batch.labels == (-1 if self.weak is None else self.weak)

    def _critic(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        assert not output.embeddings.requires_grad
        return PhaseResult(
            [Term("critic", self.critic(output.embeddings).pow(2).mean(), len(batch))]
        )

    def _adversarial(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        if len(batch) == 0:
            return PhaseResult([])
        loss = (self.critic(output.embeddings) - 1).pow(2).mean()
        return PhaseResult([Term("adversarial", loss, len(batch))])

    def _main(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        return PhaseResult([Term("cross_entropy", classify(output, batch), len(batch))])


def rows(size: int = 12, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> Batch:
    """Random rows with every class in them."""
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        {"x": torch.randn(size, 6, generator=generator, dtype=dtype)},
        torch.arange(size) % CLASSES,
        [str(i) for i in range(size)],
    )


class ToyBatches:
    """Steps of fixed random batches, each cut into micro-batches of the given sizes."""

    def __init__(self, steps: int = 4, sizes: Sequence[int] = (12,), rank: int = 0) -> None:
        self.steps, self.sizes, self.rank = steps, sizes, rank

    def __len__(self) -> int:
        return self.steps

    def epoch(self, epoch: int, start: int = 0) -> Iterator[list[Batch]]:
        for step in range(start, self.steps):
            whole = rows(sum(self.sizes), seed=1000 * epoch + step)
            yield cut(whole, self.sizes)


def cut(batch: Batch, sizes: Sequence[int]) -> list[Batch]:
    """Cut a batch into parts of the given sizes."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [
        batch.select(torch.arange(start, start + size))
        for start, size in zip(starts, sizes, strict=True)
    ]
