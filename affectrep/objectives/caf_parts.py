"""A critic and its game from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any, Literal

from torch import nn

from affectrep.objectives.adaptive_margin import Margin
from affectrep.objectives.contrastive_critic import CriticContrast
from affectrep.objectives.critic_head import CriticHead
from affectrep.objectives.critics import CRITICS, ContrastGame, MarginRule
from affectrep.objectives.plain_values import made

__all__ = ["critic_and_game"]

Values = Mapping[str, Any]


def critic_and_game(
    critic: str,
    dim: int,
    margin: Literal["adaptive", "constant", "linear"],
    given: Mapping[str, Values],
) -> tuple[CriticHead, nn.Module]:
    """Return the network and the losses of a critic; its outputs are as its paper has them.

    Args:
        critic: a name in ``CRITICS``.
        dim: width of the embeddings, or channels of the feature maps.
        margin: of "caf".
        given: values by group, see :func:`affectrep.objectives.caf_objective`.

    Raises:
        ValueError: if a key is unknown or a value out of range.

    Example:
        >>> keys = ("network", "margins", "contrast", "fisher")
        >>> critic_and_game("fisher", 8, "adaptive", dict.fromkeys(keys, {}))[0].outputs
        1
    """
    network: dict[str, Any] = {} if critic == "caf" else {"output": "linear"}
    network |= {"widths": (64, 32, 1)} if critic == "fisher" else {}
    head: CriticHead = made("network", partial(CriticHead, dim), {**network, **given["network"]})
    if critic != "caf":
        game: nn.Module = made(critic, CRITICS[critic], given[critic])
        return head, game
    return head, _contrast_game(
        margin, given["margins"], dict(given["contrast"]), head.largest_distance
    )


def _contrast_game(
    margin: Literal["adaptive", "constant", "linear"],
    margins: Values,
    contrast: dict[str, Any],
    largest: float,
) -> ContrastGame:
    adaptive = {item.name for item in fields(Margin)}
    rest = {key: value for key, value in margins.items() if key not in adaptive}
    reading = Margin(**{key: value for key, value in margins.items() if key in adaptive})
    rule = made("margins", partial(MarginRule, margin, adaptive=reading), rest)
    form = {"form": contrast.pop("form")} if "form" in contrast else {}
    pairs = made("contrast", CriticContrast, contrast)
    return ContrastGame(rule, contrast=pairs, largest=largest, **form)
