"""GoEmotions: 58,000 Reddit comments with 27 emotions and neutral (Demszky et al., ACL 2020).

Two readings of the official splits:

- ``single_label`` (of LCL, HypEmo and TACO): rows with exactly one label, neutral dropped;
  23,485 / 2,956 / 2,984 rows, 27 classes.
- ``multi_label`` (of the corpus' own paper): every row, 28 labels; 43,410 / 5,426 / 5,427 rows.

The official splits share texts. That is counted in a note and accepted with a written reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from affectrep.data.checks import count_leaks
from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.decoding import decode
from affectrep.data.hub import is_hub_id, load_hub
from affectrep.data.manifest import SPLITS, CorpusInfo, Manifest
from affectrep.data.sources import existing, read_delimited, read_layout

__all__ = ["LABELS", "prepare"]

HUB_ID = "google-research-datasets/go_emotions"
PROTOCOLS = ("single_label", "multi_label")
FILES = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
LABELS = (
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
)
_INSTEAD = (
    "Set data.root to a folder with train.tsv, dev.tsv and test.tsv from "
    "https://github.com/google-research/google-research/tree/master/goemotions/data, "
    "or to a copy of the hub's parquet files."
)
_REASON = (
    "the official splits share a few texts; they are kept so that results compare with published "
    "ones, and the share without them is reported beside"
)


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read GoEmotions from the official TSV files, the hub's parquet files, or the hub.

    Args:
        root: a folder with train.tsv, dev.tsv, test.tsv; with parquet files of the hub; or one
            that ``save_to_disk`` wrote. A hub id, or None for the hub's own copy.
        protocol: single_label (the default) or multi_label.
        columns: has no use here, the columns are known.
        labels: has no use here, the labels are known.
        holdout: has no use here, the validation split is official.
        seed: any; nothing is drawn here.

    Raises:
        ValueError: if the protocol is unknown, an argument has no use, a file is broken, or the
            hub cannot be reached.
        FileNotFoundError: if the folder or one of its files is missing.
    """
    refuse_unused("goemotions", columns=columns, labels=labels, holdout=holdout)
    protocol = protocol or "single_label"
    if protocol not in PROTOCOLS:
        raise ValueError(f"goemotions has no protocol {protocol!r}: use {' or '.join(PROTOCOLS)}")
    table = _read(root)
    if protocol == "single_label":
        return _single_label(table)
    return Manifest(table, _with_leaks(table, _info("multilabel", LABELS, {})))


def _read(root: Path | str | None) -> pd.DataFrame:
    if root is None or is_hub_id(root):
        return _join(load_hub(str(root or HUB_ID), "simplified", instead=_INSTEAD), LABELS)
    folder = existing(root)
    if not folder.is_dir():
        raise ValueError(f"data.root={root} is a file. {_INSTEAD}")
    if not any((folder / name).exists() for name in FILES.values()):
        part = folder / "simplified"  # the hub's folder also holds the raw annotations
        layout = read_layout(part if part.is_dir() else folder, others=True)
        if layout:
            return _join(layout, LABELS)
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {', '.join(missing)}. {_INSTEAD}")
    names = ["text", "labels", "id"]
    tables = {
        split: read_delimited(folder / name, delimiter="\t", names=names)
        for split, name in FILES.items()
    }
    return _join(tables, _label_names(folder))


def _label_names(folder: Path) -> Sequence[str]:
    for name in ("labels.txt", "emotions.txt"):
        if (folder / name).is_file():
            found = decode(folder / name).split()
            if sorted(found) != sorted(LABELS):
                other = sorted(set(found) ^ set(LABELS))
                raise ValueError(
                    f"{folder / name}: expected the 28 labels of GoEmotions, one a line; "
                    f"it differs in {', '.join(other[:5]) or 'a repeated name'}"
                )
            return found
    return LABELS


def _join(tables: dict[str, pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    missing = [split for split in SPLITS if split not in tables]
    if missing:
        raise ValueError(f"GoEmotions came without the split {', '.join(missing)}. {_INSTEAD}")
    joined = pd.concat([tables[split].assign(split=split) for split in SPLITS], ignore_index=True)
    lacking = [name for name in ("id", "text", "labels") if name not in joined]
    if lacking:
        raise ValueError(f"GoEmotions came without the column {', '.join(lacking)}. {_INSTEAD}")
    joined["labels"] = pd.Series(
        [
            _names(value, names, f"{file} row {row}")
            for value, file, row in zip(
                joined["labels"], joined["source_file"], joined["row"], strict=True
            )
        ],
        dtype=object,
    )
    return joined[["id", "split", "text", "labels", "row", "source_file"]]


def _names(value: object, names: Sequence[str], where: str) -> list[str]:
    codes = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
    words = [str(code).strip() for code in codes]
    wrong = [word for word in words if word not in LABELS and not _is_code(word, len(names))]
    if wrong or not words:
        raise ValueError(
            f"{where}: labels are {', '.join(words)!r}, expected numbers from 0 to {len(names) - 1}"
        )
    return [word if word in LABELS else names[int(word)] for word in words]


def _is_code(word: str, size: int) -> bool:
    return word.isascii() and word.isdigit() and int(word) < size


def _single_label(table: pd.DataFrame) -> Manifest:
    several = table["labels"].map(len) != 1
    neutral = ~several & table["labels"].map(lambda labels: labels == ["neutral"])
    dropped = {"more than one label": int(several.sum()), "neutral": int(neutral.sum())}
    rows = table[~several & ~neutral].reset_index(drop=True)
    rows.insert(3, "label", [labels[0] for labels in rows.pop("labels")])
    classes = [name for name in LABELS if name != "neutral"]
    return Manifest(rows, _with_leaks(rows, _info("classification", classes, dropped)))


def _info(
    task: Literal["classification", "multilabel"], classes: Sequence[str], dropped: dict[str, int]
) -> CorpusInfo:
    return CorpusInfo(
        name="goemotions",
        title="GoEmotions",
        modality="text",
        task=task,
        classes=list(classes),
        licence="CC BY 4.0 (annotations); Apache-2.0 (release)",
        source="https://github.com/google-research/google-research/tree/master/goemotions",
        dropped=dropped,
    )


def _with_leaks(rows: pd.DataFrame, info: CorpusInfo) -> CorpusInfo:
    note = count_leaks(rows)
    return replace(info, accept_leaks=_REASON, notes=[note]) if note else info
