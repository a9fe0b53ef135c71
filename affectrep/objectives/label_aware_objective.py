"""Label-aware contrast beside cross-entropy, with the second classifier that weighs the pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.cross_entropy import CrossEntropyLoss
from affectrep.objectives.label_aware import LabelAwareContrast
from affectrep.objectives.phase import Carry, Phase, PhaseResult, Targets, Term

__all__ = ["LabelAwareObjective", "label_aware_objective"]


class LabelAwareObjective(nn.Module):
    """``m CE + (1 - m) LCL + m CE of the weighting classifier``, in one phase.

    The published method gives the weighting classifier an encoder of its own; here it is a linear
    head on the same embeddings, detached, so that it learns which classes look alike but does not
    shape the representation. The weights are detached in the contrast.

    Use it where some classes are almost the same and one encoder pass a step must do.

    Args:
        classes: number of classes.
        dim: dimension of the embeddings.
        share: m, of cross-entropy, in (0, 1].
        temperature: of the contrast, > 0.
        task: loss of the predictions; None for plain cross-entropy.

    Raises:
        ValueError: if the share is out of range.

    Source: Suresh and Ong 2021, Label-Aware Contrastive Loss (EMNLP), Eq. 6, m = .5; the
    detached linear head is this project's.

    Example:
        >>> objective = LabelAwareObjective(3, 8)
        >>> sorted(objective.players())
        ['weighting']
    """

    def __init__(
        self,
        classes: int,
        dim: int,
        *,
        share: float = 0.5,
        temperature: float = 0.3,
        task: CrossEntropyLoss | None = None,
    ) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise ValueError(f"expected a share in (0, 1], got {share}")
        self.share, self.targets = share, Targets("classes")
        self.task: CrossEntropyLoss = task or CrossEntropyLoss()
        self.contrast = LabelAwareContrast(temperature=temperature, gather=True)
        self.weighting = nn.Linear(dim, classes)

    def phases(self) -> Sequence[Phase]:
        """Return the one phase; the weighting classifier learns in it."""
        return [Phase("main", self._main, updates=("encoder", "heads", "weighting"), span="batch")]

    def players(self) -> Mapping[str, nn.Module]:
        """Return the weighting classifier."""
        return {"weighting": self.weighting}

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return no hint."""
        return {}

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return no table."""
        return {}

    def progress(self, done: float) -> None:
        """Nothing depends on the progress of training."""

    def _main(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        embeddings, labels = output.embeddings, batch.labels
        values = embeddings.detach()
        with torch.autocast(values.device.type, enabled=False):
            logits = self.weighting(values.to(self.weighting.weight.dtype))
        weights = logits.detach().softmax(dim=1)
        contrast = self.contrast(embeddings, labels, weights)
        rows = self.task.count(labels)
        terms = [
            Term("cross_entropy", self.task(output.predictions, labels), rows, self.share),
            Term("weighting", self.task(logits, labels), rows, self.share),
        ]
        if self.share < 1:
            terms.append(Term("lcl", contrast, self.contrast.count(labels), 1 - self.share))
        return PhaseResult(terms)


def label_aware_objective(
    *,
    classes: int = 2,
    dim: int = 1,
    share: float = 0.5,
    temperature: float = 0.3,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> LabelAwareObjective:
    """Return label-aware contrast beside cross-entropy from plain values.

    Example:
        >>> label_aware_objective(classes=4, dim=8).phases()[0].name
        'main'
    """
    task = CrossEntropyLoss(class_weights=class_weights, label_smoothing=label_smoothing)
    return LabelAwareObjective(classes, dim, share=share, temperature=temperature, task=task)
