"""The ledger of readings: every time that predictions for a split are made, one line is added."""

from __future__ import annotations

import json
import os
import re
import warnings
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Reading", "how_often", "readings", "record_read"]

_FILE = "reads.jsonl"
_SPLIT, _TIME = re.compile(r'"split": "(\w+)"'), re.compile(r'"time": "([^"]+)"')


@dataclass(frozen=True)
class Reading:
    """One reading of a split.

    Args:
        split: which one.
        time: UTC, ISO 8601.
        config: short SHA-256 of the resolved configuration.
        model: short SHA-256 of the weights.
        commit: of the program, where known.
        purpose: what for: predictions, or embeddings where only these were missing.
    """

    split: str
    time: str
    config: str
    model: str = ""
    commit: str = ""
    purpose: str = "predictions"


def record_read(
    run: Path | str,
    split: str,
    *,
    config: str,
    model: str = "",
    commit: str = "",
    purpose: str = "predictions",
) -> Reading:
    """Add a line to ``reads.jsonl`` of the run folder and return it.

    It is on the disk then. After a line that was cut off it starts on a new one.
    """
    time = datetime.now(UTC).isoformat(timespec="seconds")
    reading = Reading(split, time, config, model, commit, purpose)
    line = json.dumps(asdict(reading)) + "\n"
    path = Path(run) / _FILE
    before = path.read_bytes() if path.is_file() else b""
    with path.open("ab", buffering=0) as file:
        file.write((b"\n" if before and not before.endswith(b"\n") else b"") + line.encode())
        os.fsync(file.fileno())
    return reading


def readings(run: Path | str, split: str | None = None) -> list[Reading]:
    """Return the readings of a run, oldest first; of one split where it is named.

    A line that was cut off, by a kill or a full disk, counts as a reading, with a warning: of the
    split that it still names, else of every split, so that none is counted too few times.

    Raises:
        ValueError: if a line of the ledger holds something else than a reading.
    """
    path = Path(run) / _FILE
    if not path.is_file():
        return []
    found = []
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(Reading(**json.loads(line)))
        except json.JSONDecodeError:
            found.append(_cut_off(line))
            warnings.warn(
                f"{path}, line {number} was cut off and counts as a reading: {line[:80]!r}",
                stacklevel=2,
            )
        except TypeError:
            raise ValueError(f"{path}, line {number}: not a reading: {line[:80]!r}") from None
    return [reading for reading in found if split in (None, reading.split) or not reading.split]


def _cut_off(line: str) -> Reading:
    """Return the reading whose line ends early: without a split where it names none."""
    split, time = _SPLIT.search(line), _TIME.search(line)
    return Reading(split[1] if split else "", time[1] if time else "an unknown day", config="")


def how_often(run: Path | str, split: str = "test") -> int:
    """Return how often a split was read."""
    return len(readings(run, split))
