"""What AML's adversary does in a run: whether it lives, and pairs of texts under both metrics.

    python -m tests.benchmarks.aml_study liveness runs/empathetic_aml-*
    python -m tests.benchmarks.aml_study examples runs/empathetic_aml-0 --split validation
    python -m tests.benchmarks.aml_study suspects runs/empathetic_aml_noise10-*

`examples` needs the last checkpoint of the run (`checkpoints/last.pt`), which holds the adversary:
a saved model does not. It reads the corpus where the run's configuration says it is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectrep.build import build_loader, build_manifest, build_model, build_objective
from affectrep.config import Config, load_config
from affectrep.data.manifest import Manifest
from affectrep.evaluation.evaluate import predict_rows
from affectrep.evaluation.suspects import suspect_precision
from affectrep.model import AffectModel
from affectrep.objectives.aml import AMLObjective

__all__ = ["examples", "liveness", "suspects"]

SPREAD, GAP = 0.1, 0.2  # algorithms.md 3.6: an adversary that answers, and against the labels


def liveness(run: Path) -> dict[str, Any]:
    """Return how long a run's adversary lived: shares of the logged steps after its first one.

    ``ramped`` is the share alive once epsilon stands at 99 % of its value.
    """
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    wanted = ("response_sd", "response_gap", "strength", "saturation", "violations", "moved")
    frame = pd.DataFrame([one for one in lines if one["name"] in (*wanted, "pair_weight")])
    table = frame.pivot_table(index="step", columns="name", values="value")
    table = table[table.get("response_sd", pd.Series(dtype=float)).notna()]
    alive = (table["response_sd"] > SPREAD) & (table["response_gap"] > GAP)
    ramped = table["pair_weight"] > 0.99 * table["pair_weight"].max()
    return {
        "run": run.name,
        "logged_steps": len(table),
        "alive": float(alive.mean()),
        "ramped": float(alive[ramped].mean()),
        **{name: float(table.loc[ramped, name].mean()) for name in wanted if name in table},
    }


def suspects(run: Path) -> list[dict[str, Any]]:
    """Return how many of a run's suspected rows carry a label that was replaced.

    Two rankings: the rows that recur as hard positives (AML alone), and all training rows by the
    probability that the finished model gives to their label, lowest first, which needs no mining.
    """
    noise = pd.read_csv(run / "label_noise.csv", dtype=str)
    config = load_config(run / "config.yaml")
    manifest = build_manifest(config)
    rows = manifest.split("train")
    labels = dict(zip(rows["id"], rows["label"], strict=True))
    rankings = {"probability": _by_probability(run, manifest, config)}
    recurring = run / "findings" / "recurring_positives.csv"
    if recurring.is_file():
        rankings["recurring"] = list(pd.read_csv(recurring, dtype={"id": str})["id"])
    lines = []
    for name, ranked in rankings.items():
        found = suspect_precision(ranked, list(noise["id"]), labels=labels)
        lines.append(
            {
                "run": run.name,
                "ranked": name,
                **{f"at_{cut}": value for cut, value in found.precision.items()},
                **{f"chance_{cut}": value for cut, value in found.chance.items()},
                "base_rate": found.base_rate,
                "average_precision": found.average_precision,
            }
        )
    return lines


def _by_probability(run: Path, manifest: Manifest, config: Config) -> list[str]:
    model = AffectModel.from_pretrained(str(run / "model"))
    found = predict_rows(model, build_loader(config, manifest, "train", model.encoder.preprocess))
    chances = torch.from_numpy(found.scores).softmax(dim=-1)
    own = chances[torch.arange(len(chances)), torch.from_numpy(found.labels)]
    return [found.ids[place] for place in own.argsort(stable=True).tolist()]


def examples(run: Path, *, split: str, pairs: int = 3, each: int = 3) -> pd.DataFrame:
    """Return pairs of rows of confused classes that look alike, under the cosine and the metric.

    For each of the most confused pairs of classes: the ``each`` closest pairs of rows of the two
    classes by the learned metric, and the ``each`` farthest pairs of one class, of rows that the
    cosine holds for close or far. Rows of a split other than test should be asked for.

    Args:
        run: a finished run of AML with its last checkpoint.
        split: whose rows.
        pairs: of classes.
        each: pairs of rows a kind.
    """
    config = load_config(run / "config.yaml")
    manifest = build_manifest(config)
    model = build_model(config, manifest)
    objective = build_objective(config, manifest, dim=model.encoder.dim)
    assert isinstance(objective, AMLObjective)
    saved = torch.load(run / "checkpoints" / "last.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(saved["model"])
    objective.load_state_dict(saved["objective"])
    loader = build_loader(config, manifest, split, model.encoder.preprocess)
    found = predict_rows(model, loader, keep_embeddings=True)
    assert found.embeddings is not None
    texts = manifest.split(split).set_index("id")["text"]
    score = _scorer(objective, _points(model, objective, torch.from_numpy(found.embeddings)))
    table = objective.history.mined_pairs()
    confusion = objective.confusion.matrix()[table["class_a"], table["class_b"]]
    parts = []
    for place in confusion.argsort(descending=True)[:pairs].tolist():
        both = (int(table["class_a"][place]), int(table["class_b"][place]))
        for kind, (a, b) in (("different", both), ("same", both[:1] * 2), ("same", both[1:] * 2)):
            rows = _extreme(score, found.labels, (a, b), each)
            rows.insert(0, "kind", kind)
            parts.append(rows)
    joined = pd.concat(parts, ignore_index=True)
    names = manifest.info.classes or []
    for side in ("left", "right"):
        index = joined.pop(side).to_numpy()
        joined[f"{side}_label"] = [names[int(found.labels[i])] for i in index]
        joined[f"{side}_text"] = [str(texts[found.ids[i]]) for i in index]
        joined[f"{side}_id"] = [found.ids[i] for i in index]
    return joined


def _points(model: AffectModel, objective: AMLObjective, embeddings: Tensor) -> Tensor:
    """Return the rows in the space of the objective's pairs."""
    if objective.options.space == "embeddings":
        return embeddings
    assert model.projection is not None
    with torch.no_grad():
        return model.projection(embeddings)


Score = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _scorer(objective: AMLObjective, points: Tensor) -> Score:
    metric = objective.metric
    assert metric is not None

    @torch.no_grad()
    def score(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        epsilon = objective.options.epsilon * objective.strength
        both = metric(points[left], points[right], epsilon=epsilon)
        return both.cosine, both.similarity

    return score


def _extreme(
    score: Score, labels: NDArray[Any], classes: tuple[int, int], each: int
) -> pd.DataFrame:
    """Return the pairs that the learned metric moved most: nearer (two classes), or apart (one)."""
    first, second = (np.flatnonzero(labels == one) for one in classes)
    left, right = (torch.from_numpy(part.ravel()) for part in np.meshgrid(first, second))
    kept = left < right if classes[0] == classes[1] else torch.ones_like(left, dtype=torch.bool)
    left, right = left[kept], right[kept]
    cosine, learned = score(left, right)
    moved = learned - cosine
    order = moved.argsort(descending=classes[0] != classes[1])[:each]
    return pd.DataFrame(
        {
            "left": left[order].numpy(),
            "right": right[order].numpy(),
            "cosine": cosine[order].numpy(),
            "learned": learned[order].numpy(),
            "moved": moved[order].numpy(),
        }
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["liveness", "examples", "suspects"])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--split", default="validation", help="of the examples")
    given = parser.parse_args(arguments)
    if given.what == "examples":
        table = examples(given.runs[0], split=given.split)
    elif given.what == "suspects":
        table = pd.DataFrame([line for run in given.runs for line in suspects(run)])
    else:
        table = pd.DataFrame([liveness(run) for run in given.runs])
    with pd.option_context("display.max_colwidth", None, "display.width", None):
        print(table.to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
