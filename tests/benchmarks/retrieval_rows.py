"""Rows of the retrieval study: distinct single-label texts and their frozen embeddings, once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.progress import track

from affectrep.data.corpora import goemotions
from affectrep.data.keys import digest, text_keys
from affectrep.encoders.text import TextEncoder

ENCODER = "bundled:minilm"
BATCH = 64


class Rows(NamedTuple):
    """``(rows, dim)`` float32 embeddings, ``(rows,)`` class codes, and the class names."""

    embeddings: torch.Tensor
    labels: torch.Tensor
    classes: list[str]


def read_rows(root: Path, folder: Path) -> Rows:
    """Read all splits, keep the first of equal texts, embed each once; stored in ``folder``."""
    manifest = goemotions.prepare(root, protocol="single_label")
    table = manifest.rows.assign(key=text_keys(manifest.rows["text"]))
    # a copy of a query would be its own nearest neighbour
    table = table.drop_duplicates("key").reset_index(drop=True)
    classes = list(manifest.info.classes)
    codes = table["label"].map(classes.index).to_numpy(dtype=np.int64)
    texts = [str(text) for text in table["text"]]
    path = folder / f"minilm-{digest(texts)[:16]}.npy"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, embed(texts))
        partial.replace(path)
    return Rows(torch.tensor(np.load(path)), torch.tensor(codes), classes)


@torch.no_grad()
def embed(texts: list[str]) -> np.ndarray:
    """Return ``(texts, 384)`` mean-pooled embeddings; texts of like length share a batch."""
    encoder = TextEncoder(ENCODER, tuning="frozen").eval()
    order = np.argsort(encoder.preprocess.lengths(texts), kind="stable")
    found = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    for start in track(range(0, len(texts), BATCH), description="embedding texts"):
        part = order[start : start + BATCH]
        inputs = encoder.preprocess([texts[i] for i in part])
        found[part] = encoder(inputs).embeddings.numpy()
    return found
