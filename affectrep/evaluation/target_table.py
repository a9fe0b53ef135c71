"""Markdown tables of cross-lingual results: a line per system, a column per unseen language."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from affectrep.evaluation.metric_names import TITLES

__all__ = ["is_target_result", "target_tables"]

METRICS = ("uar", "macro_f1")
_CONDITIONS = ("strict", "transductive_corpus", "transductive_speaker")
_MEAN = "mean"
_ANY = "*>"


def is_target_result(condition: str) -> bool:
    """Whether a condition of results.csv names an unseen language.

    Example:
        >>> is_target_result("strict de"), is_target_result("without_leaks")
        (True, False)
    """
    return condition.partition(" ")[0] in _CONDITIONS and " " in condition


def target_tables(results: pd.DataFrame) -> str:
    """Return a table per condition and metric, and one of each source and target.

    A cell is the mean over seeds with their standard deviation; with one seed it has the interval
    of the run instead (speakers drawn anew). The mean over targets also has its interval, that of
    a single run with targets and speakers drawn anew; over seeds the mean of its ends. All in per
    cent. Folds that were not pooled do not stand here.

    Args:
        results: figures of one split whose conditions name an unseen language.

    Example:
        >>> rows = [("ce", f"strict {place}", "test", 0, "uar", value, value - .1, value + .1)
        ...         for place, value in {"de": .5, "it": .4, "mean": .45}.items()]
        >>> columns = ["config", "condition", "split", "seed", "metric", "value", "low", "high"]
        >>> print(target_tables(pd.DataFrame(rows, columns=columns)))
        UAR, strict:
        <BLANKLINE>
        | System | Seeds | de | it | mean |
        |---|---|---|---|---|
        | ce | 1 | 50.0 [40.0, 60.0] | 40.0 [30.0, 50.0] | 45.0 [35.0, 55.0] |
    """
    parts = results["condition"].str.partition(" ")
    table = results.assign(kind=parts[0], place=parts[2])
    table = table[~table["place"].str.contains(" ")]
    found: list[str] = []
    for kind in _CONDITIONS:
        for metric in METRICS:
            part = table[(table["kind"] == kind) & (table["metric"] == metric)]
            if len(part):
                found += [f"{TITLES[metric]}, {kind.replace('_', ' by ')}:", _systems(part)]
        pairs = table[(table["kind"] == kind) & (table["metric"] == METRICS[0])]
        pairs = pairs[pairs["place"].str.contains(">") & ~pairs["place"].str.startswith(_ANY)]
        for config, group in pairs.groupby("config", sort=True):
            found += [f"{TITLES[METRICS[0]]} of `{config}`, source by target:", _pairs(group)]
    return "\n\n".join(found)


def _systems(part: pd.DataFrame) -> str:
    part = part.assign(place=part["place"].str.removeprefix(_ANY))
    part = part[~part["place"].str.contains(">")]
    targets = sorted(set(part["place"]) - {_MEAN})
    places = [*targets, *([_MEAN] if _MEAN in set(part["place"]) else [])]
    lines = [
        [str(config), str(group["seed"].nunique()), *_cells(group, places)]
        for config, group in part.groupby("config", sort=True)
    ]
    return _markdown(["System", "Seeds", *places], lines)


def _cells(group: pd.DataFrame, places: Sequence[str]) -> list[str]:
    return [_cell(group[group["place"] == place], always=place == _MEAN) for place in places]


def _pairs(group: pd.DataFrame) -> str:
    ends = group["place"].str.partition(">")
    group = group.assign(source=ends[0], target=ends[2])
    sources, targets = sorted(set(group["source"])), sorted(set(group["target"]))

    def cell(source: str, target: str) -> str:
        one = group[(group["source"] == source) & (group["target"] == target)]
        return "-" if source == target else _cell(one)

    lines = [[source, *(cell(source, target) for target in targets)] for source in sources]
    return _markdown(["Source", *targets], lines)


def _cell(group: pd.DataFrame, *, always: bool = False) -> str:
    """Return a figure over seeds; ``always`` with its interval, not only for one seed."""
    if group.empty:
        return "not run"
    value, low, high = (100 * group[name].astype(float) for name in ("value", "low", "high"))
    words = f"{value.mean():.1f}"
    if len(group) > 1:
        words += f" ± {value.std(ddof=1):.1f}"
    if (always or len(group) == 1) and not low.isna().any():
        words += f" [{low.mean():.1f}, {high.mean():.1f}]"
    return words


def _markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, *lines]
    words = ["| " + " | ".join(row) + " |" for row in rows]
    words.insert(1, "|" + "---|" * len(header))
    return "\n".join(words)
