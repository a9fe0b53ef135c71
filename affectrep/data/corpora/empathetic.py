"""EmpatheticDialogues: 25,000 conversations about a situation, 32 emotions (Rashkin et al., 2019).

A row is the situation that opens a conversation (the column ``prompt``) with its emotion
(``context``). Two splits circulate, and figures on them must not be mixed:

- ``official``: train, valid and test of the release, split by conversation, about 19,500 / 2,800 /
  2,500 situations. Choose on valid, report on test.
- ``circulating``: two files ``train.csv`` and ``valid.csv`` with the columns text and label,
  17,802 / 2,761 rows, used by LCL and HypEmo, which report on valid.csv. Here valid.csv is
  therefore the split ``test``, and ``validation`` is a share of train.csv that is held out by
  seed; rows with the same text stay on one side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from affectrep.data.checks import count_leaks
from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.decoding import decode
from affectrep.data.hub import is_hub_id, load_hub
from affectrep.data.manifest import SPLITS, CorpusInfo, Manifest
from affectrep.data.sources import existing, read_delimited, read_layout
from affectrep.data.splits import hold_out

__all__ = ["EMOTIONS", "prepare"]

HUB_ID = "facebook/empathetic_dialogues"
PROTOCOLS = ("official", "circulating")
FILES = {"train": "train.csv", "validation": "valid.csv", "test": "test.csv"}
EMOTIONS = (
    "afraid",
    "angry",
    "annoyed",
    "anticipating",
    "anxious",
    "apprehensive",
    "ashamed",
    "caring",
    "confident",
    "content",
    "devastated",
    "disappointed",
    "disgusted",
    "embarrassed",
    "excited",
    "faithful",
    "furious",
    "grateful",
    "guilty",
    "hopeful",
    "impressed",
    "jealous",
    "joyful",
    "lonely",
    "nostalgic",
    "prepared",
    "proud",
    "sad",
    "sentimental",
    "surprised",
    "terrified",
    "trusting",
)
_INSTEAD = (
    "Set data.root to a folder with train.csv, valid.csv and test.csv from "
    "https://github.com/facebookresearch/EmpatheticDialogues, or to a copy of the hub's parquet "
    "files."
)
_REASON = (
    "the published splits share a few texts; they are kept so that results compare with published "
    "ones, and the share without them is reported beside"
)
_NOTES = {
    "official": "Split: official (train, valid, test by conversation); other papers report on the "
    "circulating train.csv and valid.csv, whose figures do not compare with these.",
    "circulating": "Split: circulating train.csv and valid.csv of LCL and HypEmo; valid.csv is "
    "reported as test. Figures do not compare with those on the official test split.",
}


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read EmpatheticDialogues from CSV files, the hub's parquet files, or the hub.

    Args:
        root: a folder with train.csv, valid.csv and, for the official split, test.csv; with
            parquet files of the hub; or one that ``save_to_disk`` wrote. A hub id, or None for the
            hub's own copy.
        protocol: official or circulating; None takes official where there is a test file.
        columns: has no use here, the columns are known.
        labels: has no use here, the labels are known.
        holdout: circulating only, share of train.csv for validation.
        seed: circulating only, of that draw.

    Raises:
        ValueError: if the protocol is unknown, an argument has no use, a file is broken, or the
            hub cannot be reached.
        FileNotFoundError: if the folder or one of its files is missing.
    """
    refuse_unused("empathetic", columns=columns, labels=labels)
    if protocol not in (None, *PROTOCOLS):
        raise ValueError(f"empathetic has no protocol {protocol!r}: use {' or '.join(PROTOCOLS)}")
    tables = _read(root, protocol)
    if "test" in tables:
        refuse_unused("empathetic with its official split", holdout=holdout)
        rows = _join(tables)
        return Manifest(rows, _info(rows, [_NOTES["official"]]))
    return _circulating(tables, holdout, seed)


def _read(root: Path | str | None, protocol: str | None) -> dict[str, pd.DataFrame]:
    if root is None or is_hub_id(root):
        if protocol == "circulating":
            raise ValueError(f"the circulating split is not on the hub. {_INSTEAD}")
        name = str(root or HUB_ID)
        # The hub's own copy is a script, which `datasets` no longer runs; this branch is its data.
        revision = "refs/convert/parquet" if name == HUB_ID else None
        return _situations(load_hub(name, instead=_INSTEAD, revision=revision))
    folder = existing(root)
    if not folder.is_dir():
        raise ValueError(f"data.root={root} is a file. {_INSTEAD}")
    if (folder / "train.csv").is_file():
        return _read_files(folder, protocol)
    found = read_layout(folder, others=True)
    missing = [split for split in SPLITS if split not in found]
    if missing:
        raise FileNotFoundError(f"{folder} has no file for {', '.join(missing)}. {_INSTEAD}")
    if protocol == "circulating":
        raise ValueError(f"{folder} holds the official split: the circulating one is two CSV files")
    return _situations(found)


def _read_files(folder: Path, protocol: str | None) -> dict[str, pd.DataFrame]:
    official = protocol == "official" or (protocol is None and (folder / "test.csv").is_file())
    files = {split: name for split, name in FILES.items() if official or split != "test"}
    missing = [name for name in files.values() if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {', '.join(missing)}. {_INSTEAD}")
    return _situations({split: _read_csv(folder / name) for split, name in files.items()})


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV of the release, whose quotes mean nothing, or a plain one with text and label."""
    lines = decode(path).replace("\r\n", "\n").split("\n")
    names = lines[0].split(",")
    if "conv_id" not in names:
        return read_delimited(path, delimiter=",")
    needed = names.index("prompt") + 1 if "prompt" in names else len(names)
    records = [(number, line.split(",")) for number, line in enumerate(lines[1:], start=2) if line]
    short = [number for number, record in records if len(record) < needed]
    if short:
        shown = ", ".join(map(str, short[:10])) + (", ..." if len(short) > 10 else "")
        raise ValueError(f"{path}: expected {len(names)} values per row, fewer in row {shown}")
    if not records:
        raise ValueError(f"{path} holds no rows")
    table = pd.DataFrame([record[:needed] for _, record in records], columns=names[:needed])
    return table.assign(row=[number for number, _ in records], source_file=path.name)


def _situations(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return id, text, label, row, source_file of each split."""
    return {split: _situation(table, split) for split, table in tables.items()}


def _situation(table: pd.DataFrame, split: str) -> pd.DataFrame:
    if {"conv_id", "prompt", "context"} <= set(table):
        first = table.drop_duplicates("conv_id")
        found = pd.DataFrame({"id": first["conv_id"], "label": first["context"]})
        found["text"] = [str(text).replace("_comma_", ",") for text in first["prompt"]]
        return found.assign(row=first["row"], source_file=first["source_file"])
    if not {"text", "label"} <= set(table):
        file = table["source_file"].iloc[0]
        names = ", ".join(name for name in table if name not in ("row", "source_file"))
        raise ValueError(
            f"{file} has the columns {names}: expected conv_id, context, prompt of the release, "
            "or text, label"
        )
    found = table[["text", "label", "row", "source_file"]].copy()
    found["text"] = [str(text).replace("_comma_", ",") for text in found["text"]]
    found["id"] = [f"{split}-{row}" for row in found["row"]]
    return found


def _join(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    joined = pd.concat(
        [tables[split].assign(split=split) for split in SPLITS if split in tables],
        ignore_index=True,
    )
    return joined[["id", "split", "text", "label", "row", "source_file"]]


def _circulating(tables: dict[str, pd.DataFrame], holdout: float, seed: int) -> Manifest:
    reported = tables["validation"].copy()
    reported["id"] = [f"valid-{row}" for row in reported["row"]]
    rows = _join({"train": tables["train"], "test": reported})
    train = rows.index[rows["split"] == "train"]
    held = train[hold_out(rows.loc[train], share=holdout, seed=seed)]
    rows.loc[held, "split"] = "validation"
    note = (
        f"Validation is {len(held):,} of the {len(train):,} rows of train.csv, drawn by seed "
        f"{seed}, {holdout:.3g} of each class; rows with the same text stay together."
    )
    return Manifest(rows, _info(rows, [_NOTES["circulating"], note]))


def _info(rows: pd.DataFrame, notes: list[str]) -> CorpusInfo:
    info = CorpusInfo(
        name="empathetic",
        title="EmpatheticDialogues",
        modality="text",
        task="classification",
        classes=list(EMOTIONS),
        licence="CC BY-NC 4.0",
        source="https://github.com/facebookresearch/EmpatheticDialogues",
        notes=notes,
    )
    leaks = count_leaks(rows)
    return replace(info, accept_leaks=_REASON, notes=[*notes, leaks]) if leaks else info
