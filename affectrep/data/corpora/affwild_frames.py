"""The pictures of Aff-Wild's videos: given crops where they are there, else frames of the video."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affectrep.data.cache_folder import cache_folder
from affectrep.data.folder_walk import walk_folders
from affectrep.data.video import extract_frames, on_tick, video_key, video_rate

__all__ = [
    "Annotation",
    "FoundFrames",
    "Pictures",
    "assumed_note",
    "base_video",
    "crops_note",
    "find_pictures",
    "frames_of",
    "video_name",
]

_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
_POINTS = ("annotations", "bboxes", "landmarks")
_ASSUMED_HZ = 30.0
_NO_VALUE = -5.0
_ALIGNED = "cropped_aligned"


@dataclass(frozen=True, eq=False)
class Annotation:
    """What a corpus says about one person in one video.

    Args:
        video: name of its files; ``_left`` and ``_right`` tell two persons of a video apart.
        split: train or test.
        values: ``(frames, 2)`` valence and arousal; -5 where there is none.
        source_file: relative name, for messages.
        first_row: 1-based line of the first value in that file.
    """

    video: str
    split: str
    values: NDArray[np.float64]
    source_file: str
    first_row: int


@dataclass(frozen=True)
class Pictures:
    """Where the pictures of a corpus lie: name of a video -> its file, name -> its crops."""

    videos: dict[str, Path]
    crops: dict[str, Path]


@dataclass
class FoundFrames:
    """Rows on their way to a manifest, and what was noticed."""

    rows: list[pd.DataFrame] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    crops: list[Path] = field(default_factory=list)

    def drop(self, reason: str, count: int) -> None:
        """Count rows that are left out."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count


def base_video(name: str) -> str:
    """Return the name of the video of a person.

    Example:
        >>> base_video("10-60-1280x720_left"), base_video("313")
        ('10-60-1280x720', '313')
    """
    return re.sub(r"_(left|right)$", "", name)


def video_name(name: str) -> str:
    """Return the name of a video's file without its ending; another point stays.

    Example:
        >>> video_name("1_left.MP4"), video_name("video.5")
        ('1_left', 'video.5')
    """
    return Path(name).stem if name.lower().endswith(_VIDEOS) else name


def find_pictures(folder: Path) -> Pictures:
    """Find the videos below a folder, and the crops in folders such as ``cropped_aligned``.

    Linked folders are entered too. Where a video has several folders of crops, the one below a
    ``cropped_aligned`` is taken.
    """
    videos: dict[str, Path] = {}
    crops: list[Path] = []
    for here, folders, files in walk_folders(folder):
        # not searched for videos: they may hold millions of files
        aside = [name for name in folders if name.startswith(("cropped", *_POINTS))]
        folders[:] = [name for name in folders if name not in aside]
        for name in aside:
            crops += _crop_folders(here / name) if name.startswith("cropped") else ()
        for name in files:
            if name.lower().endswith(_VIDEOS) and not name.startswith("."):
                videos.setdefault(Path(name).stem, here / name)
    crops.sort(key=lambda path: not _is_aligned(path.relative_to(folder)))
    return Pictures(videos, {path.name: path for path in reversed(crops)})  # the first is kept


def _is_aligned(path: Path) -> bool:
    return any(part.startswith(_ALIGNED) for part in path.parts[:-1])


def frames_of(
    annotation: Annotation, pictures: Pictures, fps: float | None, found: FoundFrames
) -> None:
    """Add the rows of one annotation to ``found``, and what is noticed on the way.

    A picture takes the values of its own frame; where the annotation is shorter than the video, or
    longer, the rest of either is not used and said in a note.

    Args:
        annotation: of one video.
        pictures: of the corpus.
        fps: frames per second; None takes all.
        found: is added to.

    Raises:
        ValueError: if the video cannot be read.
    """
    name, lines = annotation.video, len(annotation.values)
    if name in pictures.crops:
        frames, total = _cropped(annotation, pictures, fps, found)
    elif name in pictures.videos:
        path = pictures.videos[name]
        place = cache_folder() / "frames" / f"{video_key(path)}-{'all' if fps is None else fps:.6}"
        frames = extract_frames(path, place, fps=fps)
        total = int(frames.attrs["total"])
    elif base_video(name) in pictures.videos:
        found.drop("frames with two annotated persons, without given crops", lines)
        return
    else:
        found.drop("frames whose video is not there", lines)
        found.notes.append(f"{name}: there is neither a video nor a folder of crops.")
        return
    if total != lines:
        used = min(total, lines)
        found.notes.append(
            f"{name}: {lines:,} annotated frames, {total:,} in the video: the first {used:,} are "
            "used."
        )
    _add(annotation, frames[frames["frame"] < lines], found)


def _crop_folders(folder: Path) -> Iterator[Path]:
    for here, folders, _ in walk_folders(folder):
        parts = [name for name in folders if name.startswith(("batch", "cropped"))]
        yield from (here / name for name in folders if name not in parts)
        folders[:] = parts


def _cropped(
    annotation: Annotation, pictures: Pictures, fps: float | None, found: FoundFrames
) -> tuple[pd.DataFrame, int]:
    """Return the given crops at the rate, and the frames of the video as far as they tell."""
    name, folder = annotation.video, pictures.crops[annotation.video]
    found.crops.append(folder)
    video = pictures.videos.get(name, pictures.videos.get(base_video(name)))
    if video is None:
        found.assumed.append(name)
    rate_hz = _ASSUMED_HZ if video is None else video_rate(video)
    numbers = sorted(
        (int(file.stem) - 1, str(file)) for file in folder.glob("*.jpg") if file.stem.isdigit()
    )  # 00001.jpg is the first frame
    if numbers and numbers[0][0] < 0:
        raise ValueError(f"{numbers[0][1]}: number the crops from 00001.jpg, the first frame")
    lines = [
        (frame, round(frame / rate_hz, 6), path)
        for frame, path in numbers
        if on_tick(frame, rate_hz=rate_hz, fps=fps)
    ]
    ticks = sum(on_tick(frame, rate_hz=rate_hz, fps=fps) for frame in range(len(annotation.values)))
    missing = ticks - sum(frame < len(annotation.values) for frame, _, _ in lines)
    found.drop("frames without a given crop", missing)
    last = numbers[-1][0] + 1 if numbers else 0
    frames = pd.DataFrame(lines, columns=["frame", "time_s", "path"])
    return frames, max(last, len(annotation.values))


def _add(annotation: Annotation, frames: pd.DataFrame, found: FoundFrames) -> None:
    values = annotation.values[frames["frame"].to_numpy(dtype=np.int64)]
    invalid = (values == _NO_VALUE).any(axis=1)
    found.drop("valence or arousal is -5 (no value)", int(invalid.sum()))
    frames, values = frames[~invalid], values[~invalid]
    if frames.empty:
        return
    rows = frames.assign(
        id=[f"{annotation.video}/{frame:05d}" for frame in frames["frame"]],
        split=annotation.split,
        valence=values[:, 0],
        arousal=values[:, 1],
        video=annotation.video,
        unit=base_video(annotation.video),
        row=frames["frame"] + annotation.first_row,
        source_file=annotation.source_file,
    )
    rows.attrs = {}
    found.rows.append(rows)


def assumed_note(names: Sequence[str]) -> list[str]:
    """Return a note on videos whose rate was taken as 30 frames per second; none without them."""
    if not names:
        return []
    return [f"{len(names):,} videos have crops only: their rate is taken as 30 frames per second."]


def crops_note(used: Sequence[Path], folder: Path) -> list[str]:
    """Return a note on the folders whose crops are used; none where all frames are of videos.

    Args:
        used: the folder of each video's crops.
        folder: of the corpus; the note names what is below it.

    Example:
        >>> crops_note([Path("/c/cropped_aligned/1"), Path("/c/cropped_aligned/2")], Path("/c"))
        ['Given crops are used, of 2 videos: cropped_aligned (2).']
    """
    if not used:
        return []
    places = Counter(path.relative_to(folder).parent.as_posix() for path in used)
    named = ", ".join(f"{place} ({count:,})" for place, count in sorted(places.items()))
    return [f"Given crops are used, of {len(used):,} videos: {named}."]
