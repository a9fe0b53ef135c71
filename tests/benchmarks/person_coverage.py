"""How often the intervals of the between-person share hold the true value.

    python -m tests.benchmarks.person_coverage --studies 2000

Invented predictions: people with unequally many rows, whose errors are a person's own part and a
row's, both normal or both with the tails of t(5). A second system has the rows' parts anew and the
persons' parts smaller. Beside the intervals of ``affectrep.evaluation.persons`` the classical one
is counted, which inverts the F ratio (Thomas and Hultquist 1978) and takes errors for normal.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from affectrep.evaluation.person_components import (
    compare_persons,
    error_components,
    person_statistics,
)

LAYOUTS = {"6 x 40-60": (6, 40, 60), "12 x 5-60": (12, 5, 60), "20 x 40-60": (20, 40, 60)}
LAYOUTS |= {"100 x 3-30": (100, 3, 30)}
SHARES = (0.02, 0.1, 0.3)


def invented(
    rng: np.random.Generator, layout: tuple[int, int, int], share: float, heavy: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of two systems; the second has half the first one's share."""
    people, low, high = layout
    who = np.repeat(np.arange(people), rng.integers(low, high + 1, people))

    def draw(size: int) -> np.ndarray:
        return rng.standard_t(5, size) * 0.6**0.5 if heavy else rng.normal(size=size)

    own, tables = draw(people), []
    for one in (share, share / 2):
        table = pd.DataFrame({"id": np.arange(len(who)).astype(str), "subject": who.astype(str)})
        table["valence"] = table["arousal"] = table["predicted_arousal"] = 0.0
        error = own[who] * one**0.5 + draw(len(who)) * (1 - one) ** 0.5
        table["predicted_valence"] = error
        table.attrs = {"task": "regression", "classes": []}
        tables.append(table)
    return tables[0], tables[1]


def classical(table: pd.DataFrame) -> tuple[float, float]:
    """The interval that takes errors for normal."""
    groups = [part.to_numpy() for _, part in table["predicted_valence"].groupby(table["subject"])]
    freedom = len(groups) - 1, len(table) - len(groups)
    within = sum(((one - one.mean()) ** 2).sum() for one in groups) / freedom[1]
    harmonic = len(groups) / sum(1 / len(one) for one in groups)
    ratio = harmonic * np.var([one.mean() for one in groups], ddof=1) / within
    odds = [max(0.0, (ratio / stats.f.ppf(q, *freedom) - 1) / harmonic) for q in (0.975, 0.025)]
    return odds[0] / (1 + odds[0]), odds[1] / (1 + odds[1])


def coverage(
    layout: tuple[int, int, int], share: float, *, heavy: bool, studies: int, seed: int = 0
) -> dict[str, float]:
    """Return how often the jackknife, the classical interval and that of a difference cover."""
    rng, hits = np.random.default_rng(seed), np.zeros(3)
    for _ in range(studies):
        table, other = invented(rng, layout, share, heavy)
        one = error_components(person_statistics(table), "valence").interval
        assert one is not None
        low, high = classical(table)
        gap = compare_persons([table], [other])["person_share_valence"]
        hits += [one.low <= share <= one.high, low <= share <= high,
                 gap.low <= share / 2 <= gap.high]  # fmt: skip
    return dict(zip(("jackknife", "classical", "difference"), hits / studies, strict=True))


def main(words: Sequence[str] | None = None) -> None:
    """Print a line for each layout, law and share."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--layout", choices=list(LAYOUTS), action="append")
    asked = parser.parse_args(words)
    for name in asked.layout or LAYOUTS:
        for heavy in (False, True):
            for share in SHARES:
                found = coverage(LAYOUTS[name], share, heavy=heavy, studies=asked.studies)
                told = ", ".join(f"{key} {100 * value:.1f}" for key, value in found.items())
                print(f"{name}, {'t(5)' if heavy else 'normal'}, share {share}: {told}", flush=True)


if __name__ == "__main__":
    main()
