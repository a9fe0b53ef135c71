"""Emotion against leakage over alpha x beta x lambda: the trade-off that the paper leaves open.

    affectrep sweep configs/ser_crosslingual/functionals_proposed.yaml name=front recipe=null \
      data.root=<folder> --set objective.contrast.weight=0.3,1,3 \
      --set objective.domains.speaker.weight=0,0.1,0.3,1,3 \
      --set objective.contrast.domain_weight=1,2.5,5 --seeds 2 --split validation --output <runs>
    for run in <runs>/front*; do affectrep evaluate $run --split validation --leakage; done
    python -m tests.benchmarks.speech_frontier <runs>/front*

Prints a line per setting, the mean over seeds: UAR of held-out source speakers, what fresh
attackers read of speaker and language, the equal error rate; settings that no other beats in both
UAR and the speaker attacker are on the frontier.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from affectrep.evaluation.stored_run import StoredRun

__all__ = ["frontier", "settings_of"]

KEYS = ("alpha", "beta", "lambda")
LEAKS = ("speaker_linear", "speaker_mlp", "language_linear", "eer_unseen")


def settings_of(runs: Sequence[Path], *, split: str = "validation") -> list[dict[str, Any]]:
    """Return alpha, beta, lambda and the mean figures over the seeds of each setting.

    Raises:
        ValueError: if a run was not evaluated with ``--leakage``.
    """
    groups: dict[tuple[float, float, float], list[dict[str, float]]] = defaultdict(list)
    for path in runs:
        run = StoredRun(path)
        card, objective = run.scorecard(split), run.config["objective"]
        if "leakage" not in card:
            raise ValueError(f"{path}: evaluate it with --split {split} --leakage first")
        contrast = objective["contrast"] or {"weight": 0.0, "domain_weight": 1.0}
        beta = objective["domains"].get("speaker", {"weight": 0.0})["weight"]
        key = (float(contrast["weight"]), float(beta), float(contrast["domain_weight"]))
        leaks = card["leakage"]["metrics"]
        figures = {"uar": card["metrics"]["uar"]["value"]}
        figures |= {name: leaks[name]["value"] for name in LEAKS if name in leaks}
        groups[key].append(figures)
    found = []
    for key, seeds in sorted(groups.items()):
        means = {name: fmean(one[name] for one in seeds) for name in seeds[0]}
        found.append({**dict(zip(KEYS, key, strict=True)), "seeds": len(seeds), **means})
    return found


def frontier(
    settings: Sequence[dict[str, Any]], *, gain: str = "uar", leak: str = "speaker_mlp"
) -> list[bool]:
    """Return for each setting whether no other has more gain and no more leak, or less leak.

    Example:
        >>> points = [{"uar": .6, "speaker_mlp": .5}, {"uar": .5, "speaker_mlp": .6},
        ...           {"uar": .5, "speaker_mlp": .3}]
        >>> frontier(points)
        [True, False, True]
    """

    def beats(a: dict[str, Any], b: dict[str, Any]) -> bool:
        better = a[gain] > b[gain] or a[leak] < b[leak]
        return a[gain] >= b[gain] and a[leak] <= b[leak] and better

    return [not any(beats(other, one) for other in settings) for one in settings]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the settings as CSV."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--split", default="validation")
    words = parser.parse_args(arguments)
    settings = settings_of(words.runs, split=words.split)
    for one, best in zip(settings, frontier(settings), strict=True):
        one["frontier"] = "yes" if best else ""
    writer = csv.DictWriter(sys.stdout, fieldnames=list(settings[0]), lineterminator="\n")
    writer.writeheader()
    for one in settings:
        writer.writerow({k: f"{v:.3f}" if isinstance(v, float) else v for k, v in one.items()})


if __name__ == "__main__":
    main()
