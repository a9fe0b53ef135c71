"""Refuse settings that a corpus would silently ignore."""

from __future__ import annotations

__all__ = ["DEFAULTS", "refuse_unused"]

DEFAULTS: dict[str, object] = {"protocol": None, "holdout": 0.1, "seed": 0}
_KEYS = {"seed": "split_seed"}


def refuse_unused(corpus: str, **given: object) -> None:
    """Check that settings without a use have their default value.

    Raises:
        ValueError: naming the configuration keys to remove.

    Example:
        >>> refuse_unused("goemotions", columns=None, holdout=0.1)
        >>> refuse_unused("goemotions", columns={"text": "body"}, seed=3)
        Traceback (most recent call last):
        ValueError: the corpus goemotions has no use for data.columns, data.split_seed: remove it
    """
    unused = [
        f"data.{_KEYS.get(name, name)}"
        for name, value in given.items()
        if value and value != DEFAULTS.get(name)
    ]
    if unused:
        raise ValueError(f"the corpus {corpus} has no use for {', '.join(unused)}: remove it")
