"""The options of ``affectrep prepare`` about near-duplicates; light, as ``--help`` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ModelOption", "NearSearch", "PairsOption", "SimilarityOption"]

_SIMILARITY = 0.98

ModelOption = Annotated[
    str | None,
    typer.Option(
        metavar="RUN_OR_MODEL",
        help="embed all rows with this finished model and list pairs of different splits that "
        "look alike; of texts also bundled:minilm",
    ),
]
SimilarityOption = Annotated[
    float, typer.Option(help="with --near-duplicates: cosine from which a pair is listed")
]
PairsOption = Annotated[
    Path | None, typer.Option(help="with --near-duplicates: write the pairs into this CSV file")
]


@dataclass(frozen=True)
class NearSearch:
    """What to look for.

    Args:
        model: that embeds the rows; None looks for nothing.
        similarity: cosine from which a pair is listed.
        write_to: CSV file for the pairs.

    Raises:
        ValueError: if pairs are to be written, or a cosine is given, and nothing is looked for.
    """

    model: str | None = None
    similarity: float = _SIMILARITY
    write_to: Path | None = None

    def __post_init__(self) -> None:
        if self.model is None and self.write_to is not None:
            raise ValueError("--write-pairs needs a model: give --near-duplicates RUN_OR_MODEL")
        if self.model is None and self.similarity != _SIMILARITY:
            raise ValueError("--similarity needs a model: give --near-duplicates RUN_OR_MODEL")
