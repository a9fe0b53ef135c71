"""Stored embeddings of a split: one safetensors file beside its predictions.

The tensor ``embeddings`` is ``(rows, dim)``; the metadata hold ``ids`` (JSON list, in the order of
the rows), ``split`` and ``model`` (short SHA-256 of the weights that made them).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectrep.data.whole_file import whole_file

__all__ = ["Embeddings", "read_embeddings", "write_embeddings"]

Array = NDArray[Any]
_NAME = "embeddings"


@dataclass(frozen=True)
class Embeddings:
    """Pooled embeddings of the rows of a split.

    Args:
        ids: one id per row.
        values: ``(rows, dim)`` float32, not normalised.
        split: train, validation or test.
        model: short SHA-256 of the weights.

    Raises:
        ValueError: if there is not one finite row per id, or an id occurs twice.

    Example:
        >>> found = Embeddings(["a", "b"], np.array([[1.0, 0.0], [0.0, 2.0]]), "test", "c0ffee")
        >>> found.of(["b"]).tolist()
        [[0.0, 2.0]]
    """

    ids: list[str]
    values: Array
    split: str
    model: str

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.ids):
            raise ValueError(
                f"expected embeddings (rows, dim) with {len(self.ids)} rows, one per id, "
                f"got shape {self.values.shape}"
            )
        if len(set(self.ids)) < len(self.ids):
            raise ValueError(f"expected each id once, got {len(self.ids)} with repetitions")
        bad = np.flatnonzero(~np.isfinite(self.values).all(axis=1))
        if len(bad):
            raise ValueError(f"the embedding of row {self.ids[int(bad[0])]} is not finite")

    def of(self, ids: list[str]) -> Array:
        """Return the rows ``(ids, dim)`` of these ids, in their order.

        Raises:
            ValueError: if an id is not among them.
        """
        place = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in place]
        if missing:
            raise ValueError(
                f"{len(missing)} of {len(ids)} rows have no stored embedding, such as "
                f"{missing[0]}; evaluate with --force."
            )
        rows: Array = self.values[[place[name] for name in ids]]
        return rows


def write_embeddings(path: Path | str, embeddings: Embeddings) -> None:
    """Write the file, with the mode of any new one; one that was there is replaced in one step.

    Values are stored in half precision, which halves the file and moves no measure of the
    representation by more than its third decimal; in float32 where one is too large for it.
    """
    from safetensors.numpy import save

    fits = np.abs(embeddings.values).max(initial=0) < np.finfo(np.float16).max
    values = embeddings.values.astype(np.float16 if fits else np.float32)
    about = {
        "ids": json.dumps(embeddings.ids),
        "split": embeddings.split,
        "model": embeddings.model,
    }
    with whole_file(path) as partial:
        partial.write_bytes(save({_NAME: np.ascontiguousarray(values)}, metadata=about))


def read_embeddings(path: Path | str) -> Embeddings:
    """Read what :func:`write_embeddings` wrote, as float32.

    Raises:
        FileNotFoundError: if it was not written yet.
        ValueError: if the file is something else.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: evaluate with --representation.")
    try:
        path.open("rb").close()  # safetensors calls a file missing that it may not read
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            values = file.get_tensor(_NAME).astype(np.float32)
        return Embeddings(json.loads(about["ids"]), values, about["split"], about["model"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is not a file of embeddings: {error}. Evaluate with --force to write it again."
        ) from None
