"""How often the intervals of calibration hold the true value: ``docs/evaluation.md`` has a table.

Run it with ``python -m tests.benchmarks.calibration_coverage``; it takes some minutes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from affectrep.evaluation.calibration import calibration_metrics
from affectrep.evaluation.calibration_card import calibration_card
from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.predictions import predictions_table

STUDIES = 300
CLASSES = ["a", "b", "c", "d"]
# rows, by how much the logits are too large, people (0: none)
CASES = (
    (600, 1.0, 0),
    (600, 1.5, 0),
    (3000, 1.5, 0),
    (600, 2.5, 0),
    (1200, 1.0, 12),
    (1200, 1.5, 12),
    (1200, 1.0, 40),
    (1200, 1.5, 40),
)


def study(
    rng: np.random.Generator, rows: int, sureness: float, people: int, *, sd: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits, labels and the person of each row."""
    logits = rng.normal(0, 1.5, (rows, len(CLASSES)))
    who = np.arange(rows) % max(1, people)
    shift = rng.normal(0, sd, (max(1, people), len(CLASSES)))[who] if people else 0.0
    heaped = np.cumsum(softmax(logits / sureness + shift), axis=1)[:, :-1]
    return logits, (heaped < rng.random((rows, 1))).sum(1), who


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def table_of(logits: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    found = Predictions([str(i) for i in range(len(labels))], labels, logits)
    return predictions_table(found, "classification", CLASSES)


def coverage(rows: int, sureness: float, people: int, studies: int = STUDIES) -> dict[str, float]:
    """Return per figure the share of intervals that hold what 400,000 rows have."""
    many = 20_000 * bool(people)
    logits, labels, _ = study(np.random.default_rng(9), 400_000, sureness, many)
    truth = calibration_metrics(softmax(logits), labels)
    rng, hits = np.random.default_rng(1), dict.fromkeys(truth, 0)
    for _ in range(studies):
        logits, labels, who = study(rng, rows, sureness, people)
        card = calibration_card(
            table_of(logits, labels), clusters=who if people else None, draws=100
        )
        for name, one in card["metrics"].items():
            hits[name] += one["low"] <= truth[name] <= one["high"]
    return {name: count / studies for name, count in hits.items()}


def main() -> None:
    """Print a line a case."""
    for case in CASES:
        shares = ", ".join(f"{name} {100 * share:.1f}" for name, share in coverage(*case).items())
        print(*case, shares, flush=True)


if __name__ == "__main__":
    main()
