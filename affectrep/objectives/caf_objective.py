"""Contrastive adversarial learning from the plain values of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from affectrep.objectives.caf import CAFObjective
from affectrep.objectives.caf_parts import critic_and_game
from affectrep.objectives.caf_steps import CAFSteps
from affectrep.objectives.class_groups import ClassGrouper
from affectrep.objectives.critics import CRITICS
from affectrep.objectives.grouping import Grouper, Grouping
from affectrep.objectives.plain_values import made, refuse_unknown
from affectrep.objectives.tasks import task_of

__all__ = ["caf_grouper", "caf_objective"]


def caf_objective(  # noqa: PLR0913 - the plain values of one section
    *,
    dim: int = 512,
    critic: Literal["caf", "fisher", "sphere", "gram", "none"] = "caf",
    margin: Literal["adaptive", "constant", "linear"] = "adaptive",
    threshold: float | None = None,
    expression_weight: float = 0.0,
    strong_classes: Sequence[int] | None = None,
    class_weights: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
    **options: Mapping[str, Any],
) -> CAFObjective:
    """Return regression, or a classifier, with the critic of this name, or without one.

    Call :meth:`CAFObjective.fit` with the training labels unless a threshold is given or each
    batch has its own. Options of critics that were not chosen are left aside, so one name
    changes the critic.

    Args:
        dim: width of the embeddings, or channels of the feature maps.
        critic: which game is played; "none" is plain regression.
        margin: of "caf".
        threshold: radius from which a row is strong.
        expression_weight: of cross-entropy on the expression; see :class:`CAFObjective`.
        strong_classes: classes of high intensity; the task is then cross-entropy, and neither
            ``threshold`` nor ``grouping`` is looked at. None: valence and arousal.
        class_weights: of cross-entropy.
        label_smoothing: of cross-entropy.
        **options: plain values by group: ``network`` (of :class:`CriticHead`; None leaves the
            choice of output and widths to the critic), ``grouping`` (:class:`Grouping`; rule code
            has scope batch), ``margins`` (:class:`MarginRule` and :class:`Margin`), ``contrast``
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
    refuse_unknown("options", [name for name in groups if name != "caf"], options)
    if critic != "none" and critic not in CRITICS:
        raise ValueError(f"expected critic {', '.join(CRITICS)} or none, got {critic!r}")
    given = {
        name: {key: value for key, value in options.get(name, {}).items() if value is not None}
        for name in groups
    }
    head, game = None, None
    if critic != "none":
        head, game = critic_and_game(critic, dim, margin, given)
    steps = made("steps", CAFSteps, given["steps"])
    grouper = caf_grouper(given["grouping"], threshold=threshold, strong_classes=strong_classes)
    if strong_classes is not None:
        weighed = {"class_weights": class_weights, "label_smoothing": label_smoothing}
        task = task_of("cross_entropy", weighed)
        return CAFObjective(head, game, grouper=grouper, task=task, steps=steps)
    return CAFObjective(
        head,
        game,
        grouper=grouper,
        task=task_of("av_regression", given["regression"]),
        steps=steps,
        expression_weight=expression_weight,
    )


def caf_grouper(
    grouping: Mapping[str, Any],
    *,
    threshold: float | None = None,
    strong_classes: Sequence[int] | None = None,
) -> Grouper | ClassGrouper:
    """Return what parts strong rows from weak ones; its ``learn`` says where that is impossible.

    Args:
        grouping: values of :class:`Grouping`; None is left aside, rule code has scope batch.
        threshold: radius from which a row is strong.
        strong_classes: classes of high intensity, which go before the two others.

    Raises:
        ValueError: if a name is unknown or a value out of range.

    Example:
        >>> import torch
        >>> caf_grouper({}, threshold=0.5).learn(torch.tensor([[0.1, 0.0], [0.2, 0.1]]))
        'all 2 rows are weak (radius below 0.5)'
    """
    if strong_classes is not None:
        return ClassGrouper(strong_classes)
    given = {key: value for key, value in grouping.items() if value is not None}
    if given.get("rule") == "code":
        given = {"scope": "batch", **given}
    return Grouper(made("grouping", Grouping, given), threshold=threshold, gather=True)
