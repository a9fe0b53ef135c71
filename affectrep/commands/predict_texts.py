"""The texts that ``affectrep predict`` is given: words, files or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectrep.commands.predict_inputs import (
    TABLES,
    decode,
    is_file,
    is_folder,
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
        rows = predictor.predict(texts)
    _say_cut(predictor, texts)
    return rows


def read_texts(given: str) -> list[str]:
    """Return the texts of one argument: a text, a file's texts, or lines of standard input.

    Raises:
        ValueError: if a file is missing or not UTF-8, lacks the column text, has an empty text or
            rows with another number of values, or is a sound file, a picture or a video; if the
            one word that is given names a folder, or a file of another ending.

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
        if " " not in given and (there or is_folder(path)):
            raise ValueError(
                f"{given} is a {'file' if there else 'folder'} without texts to read: give files "
                "in .txt, .csv or .tsv, or the text itself through standard input (-)"
            )
        return [given]
    if not there:
        raise ValueError(f"{given} does not exist")
    return _column(path) if is_table else lines_of(decode(path.read_bytes(), given))


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


def _column(path: Path) -> list[str]:
    """Return the column text of a table, which is read as `affectrep prepare` reads it."""
    # pandas: half a second that a text on the command line need not wait for
    from affectrep.data.sources import read_table

    table = read_table(path)
    if "text" not in table:
        found = ", ".join(name for name in table if name not in ("row", "source_file"))
        raise ValueError(f"{path} has no column text (it has {found}): name the column text")
    texts = [str(text) for text in table["text"]]
    for number, text in zip(table["row"], texts, strict=True):
        if not text.strip():
            raise ValueError(f"{path}, row {number}, has an empty text: remove the row")
    return texts


def _say_cut(predictor: Predictor, texts: list[str]) -> None:
    preprocess = predictor.model.encoder.preprocess
    cut = preprocess.count_truncated(texts)
    if cut:
        print(
            f"note: {cut:,} of {len(texts):,} texts {'is' if cut == 1 else 'are'} longer than the "
            f"{preprocess.max_tokens} tokens that the model reads: the end does not count",
            file=sys.stderr,
        )
