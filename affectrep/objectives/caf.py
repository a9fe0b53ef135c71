"""Contrastive adversarial learning as phases: a critic, the encoder against it, the regression."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from affectrep.batch import Batch, Output
from affectrep.objectives.adaptive_margin import Margin
from affectrep.objectives.av_regression import AVRegressionLoss
from affectrep.objectives.contrastive_critic import CriticContrast
from affectrep.objectives.critic_head import CriticHead
from affectrep.objectives.critic_watch import CriticWatch
from affectrep.objectives.critics import CRITICS, ContrastGame, CriticGame, MarginRule
from affectrep.objectives.gather import gather_rows
from affectrep.objectives.grouping import Grouper, Grouping, Groups
from affectrep.objectives.phase import Carry, Phase, PhaseResult, Targets, Term

__all__ = ["CAFObjective", "CAFSteps", "caf_objective"]

GROUPS = "strong_weak"  # under this name the critic's phase hands the groups to the next


@dataclass(frozen=True)
class CAFSteps:
    """How often, in which order and with which optimizers the players move.

    Args:
        order: "critic_first" (critic, adversarial, main: the paper) | "main_first" (the released
            code).
        shared_adam: the adversarial step shares the optimizer, and so the moments, of the main
            step (the released code). False gives it one of its own, with a smaller learning rate:
            Adam does not see the scale of a loss.
        critic_steps: of the critic for each step of the encoder (Fisher's paper: 5).
        adversarial_weight: of the encoder's adversarial loss; 0 leaves its phase out.
        check_every: steps between two baselines under shuffled groups.
        patience: steps for which the critic's outputs must coincide before a warning is given.

    Raises:
        ValueError: if the order is unknown or a number is out of range.
    """

    order: Literal["critic_first", "main_first"] = "critic_first"
    shared_adam: bool = False
    critic_steps: int = 1
    adversarial_weight: float = 1.0
    check_every: int = 50
    patience: int = 100

    def __post_init__(self) -> None:
        if self.order not in ("critic_first", "main_first"):
            raise ValueError(f"expected order critic_first or main_first, got {self.order!r}")
        if self.critic_steps < 1:
            raise ValueError(f"expected critic_steps of at least 1, got {self.critic_steps}")
        if not 0 <= self.adversarial_weight < math.inf:
            raise ValueError(
                f"expected a finite adversarial_weight of at least 0, got {self.adversarial_weight}"
            )


class CAFObjective(nn.Module):
    """Valence and arousal by regression, beside a game between a critic and the encoder.

    The critic parts rows far from neutral (strong) from rows near it (weak); the encoder is moved
    so that weak rows look strong to it. Three phases: ``critic`` moves the critic on detached
    values, ``adversarial`` the encoder against the critic as it is now, without its dropout,
    ``main`` encoder and heads by the regression. A batch without a weak row, or with fewer than
    two strong ones, has no critic and no adversarial step. Groups, critic outputs and moments are
    of the rows of all processes, so with dropout 0 the step is that of one process (the released
    code's rule of grouping and its pairs follow the order of rows, and so differ).

    The logs are of rows that the critic has not been trained on in this epoch: ``spread`` (sd of
    its outputs), ``auc``, ``cross_distance``, ``strong_fraction``, the margin's parts and
    ``permuted``, the information (Fisher: ratio, GramNet: kernel distance) under shuffled groups.
    A critic below a spread of .01 for long is dead, and the user is warned once. No gain over
    plain regression has been shown on real faces.

    Args:
        head: the critic's network; None leaves plain regression.
        game: the critic's and the encoder's loss, one of ``CRITICS``.
        grouper: which rows are strong and weak; needs :meth:`fit` when its scope is the data set.
        regression: the loss of the predictions.
        steps: order and optimizers.

    Source: Kim and Song 2021, Contrastive Adversarial Learning for Person Independent Facial
    Emotion Recognition (AAAI), Algorithm 1.

    Example:
        >>> caf = CAFObjective(CriticHead(8), ContrastGame(), grouper=Grouper(threshold=0.5))
        >>> [(phase.name, phase.updates) for phase in caf.phases()]
        [('critic', ('critic',)), ('adversarial', ('encoder',)), ('main', ('encoder', 'heads'))]
    """

    targets = Targets(labels="continuous")

    def __init__(
        self,
        head: CriticHead | None,
        game: nn.Module | None,
        *,
        grouper: Grouper | None = None,
        regression: AVRegressionLoss | None = None,
        steps: CAFSteps | None = None,
    ) -> None:
        super().__init__()
        if (head is None) != (game is None):
            raise ValueError("expected both a head and a game, or neither, got one of them")
        self.head, self.game = head, game
        self.grouper = grouper or Grouper(gather=True)
        self.regression = regression or AVRegressionLoss(gather=True)
        self.steps = steps or CAFSteps()
        self.watch = CriticWatch(check_every=self.steps.check_every, patience=self.steps.patience)

    def phases(self) -> list[Phase]:
        """Return the phases of a step, in order."""
        main = Phase("main", self._main, reads="predictions", span="batch")
        if self.head is None:
            return [main]
        phase = partial(
            Phase, reads="features" if self.head.grid else "embeddings", norm="frozen", span="batch"
        )
        game = [
            phase(
                f"critic_{i + 1}" if i else "critic",
                partial(self._critic, watched=i == 0),
                updates=("critic",),
                optimizer="critic",
                grad=False,
            )
            for i in range(self.steps.critic_steps)
        ]
        if self.steps.adversarial_weight > 0:
            optimizer = "main" if self.steps.shared_adam else "adversarial"
            game.append(
                phase("adversarial", self._adversarial, updates=("encoder",), optimizer=optimizer)
            )
        return [*game, main] if self.steps.order == "critic_first" else [main, *game]

    def players(self) -> Mapping[str, nn.Module]:
        """Return the critic, where there is one."""
        return {} if self.head is None else {"critic": self.head}

    def fit(self, labels: Tensor) -> None:
        """Take the threshold of strong rows from the labels ``(rows, 2)`` of the training split.

        Nothing happens where thresholds are those of each batch.

        Raises:
            ValueError: if the labels have one strength only.
        """
        if self.head is not None and self.grouper.grouping.scope != "batch":
            self.grouper.fit(labels)

    def sampling_hint(self) -> Mapping[str, Tensor]:
        """Return the radius from which a row is strong, where it is known."""
        known = self.head is not None and not math.isnan(float(self.grouper.threshold))
        return {"strong_radius": self.grouper.threshold.clone()} if known else {}

    def findings(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return no table."""
        return {}

    def progress(self, done: float) -> None:
        """Take note of the share of training done, in [0, 1]."""
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
        if not _enough(groups):
            return PhaseResult([_nothing("adversarial", output)], carry={GROUPS: groups})
        with _without_dropout(self.head):
            points = self._judge(output, batch)
        loss = cast(CriticGame, self.game).encoder(points[groups.strong], points[groups.weak])
        weight = self.steps.adversarial_weight
        term = Term("adversarial", loss, float(len(batch)), weight)
        return PhaseResult([term], carry={GROUPS: groups})

    def _main(self, output: Output, batch: Batch, carry: Carry) -> PhaseResult:
        value = self.regression(output.predictions, batch.labels)
        return PhaseResult([Term("regression", value, self.regression.count(batch.labels))])

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
        name = "features" if self.head.grid else "embeddings"
        values = output.tensors().get(name)
        if values is None:
            raise ValueError(f"expected {name} for the critic, which the model does not give")
        if len(values) != len(batch.labels):
            raise ValueError(f"expected {len(batch.labels)} rows, got {len(values)} {name}")
        # every process holds the whole loss and weighs it by its share of the rows
        return torch.cat(gather_rows(self.head(values)))


def caf_objective(
    *,
    dim: int = 512,
    critic: Literal["caf", "fisher", "sphere", "gram", "none"] = "caf",
    margin: Literal["adaptive", "constant", "linear"] = "adaptive",
    threshold: float | None = None,
    **options: Mapping[str, Any],
) -> CAFObjective:
    """Return regression of valence and arousal with the critic of this name, or without one.

    Call :meth:`CAFObjective.fit` with the training labels unless a threshold is given or each
    batch has its own. Options of critics that were not chosen are left aside, so one name
    changes the critic.

    Args:
        dim: width of the embeddings, or channels of the feature maps.
        critic: which game is played; "none" is plain regression.
        margin: of "caf".
        threshold: radius from which a row is strong.
        **options: plain values by group: ``network`` (of :class:`CriticHead`; None leaves the
            choice of output and widths to the critic), ``grouping`` (:class:`Grouping`),
            ``margins`` (:class:`MarginRule` and :class:`Margin`), ``contrast``
            (:class:`CriticContrast`, and ``form`` of the encoder's loss), ``fisher``, ``sphere``,
            ``gram``, ``steps`` (:class:`CAFSteps`), ``regression`` (``correlation_weight``,
            ``official``).

    Raises:
        ValueError: if a name is unknown or a value out of range.

    Example:
        >>> caf_objective(dim=8, critic="fisher", threshold=0.5).players()["critic"].outputs
        1
        >>> [phase.name for phase in caf_objective(critic="none").phases()]
        ['main']
    """
    groups = ("network", "grouping", "margins", "contrast", *CRITICS, "steps", "regression")
    known = [name for name in groups if name != "caf"]
    _refuse("options", known, options)
    if critic != "none" and critic not in CRITICS:
        raise ValueError(f"expected critic {', '.join(CRITICS)} or none, got {critic!r}")

    def of(name: str) -> dict[str, Any]:
        return {key: value for key, value in options.get(name, {}).items() if value is not None}

    head, game = None, None
    if critic != "none":
        network: dict[str, Any] = {} if critic == "caf" else {"output": "linear"}
        network |= {"widths": (64, 32, 1)} if critic == "fisher" else {}
        head = _made("network", partial(CriticHead, dim), {**network, **of("network")})
        game = (
            _contrast_game(margin, of("margins"), of("contrast"), head.largest_distance)
            if critic == "caf"
            else _made(critic, CRITICS[critic], of(critic))
        )
    grouping = _made("grouping", Grouping, of("grouping"))
    regression = partial(AVRegressionLoss, gather=True)
    return CAFObjective(
        head,
        game,
        grouper=Grouper(grouping, threshold=threshold, gather=True),
        regression=_made("regression", regression, of("regression")),
        steps=_made("steps", CAFSteps, of("steps")),
    )


def _contrast_game(
    margin: Literal["adaptive", "constant", "linear"],
    margins: dict[str, Any],
    contrast: dict[str, Any],
    largest: float,
) -> ContrastGame:
    adaptive = {item.name for item in fields(Margin)}
    rest = {key: value for key, value in margins.items() if key not in adaptive}
    reading = Margin(**{key: value for key, value in margins.items() if key in adaptive})
    rule = _made("margins", partial(MarginRule, margin, adaptive=reading), rest)
    form = {"form": contrast.pop("form")} if "form" in contrast else {}
    pairs = _made("contrast", CriticContrast, contrast)
    return ContrastGame(rule, contrast=pairs, largest=largest, **form)


def _made(name: str, make: Callable[..., Any], values: dict[str, Any]) -> Any:
    given = make.keywords if isinstance(make, partial) else {}
    _refuse(name, [key for key in inspect.signature(make).parameters if key not in given], values)
    return make(**values)


def _refuse(name: str, known: list[str], given: Mapping[str, Any]) -> None:
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ValueError(f"expected {name} among {', '.join(known)}, got {', '.join(unknown)}")


def _enough(groups: Groups) -> bool:
    return int(groups.strong.sum()) >= 2 and bool(groups.weak.any())


def _nothing(name: str, output: Output) -> Term:
    return Term(name, output.embeddings.new_zeros(()), 0.0)


@contextlib.contextmanager
def _without_dropout(head: nn.Module | None) -> Iterator[None]:
    assert head is not None
    training = head.training
    head.eval()
    try:
        yield
    finally:
        head.train(training)
