"""The texts that ``affectrep predict`` is given: words, files or a pipe."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectrep.commands.predict_inputs import (
    TABLES,
    decode,
    is_file,
    kind_of,
    lines_of,
    standard_input,
    suit,
)

if TYPE_CHECKING:
    from affectrep.inference.predictor import Predictor

__all__ = ["predict_texts", "read_texts", "threads"]

FEW = 64


def predict_texts(predictor: Predictor, inputs: list[str]) -> list[dict[str, Any]]:
    """Return a dictionary per text of all inputs.

    Raises:
        ValueError: if there is no text, or one cannot be used.
    """
    texts = [text for given in inputs for text in read_texts(given)]
    if not texts:
        raise ValueError("there is no text to predict: give texts, a file, or lines to -")
    with threads(1 if len(texts) <= FEW else None):
        return predictor.predict(texts)


def read_texts(given: str) -> list[str]:
    """Return the texts of one argument: a text, a file's texts, or lines of standard input.

    Raises:
        ValueError: if a file is missing or not UTF-8, lacks the column text, has an empty text, or
            is a sound file, a picture or a video.

    Example:
        >>> read_texts("so happy for you")
        ['so happy for you']
    """
    if given == "-":
        return standard_input()
    path = Path(given)
    is_table, there = path.suffix.lower() in TABLES, is_file(path)
    if kind_of(path) != "text" or (" " in given and not there):
        if not given.strip():
            raise ValueError("a text is empty: give at least one word")
        if there or " " not in given:  # "I saw it in clip.wav" is a text
            suit(given, "text")
        return [given]
    if not there:
        raise ValueError(f"{given} does not exist")
    content = decode(path.read_bytes(), given)
    return _column(content, given, TABLES[path.suffix.lower()]) if is_table else lines_of(content)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads; on a busy machine one is faster for a few texts."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
