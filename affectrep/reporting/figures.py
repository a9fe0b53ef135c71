"""How figures are named and written, the same on the terminal and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["TITLES", "headline", "is_natural", "number", "title", "with_interval"]

TITLES = {
    "accuracy": "Accuracy",
    "weighted_f1": "Weighted F1",
    "macro_f1": "Macro F1",
    "uar": "UAR",
    "micro_f1": "Micro F1",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "exact_match": "Exact match",
    "family_f1": "F1 inside families",
    "errors_inside": "Errors inside families",
    "family_accuracy": "Right family",
    "cross_entropy": "Cross-entropy",
    "ccc": "CCC",
    "pcc": "PCC",
    "rmse": "RMSE",
    "sagr": "SAGR",
}
_HEADLINES = {
    "classification": ("accuracy", "weighted_f1", "macro_f1", "uar"),
    "multilabel": ("macro_f1", "micro_f1", "weighted_f1", "exact_match"),
    "regression": ("ccc", "pcc", "rmse", "sagr"),
}
_NATURAL = ("ccc", "pcc", "rmse", "cross_entropy", "threshold")


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


def headline(task: str) -> tuple[str, ...]:
    """Return the metrics that stand first for a task."""
    return _HEADLINES[task]


def is_natural(metric: str) -> bool:
    """Whether a metric is written as it is, and not in per cent."""
    return metric.startswith(_NATURAL)


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
