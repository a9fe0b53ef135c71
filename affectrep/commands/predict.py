"""``affectrep predict``: name the emotion of texts, from the command line, files or a pipe."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["read_texts", "run"]

TABLES = {".csv": ",", ".tsv": "\t"}
BAR = 20
FEW = 64


def run(
    model: str,
    inputs: list[str],
    *,
    top: int = 3,
    output: Path | None = None,
    as_json: bool = False,
) -> None:
    """Predict and print a table, or JSON lines, or write a file.

    Args:
        model: shipped name, model folder, run folder or hub id.
        inputs: texts, files (.txt, .csv, .tsv), or "-" for lines from standard input.
        top: classes shown per text in the table.
        output: file to write instead of printing: CSV, or JSON lines with ``as_json`` or a name
            in .json or .jsonl.
        as_json: one JSON object per text.

    Raises:
        ValueError: if a text, file or model cannot be used; nothing is written then.
    """
    texts = [text for given in inputs for text in read_texts(given)]
    if not texts:
        raise ValueError("there is no text to predict: give texts, a file, or lines to -")
    from affectrep.inference.predictor import Predictor

    with _threads(1 if len(texts) <= FEW else None):
        predictor = Predictor.load(model)
        rows = predictor.predict(texts)
    if output is not None:
        lines = as_json or output.suffix in {".json", ".jsonl"}
        _replace(output, _json_lines(rows) if lines else _csv(rows))
    elif as_json:
        sys.stdout.write(_json_lines(rows))
    else:
        _print_table(rows, top)
    _print_notes(predictor, len(rows), output)


def read_texts(given: str) -> list[str]:
    """Return the texts of one argument: a text, a file's texts, or lines of standard input.

    Raises:
        ValueError: if a file is missing or not UTF-8, lacks the column text, or has an empty text.

    Example:
        >>> read_texts("so happy for you")
        ['so happy for you']
    """
    if given == "-":
        return _lines(_decode(sys.stdin.buffer.read(), "standard input"))
    path = Path(given)
    is_table, is_file = path.suffix.lower() in TABLES, _is_file(path)
    if not (is_table or path.suffix.lower() == ".txt") or (" " in given and not is_file):
        if not given.strip():
            raise ValueError("a text is empty: give at least one word")
        return [given]
    if not is_file:
        raise ValueError(f"{given} does not exist")
    content = _decode(path.read_bytes(), given)
    return _column(content, given, TABLES[path.suffix.lower()]) if is_table else _lines(content)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads; on a busy machine one is faster for a few texts."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text that is too long for a file name
        return False


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{name}, line {line}, is not UTF-8: save the file as UTF-8") from error


def _lines(content: str) -> list[str]:
    return [line for line in content.splitlines() if line.strip()]


def _column(content: str, name: str, delimiter: str) -> list[str]:
    reader = csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter)
    if "text" not in (reader.fieldnames or []):
        found = ", ".join(reader.fieldnames or []) or "none"
        raise ValueError(f"{name} has no column text (it has {found}): name the column text")
    texts = [row["text"] or "" for row in reader]
    for number, text in enumerate(texts, start=2):
        if not text.strip():
            raise ValueError(f"{name}, row {number}, has an empty text: remove the row")
    return texts


def _json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(rows: list[dict[str, Any]]) -> str:
    flat = []
    for row in rows:
        plain = {key: value for key, value in row.items() if key != "probabilities"}
        if "labels" in plain:
            plain["labels"] = " ".join(plain["labels"])
        named = row.get("probabilities", {})
        flat.append(plain | {f"p_{name}": f"{value:.6f}" for name, value in named.items()})
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue()


def _replace(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        partial.write_text(content, encoding="utf-8", newline="")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _print_table(rows: list[dict[str, Any]], top: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("text", overflow="fold", max_width=60)
    if "probabilities" in rows[0]:
        table.add_column("emotion", no_wrap=True)
        table.add_column("p", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
    else:
        table.add_column("valence", justify="right")
        table.add_column("arousal", justify="right")
    for row in rows:
        shown = Text(row["text"])
        for cells in _cells(row, top):
            table.add_row(shown, *(Text(cell) for cell in cells))
            shown = Text("")
    Console(highlight=False).print(table)


def _cells(row: dict[str, Any], top: int) -> list[list[str]]:
    if "probabilities" not in row:
        return [[f"{row['valence']:+.2f}", f"{row['arousal']:+.2f}"]]
    ranked = sorted(row["probabilities"].items(), key=lambda item: -item[1])[:top]
    chosen = row.get("labels", [])
    return [
        [name + (" *" if name in chosen else ""), f"{value:.2f}", "█" * round(value * BAR)]
        for name, value in ranked
    ]


def _print_notes(
    predictor: Predictor, count: int, output: Path | None, stream: TextIO | None = None
) -> None:
    stream = stream or sys.stderr
    if output is not None:
        print(f"{output}: {count} texts", file=stream)
    if predictor.model.task == "multilabel" and output is None:
        print(f"* from probability {predictor.threshold:g} on", file=stream)
    if predictor.model.meta.get("generated"):
        print(
            "Note: this model was trained on a generated corpus. It shows that the machinery "
            "works; it does not know real feelings.",
            file=stream,
        )
