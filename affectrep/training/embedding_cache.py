"""A frozen encoder reads each row once; the heads then train on the stored embeddings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from affectrep.batch import Batch
from affectrep.data.whole_file import whole_file
from affectrep.training.forward import Precision, forward

__all__ = ["cache_key", "collate_cached", "embed_rows"]


class _Loader(Protocol):
    def __len__(self) -> int:
        """Return the number of batches."""

    def __iter__(self) -> Iterator[Batch]:
        """Yield every row once."""


def cache_key(weights: Sequence[Tensor], *, rows: Any, settings: Any) -> str:
    """Return a name for embeddings: it changes with weights, rows and settings.

    Args:
        weights: all weights of the encoder.
        rows: JSON value that identifies the rows, such as a manifest's fingerprint.
        settings: JSON value of everything else that matters.
    """
    digest = hashlib.sha256(json.dumps([rows, settings], sort_keys=True).encode())
    for weight in weights:
        data = weight.detach().cpu().contiguous()
        digest.update(data.view(torch.uint8).numpy().tobytes() if data.numel() else b"")
    return digest.hexdigest()[:32]


def embed_rows(
    model: nn.Module,
    batches: _Loader,
    *,
    path: Path,
    precision: Precision = "fp32",
    note: Callable[[int], None] = lambda done: None,
) -> dict[str, Tensor]:
    """Return ``{row id: (dim,) embedding}``, read from ``path`` or computed and stored there.

    The embeddings of several rows with one id, segments of a long clip, are averaged. A file that
    cannot be read, as a machine that stops leaves one, is computed again.
    """
    known = _stored(path)
    if known is not None:
        return known
    device = next(model.parameters()).device
    model.eval()
    parts: dict[str, list[Tensor]] = {}
    for done, batch in enumerate(batches):
        output = forward(model, batch.to(device), precision=precision, grad=False)
        for row, embedding in zip(batch.ids, output.embeddings.cpu(), strict=True):
            parts.setdefault(row, []).append(embedding)
        note(done + 1)
    found = {row: torch.stack(values).mean(dim=0) for row, values in parts.items()}
    with whole_file(path) as partial:  # several runs may fill one cache
        save_file(found, partial)
    return found


def _stored(path: Path) -> dict[str, Tensor] | None:
    if not path.is_file():
        return None
    try:
        return load_file(path)
    except SafetensorError:
        return None


def collate_cached(rows: list[Any], embeddings: dict[str, Tensor]) -> Batch:
    """Join rows to a batch whose input is their stored embeddings; nothing is decoded.

    Args:
        rows: with ``id``, ``label`` and ``domains``, as a data room's rows have them.
        embeddings: by row id, each ``(dim,)``.
    """
    names = [row["id"] for row in rows]
    return Batch(
        inputs={"embeddings": torch.stack([embeddings[name] for name in names])},
        labels=torch.from_numpy(np.stack([row["label"] for row in rows])),
        ids=names,
        domains={
            name: torch.tensor([row["domains"][name] for row in rows], dtype=torch.long)
            for name in rows[0]["domains"]
        },
    )
