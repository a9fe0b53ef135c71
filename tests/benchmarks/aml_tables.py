"""The paired tables of AML in recipes/fec_text/README.md, from the records of both corpora.

    python -m tests.benchmarks.aml_tables
    python -m tests.benchmarks.aml_tables --page recipes/fec_text/README.md

AML minus each other system, over rows and the seeds that both have. No model, no corpus, no new
reading. Holm's correction is over the systems of a corpus, each metric by itself.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from affectrep.commands import compare
from affectrep.evaluation.comparison import Difference
from affectrep.reporting.figures import number, p_value, title
from tests.benchmarks.marked_page import print_or_write

__all__ = ["CORPORA", "METRICS", "differences", "main", "table", "tables"]

NAME = "aml"
CORPORA = {"empathetic": "EmpatheticDialogues", "goemotions": "GoEmotions"}
SYSTEMS = {"ce": "cross-entropy", "supcon": "SupCon", "lcl": "LCL", "aml_pointwise": "pointwise"}
METRICS = (
    "weighted_f1",
    "accuracy",
    "macro_f1",
    "family_f1",
    "errors_inside",
    "worst_family_accuracy",
)
_RECIPE = "recipes/fec_text"
_FIRST = METRICS[0]


def differences(root: Path, corpus: str) -> dict[str, dict[str, Difference]]:
    """Return AML's lead over each system that has records, by metric."""
    folder = root / _RECIPE / "records"
    others = {name: folder / f"{corpus}_{name}.csv" for name in SYSTEMS}
    there = {name: path for name, path in others.items() if path.is_file()}
    with contextlib.redirect_stdout(io.StringIO()):
        found = compare.run(
            [folder / f"{corpus}_aml.csv"],
            [[path] for path in there.values()],
            metric=_FIRST,
            families=root / _RECIPE / "families" / f"{corpus}.json",
        )
    return dict(zip(there, found.values(), strict=True))


def table(corpus: str, found: Mapping[str, Mapping[str, Difference]]) -> str:
    """Return the table of a corpus: a line a metric, a column a system."""
    heads = [f"{SYSTEMS[name]}, {one[_FIRST].seeds} paired seeds" for name, one in found.items()]
    heads = [head.replace(" 1 paired seeds", " 1 seed, rows only") for head in heads]
    lines = [[f"{CORPORA[corpus]}: AML minus", *heads], ["---"] * (1 + len(found))]
    for metric in METRICS:
        cells = [_cell(metric, one[metric]) for one in found.values() if metric in one]
        if len(cells) == len(found):
            lines.append([title(metric), *cells])
    lines.append(["Holm's p, " + title(_FIRST), *(_p(one[_FIRST]) for one in found.values())])
    return "\n".join(
        "|" + "|".join(line) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |"
        for line in lines
    )


def tables(root: Path) -> str:
    """Return the tables of all corpora."""
    return "\n\n".join(table(corpus, differences(root, corpus)) for corpus in CORPORA)


def _cell(metric: str, one: Difference) -> str:
    low, high = (number(metric, end, sign=True) for end in (one.low, one.high))
    detectable = number(metric, one.detectable)
    word = "**" if one.told_apart else ""
    effect = number(metric, one.effect, sign=True)
    return f"{word}{effect}{word} [{low}, {high}], detectable {detectable}"


def _p(one: Difference) -> str:
    return p_value(one.p if one.holm is None else one.holm)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into a page."""
    print_or_write(arguments, __doc__, NAME, tables)


if __name__ == "__main__":
    main()
