"""Text rows: read one row of a manifest, collate rows to a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from affectrep.batch import Batch
from affectrep.data.manifest import Manifest

__all__ = ["TextInputs", "TextRow", "TextRows", "collate_text"]

TextInputs = dict[str, Tensor]
Preprocess = Callable[[list[str]], TextInputs]


class TextRow(TypedDict):
    """One row: its id, text, target and domain codes."""

    id: str
    text: str
    label: np.ndarray[Any, Any]
    domains: dict[str, int]


class TextRows(Dataset[TextRow]):
    """The rows of one split, in the manifest's order.

    Args:
        manifest: of a text corpus.
        split: train, validation or test.
        domains: domain column -> known names, as ``manifest.domains()`` returns them; a name that
            is not among them gets the code -1.

    Raises:
        ValueError: if the split has no rows, or the corpus no texts.

    Example:
        >>> from affectrep.data.manifest import CorpusInfo
        >>> import pandas as pd
        >>> info = CorpusInfo("x", "X", "text", "classification", ["calm", "glad"], "own", "own")
        >>> table = pd.DataFrame({"id": ["1"], "split": ["train"], "text": ["Yes!"],
        ...                       "label": ["glad"], "speaker": ["ann"]})
        >>> manifest = Manifest(table, info)
        >>> row = TextRows(manifest, "train", manifest.domains())[0]
        >>> row["text"], int(row["label"]), row["domains"]
        ('Yes!', 1, {'speaker': 0})
    """

    def __init__(self, manifest: Manifest, split: str, domains: dict[str, list[str]]) -> None:
        rows = manifest.split(split)
        if "text" not in rows:
            raise ValueError(f"{manifest.info.title} has no column text")
        self.ids = [str(value) for value in rows["id"]]
        self.texts = [str(value) for value in rows["text"]]
        self.targets = manifest.targets(split)
        self.codes = {
            name: _codes(rows[name] if name in rows else [None] * len(rows), known)
            for name, known in domains.items()
        }

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> TextRow:
        return {
            "id": self.ids[index],
            "text": self.texts[index],
            "label": self.targets[index],
            "domains": {name: codes[index] for name, codes in self.codes.items()},
        }

    def lengths(self, preprocess: Any) -> list[int]:
        """Return the number of tokens of each row, after truncation.

        Args:
            preprocess: the encoder's; its method ``lengths`` is used where it has one.
        """
        if hasattr(preprocess, "lengths"):
            return [int(length) for length in preprocess.lengths(self.texts)]
        found: list[int] = []
        for start in range(0, len(self.texts), 256):
            mask = preprocess(self.texts[start : start + 256])["attention_mask"]
            found += mask.sum(dim=1).tolist()
        return found


def _codes(values: Any, known: Sequence[str]) -> list[int]:
    code = {name: index for index, name in enumerate(known)}
    return [code.get(value, -1) if isinstance(value, str) else -1 for value in values]


def collate_text(rows: list[TextRow], preprocess: Preprocess) -> Batch:
    """Join rows to a batch, padded to its longest text.

    Args:
        rows: of `TextRows`.
        preprocess: texts -> tensors ``(batch, tokens)``, among them ``attention_mask``.

    Returns:
        A batch with labels ``(batch,)`` int64, or ``(batch, classes)`` or ``(batch, 2)`` float32.

    Raises:
        ValueError: if there are no rows.

    Example:
        >>> def letters(texts):
        ...     return {"attention_mask": torch.ones(len(texts), 3, dtype=torch.long)}
        >>> row = {"id": "1", "text": "yes", "label": np.int64(1), "domains": {}}
        >>> collate_text([row, row], letters).lengths
        tensor([3, 3])
    """
    if not rows:
        raise ValueError("expected at least one row to collate")
    inputs = preprocess([row["text"] for row in rows])
    return Batch(
        inputs=inputs,
        labels=torch.from_numpy(np.stack([row["label"] for row in rows])),
        ids=[row["id"] for row in rows],
        domains={
            name: torch.tensor([row["domains"][name] for row in rows], dtype=torch.long)
            for name in rows[0]["domains"]
        },
        lengths=inputs["attention_mask"].sum(dim=1),
    )
