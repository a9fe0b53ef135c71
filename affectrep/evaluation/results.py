"""``recipes/<recipe>/results.csv``: one line per figure, written by the program only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from affectrep.data.whole_file import whole_file
from affectrep.evaluation.metric_names import FAMILY_METRICS, TITLES, is_natural, is_shown
from affectrep.evaluation.target_table import is_target_result, target_tables

__all__ = [
    "COLUMNS",
    "Result",
    "has_table",
    "read_results",
    "readme_is_current",
    "results_of",
    "results_table",
    "update_readme",
    "write_results",
]

COLUMNS = (
    "config",
    "condition",
    "split",
    "seed",
    "metric",
    "value",
    "low",
    "high",
    "n",
    "commit",
    "data",
    "minutes",
    "device",
)
_KEY = list(COLUMNS[:5])
_MACHINE = ("device", "precision")  # of the environment; older runs do not name the latter
_BEGIN, _END = "<!-- results:begin -->", "<!-- results:end -->"
# a metric that only one kind of task has, so that no cell of a table is empty by nature
_KINDS = ("accuracy", "exact_match", "ccc")
_PARTS = ("calibration", "representation", "leakage", "persons", "strong_weak", "expression")
_SMILES = "smiles"  # the split of photos without labels, in a table of its own


@dataclass(frozen=True)
class Result:
    """One figure.

    Args:
        config: name of the configuration.
        condition: empty, or a named one (strict, without_leaks, ...).
        split: train, validation or test.
        seed: of the run.
        metric: its name.
        value: in its natural unit; accuracy, F1 and UAR in [0, 1].
        low: lower end of its interval.
        high: upper end.
        n: rows it was computed on.
        commit: of the program that trained.
        data: short digest of the rows.
        minutes: training time.
        device: that trained, and its precision where the run names it.
    """

    config: str
    condition: str
    split: str
    seed: int
    metric: str
    value: float
    low: float
    high: float
    n: int
    commit: str = ""
    data: str = ""
    minutes: float = float("nan")
    device: str = ""


def results_of(
    card: Mapping[str, Any], environment: Mapping[str, Any], condition: str = ""
) -> list[Result]:
    """Return the figures of a scorecard, and those without leaked rows as a condition.

    Figures about the representation and leakage stand beside the others, where the card has them;
    those of leakage have rows of their own.

    Args:
        card: as ``predictions/<split>.json`` holds it.
        environment: of the training run: commit, minutes, device, precision.
        condition: empty, or a name.
    """
    known = {
        "config": card["config"],
        "split": card["split"],
        "seed": card["seed"],
        "data": card["data"],
        "commit": str(environment.get("commit") or ""),
        "minutes": _number(environment.get("minutes")),
        "device": " ".join(str(environment[key]) for key in _MACHINE if environment.get(key)),
    }
    parts = [(condition, card)]
    if card.get("without_leaks"):
        named = f"{condition}+without_leaks" if condition else "without_leaks"
        parts.append((named, card["without_leaks"]))
    return [
        Result(
            **known,
            condition=name,
            metric=metric,
            value=figure["value"],
            low=_number(figure["low"]),
            high=_number(figure["high"]),
            n=figure.get("n", part["n"]),
        )
        for name, part in parts
        for metric, figure in _figures(part).items()
    ]


def write_results(path: Path | str, results: Iterable[Result]) -> None:
    """Add figures; one with the same config, condition, split, seed and metric is replaced.

    Without figures a file that is not there stays away.

    Two processes may write at once: a lock file keeps them apart, and the new file takes the
    place of the old one in one step. Lines are sorted, so the order of writing does not matter.

    Raises:
        ValueError: if the file that is there has other columns.
    """
    from filelock import FileLock

    path = Path(path)
    new = pd.DataFrame([astuple(result) for result in results], columns=list(COLUMNS))
    with FileLock(path.with_name(f".{path.name}.lock")):
        kept = read_results(path)
        kept = kept[~_keys(kept).isin(set(_keys(new)))]
        parts = [part for part in (kept, new) if len(part)]
        if not parts:
            return
        merged = pd.concat(parts, ignore_index=True)
        merged = merged.sort_values(_KEY, kind="stable")
        with whole_file(path) as partial:
            merged.to_csv(partial, index=False, float_format="%.6g", lineterminator="\n")


def read_results(path: Path | str) -> pd.DataFrame:
    """Return the figures of a file; an empty table where there is none.

    Raises:
        ValueError: if the columns are not those of results.csv.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size == 0:
        return pd.DataFrame(columns=list(COLUMNS))
    words = ("config", "condition", "split", "metric", "commit", "data", "device")
    numbers = ("value", "low", "high", "minutes")
    table = pd.read_csv(
        path,
        dtype=dict.fromkeys(words, str),
        keep_default_na=False,
        na_values={key: [""] for key in numbers},
    )
    if tuple(table.columns) != COLUMNS:
        raise ValueError(
            f"{path} has the columns {', '.join(table.columns)}; expected {', '.join(COLUMNS)}."
        )
    return table


def results_table(results: pd.DataFrame, *, split: str = "test") -> str:
    """Return Markdown tables, one a kind of task: a line per configuration and condition.

    Results of unseen languages stand in tables of their own, with a column for each; so do photos
    of smiles, which have no labels, families of confusable classes, and the representation.

    Figures are means over seeds and their standard deviation; with one seed the interval of the
    run. A figure of fewer seeds than its line has says so. Shares are in per cent.

    Example:
        >>> rows = [Result("ce", "", "test", 0, "accuracy", 0.65, 0.63, 0.67, 99, minutes=5.0)]
        >>> frame = pd.DataFrame([astuple(row) for row in rows], columns=list(COLUMNS))
        >>> print(results_table(frame))
        | Configuration | Seeds | Accuracy | Minutes | Rows |
        |---|---|---|---|---|
        | ce | 1 | 65.0 [63.0, 67.0] | 5 | 99 |
    """
    chosen = results[results["split"] == split]
    unseen = chosen["condition"].astype(str).map(is_target_result).astype(bool)
    by_target, chosen = chosen[unseen], chosen[~unseen]
    measured = chosen.groupby("config")["metric"].agg(set)
    kinds = measured.map(lambda names: next((kind for kind in _KINDS if kind in names), ""))
    tables = [
        _table(chosen[chosen["config"].map(kinds) == kind])
        for kind in [*_KINDS, ""]
        if (kinds == kind).any()
    ]
    second = chosen[chosen["metric"].isin(FAMILY_METRICS)]
    if len(second):
        tables.append(_table(second, metrics=FAMILY_METRICS, minutes=False))
    if len(by_target):
        tables.append(target_tables(by_target))
    if split != _SMILES and (results["split"] == _SMILES).any():
        tables.append(results_table(results, split=_SMILES))
    return "\n\n".join(tables) or "_Not run._"


def _table(
    chosen: pd.DataFrame, *, metrics: Sequence[str] | None = None, minutes: bool = True
) -> str:
    """Return one table: of these metrics, or of all that a README shows."""
    if metrics is None:
        chosen = chosen[chosen["metric"].astype(str).map(is_shown).astype(bool)]
    wanted = set(chosen["metric"])
    metrics = [name for name in metrics or TITLES if name in wanted]
    titles = [TITLES[name] for name in metrics]
    header = ["Configuration", "Seeds", *titles, *["Minutes"] * minutes, "Rows"]
    lines = [header, ["---"] * len(header)]
    for (config, condition), group in chosen.groupby(["config", "condition"], sort=True):
        title = f"{config} ({condition.replace('_', ' ')})" if condition else str(config)
        seeds = group["seed"].nunique()
        cells = [_cell(group[group["metric"] == name], name, seeds) for name in metrics]
        took = group.drop_duplicates("seed")["minutes"].mean()
        last = ["" if pd.isna(took) else f"{took:.0f}"] * minutes
        last.append(str(group["n"].iloc[0]))
        lines.append([title, str(seeds), *cells, *last])
    return "\n".join(
        "|" + "|".join(line) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |"
        for line in lines
    )


def has_table(readme: Path | str) -> bool:
    """Whether a README is there and has the markers between which its table stands.

    Raises:
        ValueError: if only one of the two markers is there, or they are in the wrong order.
    """
    readme = Path(readme)
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if _BEGIN not in text and _END not in text:
        return False
    return bool(_with_table(text, "", readme))


def update_readme(readme: Path | str, results: Path | str) -> bool:
    """Write the table between the markers of a README; return whether the README has them.

    Raises:
        ValueError: as :func:`has_table`.
    """
    readme = Path(readme)
    if not has_table(readme):
        return False
    text = readme.read_text(encoding="utf-8")
    fresh = _with_table(text, results_table(read_results(results)), readme)
    if fresh != text:
        with whole_file(readme) as partial:
            partial.write_text(fresh, encoding="utf-8")
    return True


def readme_is_current(readme: Path | str, results: Path | str) -> bool:
    """Whether the README's table is the one that results.csv gives."""
    text = Path(readme).read_text(encoding="utf-8")
    return _with_table(text, results_table(read_results(results)), Path(readme)) == text


def _with_table(text: str, table: str, readme: Path) -> str:
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{readme} needs both {_BEGIN} and {_END}, in this order.")
    return f"{before}{_BEGIN}\n{table}\n{_END}{after}"


def _figures(part: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(part["metrics"])
    for name in _PARTS:
        found |= part.get(name, {}).get("metrics", {})
    return found


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _cell(group: pd.DataFrame, metric: str, seeds: int) -> str:
    if group.empty:
        return "not run"
    fewer = f" ({len(group)} of {seeds})" if len(group) < seeds else ""
    scale, digits = (1, 3) if is_natural(metric) else (100, 1)
    values = group["value"].astype(float) * scale
    if values.abs().max() >= 10 and is_natural(metric):  # an effective rank, no share
        digits = 1
    if len(values) > 1:
        return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}{fewer}"
    if group[["low", "high"]].isna().to_numpy().any():
        return f"{values.iloc[0]:.{digits}f}{fewer}"
    ends = [f"{float(group[end].iloc[0]) * scale:.{digits}f}" for end in ("low", "high")]
    return f"{values.iloc[0]:.{digits}f} [{', '.join(ends)}]{fewer}"


def _keys(table: pd.DataFrame) -> pd.Series:
    if table.empty:
        return pd.Series([], dtype=str)
    return table[_KEY].astype(str).agg("\x1f".join, axis=1)


assert tuple(field.name for field in fields(Result)) == COLUMNS
