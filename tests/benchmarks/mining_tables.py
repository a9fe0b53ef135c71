"""The tables under the mining figures in recipes/fec_text/README.md, from the records of AML.

    python -m tests.benchmarks.mining_tables
    python -m tests.benchmarks.mining_tables --page recipes/fec_text/README.md

The figures are drawn by `tests.benchmarks.mining_figure`. No model, no corpus, no new reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affectrep.evaluation.record_sets import expand_records
from affectrep.reporting.found_curve import MinedRun
from tests.benchmarks.aml_tables import CORPORA
from tests.benchmarks.marked_page import print_or_write
from tests.benchmarks.mining_figure import read, table

__all__ = ["main", "mined", "tables"]

NAME = "mining"
_RECIPE = "recipes/fec_text"


def mined(root: Path, corpus: str) -> list[MinedRun]:
    """Return the recorded runs of AML on a corpus, with their test predictions."""
    return read(expand_records([root / _RECIPE / "records" / f"{corpus}_aml.csv"]), "test")


def tables(root: Path) -> str:
    """Return the tables of all corpora."""
    parts = []
    for corpus, title in CORPORA.items():
        runs = mined(root, corpus)
        head = f"{title}, {len(runs)} seeds, the tenth of test errors with the largest margin:"
        parts += [head, table(runs)]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into a page."""
    print_or_write(arguments, __doc__, NAME, tables)


if __name__ == "__main__":
    main()
