"""Which lever of the speech networks helps on held-out source speakers: docs/speech_protocol.md.

    python -m tests.benchmarks.speech_network_levers --root <folder> --output <runs>

trains and evaluates (on validation) what is not there yet, one setting after the other, then prints
a table and the choice for each target. The same command goes on where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from affectrep.evaluation.stored_run import StoredRun

__all__ = ["LEVERS", "choices", "main", "scores", "table"]

CONFIG = Path("configs/ser_crosslingual/functionals_proposed.yaml")
TARGETS = ("en", "de", "ur", "it", "pl")
_ADVERSARY = "objective.domains.speaker"
# the order is that of the protocol: of equal scores the first one is taken
LEVERS: Mapping[str, tuple[str, ...]] = {
    "proposed": (),
    "no_contrast": ("objective.contrast=null",),
    "no_adversary": ("objective.domains={}",),
    "neither": ("objective.contrast=null", "objective.domains={}"),
    "temperature_.05": ("objective.contrast.temperature=0.05",),
    "temperature_.3": ("objective.contrast.temperature=0.3",),
    "temperature_1": ("objective.contrast.temperature=1.0",),
    "alpha_.1": ("objective.contrast.weight=0.1",),
    "alpha_.3": ("objective.contrast.weight=0.3",),
    "projections": ("objective.contrast.reads=projections", "heads.projection_dim=64"),
    "lambda_1": ("objective.contrast.domain_weight=1.0",),
    "per_language": (f"{_ADVERSARY}.scope=per_language",),
    "gate": (f"{_ADVERSARY}.method=gate",),
}


def folder_of(output: Path, lever: str, target: str, seed: int) -> Path:
    """Return where the run of a setting, target and seed stands."""
    return output / f"{name_of(lever)}.{target}-{seed}"


def name_of(lever: str) -> str:
    """Return the run's name: letters, digits and lines only."""
    return "lever_" + lever.replace(".", "")


def scores(output: Path, *, seeds: int = 3) -> dict[str, dict[str, float]]:
    """Return target -> setting -> mean UAR on held-out source speakers.

    Raises:
        FileNotFoundError: if a run is missing.
    """
    return {
        target: {
            lever: fmean(_uar(folder_of(output, lever, target, seed)) for seed in range(seeds))
            for lever in LEVERS
        }
        for target in TARGETS
    }


def choices(found: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Return the setting that the rule takes for each target.

    Example:
        >>> choices({"de": {"proposed": 0.5, "gate": 0.6, "neither": 0.6}})
        {'de': 'gate'}
    """
    return {target: max(of, key=lambda lever: of[lever]) for target, of in found.items()}


def table(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, in points; what the rule takes is bold."""
    taken = choices(found)
    yield f"| Setting | {' | '.join(found)} | mean |"
    yield "|---" * (len(found) + 2) + "|"
    for lever in next(iter(found.values())):
        values = [of[lever] for of in found.values()]
        cells = [f"{100 * value:.1f}" for value in values]
        cells = [
            f"**{cell}**" if taken[target] == lever else cell
            for cell, target in zip(cells, found, strict=True)
        ]
        yield f"| `{lever}` | {' | '.join(cells)} | {100 * fmean(values):.1f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="folder of the five corpora")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args(arguments)
    for seed in range(given.seeds):
        for target in TARGETS:
            for lever in LEVERS:
                _run(lever, target, seed, given.root, given.output)
    print("\n".join(table(scores(given.output, seeds=given.seeds))))


def _run(lever: str, target: str, seed: int, root: str, output: Path) -> None:
    from affectrep.commands import evaluate, train

    folder = folder_of(output, lever, target, seed)
    if (folder / "predictions" / "validation.json").is_file():
        return
    own = [f"name={name_of(lever)}", "recipe=null", f"data.root={root}", f"seed={seed}"]
    words = [*own, f"data.protocol=leave_language_out target={target}", *LEVERS[lever]]
    with contextlib.redirect_stdout(io.StringIO()):
        train.run(CONFIG, words, output=output)
        evaluate.run(folder, split="validation")
    print(f"{folder.name} {_uar(folder):.4f}", flush=True)


def _uar(folder: Path) -> float:
    card = StoredRun(folder).scorecard("validation")
    if "metrics" not in card:
        raise FileNotFoundError(f"{folder} was not evaluated on validation")
    return float(card["metrics"]["uar"]["value"])


if __name__ == "__main__":
    main()
