"""The matrix of docs/matrix.md: each objective against the task loss alone, on each corpus.

    python -m tests.benchmarks.objective_matrix
    python -m tests.benchmarks.objective_matrix --page docs/matrix.md README.md

Reads the records and results of the recipes: no model, no corpus, no new reading. Holm's correction
is over the objectives of a corpus. With --page the table between the markers of each page is
written anew.
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
from affectrep.evaluation.interquartile import interquartile_interval
from affectrep.evaluation.results import read_results
from affectrep.reporting.figures import number, p_value, title
from tests.benchmarks.marked_page import with_table

__all__ = [
    "CORPORA",
    "OBJECTIVES",
    "Corpus",
    "gains",
    "matrix",
    "measured",
    "whole_matrix",
]

Gains = Mapping[str, Sequence[float]]  # objective -> its gain over the task loss, seed by seed

NAME = "matrix"
BELOW = (
    "The last column is the interquartile mean (the middle half) of an objective's gains over the "
    "task loss on all corpora\nthat it applies to and all seeds, in points, CCC times 100; its "
    "95 % interval draws seeds anew inside each corpus. A\ncorpus with more seeds weighs more, the "
    "ends that are left out may be a whole corpus, and other corpora are not spoken of."
)
_POINTS = "uar"  # all gains are shown times 100
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
        condition: of its figures in results.csv.
    """

    heading: str
    recipe: str
    metric: str
    cells: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)
    condition: str = ""

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
        condition="strict mean",
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


def gains(corpus: Corpus, root: Path) -> dict[str, list[float]]:
    """Return each objective's gain over the task loss, a figure for each seed that both have."""
    table = read_results(root / "recipes" / corpus.recipe / "results.csv")
    rows = table[(table["metric"] == corpus.metric) & (table["split"] == "test")]
    rows = rows[rows["condition"] == corpus.condition]
    values = {
        objective: rows[rows["config"] == name].set_index("seed")["value"].astype(float)
        for objective, name in corpus.cells.items()
    }
    task = values.pop(OBJECTIVES[0])
    return {objective: (own - task).dropna().tolist() for objective, own in values.items()}


def whole_matrix(root: Path) -> str:
    """Return the table of all corpora with its last column and the words below it."""
    columns = {corpus: measured(corpus, root) for corpus in CORPORA}
    table = matrix(columns, {corpus: gains(corpus, root) for corpus in CORPORA})
    return f"{table}\n\n{BELOW}"


def matrix(
    columns: Mapping[Corpus, Mapping[str, Difference]],
    gained: Mapping[Corpus, Gains] | None = None,
) -> str:
    """Return the table: a line an objective, a column a corpus, and one over corpora and seeds.

    The difference of :func:`measured` is the task's lead, side A; a cell shows the objective's.

    Args:
        columns: what was measured on each corpus.
        gained: of :func:`gains`; None leaves the last column out.
    """
    header = [f"{corpus.heading}, {title(corpus.metric)}" for corpus in columns]
    header += ["All that apply, IQM"] * (gained is not None)
    lines = [["Objective", *header], ["---"] * (len(header) + 1)]
    for objective in OBJECTIVES:
        cells = [_cell(objective, corpus, found) for corpus, found in columns.items()]
        cells += [] if gained is None else [_over_corpora(objective, gained)]
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


def _over_corpora(objective: str, gained: Mapping[Corpus, Gains]) -> str:
    """Return the interquartile mean over corpora and seeds, where no cell is missing."""
    if objective == OBJECTIVES[0]:
        return ""
    tasks = [one.get(objective, []) for corpus, one in gained.items() if objective in corpus.cells]
    if len(tasks) < 2:
        return "one corpus"
    if min(map(len, tasks)) < 2:
        return "not all run"
    found = interquartile_interval(tasks)
    value, *ends = (number(_POINTS, one, sign=True) for one in (found.value, found.low, found.high))
    return f"{value} [{', '.join(ends)}], {sum(map(len, tasks))} runs"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the matrix, or write it into a page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path(), help="of the repository")
    parser.add_argument(
        "--page", type=Path, nargs="+", default=[], help="pages whose table is written anew"
    )
    options = parser.parse_args(arguments)
    table = whole_matrix(options.root)
    if not options.page:
        print(table)
    texts = {page: with_table(page.read_text("utf-8"), table, NAME) for page in options.page}
    for page, text in texts.items():
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
