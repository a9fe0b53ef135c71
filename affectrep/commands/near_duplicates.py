"""``affectrep prepare --near-duplicates``: rows of different splits that look alike to a model."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from affectrep.build import build_loader
from affectrep.config import Config
from affectrep.data.manifest import SPLITS, Manifest
from affectrep.evaluation.evaluate import predict_rows
from affectrep.evaluation.near_duplicates import (
    NearDuplicates,
    near_duplicates,
    nearer_share,
    nearest_quantiles,
)
from affectrep.inference.predictor import Predictor
from affectrep.model import AffectModel

__all__ = ["find_near_duplicates", "show_near_duplicates"]

console = Console(soft_wrap=True, markup=False, highlight=False)
_BUNDLED = "bundled:"
_SHOWN = 20
_WIDTH = 60


def find_near_duplicates(
    config: Config, manifest: Manifest, source: str, *, similarity: float = 0.98
) -> NearDuplicates:
    """Embed all rows with a finished model and compare the splits.

    No label and no prediction is looked at, so this is no reading of the test split: it is not
    noted in the ledger of a run whose model is used.

    Args:
        config: of the corpus; its ``data`` says how rows are read.
        manifest: its rows.
        source: a run or model folder, a shipped name or a hub id; for texts also
            ``bundled:minilm``, a sentence encoder that knows no emotion labels.
        similarity: cosine from which a pair is listed.

    Raises:
        ValueError: if there is no such model, it reads another modality, or it needs statistics
            of the speakers it hears.
    """
    if not -1 < similarity <= 1:
        raise ValueError(f"--similarity {similarity:g}: expected a cosine in (-1, 1]")
    model = _model(manifest, source)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    ids: list[str] = []
    splits: list[str] = []
    parts = []
    for split in SPLITS:
        if not (manifest.rows["split"] == split).any():
            continue
        rows = int((manifest.rows["split"] == split).sum())
        console.print(f"embedding {rows:,} {split} rows by {source}")
        loader = build_loader(config, manifest, split, model.encoder.preprocess)
        found = predict_rows(model, loader, device=device, keep_embeddings=True)
        assert found.embeddings is not None
        ids += found.ids
        splits += [split] * len(found)
        parts.append(found.embeddings)
    return near_duplicates(ids, splits, np.concatenate(parts), similarity=similarity)


def show_near_duplicates(
    found: NearDuplicates, manifest: Manifest, *, write_to: Path | None = None
) -> None:
    """Print counts, the most similar pairs, and how near each split is to training.

    Args:
        found: in the rows of the manifest.
        manifest: names the pairs by text or path.
        write_to: CSV file for all pairs that are listed.
    """
    for (first, second), count in found.counts.items():
        console.print(
            f"near-duplicates: {count:,} pairs of {first} and {second} from a cosine of "
            f"{found.similarity:g} on, {found.rows[first, second]:,} rows of {second} among them"
        )
    pairs = _described(found.pairs, manifest)
    for line in pairs.head(_SHOWN).to_dict("records"):
        console.print(
            Text(
                f"{line['similarity']:.4f}  {line['first_split']} {line['first']}: "
                f"{_short(line['first_content'])}\n        {line['second_split']} "
                f"{line['second']}: {_short(line['second_content'])}"
            )
        )
    total = sum(found.counts.values())
    if total > _SHOWN:
        console.print(f"These are the {_SHOWN} most similar of {total:,} pairs.")
    if total > len(manifest.rows):
        console.print(_narrow(float(pairs["similarity"].head(_SHOWN).iloc[-1])))
    if found.nearest:
        _show_nearest(found)
    if write_to is not None:
        write_to.parent.mkdir(parents=True, exist_ok=True)
        pairs.to_csv(write_to, index=False, lineterminator="\n")
        console.print(f"{len(pairs):,} pairs written to {write_to}")


def _narrow(similarity: float) -> str:
    """Return what to do where a model finds most rows alike."""
    nearer = math.floor(similarity * 10_000) / 10_000
    return (
        "There are more pairs than rows: to this model most rows look alike, so the limit says "
        f"little. --similarity {nearer:g} lists the pairs above; look at them from the top down, "
        "and stop where they are no copies any more."
    )


def _model(manifest: Manifest, source: str) -> AffectModel:
    info = manifest.info
    if source.startswith(_BUNDLED):
        if info.modality != "text":
            raise ValueError(
                f"--near-duplicates {source} reads texts, but {info.title} is a corpus of "
                f"{info.modality}: give a finished run of one"
            )
        encoder = {"name": "text", "checkpoint": source, "tuning": "frozen"}
        return AffectModel(encoder=encoder, task=info.task, classes=info.classes).eval()
    predictor = Predictor.load(source)
    if predictor.modality != info.modality:
        raise ValueError(
            f"--near-duplicates {source} is a model of {predictor.modality}, but {info.title} is "
            f"a corpus of {info.modality}: give a finished run of one"
        )
    return predictor.model


def _described(pairs: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """Add what the rows say, or where they lie."""
    rows = manifest.rows
    column = "text" if "text" in rows else "path"
    content = dict(zip(rows["id"].astype(str), rows[column].astype(str), strict=True))
    told = {
        f"{side}_content": [content.get(str(name), "") for name in pairs[side]]
        for side in ("first", "second")
    }
    return pairs.assign(**told)


def _show_nearest(found: NearDuplicates) -> None:
    table = Table(title="Cosine to the nearest training row", title_justify="left", box=None)
    table.add_column("share of rows up to")
    quantiles = nearest_quantiles(found)
    for split in quantiles:
        table.add_column(str(split), justify="right")
    for share, line in quantiles.iterrows():
        table.add_row(f"{share:.0%}", *(f"{value:.3f}" for value in line))
    console.print(table)
    compared = nearer_share(found)
    if compared is None:
        return
    share, width = compared
    console.print(
        f"A test row is nearer to training than a validation row in {share:.1%} of all pairs; "
        f"{0.5 - width:.1%} to {0.5 + width:.1%} is chance for independent rows."
    )


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
