"""The section with maps: stored t-SNE and PCA coordinates of embeddings, by kind of label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.evaluation.metrics import AXES
from affectrep.evaluation.quadrants import QUADRANTS, quadrant
from affectrep.evaluation.stored_run import StoredRun
from affectrep.reporting.page import figure, section
from affectrep.reporting.plane import signed
from affectrep.reporting.plots import SERIES
from affectrep.reporting.subject import Subject

__all__ = ["MOST_GROUPS", "Points", "map_path", "maps", "read_map", "scatter_chart", "shape_legend"]

Places = tuple[NDArray[Any], NDArray[Any]]
MOST_GROUPS = 12  # of one panel; colours and shapes of more are not told apart
_MAPPED = 8  # configurations of a report
_BUDGET = 9000  # points of a whole report, about 1.2 MB
_WIDTH, _HIGHEST, _EDGE = 390, 390, 8
_PANELS = {
    "label": "emotion",
    "quadrant": "quadrant",
    "expression": "expression",
    "language": "language",
    "corpus": "corpus",
    "speaker": "speaker",
    "subject": "person",
}
_PERSONS = {"speaker": "speaker", "subject": "person"}  # shown of the split alone
# each a closed path around the point
_SHAPES = {
    "circle": "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    "square": "m-2.7-2.7h5.4v5.4h-5.4z",
    "triangle": "m0-3.6l3.4 6h-6.8z",
    "diamond": "m0-3.8l3.4 3.8-3.4 3.8-3.4-3.8z",
    "plus": "m-1.1-3.5h2.2v2.4h2.4v2.2h-2.4v2.4h-2.2v-2.4h-2.4v-2.2h2.4z",
    "triangle on its tip": "m0 3.6l-3.4-6h6.8z",
}


@dataclass(frozen=True)
class Points:
    """Points of a scatter plot.

    Args:
        x: ``(points,)``.
        y: ``(points,)``, upwards.
        groups: ``(points,)`` what colour and shape say; empty for points that are only hinted at.
        words: ``(points,)`` shown when the pointer rests on one.
        hollow: ``(points,)`` bool, drawn as an outline.
    """

    x: Sequence[float]
    y: Sequence[float]
    groups: Sequence[str]
    words: Sequence[str]
    hollow: Sequence[bool]


def scatter_chart(points: Points, names: Sequence[str], *, alt: str) -> str:
    """Return points without axes, for a layout whose units mean nothing.

    Args:
        points: to draw; those of a group that has no name here are small and grey.
        names: of the groups; the i-th has a colour and a shape that no other has.
        alt: what the plot shows.

    Raises:
        ValueError: if there is no point, one is not finite, or there are too many groups.

    Example:
        >>> few = Points([0, 1], [0, 1], ["a", "b"], ["one", "two"], [False, True])
        >>> scatter_chart(few, ["a", "b"], alt="Two points.").count("<title>")
        2
    """
    x, y = np.asarray(points.x, np.float64), np.asarray(points.y, np.float64)
    if not len(x) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a scatter plot needs finite points, at least one")
    if len(names) > MOST_GROUPS:
        raise ValueError(f"expected at most {MOST_GROUPS} groups, got {len(names)}")
    inside = _WIDTH - 2 * _EDGE
    span = max(np.ptp(x) / inside, np.ptp(y) / (_HIGHEST - 2 * _EDGE), 1e-12)
    height = max(120.0, np.ptp(y) / span + 2 * _EDGE)
    places = (
        _WIDTH / 2 + (x - (x.max() + x.min()) / 2) / span,
        height / 2 - (y - (y.max() + y.min()) / 2) / span,
    )
    groups, hollow = np.asarray(points.groups, dtype=object), np.asarray(points.hollow, np.bool_)
    parts = [_grey(points, places, ~np.isin(groups, list(names)))]
    for outline in (True, False):
        for number, name in enumerate(names):
            rows = np.flatnonzero((groups == name) & (hollow == outline))
            parts.append(_group(points, places, rows, number, outline))
    words = escape(alt, quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{words}" '
        f'style="max-width:{1.25 * _WIDTH:.0f}px">{"".join(parts)}</svg>'
    )


def shape_legend(names: Sequence[str], counts: Mapping[str, int]) -> str:
    """Return a legend with the colour and the shape of each group, and how many points it has.

    Example:
        >>> "circle" in shape_legend(["calm"], {"calm": 3})
        True
    """
    items = "".join(
        f'<li><svg viewBox="0 0 12 12" role="img" aria-label="{_shape(i)[0]}">'
        f'<path {_ink(i, False)} d="M6 6{_shape(i)[1]}"/></svg>'
        f"{escape(name)} <span>{counts.get(name, 0):,}</span></li>"
        for i, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'


def map_path(run: StoredRun, split: str) -> Path:
    """Where the map of a split lies."""
    return run.table_path(split).with_name(f"{split}.map.parquet")


def read_map(run: StoredRun, split: str) -> pd.DataFrame | None:
    """Return the stored map of a split; None where there is none of these weights.

    Raises:
        ValueError: if the file is no map.
    """
    path = map_path(run, split)
    if not path.is_file():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable Parquet file: {error}") from None
    if not {"id", "x", "y", "split"} <= set(table):
        raise ValueError(f"{path} is not a map; evaluate with --map again.")
    return table


def maps(subject: Subject, *, subjects: int = 1) -> str:
    """Return the map of the first run that has one, by emotion or quadrant, language and person.

    For each there is t-SNE, and beside it the principal components where they are stored. Empty
    for the ninth configuration of a report and further ones.

    Args:
        subject: whose map.
        subjects: how many of them the report shows; they share the number of points.
    """
    if (subject.place or 0) >= _MAPPED:
        return ""
    split = subject.split
    found = [(run, read_map(run, split)) for run in subject.runs] if split else []
    run, table = next(((run, one) for run, one in found if one is not None), (None, None))
    if run is None or table is None:
        return ""
    table = _with_quadrants(table)
    columns = [name for name in _PANELS if _worth(table, name, split or "")]
    if not columns:
        return ""
    attrs, layouts = table.attrs, ["t-SNE", *["PCA"] * ("pca_x" in table)]
    shown = len(columns) * len(layouts)
    kept = _thinned(table, _BUDGET // max(1, min(subjects, _MAPPED) * shown))
    panels = "".join(
        _panel(kept, column, split or "", layout=layout) for column in columns for layout in layouts
    )
    persons = next((f", other {w}s" for c, w in _PERSONS.items() if c in table), "")
    words = (
        f"t-SNE of the embeddings of seed {run.seed} (perplexity {attrs['perplexity']:.0f}). "
        "Neighbours in the picture are neighbours in the embedding; distances between groups "
        "and sizes of groups mean nothing. "
    )
    if len(layouts) > 1:
        words += (
            f"Beside each stand the two principal components of the same rows: their distances "
            f"mean what they show, {100 * attrs['explained']:.0f} per cent of the variance. "
        )
    if table["split"].nunique() > 1:
        words += f"Filled: {split} split. Outlined: validation split{persons}. "
    if len(kept) < attrs.get("of", len(table)):
        words += f"{len(kept):,} of {attrs['of']:,} rows are drawn. "
    words += "Rest the pointer on a point to read what it is."
    heading = subject.heading("Map")
    return section(subject.anchor("map"), heading, words, f'<div class="pair">{panels}</div>')


def _worth(table: pd.DataFrame, column: str, split: str) -> bool:
    """Whether a panel by this column tells something that no other does."""
    if column not in table:
        return False
    if column == "corpus" and "language" in table:
        pairs = table[["corpus", "language"]].drop_duplicates()
        if len(pairs) == table["corpus"].nunique() == table["language"].nunique():
            return False
    return len(_names(table, column, split)) > 1


def _names(table: pd.DataFrame, column: str, split: str) -> list[str]:
    """Return the groups of a panel that have a colour.

    Of many those with the most rows: faces come from hundreds of persons, and some texts have
    dozens of emotions.
    """
    counts = _counts(table, column, split)
    if column == "quadrant":
        return [name for name in QUADRANTS if name in counts]
    most = counts.sort_index().sort_values(ascending=False, kind="stable")
    return sorted(map(str, most.index[:MOST_GROUPS]))


def _counts(table: pd.DataFrame, column: str, split: str) -> pd.Series:
    """Return the rows of each group that is known: of speakers and persons in the split alone."""
    rows = table[table["split"] == split] if column in _PERSONS else table
    known = rows[column][rows[column].map(bool) & rows[column].notna()]
    return known.astype(str).value_counts()


def _with_quadrants(table: pd.DataFrame) -> pd.DataFrame:
    """Add the words of each row's true place where it has valence and arousal."""
    if not set(AXES) <= set(table):
        return table
    values = table[list(AXES)].apply(pd.to_numeric, errors="coerce").to_numpy()
    words = [quadrant(*pair) if np.isfinite(pair).all() else "" for pair in values.tolist()]
    return table.assign(quadrant=words)


def _thinned(table: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(table) <= most:
        return table
    rows = np.sort(np.random.default_rng(0).choice(len(table), most, replace=False))
    return table.iloc[rows].reset_index(drop=True)


def _panel(table: pd.DataFrame, column: str, split: str, *, layout: str = "t-SNE") -> str:
    names, word = _names(table, column, split), _PANELS[column]
    groups = table[column].where(table[column].isin(names), "")
    hollow = (table["split"] != split).to_numpy()
    if column in _PERSONS:
        groups = groups.where(~hollow, "")
    words = [_told(row) for row in table.to_dict("records")]
    prefix = "pca_" if layout == "PCA" else ""
    x, y = (list(table[f"{prefix}{axis}"]) for axis in "xy")
    points = Points(x, y, list(groups), words, list(hollow))
    counts = {str(name): int(count) for name, count in groups.value_counts().items()}
    shown = [str(name).rpartition("/")[2] if column in _PERSONS else name for name in names]
    alt = f"{layout} of {len(table):,} embeddings by {word}: {', '.join(shown)}."
    caption = f"By {word}" + ", principal components" * (layout == "PCA")
    if "" in counts:
        whose = f" of the {split} split" if column in _PERSONS else ""
        many = len(_counts(table, column, split)) > MOST_GROUPS
        most = f", the {MOST_GROUPS} with most rows" if many else ""
        caption += f"{whose}{most}; the others grey"
    chart = scatter_chart(points, names, alt=alt)
    told = {one: counts.get(name, 0) for one, name in zip(shown, names, strict=True)}
    return figure(caption, chart, shape_legend(shown, told))


def _told(row: Mapping[str, object]) -> str:
    said = row.get("predicted")
    label = row.get("label") or row.get("labels") or ""
    first = f"{label}, said {said}" if said and said != label else str(label)
    if row.get("quadrant"):
        first = f"{row['quadrant']}: {_place(row, '')}"
        if all(f"predicted_{axis}" in row for axis in AXES):
            first += f", said {_place(row, 'predicted_')}"
    person = str(row.get("speaker") or row.get("subject") or "").rpartition("/")[2]
    others = (str(row.get(name) or "") for name in ("expression", "language"))
    return " · ".join(filter(None, [first, *others, person]))


def _place(row: Mapping[str, object], prefix: str) -> str:
    return " ".join(f"{axis} {signed(float(str(row[prefix + axis])))}" for axis in AXES)


def _group(points: Points, places: Places, rows: NDArray[Any], number: int, hollow: bool) -> str:
    if not len(rows):
        return ""
    shape = _shape(number)[1]
    marks = "".join(
        f'<path d="M{places[0][row]:.1f} {places[1][row]:.1f}{shape}">'
        f"<title>{escape(points.words[row])}</title></path>"
        for row in rows.tolist()
    )
    return f"<g {_ink(number, hollow)}>{marks}</g>"


def _grey(points: Points, places: Places, rows: NDArray[Any]) -> str:
    marks = "".join(
        f'<circle cx="{places[0][row]:.1f}" cy="{places[1][row]:.1f}" r="1.6">'
        f"<title>{escape(points.words[row])}</title></circle>"
        for row in np.flatnonzero(rows).tolist()
    )
    return f'<g fill="var(--soft)" opacity=".4">{marks}</g>' if marks else ""


def _shape(number: int) -> tuple[str, str]:
    """Return the shape of a group; a second round of colours takes other shapes."""
    return list(_SHAPES.items())[(number + 3 * (number // SERIES)) % len(_SHAPES)]


def _ink(number: int, hollow: bool) -> str:
    colour = f"var(--s{number % SERIES})"
    fill = "var(--card)" if hollow else colour
    return f'fill="{fill}" fill-opacity="{".3" if hollow else ".8"}" stroke="{colour}"'
