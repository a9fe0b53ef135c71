"""The section with tracks: valence and arousal of a video from frame to frame, and its label."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from affectrep.evaluation.metrics import AXES, regression_metrics
from affectrep.evaluation.predictions import table_targets
from affectrep.reporting.figures import number
from affectrep.reporting.page import figure, legend, section
from affectrep.reporting.plots import line_chart
from affectrep.reporting.subject import Subject, finite_rows

__all__ = ["track_chart", "tracks", "video_figures"]

_SHORTEST = 10  # frames of a video whose CCC says something
_SECONDS = 8
_DRAWN = 300  # frames of a track; more do not show
_ROLES = ("best", "median", "worst")


def tracks(subject: Subject, *, subjects: int = 1) -> str:
    """Return the tracks of the best, the median and the worst video of one seed.

    Empty where the predictions name no video of at least ten frames.

    Args:
        subject: whose predictions.
        subjects: how many the report shows; they share the number of points.

    Source: Kim and Song 2021, Contrastive Adversarial Learning (AAAI), Figure 3.
    """
    found = subject.first_table() if subject.task == "regression" else None
    if found is None or not {"video", "frame"} <= set(found[1]):
        return ""
    run, table = found[0], finite_rows(found[1])
    videos = video_figures(table)
    if videos.empty:
        return ""
    parts = [legend(["label", "prediction"])]
    for role, place in _chosen(len(videos)).items():
        one = videos.iloc[place]
        rows = table[table["video"] == one["video"]].sort_values("frame", kind="stable")
        told = f"The {role} video" if role else "Video"
        parts.append(
            f"<h3>{told}: {escape(str(one['video']))}, CCC {number('ccc', one['ccc'])}</h3>"
            f'<div class="pair">{"".join(_charts(rows, 2 * _DRAWN // max(2, subjects)))}</div>'
        )
    words = (
        f"Frame by frame against the label, seed {run.seed}. The {len(videos):,} videos with at "
        f"least {_SHORTEST} frames are ordered by their own mean CCC, from "
        f"{number('ccc', videos['ccc'].iloc[-1])} to {number('ccc', videos['ccc'].iloc[0])}. It "
        "is low where a label hardly moves, even if the error is small; it does not add up to "
        "the CCC of the whole split."
    )
    return section(subject.anchor("tracks"), subject.heading("Tracks"), words, *parts)


def video_figures(table: pd.DataFrame) -> pd.DataFrame:
    """Return CCC and RMSE of each video with at least ten frames, best CCC first.

    Args:
        table: predictions of a regression with ``video``.

    Returns:
        Columns ``video, frames, ccc, rmse`` (means of both axes).

    Example:
        >>> table = pd.DataFrame({"video": ["a"] * 10, "valence": np.arange(10) / 10})
        >>> table["predicted_valence"] = table["arousal"] = table["valence"]
        >>> table["predicted_arousal"] = table["valence"]
        >>> table.attrs = {"task": "regression", "classes": []}
        >>> video_figures(table)[["video", "frames", "ccc"]].values.tolist()
        [['a', 10, 1.0]]
    """
    true, said = table_targets(table)
    names = table["video"]
    found: list[dict[str, Any]] = []
    for video in sorted(names.dropna().unique(), key=str):
        rows = (names == video).to_numpy()
        if rows.sum() >= _SHORTEST:
            one = regression_metrics(true[rows], said[rows])
            found.append({"video": video, "frames": int(rows.sum())})
            found[-1] |= {key: one[key] for key in ("ccc", "rmse")}
    listed = pd.DataFrame(found, columns=["video", "frames", "ccc", "rmse"])
    return listed.sort_values("ccc", ascending=False, kind="stable").reset_index(drop=True)


def track_chart(rows: pd.DataFrame, axis: str, *, most: int = _DRAWN) -> str:
    """Return label and prediction of one axis over the frames of a video.

    Args:
        rows: predictions of the video in the order of its frames.
        axis: valence or arousal.
        most: points of a curve.
    """
    # the axis has whole numbers only, too few for a short video in seconds
    timed = "time_s" in rows and np.ptp(rows["time_s"].astype(float)) >= _SECONDS
    across = "seconds" if timed else "frame"
    places = rows["time_s" if timed else "frame"].astype(float).to_numpy()
    kept = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int))
    true, said = (rows[name].astype(float).to_numpy() for name in (axis, f"predicted_{axis}"))
    curves = {
        name: list(zip(places[kept].tolist(), values[kept].tolist(), strict=True))
        for name, values in (("label", true), ("prediction", said))
    }
    alt = (
        f"{axis.capitalize()} by {across}, {len(rows):,} frames: the label goes from "
        f"{true.min():.2f} to {true.max():.2f}, the prediction from {said.min():.2f} to "
        f"{said.max():.2f}."
    )
    return line_chart(curves, alt=alt, across=across)


def _charts(rows: pd.DataFrame, most: int) -> list[str]:
    found = []
    for axis in AXES:
        pair = (rows[name].astype(float).to_numpy() for name in (axis, f"predicted_{axis}"))
        ccc = number("ccc", regression_metrics(*pair)["ccc"])
        found.append(figure(f"{axis.capitalize()}, CCC {ccc}", track_chart(rows, axis, most=most)))
    return found


def _chosen(count: int) -> dict[str, int]:
    """Return which of the ordered videos are shown, and as what; none twice."""
    if count == 1:
        return {"": 0}
    places = dict(zip(_ROLES, (0, count // 2, count - 1), strict=True))
    if count == 2:
        del places["median"]
    return places
