"""Adversarial metric learning: a task, and pairs parted under the worst similarity near cosine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.aml_options import AMLOptions
from affectrep.objectives.aml_pairs import PairScorer
from affectrep.objectives.class_confusion import ClassConfusion
from affectrep.objectives.class_memory import ClassMemory
from affectrep.objectives.embedding_spread import embedding_spread
from affectrep.objectives.gather import gather_rows
from affectrep.objectives.hard_pairs import HardPairMiner, HardPairs, Mining
from affectrep.objectives.joint import Loss
from affectrep.objectives.learned_similarity import MetricDiscriminator
from affectrep.objectives.pair_adversary import AdversaryWeights
from affectrep.objectives.pair_classes import pair_classes
from affectrep.objectives.pair_history import PairHistory, row_numbers
from affectrep.objectives.pair_loss import PairLoss
from affectrep.objectives.phase import Carry, Phase, PhaseResult, Term
from affectrep.objectives.supcon import SupConLoss
from affectrep.objectives.tasks import PAIR_TASKS, Task, task_of

__all__ = ["AMLObjective", "aml_objective"]


class AMLObjective(nn.Module):
    """A task, supervised contrast, and hard pairs under an adversary's similarity.

    A step has one encoder pass. First the adversary, on detached embeddings, raises the pair loss
    of hard pairs; then the model lowers it on the same pairs, with the adversary frozen. Hard
    pairs are found by the cosine and by the learned similarity, among batch and memory. During
    ``warmup`` only the task and SupCon learn, while memory and confusions fill.

    Use it where classes are almost the same and errors stay inside such families. SupCon weighs
    all pairs of a batch under the fixed cosine; :class:`LabelAwareContrast` weighs classes;
    this moves the similarity itself. The adversary is dropped after training.

    Args:
        classes: number of classes.
        dim: dimension of the embeddings, or of the projections where these are the space.
        options: numbers.
        task: of the predictions; None for plain cross-entropy.
        strong_radius: regression only, where pairs are of quadrants: see
            :class:`CircumplexClasses`.

    Raises:
        ValueError: if the radius does not fit the task.

    Source: this project's design for AML (ACL 2026, of which only the abstract is public).

    Example:
        >>> objective = AMLObjective(3, 8)
        >>> [phase.name for phase in objective.phases()], sorted(objective.players())
        (['adversary', 'main'], ['metric', 'threshold'])
    """

    done: Tensor

    def __init__(
        self,
        classes: int,
        dim: int,
        *,
        options: AMLOptions | None = None,
        task: Task | None = None,
        strong_radius: float | None = None,
    ) -> None:
        super().__init__()
        self.options = options = options or AMLOptions()
        task = task or task_of("cross_entropy")
        self.task, self.task_name, self.targets = task.loss, task.name, task.targets
        self.classes = pair_classes(task, strong_radius)
        self.contrast = SupConLoss(temperature=options.contrast_temperature, gather=True)
        self.threshold = PairLoss(threshold=options.threshold, temperature=options.temperature)
        self.metric = _metric(dim, options)
        self.confusion = ClassConfusion(classes, gather=True)
        self.memory = ClassMemory(classes, dim, per_class=options.memory or 1)
        self.miner = HardPairMiner(options.mining)
        self.history = PairHistory(classes, gather=True)
        self.scorer = PairScorer(self.metric, self.threshold, options.adversary, options.price)
        self.register_buffer("done", torch.tensor(0.0))

    def phases(self) -> Sequence[Phase]:
        """Return the adversary's ascents, if it learns, and the model's step."""
        ascents = [
            Phase(
                "adversary" if i == 0 else f"adversary_{i + 1}",
                self._adversary,
                updates=("metric",),
                optimizer="metric",
                grad=False,
                span="batch",
            )
            for i in range(self.options.steps if self.options.learned else 0)
        ]
        main = Phase("main", self._main, updates=("encoder", "heads", "threshold"), span="batch")
        return [*ascents, main]

    def players(self) -> Mapping[str, nn.Module]:
        """Return the metric, where it learns, and the threshold, which learns with the model."""
        metric = {} if self.metric is None else {"metric": self.metric}
        return {**metric, "threshold": self.threshold}

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return the class pairs that are confused most."""
        return self.confusion.sampling_hint()

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return which classes were mined, by whom, and the rows that recur as hard positives."""
        pairs = self.history.mined_pairs()
        confusion = self.confusion.matrix().cpu()[pairs["class_a"], pairs["class_b"]]
        most = confusion.argsort(descending=True, stable=True)
        mined = {name: column[most] for name, column in {**pairs, "confusion": confusion}.items()}
        return {
            "mined_pairs": mined,
            "recurring_positives": self.history.recurring_positives(),
        }

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""
        self.done.fill_(done)

    @property
    def strength(self) -> float:
        """The factor on weight and epsilon, 0 during warm-up."""
        return self.options.schedule().at(min(1.0, float(self.done)))

    def _adversary(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        epsilon = self.options.epsilon * self.strength
        if epsilon == 0:
            return PhaseResult([])
        if "pairs" not in carry:
            carry["pairs"] = self._mined(output, batch, epsilon)
        pairs, rows = carry["pairs"], self._candidates(output)
        terms, logs = self.scorer.attack(rows, pairs, epsilon=epsilon)
        return PhaseResult(terms, {**logs, **pairs.logs()}, {"pairs": pairs})

    def _main(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        options, factor = self.options, self.strength
        task = cast(Loss, self.task)
        value = task(output.predictions, batch.labels)
        terms = [Term(self.task_name, value, task.count(batch.labels))]
        if options.contrast > 0:
            labels = self.classes(batch.labels)
            value = self.contrast(self._points(output), labels)
            count = self.contrast.count(labels)
            terms.append(Term("supcon", value, count, options.contrast))
        logs: dict[str, float] = {"pair_weight": options.weight * factor}
        pairs = carry.get("pairs")
        if factor > 0 and options.weight > 0:
            if pairs is None:
                pairs = self._mined(output, batch, options.epsilon * factor)
            found, more = self.scorer.defend(
                self._candidates(output), pairs, epsilon=options.epsilon * factor
            )
            terms += [
                Term(term.name, term.value, term.count, term.weight * options.weight * factor)
                for term in found
            ]
            logs |= more
        if pairs is not None:
            self._count(pairs, batch)
        self._remember(output, batch)
        return PhaseResult(terms, {**logs, **self.memory.logs(), **self._signs(output)})

    def _points(self, output: Output) -> Tensor:
        """Return the batch's rows ``(batch, dim)`` in the space of the pairs."""
        if self.options.space == "embeddings":
            return output.embeddings
        if output.projections is None:
            raise ValueError("space is projections, but the model has no projection head")
        return output.projections

    def _candidates(self, output: Output) -> Tensor:
        """Return the batch's rows, then the memory's, as the pairs index them."""
        points = self._points(output)
        if self.options.memory == 0:
            return points
        return torch.cat([points, self.memory.rows().embeddings.to(points)])

    def _mined(self, output: Output, batch: Batch, epsilon: float) -> HardPairs:
        return self.miner.mine(
            self._points(output),
            self.classes(batch.labels),
            score=self.scorer.score(epsilon),
            confusion=self.confusion,
            memory=self.memory.rows() if self.options.memory else None,
            ids=_numbers(batch),
        )

    def _count(self, pairs: HardPairs, batch: Batch) -> None:
        labels, numbers = self.classes(batch.labels), _numbers(batch)
        if self.options.memory:
            kept = self.memory.rows()
            labels, numbers = torch.cat([labels, kept.labels]), torch.cat([numbers, kept.ids])
        self.history.update(pairs, labels, numbers)

    def _signs(self, output: Output) -> dict[str, float]:
        embeddings = output.embeddings.detach()
        spread = embedding_spread(embeddings[embeddings.isfinite().all(dim=1)])
        return {
            "effective_rank": spread.effective_rank,
            "mean_cosine": spread.mean_cosine,
            "confusion_entropy": float(self.confusion.entropy()),
        }

    @torch.no_grad()
    def _remember(self, output: Output, batch: Batch) -> None:
        points, predictions = self._points(output).detach(), output.predictions
        # a run that diverges is stopped by its loss; every process calls, with no rows if need be
        sound = points.isfinite().all(dim=1) & predictions.isfinite().all(dim=1)
        labels = self.classes(batch.labels)[sound]
        self.confusion.update(self.classes.probabilities(predictions[sound]), labels)
        if self.options.memory:
            # all processes keep the same rows: a checkpoint holds the first one's only
            rows = (points[sound], labels, _numbers(batch)[sound])
            self.memory.push(*(torch.cat(gather_rows(part.contiguous())) for part in rows))


def aml_objective(  # noqa: PLR0913 - the plain values of one section
    *,
    classes: int = 2,
    dim: int = 1,
    task: str = "cross_entropy",
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
    strong_radius: float | None = None,
    price: Mapping[str, float] | None = None,
    mining: Mapping[str, object] | None = None,
    **options: object,
) -> AMLObjective:
    """Return adversarial metric learning from plain values; see :class:`AMLOptions`.

    Args:
        classes: number of classes; quadrants and neutral are five.
        dim: dimension of the embeddings.
        task: cross_entropy or av_regression.
        class_weights: of cross-entropy.
        label_smoothing: of cross-entropy.
        strong_radius: regression only, see :class:`CircumplexClasses`.
        price: fields of :class:`AdversaryWeights`.
        mining: fields of :class:`Mining`.
        options: other fields of :class:`AMLOptions`.

    Raises:
        ValueError: if a word is unknown, or the radius does not fit the task.

    Example:
        >>> aml_objective(classes=4, dim=8, adversary="pointwise").phases()[0].name
        'main'
    """
    chosen = AMLOptions(
        price=AdversaryWeights(**(price or {})),
        mining=Mining(**(mining or {})),  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )
    weighed = {"class_weights": class_weights, "label_smoothing": label_smoothing}
    chosen_task = task_of(task, weighed if task == "cross_entropy" else {}, allowed=PAIR_TASKS)
    return AMLObjective(classes, dim, options=chosen, task=chosen_task, strong_radius=strong_radius)


def _metric(dim: int, options: AMLOptions) -> MetricDiscriminator | None:
    if not options.learned:
        return None
    form = "bounded" if options.adversary == "match" else options.adversary
    return MetricDiscriminator(
        dim,
        hidden=options.hidden,
        gain=options.gain,
        form=form,  # type: ignore[arg-type]
        reads=options.reads,  # type: ignore[arg-type]
    )


def _numbers(batch: Batch) -> Tensor:
    return row_numbers(batch.ids).to(batch.labels.device)
