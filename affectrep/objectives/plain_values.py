"""Objects from plain values of a configuration, with unknown keys refused."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

__all__ = ["made", "refuse_unknown", "require_at_least", "require_word"]

Values = Mapping[str, Any]


def made(name: str, make: Callable[..., Any], values: Values) -> Any:
    """Call ``make`` with the values; refuse a key that it does not take.

    Raises:
        ValueError: naming the group and the keys that there are.

    Example:
        >>> made("step", lambda start, end: (start, end), {"start": 1, "end": 2})
        (1, 2)
    """
    given = make.keywords if isinstance(make, partial) else {}
    known = [key for key in inspect.signature(make).parameters if key not in given]
    refuse_unknown(name, known, values)
    return make(**values)


def refuse_unknown(name: str, known: Iterable[str], given: Values) -> None:
    """Raise ValueError for keys that are not known.

    Example:
        >>> refuse_unknown("steps", ["order"], {"order": "joint"})
    """
    known = list(known)
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ValueError(f"expected {name} among {', '.join(known)}, got {', '.join(unknown)}")


def require_at_least(least: float, **values: float) -> None:
    """Raise ValueError for a value that is smaller, infinite or no number.

    Example:
        >>> require_at_least(0, negative_weight=-1.0)
        Traceback (most recent call last):
        ValueError: expected a finite negative_weight of at least 0, got -1.0
    """
    for name, value in values.items():
        if not least <= value < math.inf:
            raise ValueError(f"expected a finite {name} of at least {least:g}, got {value}")


def require_word(name: str, value: str, known: Iterable[str]) -> None:
    """Raise ValueError for a word that is not known.

    Example:
        >>> require_word("bias", "none", ("majority", "own"))
        Traceback (most recent call last):
        ValueError: expected bias to be one of majority, own, got 'none'
    """
    known = list(known)
    if value not in known:
        raise ValueError(f"expected {name} to be one of {', '.join(known)}, got {value!r}")
