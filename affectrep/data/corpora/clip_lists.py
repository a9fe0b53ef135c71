"""Clip lists: which clips of a corpus a result was made on, so that others can rebuild the subset.

A list is a CSV file ``id,sha256,duration_s`` without splits, because a protocol makes these. The id
is ``corpus/name`` with the official file name; the hash (`affectrep.data.audio.audio_hash`, cut) is
of the samples at the rate of the file that was used. A copy at another rate, such as the 48 kHz
original of a clip that was used at 16 kHz, has another hash: there the duration is compared.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path

from affectrep.data.decoding import decode
from affectrep.data.manifest import Manifest
from affectrep.data.rows import named
from affectrep.data.whole_file import whole_file

__all__ = ["ListComparison", "is_clip_list", "select_clips", "write_clip_list"]

_DIGITS = 16
_TOLERANCE_S = 0.02
_HEADER = ["id", "sha256", "duration_s"]


@dataclass(frozen=True)
class ListComparison:
    """What a manifest and a clip list have in common.

    Args:
        identical: ids with the same decoded content.
        same_duration: ids with another content of the same duration (20 ms): another rate or
            coding of what is, by all that can be told, the same clip.
        different: ids with another duration.
        missing: ids of the list that the manifest has not.
        extra: ids of the manifest that the list has not.
    """

    identical: tuple[str, ...]
    same_duration: tuple[str, ...]
    different: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def states(self) -> dict[str, str]:
        """Return what is true of each clip of the list, in the order of the ids.

        Example:
            >>> ListComparison(("x/1",), ("x/0",), (), ("x/2",), ()).states()
            {'x/0': 'same duration, another rate or coding', 'x/1': 'identical', 'x/2': 'missing'}
        """
        kinds = {
            "identical": self.identical,
            "same duration, another rate or coding": self.same_duration,
            "another duration": self.different,
            "missing": self.missing,
        }
        return dict(sorted((name, words) for words, names in kinds.items() for name in names))

    def faults(self) -> list[str]:
        """Return a sentence per kind of clip that is not the one of the list; none is good."""
        return replace(self, same_duration=(), extra=()).sentences()

    def sentences(self) -> list[str]:
        """Return one sentence per kind of difference, naming rows; none where all is identical."""
        kinds = {
            "are in the list but not in the corpus": self.missing,
            "have another content and another duration": self.different,
            "have another content of the same duration (another rate or coding)": (
                self.same_duration
            ),
            "are in the corpus but not in the list": self.extra,
        }
        return [named(names, words, noun="clips") for words, names in kinds.items() if names]


def is_clip_list(file: Path | str) -> bool:
    """Return whether a file has the columns of a clip list; a row list has no ``duration_s``."""
    if not Path(file).is_file():
        return False
    lines = decode(Path(file)).split("\n", 1)
    return bool(lines) and set(_HEADER) <= set(next(csv.reader(lines[:1]), []))


def write_clip_list(manifest: Manifest, file: Path | str) -> Path:
    """Write the clip list of a manifest of speech rows, sorted by id; return the file.

    Raises:
        ValueError: if ``file`` is a folder.
    """
    rows = manifest.rows.sort_values("id")
    with (
        whole_file(file) as partial,
        partial.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_HEADER)
        for name, content, seconds in zip(
            rows["id"], rows["content"], rows["duration_s"], strict=True
        ):
            writer.writerow([name, content[:_DIGITS], f"{seconds:.3f}"])
    return Path(file)


def select_clips(manifest: Manifest, file: Path | str) -> tuple[Manifest, ListComparison]:
    """Keep the clips of a list, and compare them with it.

    Args:
        manifest: read from the official download; its other clips are left out and counted.
        file: the list.

    Returns:
        The manifest of the listed clips that are there, and the comparison.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no clip list, or no listed clip is in the manifest.
    """
    wanted = _read(Path(file))
    rows = manifest.rows
    listed = rows["id"].isin(list(wanted))
    if not listed.any():
        raise ValueError(
            f"no clip of {manifest.info.title} is in {file}: expected ids such as "
            f"{next(iter(wanted))}, the corpus has {rows['id'].iloc[0]}"
        )
    kinds: dict[str, list[str]] = {"identical": [], "same_duration": [], "different": []}
    kept = rows[listed]
    for name, content, seconds in zip(kept["id"], kept["content"], kept["duration_s"], strict=True):
        digits, expected = wanted[name]
        same = abs(seconds - expected) <= _TOLERANCE_S
        kind = "same_duration" if same else "different"
        kinds["identical" if content.startswith(digits) else kind].append(name)
    there = set(kept["id"])
    comparison = ListComparison(
        **{kind: tuple(names) for kind, names in kinds.items()},
        missing=tuple(name for name in wanted if name not in there),
        extra=tuple(rows.loc[~listed, "id"]),
    )
    dropped = dict(manifest.info.dropped)
    if comparison.extra:
        dropped[f"not in {Path(file).name}"] = len(comparison.extra)
    kept = kept.reset_index(drop=True)
    return Manifest(kept, replace(manifest.info, dropped=dropped)), comparison


def _read(file: Path) -> dict[str, tuple[str, float]]:
    if not file.is_file():
        raise FileNotFoundError(f"there is no clip list {file}")
    if not is_clip_list(file):
        raise ValueError(f"{file} is no clip list: expected the columns {', '.join(_HEADER)}")
    reader = csv.DictReader(io.StringIO(decode(file), newline=""), strict=True)
    found: dict[str, tuple[str, float]] = {}
    try:
        for line in reader:
            found[line["id"]] = (line["sha256"], float(line["duration_s"]))
    except csv.Error as error:
        raise ValueError(f"{file} row {reader.line_num}: {error}") from None
    except (TypeError, ValueError):
        raise ValueError(f"{file} row {reader.line_num} has no number as duration_s") from None
    if not found or not all(digits for digits, _ in found.values()):
        raise ValueError(f"{file} has no clips, or one without a hash")
    return found
