"""The ledger of readings: every time that predictions for a split are made, one line is added."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Reading", "how_often", "readings", "record_read"]

_FILE = "reads.jsonl"


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
    """Add a line to ``reads.jsonl`` of the run folder and return it."""
    time = datetime.now(UTC).isoformat(timespec="seconds")
    reading = Reading(split, time, config, model, commit, purpose)
    with (Path(run) / _FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(reading)) + "\n")
    return reading


def readings(run: Path | str, split: str | None = None) -> list[Reading]:
    """Return the readings of a run, oldest first; of one split where it is named.

    Raises:
        ValueError: if a line of the ledger is not readable.
    """
    path = Path(run) / _FILE
    if not path.is_file():
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(Reading(**json.loads(line)))
        except (TypeError, ValueError):
            raise ValueError(f"{path}, line {number}: not a reading: {line[:80]!r}") from None
    return [reading for reading in found if split in (None, reading.split)]


def how_often(run: Path | str, split: str = "test") -> int:
    """Return how often a split was read."""
    return len(readings(run, split))
