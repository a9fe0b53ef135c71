"""The matrix of docs/matrix.md: each objective against the task loss alone, on each corpus.

    python -m tests.benchmarks.objective_matrix
    python -m tests.benchmarks.objective_matrix --page docs/matrix.md

Reads the records of the recipes: no model, no corpus, no new reading. Holm's correction is
over the objectives of a corpus. With --page the table between the page's markers is written anew.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affectrep.commands import compare
from affectrep.evaluation.comparison import Difference
from affectrep.reporting.figures import number, p_value, title

__all__ = ["CORPORA", "OBJECTIVES", "Corpus", "matrix", "measured", "with_matrix"]

BEGIN, END = "<!-- matrix:begin -->", "<!-- matrix:end -->"
OBJECTIVES = (
    "Task loss only",
    "Supervised contrast",
    "Adversarial metric learning",
    "CAF's critic",
    "Gradient reversal",
    "Triplets, adaptive margin",
)


@dataclass(frozen=True, eq=False)
class Corpus:
    """A column.

    Args:
        heading: of it.
        recipe: folder of the records.
        metric: that its cells show.
        cells: objective -> configuration.
        missing: objective -> why it does not apply.
    """

    heading: str
    recipe: str
    metric: str
    cells: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)

    def records(self, objective: str, root: Path) -> list[Path]:
        """Return the record files of a configuration, one a target where there are targets."""
        name = self.cells.get(objective)
        folder = root / "recipes" / self.recipe / "records"
        if name is None:
            return []
        return sorted([*folder.glob(f"{name}.csv"), *folder.glob(f"{name}.??.csv")])


CORPORA = (
    Corpus(
        "GoEmotions",
        "fec_text",
        "weighted_f1",
        {
            "Task loss only": "goemotions_ce",
            "Supervised contrast": "goemotions_supcon",
            "Adversarial metric learning": "goemotions_aml",
            "CAF's critic": "goemotions_caf",
            "Triplets, adaptive margin": "goemotions_triplet",
        },
        {"Gradient reversal": "not applicable: no author is known"},
    ),
    Corpus(
        "Five languages, one unseen",
        "ser_crosslingual",
        "uar",
        {
            "Task loss only": "functionals_baseline2",
            "Supervised contrast": "functionals_without_speaker",
            "Adversarial metric learning": "functionals_aml",
            "CAF's critic": "functionals_caf",
            "Gradient reversal": "functionals_without_supcon",
            "Triplets, adaptive margin": "functionals_triplet",
        },
    ),
    Corpus(
        "FER+",
        "fer_av",
        "ccc",
        {
            "Task loss only": "ferplus_plain",
            "Supervised contrast": "ferplus_supcon",
            "Adversarial metric learning": "ferplus_aml",
            "CAF's critic": "ferplus_caf",
            "Triplets, adaptive margin": "ferplus_triplet",
        },
        {"Gradient reversal": "not applicable: no identity is known"},
    ),
)


def measured(corpus: Corpus, root: Path) -> dict[str, Difference]:
    """Return each objective's lead over the task loss, of those that have records."""
    first, *others = OBJECTIVES
    own = corpus.records(first, root)
    there = {name: corpus.records(name, root) for name in others}
    there = {name: files for name, files in there.items() if files}
    if not own or not there:
        return {}
    with contextlib.redirect_stdout(io.StringIO()):
        found = compare.run(own, list(there.values()), metric=corpus.metric)
    by_config = {
        name.split("-")[0].split(" ")[0]: one[corpus.metric] for name, one in found.items()
    }
    return {name: by_config[corpus.cells[name]] for name in there}


def matrix(columns: Mapping[Corpus, Mapping[str, Difference]]) -> str:
    """Return the table: a line an objective, a column a corpus.

    The difference of :func:`measured` is the task's lead, side A; a cell shows the objective's.
    """
    header = [f"{corpus.heading}, {title(corpus.metric)}" for corpus in columns]
    lines = [["Objective", *header], ["---"] * (len(header) + 1)]
    for objective in OBJECTIVES:
        cells = [_cell(objective, corpus, found) for corpus, found in columns.items()]
        lines.append([objective, *cells])
    return "\n".join(
        "|" + "|".join(line) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |"
        for line in lines
    )


def _cell(objective: str, corpus: Corpus, found: Mapping[str, Difference]) -> str:
    metric = corpus.metric
    if objective == OBJECTIVES[0]:
        values = {number(metric, one.a) for one in found.values()}
        return " to ".join(sorted(values)) if values else "not run"
    if objective in corpus.missing:
        return corpus.missing[objective]
    one = found.get(objective)
    if one is None:
        return "not run"
    p = one.p if one.holm is None else one.holm
    ends = [number(metric, -end, sign=True) for end in (one.high, one.low)]
    effect = number(metric, -one.effect, sign=True)
    seeds = "1 seed" if one.seeds == 1 else f"{one.seeds} seeds"
    word = "**" if one.told_apart else ""
    return f"{word}{effect}{word} [{', '.join(ends)}], p {p_value(p)}, {seeds}"


def with_matrix(text: str, table: str) -> str:
    """Return a page with the table between its markers.

    Raises:
        ValueError: if a marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs both {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the matrix, or write it into a page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path(), help="of the repository")
    parser.add_argument("--page", type=Path, help="whose table is written anew")
    options = parser.parse_args(arguments)
    table = matrix({corpus: measured(corpus, options.root) for corpus in CORPORA})
    if options.page is None:
        print(table)
        return
    options.page.write_text(with_matrix(options.page.read_text("utf-8"), table), "utf-8")


if __name__ == "__main__":
    main()
