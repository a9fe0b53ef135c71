"""Who is seen in Aff-Wild's videos: a list of the user's own, since the download names nobody."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from affectrep.data.corpora.affwild_frames import base_video, video_name
from affectrep.data.sources import read_delimited

__all__ = ["add_subjects"]

_SHOWN = 5


def add_subjects(rows: pd.DataFrame, file: Path) -> tuple[pd.DataFrame, list[str]]:
    r"""Add the persons that a list names, by the video's own name or by that of its base.

    Args:
        rows: with ``video``, such as ``10-60-1280x720_left``.
        file: ``subjects.csv`` with video and subject; a video's name may have its ending. Where
            there is no such file nothing is added.

    Returns:
        The rows with ``subject``, None where the list does not name the video; and a note on the
        videos of the list of which there is no row.

    Raises:
        ValueError: if a column is missing.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     file = Path(name) / "subjects.csv"
        ...     _ = file.write_text("video,subject\n1.mp4,ann\n8,bob\n")
        ...     found, notes = add_subjects(pd.DataFrame({"video": ["1_left", "2"]}), file)
        >>> found["subject"].tolist(), notes
        (['ann', None], ['subjects.csv: 1 of 2 videos have no frame here: 8.'])
    """
    if not file.is_file():
        return rows, []
    table = read_delimited(file, delimiter=",")
    missing = [name for name in ("video", "subject") if name not in table]
    if missing:
        raise ValueError(f"{file} has no column {', '.join(missing)}: expected video,subject")
    known = {
        video_name(video.strip()): subject.strip() or None
        for video, subject in zip(table["video"], table["subject"], strict=True)
    }
    names = [known.get(video, known.get(base_video(video))) for video in rows["video"]]
    there = set(rows["video"]) | set(map(base_video, rows["video"]))
    rows = rows.assign(subject=pd.Series(names, index=rows.index, dtype=object))
    return rows, _unknown([video for video in known if video not in there], len(known))


def _unknown(names: list[str], count: int) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return [f"subjects.csv: {len(names):,} of {count:,} videos have no frame here: {shown}."]
