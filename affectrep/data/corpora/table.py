"""A table of the user's own: CSV, TSV, Parquet, a folder of them, or a data set of the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from affectrep.data.corpora.arguments import refuse_unused
from affectrep.data.group_protocol import PEOPLE, GroupProtocol, read_groups
from affectrep.data.group_splits import dropped_by, split_by_groups
from affectrep.data.hub import is_hub_id, load_hub
from affectrep.data.keys import content_hash, text_keys
from affectrep.data.manifest import DOMAINS, SPLITS, CorpusInfo, Manifest
from affectrep.data.sources import existing, is_missing, read_layout, read_table, split_name
from affectrep.data.splits import hold_out, row_groups

__all__ = ["prepare"]

Task = Literal["classification", "multilabel", "regression"]
TARGETS: dict[str, Task] = {
    "label": "classification",
    "labels": "multilabel",
    "valence": "regression",
    "arousal": "regression",
}
NAMES = ("id", "split", "text", *TARGETS, *DOMAINS)
_INSTEAD = "Set data.root to a CSV, TSV or Parquet file, or to a folder that holds some."


@dataclass
class _Table:
    """Rows on their way to a manifest, and what was done to them."""

    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)


def prepare(
    root: Path | str | None,
    *,
    protocol: str | None = None,
    columns: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Manifest:
    """Read a table of texts.

    Rows are split by the column ``split``, or by files named after the splits. Where validation is
    missing it is drawn from the training rows, and where no split is known test is drawn as well:
    the same share of each class, rows with the same text together. Where speaker, author or
    subject is mapped, whole people are drawn instead, and rows whose text also occurs on the other
    side leave training. ``folds fold=0 folds=5`` and ``leave_group_out column=author value=ann``
    test whole groups instead (data/group_protocol.py), whatever a column split says.

    Args:
        root: a .csv, .tsv or .parquet file; a folder with such files; one that ``save_to_disk``
            wrote; or a hub id.
        protocol: words of folds or of a group left out; of a hub data set also its configuration,
            before them.
        columns: our column name -> the file's. Ours are id, split, text, one of label, labels
            (several, separated by ``|`` or a comma) or valence with arousal in [-1, 1], and
            speaker, subject, language, corpus, author. A column that already has our name needs
            no entry; in a table with several targets the one that is named here is taken.
        labels: label in the file -> class; None keeps the file's labels. The words nan, none and
            null are no label where they are not mapped. Spaces around labels and names of people
            are left out.
        holdout: share of rows for validation, and the same again for test.
        seed: of the draw.

    Raises:
        ValueError: if a column is missing, a setting is unknown or a file cannot be read; labels,
            texts and leaks are left to `check_manifest`.
        FileNotFoundError: if there is no such file or folder.
    """
    if root is None:
        raise ValueError(f"the corpus table needs its data. {_INSTEAD}")
    groups, rest = read_groups(protocol)
    read = _read(root, rest)
    renamed = _rename(read, columns or {}, str(root))
    task = _task(renamed, str(root))
    _refuse_lists(renamed, str(root))
    table = _Table(_typed(renamed, task, labels))
    if groups is None:
        _fill_splits(table, holdout, seed)
    else:
        _split_by_groups(table, groups, holdout, seed)
    info = CorpusInfo(
        name="table",
        title=Path(str(root)).name,
        modality="text",
        task=task,
        classes=_classes(table.rows, task, labels),
        licence="as its owner states",
        source=Path(str(root)).name,
        dropped=table.dropped,
        notes=table.notes,
    )
    return Manifest(table.rows, info)


def _read(root: Path | str, protocol: str | None) -> pd.DataFrame:
    if is_hub_id(root):
        return _with_split(load_hub(str(root), protocol, instead=_INSTEAD))
    refuse_unused("table", protocol=protocol)
    path = existing(root)
    if path.is_file():
        return read_table(path)
    layout = read_layout(path)
    if layout:
        return _with_split(layout)
    files = [file for end in ("csv", "tsv", "parquet") for file in sorted(path.glob(f"*.{end}"))]
    if not files:
        raise ValueError(f"{path} holds no .csv, .tsv or .parquet file. {_INSTEAD}")
    return pd.concat([read_table(file) for file in files], ignore_index=True)


def _with_split(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Join tables; a column split of their own wins over the files' names."""
    parts = [
        table if "split" in table else table.assign(split=split) for split, table in tables.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _rename(table: pd.DataFrame, columns: Mapping[str, str], root: str) -> pd.DataFrame:
    unknown = [name for name in columns if name not in NAMES]
    if unknown:
        raise ValueError(
            f"data.columns.{unknown[0]} is no column of a manifest: use {', '.join(NAMES)}"
        )
    there = [name for name in table if name not in ("row", "source_file")]
    missing = [f"{theirs} (for {ours})" for ours, theirs in columns.items() if theirs not in table]
    if "text" not in columns and "text" not in table:
        missing.append("text")
    if missing:
        raise ValueError(
            f"{root} has no column {', '.join(missing)}: it has {', '.join(map(str, there))}. "
            "Map its columns in data.columns, such as data.columns.text=body"
        )
    named = {TARGETS[name] for name in columns if name in TARGETS}
    kept = {
        name: columns.get(name, name)
        for name in NAMES
        if columns.get(name, name) in table
        and (not named or name not in TARGETS or TARGETS[name] in named)
    }
    renamed = pd.DataFrame({ours: table[theirs] for ours, theirs in kept.items()}, dtype=object)
    return renamed.assign(row=table["row"], source_file=table["source_file"])


def _task(table: pd.DataFrame, root: str) -> Task:
    there = [name for name in TARGETS if name in table]
    found = {TARGETS[name] for name in there}
    if found == {"regression"} and not {"valence", "arousal"} <= set(table):
        raise ValueError(f"{root}: valence and arousal go together, map both in data.columns")
    if len(found) != 1:
        what = f"several targets ({', '.join(there)})" if there else "no target"
        raise ValueError(
            f"{root} has {what}: map one of label, labels, or valence with arousal in "
            "data.columns, such as data.columns.label=feeling"
        )
    return found.pop()


def _refuse_lists(table: pd.DataFrame, root: str) -> None:
    """Refuse lists, as Parquet files hold them, where one value belongs."""
    for name in table:
        lists = [hasattr(value, "__iter__") and not isinstance(value, str) for value in table[name]]
        if name != "labels" and any(lists):
            mend = "give one value a row"
            if name == "label":
                mend = "use labels: data.columns.labels in place of label, and task=multilabel"
            raise ValueError(
                f"{root}: row {table['row'][lists.index(True)]} holds a list in {name}: {mend}"
            )


def _typed(table: pd.DataFrame, task: Task, labels: Mapping[str, str] | None) -> pd.DataFrame:
    rows = table.copy()
    for name in ("text", "label", *DOMAINS):
        if name in rows:
            words = [_word(value) for value in rows[name]]
            if name != "text":  # which stays as it was written
                words = [None if word is None else word.strip() for word in words]
            if name in DOMAINS:
                words = [None if word is None or is_missing(word) else word for word in words]
            rows[name] = pd.Series(words, dtype=object)
    if "id" in rows:
        rows["id"] = [_word(value) or "" for value in rows["id"]]
    else:
        pairs = zip(rows["source_file"], rows["row"], strict=True)
        rows.insert(0, "id", [f"{file}:{row}" for file, row in pairs])
    mapping = {word.strip(): known for word, known in (labels or {}).items()}
    if task == "regression":
        for name in ("valence", "arousal"):
            rows[name] = pd.to_numeric(rows[name], errors="coerce")
    elif task == "classification":
        named = [next(iter(_labels([label], mapping)), None) for label in rows["label"]]
        rows["label"] = pd.Series(named, dtype=object)
    else:
        lists = [_labels(_words(value), mapping) for value in rows["labels"]]
        rows["labels"] = pd.Series(lists, dtype=object)
    return rows


def _labels(words: Sequence[str | None], mapping: Mapping[str, str]) -> list[str]:
    """Return the classes of a row; ``nan`` or ``none`` is one only where it is mapped."""
    known = [word for word in words if word is not None]
    return [mapping.get(word, word) for word in known if word in mapping or not is_missing(word)]


def _word(value: object) -> str | None:
    """Return a cell as text; a whole number without its point, an empty cell as None."""
    if value is None or value != value or value is pd.NA:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        parts: list[object] = list(value.split("|" if "|" in value else ","))
    else:
        parts = list(value) if hasattr(value, "__iter__") else [value]
    words = [(_word(part) or "").strip() for part in parts]
    return [word for word in words if word]


def _classes(rows: pd.DataFrame, task: Task, labels: Mapping[str, str] | None) -> list[str] | None:
    if task == "regression":
        return None
    if labels:
        return list(dict.fromkeys(labels.values()))
    if task == "classification":
        return sorted({label for label in rows["label"] if isinstance(label, str) and label})
    return sorted({label for several in rows["labels"] for label in several})


def _fill_splits(table: _Table, holdout: float, seed: int) -> None:
    rows = table.rows
    if "split" in rows:
        words = [str(word) for word in rows["split"]]
        rows["split"] = [split_name(word) or word for word in words]
    else:
        rows.insert(1, "split", "train")
    present = set(rows["split"]) & set(SPLITS)
    if present == {"train"}:
        if holdout >= 0.5:
            raise ValueError(
                f"data.holdout={holdout:g} for validation and again for test leaves no row to "
                "train on: use less than 0.5, or give a split column"
            )
        _draw(table, "test", holdout, seed)
        _draw(table, "validation", holdout / (1 - holdout), seed)
    elif present == {"train", "test"}:
        _draw(table, "validation", holdout, seed)


def _split_by_groups(table: _Table, groups: GroupProtocol, holdout: float, seed: int) -> None:
    """Test whole groups; validation is drawn from the rest, people apart where they are known."""
    by = groups.column if groups.column in PEOPLE else _people(table.rows)
    if by is not None and by not in table.rows:
        raise ValueError(f"there is no column {by}: map it in data.columns.{by}")
    # hashes, as numpy gives every name the room of the longest
    units = [content_hash(unit) for unit in row_groups(table.rows, by)]
    split, notes = split_by_groups(table.rows, groups, units=units, seed=seed)
    table.rows = table.rows.assign(split=split)[split != ""].reset_index(drop=True)
    table.notes += notes
    table.dropped |= dropped_by(groups, split)
    _leave_shared_texts_out(table, "test")
    _draw(table, "validation", holdout, seed, by)


def _people(rows: pd.DataFrame) -> str | None:
    return next((name for name in PEOPLE if name in rows and rows[name].notna().any()), None)


def _draw(table: _Table, split: str, share: float, seed: int, by: str | None = None) -> None:
    rows, by = table.rows, by or _people(table.rows)
    train = rows.index[rows["split"] == "train"]
    held = train[hold_out(rows.loc[train], share=share, seed=seed, by=by)]
    rows.loc[held, "split"] = split
    rule = f"whole {by}s" if by else "the same share of each class, rows of one text together"
    table.notes.append(
        f"No {split} rows were given: {len(held):,} of {len(train):,} training rows were drawn by "
        f"seed {seed} ({rule})."
    )
    if by is not None:
        _leave_shared_texts_out(table, split)


def _leave_shared_texts_out(table: _Table, split: str) -> None:
    """Take training rows whose text is in ``split`` out: people may say the same."""
    rows = table.rows
    keys = pd.Series(text_keys(rows["text"]), index=rows.index)
    taken = set(keys[rows["split"] == split]) - {""}
    repeated = (rows["split"] == "train") & keys.isin(taken)
    if repeated.any():
        table.dropped[f"training rows whose text is in {split}"] = int(repeated.sum())
        table.rows = rows[~repeated].reset_index(drop=True)
