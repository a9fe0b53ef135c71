"""Contrastive adversarial learning as phases: a critic, the encoder against it, the regression."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, cast

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.caf_steps import CAFSteps
from affectrep.objectives.class_groups import ClassGrouper
from affectrep.objectives.critic_head import CriticHead, without_dropout
from affectrep.objectives.critic_held_out import CriticHeldOut
from affectrep.objectives.critic_watch import CriticWatch
from affectrep.objectives.critics import CriticGame
from affectrep.objectives.expression import ExpressionLoss
from affectrep.objectives.gather import gather_rows, process_rank
from affectrep.objectives.grouping import Grouper, Groups
from affectrep.objectives.joint import Loss, domain_of
from affectrep.objectives.phase import Carry, Phase, PhaseResult, Targets, Term
from affectrep.objectives.tasks import Task, task_of

__all__ = ["NO_GROUPS", "CAFObjective"]

GROUPS = "strong_weak"  # under this name the critic's phase hands the groups to the next
NO_GROUPS = "grouping is impossible: {}; CAF trains without the critic"
"""What is said where the labels of training leave a group empty, with the reason in place of {}."""


class CAFObjective(nn.Module):
    """A task, valence and arousal as a rule, beside a game between a critic and the encoder.

    The critic parts rows far from neutral (strong) from rows near it (weak); the encoder is moved
    so that weak rows look strong to it. Three phases: ``critic`` moves the critic on detached
    values, ``adversarial`` the encoder against the critic as it is now, without its dropout,
    ``main`` encoder and heads by the task. A batch without a weak row, or with fewer than
    two strong ones, has no critic and no adversarial step. Groups, critic outputs and moments are
    of the rows of all processes, so with dropout 0 the step is that of one process (the released
    code's rule of grouping and its pairs follow the order of rows, and so differ).

    The logs are of rows that the critic has not been trained on in this epoch: ``spread`` (sd of
    its outputs), ``auc``, ``cross_distance``, ``strong_fraction``, the margin's parts and
    ``permuted``, the information (Fisher: ratio, GramNet: kernel distance) under shuffled groups.
    A critic below a spread of .01 for long is dead, and the user is warned once. Once an epoch
    :meth:`held_out` looks at rows that nobody trains on. No gain over plain regression that is
    the adversary's has been shown on real faces.

    Args:
        head: the critic's network; None leaves plain regression.
        game: the critic's and the encoder's loss, one of ``CRITICS``.
        grouper: which rows are strong and weak; needs :meth:`fit` when its scope is the data set.
            A :class:`ClassGrouper` makes the labels classes.
        task: of the predictions; None for regression of valence and arousal.
        steps: order and optimizers.
        expression_weight: of cross-entropy on the categorical expression, a second task; 0: none.

    Raises:
        ValueError: if there is a head without a game, or the weight is negative.

    Source: Kim and Song 2021, Contrastive Adversarial Learning for Person Independent Facial
    Emotion Recognition (AAAI), Algorithm 1.

    Example:
        >>> from affectrep.objectives.critics import FisherGame
        >>> caf = CAFObjective(CriticHead(8), FisherGame(), grouper=Grouper(threshold=0.5))
        >>> [(phase.name, phase.updates) for phase in caf.phases()]
        [('critic', ('critic',)), ('adversarial', ('encoder',)), ('main', ('encoder', 'heads'))]
    """

    def __init__(
        self,
        head: CriticHead | None,
        game: nn.Module | None,
        *,
        grouper: Grouper | ClassGrouper | None = None,
        task: Task | None = None,
        steps: CAFSteps | None = None,
        expression_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if (head is None) != (game is None):
            raise ValueError("expected both a head and a game, or neither, got one of them")
        if not 0 <= expression_weight < math.inf:
            raise ValueError(
                f"expected a finite expression_weight of at least 0, got {expression_weight}"
            )
        self.head, self.game = head, game
        self.grouper = grouper or Grouper(gather=True)
        task = task or task_of("av_regression")
        if task.continuous == isinstance(self.grouper, ClassGrouper):
            raise ValueError(f"expected a grouper that fits the labels of {task.name}, got another")
        self.task, self.targets = task.loss, task.targets
        self.task_name = "regression" if task.continuous else task.name
        self.steps = steps or CAFSteps()
        self.watch = CriticWatch(check_every=self.steps.check_every, patience=self.steps.patience)
        self.expression, self.expression_weight = ExpressionLoss(), expression_weight
        if expression_weight > 0:
            self.targets = Targets(labels="continuous", domains=("expression",))
        self.without_critic = ""
        self.done = 0.0

    def phases(self) -> list[Phase]:
        """Return the phases of a step, in order."""
        steps = self.steps
        if self.head is None:
            return [Phase("main", self._main, reads="predictions", span="batch")]
        reads: Literal["features", "embeddings"] = "features" if self.head.grid else "embeddings"
        phase = partial(
            Phase,
            reads=reads,
            norm="frozen",
            span="batch",
            advice=getattr(self.game, "advice", ""),
            largest_loss=getattr(self.game, "largest_loss", 1e6),
        )
        game = [
            phase(
                f"critic_{i + 1}" if i else "critic",
                partial(self._critic, watched=i == 0),
                updates=("critic",),
                optimizer="critic",
                grad=False,
                same_pass=steps.shared_pass,
            )
            for i in range(steps.critic_steps)
        ]
        if steps.order == "joint":
            return [*game, phase("main", self._joint, norm="train")]
        if steps.adversarial_weight > 0:
            game.append(
                phase(
                    "adversarial",
                    self._adversarial,
                    updates=("encoder",),
                    optimizer="main" if steps.shared_adam else "adversarial",
                    same_pass=steps.shared_pass,
                )
            )
        main = Phase(
            "main", self._main, reads="predictions", span="batch", same_pass=steps.shared_pass
        )
        return [main, *game] if steps.order == "main_first" else [*game, main]

    def players(self) -> Mapping[str, nn.Module]:
        """Return the critic, where there is one."""
        return {} if self.head is None else {"critic": self.head}

    def fit(self, labels: Tensor) -> None:
        """Take the threshold of strong rows from the labels of the training split.

        A threshold that was given, or that each batch has for itself, stays as it is. Labels that
        cannot be grouped (all weak, all strong, or of one strength) leave the task alone, with a
        warning; :meth:`remarks` repeats it. Call this before :meth:`phases`.

        Raises:
            ValueError: if the shape is wrong, there are no rows, or a label is out of range.
        """
        if self.head is None:
            return
        found = self.grouper.learn(labels)
        if found is not None:
            self.head, self.game = None, None
            self.without_critic = NO_GROUPS.format(found)
            if process_rank() == 0:
                warnings.warn(self.without_critic, stacklevel=2)

    def held_out(self) -> CriticHeldOut:
        """Return a look at rows that nobody trains on: ``critic_auc`` and ``critic_spread``."""
        return CriticHeldOut(self._judge_still, self.grouper.held_out)

    def remarks(self) -> Sequence[str]:
        """Return what the user has been warned of: no groups, or a critic that has died."""
        return [said for said in (self.without_critic, self.watch.remark()) if said]

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return the radius from which a row is strong, where it is known."""
        return self.grouper.hint() if self.head is not None else {}

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return no table."""
        return {}

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""
        self.done = done
        if self.game is not None:
            cast(CriticGame, self.game).progress(done)

    def _critic(
        self, output: Output, batch: Batch, carry: Carry, *, watched: bool = True
    ) -> PhaseResult:
        groups = self._groups(batch, carry)
        told = {GROUPS: groups}
        if not _enough(groups):
            return PhaseResult([_nothing("critic", output)], carry=told)
        points = self._judge(output, batch)
        strong, weak = points[groups.strong], points[groups.weak]
        game = cast(CriticGame, self.game)
        scored = game.critic(strong, weak)
        logs = dict(scored.logs)
        if watched:
            logs |= self.watch(strong, weak, partial(game.permuted, strong, weak))
            logs["strong_fraction"] = float(groups.strong.double().mean())
        return PhaseResult([Term("critic", scored.loss, float(len(batch)))], logs, told)

    def _adversarial(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        groups = self._groups(batch, carry)
        if self.done < self.steps.adversary_from or not _enough(groups):
            return PhaseResult([_nothing("adversarial", output)], carry={GROUPS: groups})
        assert self.head is not None
        with without_dropout(self.head):
            points = self._judge(output, batch)
        loss = cast(CriticGame, self.game).encoder(points[groups.strong], points[groups.weak])
        weight = self.steps.adversarial_weight
        term = Term("adversarial", loss, float(len(batch)), weight)
        return PhaseResult([term], carry={GROUPS: groups})

    def _joint(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        terms = list(self._main(output, batch, carry).terms)
        if self.steps.adversarial_weight > 0:
            terms += self._adversarial(output, batch, carry).terms
        return PhaseResult(terms)

    def _main(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        task = cast(Loss, self.task)
        value = task(output.predictions, batch.labels)
        terms = [Term(self.task_name, value, task.count(batch.labels))]
        if self.expression_weight > 0:
            terms.append(self._expression(output, batch))
        return PhaseResult(terms)

    def _expression(self, output: Output, batch: Batch) -> Term:
        if output.expressions is None:
            raise ValueError("expected expressions from the model for expression_weight > 0")
        known = domain_of(batch, "expression", needed_by="expression_weight")
        value = self.expression(output.expressions, batch.labels, known)
        count = self.expression.count(batch.labels, known)
        return Term("expression", value, count, self.expression_weight)

    def _groups(self, batch: Batch, carry: Carry) -> Groups:
        """Return the groups of the rows of all processes, once for each step."""
        if GROUPS in carry:
            return cast(Groups, carry[GROUPS])
        own = self.grouper(batch.labels)
        masks = torch.stack([own.strong, own.weak], dim=1).to(torch.uint8)
        strong, weak = torch.cat(gather_rows(masks)).bool().unbind(1)
        return Groups(strong, weak)

    def _judge(self, output: Output, batch: Batch) -> Tensor:
        """Return the critic's outputs for the rows of all processes."""
        assert self.head is not None
        values = self._read(output)
        if len(values) != len(batch.labels):
            raise ValueError(f"expected {len(batch.labels)} rows, got {len(values)} to judge")
        # every process holds the whole loss and weighs it by its share of the rows
        return torch.cat(gather_rows(self.head(values)))

    def _judge_still(self, output: Output) -> Tensor:
        """Return the critic's outputs for these rows, without dropout and without gathering."""
        if self.head is None:
            return output.embeddings.new_zeros((len(output), 1))
        with without_dropout(self.head):
            outputs: Tensor = self.head(self._read(output))
        return outputs

    def _read(self, output: Output) -> Tensor:
        assert self.head is not None
        name = "features" if self.head.grid else "embeddings"
        values = output.tensors().get(name)
        if values is None:
            raise ValueError(f"expected {name} for the critic, which the model does not give")
        return values


def _enough(groups: Groups) -> bool:
    return int(groups.strong.sum()) >= 2 and bool(groups.weak.any())


def _nothing(name: str, output: Output) -> Term:
    return Term(name, output.embeddings.new_zeros(()), 0.0)
