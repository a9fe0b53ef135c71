"""The systems of a report in the order in which they come out, best first."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from affectrep.data.setting import common_condition
from affectrep.evaluation.identities import EQUAL_ERROR_RATES
from affectrep.evaluation.metric_names import is_natural
from affectrep.reporting.figures import number, title, with_interval
from affectrep.reporting.subject import Subject

__all__ = ["in_order", "order_table"]

_LEAKS = {
    "speaker_linear": "speaker",
    "language_linear": "lang",
    "subject_linear": "identity",
    **dict.fromkeys(EQUAL_ERROR_RATES.values(), "EER"),
}
_LOWER = ("rmse", "cross_entropy")


def in_order(subjects: Sequence[Subject]) -> list[Subject]:
    """Return the evaluated subjects, best mean of their headline figure first."""
    shown = [subject for subject in subjects if subject.cards]
    if not shown:
        return []
    metric = shown[0].metric
    same = [subject for subject in shown if metric in subject.cards[0]["metrics"]]
    lower = metric.startswith(_LOWER)
    return sorted(same, key=lambda one: one.figure(metric)["value"], reverse=not lower)


def order_table(subjects: Sequence[Subject]) -> Table | None:
    """Return the systems in order, with their leakage where it was measured.

    The interval is the mean one of the runs; whether two systems can be told apart is another
    question, which a paired comparison answers.

    Args:
        subjects: as :func:`~affectrep.reporting.subject.gather` returns them.

    Returns:
        None where fewer than two were evaluated.
    """
    ranked = in_order(subjects)
    if len(ranked) < 2:
        return None
    metric, cards = ranked[0].metric, [card for one in ranked for card in one.cards]
    known = {name for card in cards for name in card.get("leakage", {}).get("metrics", {})}
    leaks = [name for name in _LEAKS if name in known]
    condition, settings = common_condition([one.setting for one in ranked])
    unit = "" if is_natural(metric) else ", per cent"
    said = f"{condition.replace('_', ' ')}, " if condition else ""
    table = Table(
        title=f"In the order in which they come out ({said}{ranked[0].split}{unit})",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("system", no_wrap=True)
    if any(settings):
        table.add_column("setting", no_wrap=True)
    table.add_column("seeds", justify="right")
    table.add_column(title(metric), justify="right", no_wrap=True)
    for name in leaks:
        table.add_column(_LEAKS[name], justify="right", no_wrap=True)
    if leaks:
        table.caption = f"{'; '.join(f'{_LEAKS[name]}: {title(name)}' for name in leaks)}"
        table.caption_justify = "left"
    for one, setting in zip(ranked, settings, strict=True):
        cells = [one.runs[0].name, *([setting] if any(settings) else []), str(len(one.cards))]
        cells.append(with_interval(metric, one.figure(metric)))
        table.add_row(*cells, *(_leak(one, name) for name in leaks))
    return table


def _leak(subject: Subject, name: str) -> str:
    parts = [card.get("leakage", {}).get("metrics", {}) for card in subject.cards]
    values = [part[name]["value"] for part in parts if name in part]
    return number(name, sum(values) / len(values)) if values else ""
