"""How figures are named and written, the same on the terminal and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectrep.evaluation.metric_names import TITLES, is_natural

__all__ = ["beside", "example", "headline", "number", "p_value", "title", "with_interval"]

_HEADLINES = {
    "classification": ("accuracy", "weighted_f1", "macro_f1", "uar"),
    "multilabel": ("macro_f1", "micro_f1", "weighted_f1", "exact_match"),
    "regression": ("ccc", "pcc", "rmse", "sagr"),
}


def title(metric: str) -> str:
    """Return the metric's name for readers.

    Example:
        >>> title("ccc_valence"), title("weighted_f1")
        ('CCC valence', 'Weighted F1')
    """
    if metric in TITLES:
        return TITLES[metric]
    first, _, rest = metric.partition("_")
    return f"{TITLES.get(first, first)} {rest.replace('_', ' ')}".strip()


def example(row: Mapping[str, Any]) -> str:
    """Return what stands for a row among examples: its text, or its id and whose it is.

    Example:
        >>> example({"id": "crema/1001_ANG.wav", "person": "crema/1001"})
        'crema/1001_ANG.wav (crema/1001)'
        >>> example({"id": "7", "text": "You again?"})
        '“You again?”'
    """
    if row.get("text"):
        return f"“{row['text']}”"
    return f"{row['id']} ({row['person']})" if row.get("person") else str(row["id"])


def headline(task: str) -> tuple[str, ...]:
    """Return the metrics that stand first for a task."""
    return _HEADLINES[task]


def beside(task: str) -> tuple[str, ...]:
    """Return the metrics that a system shares with its baselines.

    Example:
        >>> beside("classification"), beside("regression")
        (('accuracy', 'weighted_f1', 'macro_f1'), ('ccc', 'pcc', 'rmse'))
    """
    return _HEADLINES[task][:3]


def number(metric: str, value: float | None, *, sign: bool = False) -> str:
    """Write a value: shares in per cent with one digit, the rest with three.

    Example:
        >>> number("accuracy", 0.6504), number("ccc", 0.757), number("uar", 0.01, sign=True)
        ('65.0', '0.757', '+1.0')
    """
    if value is None or value != value:
        return "n/a"
    plus = "+" if sign else ""
    if is_natural(metric):
        return f"{value:{plus}.3f}"
    return f"{100 * value:{plus}.1f}"


def p_value(p: float) -> str:
    """Write a p-value with three digits.

    Example:
        >>> p_value(0.0421), p_value(0.0002)
        ('0.042', '< 0.001')
    """
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def with_interval(metric: str, figure: Mapping[str, Any]) -> str:
    """Write a value and its interval.

    Example:
        >>> with_interval("accuracy", {"value": 0.65, "low": 0.63, "high": 0.67})
        '65.0 [63.0, 67.0]'
    """
    value = number(metric, figure["value"])
    if figure.get("low") is None:
        return value
    return f"{value} [{number(metric, figure['low'])}, {number(metric, figure['high'])}]"
