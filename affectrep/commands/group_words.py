"""What ``affectrep evaluate`` says of groups: which one of each column the model does worst on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectrep.reporting.figures import number, title

__all__ = ["worst_groups"]


def worst_groups(card: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each column of groups of which two or more can be told.

    Args:
        card: a scorecard; ``groups`` as :func:`affectrep.evaluation.groups.group_figures` gives
            them.

    Example:
        >>> f = {"name": "f", "rows": 40, "told": True, "value": 0.5, "low": 0.4, "high": 0.6}
        >>> m = {"name": "m", "rows": 60, "told": True, "value": 0.7, "low": 0.6, "high": 0.8}
        >>> column = {"column": "gender", "metric": "uar", "worst": "f", "groups": [f, m]}
        >>> worst_groups({"groups": [column]})
        ['Worst gender of 2: f, UAR 50.0 [40.0, 60.0] (40 rows); best: m, 70.0.']
    """
    said = []
    for one in card.get("groups", []):
        if one["worst"] is None:
            continue
        metric, told = one["metric"], [group for group in one["groups"] if group["told"]]
        worst, best = told[0], told[-1]
        ends = ""
        if worst["low"] is not None:
            ends = f" [{number(metric, worst['low'])}, {number(metric, worst['high'])}]"
        few = len(one["groups"]) - len(told)
        left = f"; {few} with too few rows or classes are left out" if few else ""
        said.append(
            f"Worst {one['column']} of {len(told)}: {worst['name']}, {title(metric)} "
            f"{number(metric, worst['value'])}{ends} ({worst['rows']:,} rows); best: "
            f"{best['name']}, {number(metric, best['value'])}{left}."
        )
    return said
