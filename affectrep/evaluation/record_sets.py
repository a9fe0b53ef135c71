"""Record files: the records of all seeds of one configuration and setting in one CSV file.

``<name>[.<setting>].csv`` begins with comment lines: ``# config`` (JSON, without the seed),
``# data``, and ``# seed <n>`` for each seed (machine, ledger, findings, threshold). Then come the
rows of every split: what is true of a row once, and what each seed said of it in columns that end
in ``_<seed>``. `expand_records` turns such a file back into one record folder per seed.

How many rows a split has is known from the fingerprint in ``# data``; where that does not say so,
it stands with the seed. So a file that was cut off is told from a whole one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from affectrep.data.whole_file import whole_file
from affectrep.evaluation.record_origin import remember_origin
from affectrep.evaluation.records import (
    FINDINGS,
    read_json,
    write_record,
)
from affectrep.evaluation.stored_yaml import read_configuration

__all__ = ["expand_records", "is_record", "keep_record", "merge_records", "unpack_records"]

_FIRST = b"# config "
_KINDS = ("config", "data", "seed")
_OF_A_SEED = ("order", "environment", "reads", "findings", "splits", "columns")
_OWN = ("predicted", "margin")  # columns of one seed begin so
# may differ from seed to seed; each keeps its own
_OF_A_MACHINE = (
    "training.precision",
    "training.threads",
    "training.checkpoint_minutes",
    "data.workers",
)


@dataclass
class _RecordFile:
    """What stands in a file: shared values, those of each seed, and the rows of each split."""

    config: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    seeds: dict[int, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def keep_record(run: Path, split: str, table: pd.DataFrame, folder: Path) -> Path:
    """Add the record of a run's split to its file below ``folder``; return the file.

    Args:
        run: folder ``<name>[.<setting>]-<seed>`` of the run.
        split: train, validation or test.
        table: its predictions.
        folder: of all records.

    Raises:
        ValueError: if the file holds another configuration or other rows, or is damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        return merge_records([write_record(run, split, table, Path(place))], folder)


def merge_records(records: Sequence[Path], folder: Path) -> Path:
    """Put record folders of one configuration and setting into their file; return it.

    What the file already holds of another seed or split stays.

    Raises:
        ValueError: if a record is of another configuration, its rows are others, or the file that
            is there is damaged.
    """
    stem = records[0].name.rpartition("-")[0]
    path = folder / f"{stem}.csv"
    found = _read(path) if path.is_file() else _RecordFile()
    for record in records:
        _add(found, record)
    folder.mkdir(parents=True, exist_ok=True)
    _write(found, path)
    return path


def unpack_records(file: Path, folder: Path) -> list[Path]:
    """Write a record folder for each seed of a file; return them in the order of the seeds.

    Raises:
        ValueError: if the file is no record file, or damaged.
    """
    found = _read(file)
    written = []
    for seed, own in sorted(found.seeds.items()):
        record = folder / f"{file.stem}-{seed}"
        (record / "predictions").mkdir(parents=True, exist_ok=True)
        values = {**own.get("config", found.config), "seed": seed}
        config = {key: values[key] for key in own["order"]}
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        (record / "config.yaml").write_text(text, encoding="utf-8")
        (record / "environment.json").write_text(json.dumps(own["environment"], indent=1) + "\n")
        data = own.get("data", found.data)
        if data:
            (record / "data.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        if own["reads"]:
            lines = "".join(json.dumps(line) + "\n" for line in own["reads"])
            (record / "reads.jsonl").write_text(lines, encoding="utf-8")
        for name, content in own["findings"].items():
            (record / "findings").mkdir(exist_ok=True)
            (record / "findings" / f"{name}.csv").write_text(content, encoding="utf-8")
        for split, attrs in own["splits"].items():
            table = _of_seed(found.tables[split], seed)[own["columns"][split]]
            with (record / "predictions" / f"{split}.csv").open("w", encoding="utf-8") as stream:
                stream.write(f"# {json.dumps(attrs)}\n")
                table.to_csv(stream, index=False, lineterminator="\n")
        written.append(record)
    return written


def expand_records(paths: Sequence[Path]) -> list[Path]:
    """Return the paths with each record file replaced by the records of its seeds.

    These lie in a folder that goes with the process.

    Raises:
        ValueError: if a file is no record file, or damaged.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        records = _unpacked(path.resolve()) if path.is_file() else []
        for record in records:
            remember_origin(record, path)
        found += records or [path]
    return found


def is_record(file: Path) -> bool:
    """Whether a file is one of records, by its first bytes."""
    with file.open("rb") as stream:
        return stream.read(len(_FIRST)) == _FIRST


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="affectrep-records-")


@cache
def _unpacked(file: Path) -> list[Path]:
    # two recipes may hold files of one name, and sides are told apart by their folder
    place = tempfile.mkdtemp(dir=_scratch().name)
    return unpack_records(file, Path(place))


def _add(found: _RecordFile, record: Path) -> None:
    config = read_configuration(record / "config.yaml")
    order, seed = list(config), int(config.pop("seed"))
    data = read_json(record / "data.json")
    found.config, found.data = found.config or config, found.data or data
    # a key that one of them does not have came with another version of the schema
    known, here = _flat(found.config), _flat(config)
    changed = [key for key in known if key in here and known[key] != here[key]]
    changed = [key for key in changed if key not in _OF_A_MACHINE]
    if changed:
        raise ValueError(
            f"{record.name}: the records of {config['name']} have other values of "
            f"{', '.join(changed)}"
        )
    own = found.seeds.setdefault(seed, {"splits": {}, "columns": {}})
    lines = (record / "reads.jsonl").read_text() if (record / "reads.jsonl").is_file() else ""
    own |= {
        "order": order,
        "environment": read_json(record / "environment.json"),
        "reads": [json.loads(line) for line in lines.splitlines()],
        "findings": {
            name: path.read_text(encoding="utf-8")
            for name in FINDINGS
            if (path := record / "findings" / f"{name}.csv").is_file()
        },
    }
    for kind, values in (("config", config), ("data", data)):
        own.pop(kind, None)
        if values != getattr(found, kind):
            own[kind] = values
    counts = own.pop("rows", {})
    for path in sorted((record / "predictions").glob("*.csv")):
        with path.open(encoding="utf-8") as stream:
            own["splits"][path.stem] = json.loads(stream.readline()[2:])
            table = pd.read_csv(stream, dtype=str, keep_default_na=False)
        own["columns"][path.stem] = list(table)
        found.tables[path.stem] = _joined(found.tables.get(path.stem), table, seed, record.name)
        counts[path.stem] = len(table)
    counts = {k: n for k, n in counts.items() if n != _fingerprint_rows(found, own, k)}
    own |= {"rows": counts} if counts else {}


def _fingerprint_rows(found: _RecordFile, own: dict[str, Any], split: str) -> int | None:
    """Return how many rows a split had in training; None where the fingerprint does not say."""
    data = own.get("data", found.data)
    rows = (data.get("fingerprint") or data).get(split, {}).get("rows")
    return None if rows is None else int(rows)


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict) or not values:
        return {prefix: values}
    return {
        key: value
        for name, inner in values.items()
        for key, value in _flat(inner, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _joined(known: pd.DataFrame | None, table: pd.DataFrame, seed: int, name: str) -> pd.DataFrame:
    """Return the rows with the columns of one more seed, in the order they had."""
    own = [column for column in table if str(column).startswith(_OWN)]
    named = table.rename(columns={column: f"{column}_{seed}" for column in own})
    if known is None:
        return named
    shared = [column for column in table if column not in own]
    if sorted(known["id"]) != sorted(table["id"]):
        raise ValueError(f"{name}: other rows than those of the seeds before")
    named = named.set_index("id").loc[known["id"]].reset_index()
    same = all(column in known and (known[column] == named[column]).all() for column in shared)
    if not same:
        raise ValueError(f"{name}: its labels or speakers are not those of the seeds before")
    rest = known.drop(columns=[column for column in named if column not in shared], errors="ignore")
    return rest.join(named.drop(columns=shared))


def _of_seed(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    end = f"_{seed}"
    shared = [column for column in table if not str(column).startswith(_OWN)]
    own = {column: column.removesuffix(end) for column in table if _is_of(str(column), end)}
    return table[[*shared, *own]].rename(columns=own)


def _is_of(column: str, end: str) -> bool:
    return column.startswith(_OWN) and column.endswith(end)


def _write(found: _RecordFile, path: Path) -> None:
    tables = [table.assign(split=split) for split, table in found.tables.items()]
    rows = pd.concat(tables, ignore_index=True).fillna("")
    own = [column for column in rows if str(column).startswith(_OWN)]
    own.sort(key=lambda name: int(name.rpartition("_")[2]))
    shared = [column for column in rows if column not in own and column != "split"]
    with (
        whole_file(path) as partial,
        partial.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.write(f"# config {json.dumps(found.config, ensure_ascii=False)}\n")
        stream.write(f"# data {json.dumps(found.data, ensure_ascii=False)}\n")
        for seed, values in sorted(found.seeds.items()):
            stream.write(f"# seed {seed} {json.dumps(values, ensure_ascii=False)}\n")
        rows[["split", *shared, *own]].to_csv(stream, index=False, lineterminator="\n")


def _read(path: Path) -> _RecordFile:
    """Return what stands in a file; one that was cut off or altered is refused by name."""
    if not is_record(path):
        raise ValueError(f"{path} is no record file: give one that affectrep evaluate wrote")
    try:
        found = _parsed(path)
        _require_whole(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}; restore it") from None
    return found


def _parsed(path: Path) -> _RecordFile:
    found, number = _RecordFile(), 1
    with path.open(encoding="utf-8") as stream:
        line = stream.readline()
        while line.startswith("# "):
            _parse_header(found, line, number)
            line, number = stream.readline(), number + 1
        if not found.seeds or not found.config or not line.startswith("split,id,"):
            raise ValueError(f"line {number} is neither a seed nor the header of the rows")
        names = line.strip().split(",")
        rows = pd.read_csv(stream, names=names, header=None, dtype=str, keep_default_na=False)
    if not path.read_bytes().endswith(b"\n"):
        raise ValueError("its last line is cut off")
    for split, table in rows.groupby("split", sort=False):
        found.tables[str(split)] = table.drop(columns="split").reset_index(drop=True)
    return found


def _parse_header(found: _RecordFile, line: str, number: int) -> None:
    kind, _, rest = line[2:].partition(" ")
    try:
        if kind == "seed":
            seed, _, rest = rest.partition(" ")
            found.seeds[int(seed)] = json.loads(rest)
        elif kind in _KINDS:
            setattr(found, kind, json.loads(rest))
    except ValueError:
        raise ValueError(f"line {number} ({kind}) is cut off or no JSON") from None


def _require_whole(found: _RecordFile) -> None:
    """Pass where everything is there that the seeds say of themselves."""
    for seed, own in found.seeds.items():
        missing = [key for key in _OF_A_SEED if key not in own]
        if missing:
            raise ValueError(f"seed {seed} lacks {', '.join(missing)}")
        config = {**own.get("config", found.config), "seed": seed}
        missing = [key for key in own["order"] if key not in config]
        if missing:
            raise ValueError(f"the configuration lacks {', '.join(missing)}")
        for split in own["splits"]:
            table = found.tables.get(split, pd.DataFrame())
            rows = own.get("rows", {}).get(split, _fingerprint_rows(found, own, split))
            if table.empty or len(table) != (len(table) if rows is None else rows):
                of = "" if rows is None else f" of {rows:,}"
                raise ValueError(f"it holds {len(table):,}{of} rows of {split}")
            there = _of_seed(table, seed)
            missing = [name for name in own["columns"][split] if name not in there]
            if missing:
                raise ValueError(f"the {split} rows of seed {seed} lack {', '.join(missing)}")
