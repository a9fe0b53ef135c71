"""``affectrep predict``: name the emotion of texts or of sound files, folders or a pipe of them."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["find_sounds", "read_texts", "run"]

TABLES = {".csv": ",", ".tsv": "\t"}
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
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
        model: shipped name, model folder, run folder or hub id; it decides what inputs mean.
        inputs: for a model of text, texts, files (.txt, .csv, .tsv), or "-" for lines from
            standard input; for one of speech, sound files, folders of them, or "-" for paths.
        top: classes shown per input in the table.
        output: file to write instead of printing: CSV, or JSON lines with ``as_json`` or a name
            in .json or .jsonl.
        as_json: one JSON object per input.

    Raises:
        ValueError: if a text, file or model cannot be used; nothing is written then. Sound files
            that cannot be read are named after the others have been written.
    """
    from affectrep.inference.predictor import Predictor

    with _threads(1):
        predictor = Predictor.load(model)
    if predictor.modality == "speech":
        _run_speech(predictor, inputs, partial(_show, top=top, output=output, as_json=as_json))
        return
    texts = [text for given in inputs for text in read_texts(given)]
    if not texts:
        raise ValueError("there is no text to predict: give texts, a file, or lines to -")
    with _threads(1 if len(texts) <= FEW else None):
        rows = predictor.predict(texts)
    _show(predictor, rows, top=top, output=output, as_json=as_json)


def _run_speech(
    predictor: Predictor, inputs: list[str], show: Callable[[Predictor, list[dict[str, Any]]], None]
) -> None:
    paths = list(dict.fromkeys(path for given in inputs for path in find_sounds(given)))
    if not paths:
        raise ValueError("there is no sound file to predict: give files, or folders of them")
    broken: dict[str, str] = {}
    rows = predictor.predict_clips(paths, broken=broken)
    if rows:
        show(predictor, rows)
    if broken:
        lines = "".join(f"\n- {reason}" for reason in broken.values())
        raise ValueError(f"{len(broken)} of {len(paths)} sound files cannot be read:{lines}")


def _show(
    predictor: Predictor,
    rows: list[dict[str, Any]],
    *,
    top: int,
    output: Path | None,
    as_json: bool,
) -> None:
    if output is not None:
        lines = as_json or output.suffix in {".json", ".jsonl"}
        _replace(output, _json_lines(rows) if lines else _csv(rows))
    elif as_json:
        sys.stdout.write(_json_lines(rows))
    else:
        _print_table(rows, top)
    _print_notes(predictor, len(rows), output)


def find_sounds(given: str) -> list[str]:
    """Return the sound files of one argument of a speech model.

    Args:
        given: a sound file, a folder (all sound files below it, in order; hidden ones are left
            out), or "-" for a path a line from standard input.

    Raises:
        ValueError: if there is no such file or folder, or it is a text or a folder without sound.
    """
    if given == "-":
        lines = _lines(_decode(sys.stdin.buffer.read(), "standard input"))
        return [path for line in lines for path in find_sounds(line.strip())]
    path = Path(given)
    if _is_file(path):
        if path.suffix.lower() in {*TABLES, ".txt"}:
            raise ValueError(f"{given} holds text, and this model hears speech: give sound files")
        return [given]
    if _is_folder(path):
        found = [str(file) for file in sorted(path.rglob("*")) if _is_sound(file, path)]
        if not found:
            raise ValueError(f"the folder {given} holds no sound file ({', '.join(SOUNDS)})")
        return found
    if path.suffix.lower() in SOUNDS:
        raise ValueError(f"{given} does not exist")
    shown = given if len(given) <= 60 else given[:57] + "..."
    raise ValueError(
        f"{shown!r} is no file or folder, and this model hears speech: give sound files or folders "
        "of them, or predict texts with a model of text"
    )


def _is_sound(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in file.relative_to(folder).parts)
    return file.suffix.lower() in SOUNDS and not hidden


def read_texts(given: str) -> list[str]:
    """Return the texts of one argument: a text, a file's texts, or lines of standard input.

    Raises:
        ValueError: if a file is missing or not UTF-8, lacks the column text, has an empty text, or
            is a sound file.

    Example:
        >>> read_texts("so happy for you")
        ['so happy for you']
    """
    if given == "-":
        return _lines(_decode(sys.stdin.buffer.read(), "standard input"))
    path = Path(given)
    is_table, is_file = path.suffix.lower() in TABLES, _is_file(path)
    if path.suffix.lower() in SOUNDS and (is_file or " " not in given):
        raise ValueError(
            f"{given} is a sound file, and this model reads text: use a model of speech for it"
        )
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


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
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
    unfinished = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        unfinished.write_text(content, encoding="utf-8", newline="")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _print_table(rows: list[dict[str, Any]], top: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    first = "text" if "text" in rows[0] else "path"
    table.add_column(first, overflow="fold", max_width=60)
    if "probabilities" in rows[0]:
        table.add_column("emotion", no_wrap=True)
        table.add_column("p", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
    else:
        table.add_column("valence", justify="right")
        table.add_column("arousal", justify="right")
    for row in rows:
        shown = Text(row[first])
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
        noun = "texts" if predictor.modality == "text" else "clips"
        print(f"{output}: {count} {noun}", file=stream)
    if predictor.model.task == "multilabel" and output is None:
        print(f"* from probability {predictor.threshold:g} on", file=stream)
    if predictor.model.meta.get("generated"):
        print(
            "Note: this model was trained on a generated corpus. It shows that the machinery "
            "works; it does not know real feelings.",
            file=stream,
        )
