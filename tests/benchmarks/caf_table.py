"""The table of critics, margins and groupings in recipes/fer_av/README.md, from the records.

    python -m tests.benchmarks.caf_table
    python -m tests.benchmarks.caf_table --page recipes/fer_av/README.md

CCC of each system, and what it has over plain regression, over rows and the seeds that both have.
No model, no corpus, no new reading. Holm's correction is over the systems that were run.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from affectrep.commands import compare
from affectrep.evaluation.comparison import Difference
from affectrep.evaluation.results import read_results
from affectrep.reporting.figures import number, p_value
from tests.benchmarks.marked_page import print_or_write

__all__ = [
    "PLAIN",
    "SYSTEMS",
    "differences",
    "lead",
    "leads",
    "main",
    "mean_and_sd",
    "seed_values",
    "table",
]

NAME = "caf"
PLAIN = "ferplus_plain"
SYSTEMS = {  # configuration -> critic, margin, grouping
    "ferplus_caf": ("CAF", "adaptive", "Otsu"),
    "ferplus_fisher": ("Fisher", "none", "Otsu"),
    "ferplus_sphere": ("Sphere", "none", "Otsu"),
    "ferplus_gram": ("Gram", "none", "Otsu"),
    "ferplus_caf_constant": ("CAF", "constant .2", "Otsu"),
    "ferplus_caf_linear": ("CAF", "linear", "Otsu"),
    "ferplus_caf_mi": ("CAF", "MI only", "Otsu"),
    "ferplus_caf_delta": ("CAF", "Δ only", "Otsu"),
    "ferplus_caf_kmeans2": ("CAF", "adaptive", "k-means, 2"),
    "ferplus_caf_kmeans3": ("CAF", "adaptive", "k-means, 3"),
    "ferplus_caf_kmeans5": ("CAF", "adaptive", "k-means, 5"),
    "ferplus_caf_half": ("CAF, negative term 1/2", "adaptive", "Otsu"),
    "ferplus_caf_literal": ("CAF as printed", "as printed", "as printed"),
    "ferplus_caf_code": ("CAF, released code", "the code's", "the code's"),
}
_RECIPE = "recipes/fer_av"
_METRIC = "ccc"
_HEADER = (
    "Configuration",
    "Critic",
    "Margin",
    "Grouping",
    "Seeds",
    "CCC",
    "minus plain",
    "Holm's p",
)


def differences(root: Path) -> dict[str, Difference]:
    """Return what each system that was run has over plain regression."""
    return leads(root, PLAIN, list(SYSTEMS))


def leads(root: Path, first: str, others: Sequence[str]) -> dict[str, Difference]:
    """Return the lead of one system over each of the others that was run; empty if it was not."""
    folder = root / _RECIPE / "records"
    there = [name for name in others if (folder / f"{name}.csv").is_file()]
    found: dict[str, Difference] = {}
    if not there or not (folder / f"{first}.csv").is_file():
        return found
    sides = [[folder / f"{name}.csv"] for name in there]
    with contextlib.redirect_stdout(io.StringIO()):
        measured = compare.run([folder / f"{first}.csv"], sides, metric=_METRIC)
    for name, one in zip(there, measured.values(), strict=True):
        found[name] = one[_METRIC]
    return found


def table(root: Path, found: Mapping[str, Difference]) -> str:
    """Return a line a system, also of those that were not run.

    A difference of :func:`differences` is plain regression's lead; a cell shows the system's.
    """
    values = seed_values(root)
    lines = [list(_HEADER), ["---"] * len(_HEADER)]
    lines.append([f"`{PLAIN}`", "none", "", "", *mean_and_sd(values.get(PLAIN, [])), "", ""])
    for name, choices in SYSTEMS.items():
        over = lead(found[name]) if name in found else ["not run", ""]
        lines.append([f"`{name}`", *choices, *mean_and_sd(values.get(name, [])), *over])
    return "\n".join(
        "|" + "|".join(line) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |"
        for line in lines
    )


def seed_values(root: Path) -> dict[str, list[float]]:
    """Return the CCC on the test split of every seed of every system."""
    results = read_results(root / _RECIPE / "results.csv")
    rows = results[(results["metric"] == _METRIC) & (results["split"] == "test")]
    rows = rows[rows["condition"] == ""]
    return {str(name): list(own["value"].astype(float)) for name, own in rows.groupby("config")}


def mean_and_sd(values: Sequence[float]) -> list[str]:
    """Return number of seeds, and mean and standard deviation over them."""
    if not values:
        return ["0", "not run"]
    mean = sum(values) / len(values)
    if len(values) == 1:
        return ["1", number(_METRIC, mean)]
    spread = (sum((one - mean) ** 2 for one in values) / (len(values) - 1)) ** 0.5
    return [str(len(values)), f"{number(_METRIC, mean)} ± {number(_METRIC, spread)}"]


def lead(one: Difference) -> list[str]:
    """Return what the second system has over the first, with its interval, and the p."""
    low, high = (number(_METRIC, -end, sign=True) for end in (one.high, one.low))
    seeds = "1 seed, rows only" if one.seeds == 1 else f"{one.seeds} seeds"
    p = one.p if one.holm is None else one.holm
    word = "**" if one.told_apart else ""
    effect = number(_METRIC, -one.effect, sign=True)
    return [f"{word}{effect}{word} [{low}, {high}], {seeds}", p_value(p)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or write it into a page."""
    print_or_write(arguments, __doc__, NAME, lambda root: table(root, differences(root)))


if __name__ == "__main__":
    main()
