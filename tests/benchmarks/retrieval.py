"""Class-disjoint retrieval on GoEmotions: constant against adaptive margin in three metric losses.

    python -m tests.benchmarks.retrieval --root FOLDER --output runs/retrieval/results.jsonl

A projection of frozen MiniLM embeddings is trained on half of the classes and scored on rows of the
other half. All choices are made on classes of the training half. Give the same command again to
go on; each finished run is one line. `--table` prints the table from the lines.
Everything below in capitals was fixed before the first run was scored on held-out classes; the
residual head was added after the first table had been seen.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn

from affectrep.evaluation.retrieval import clustering_nmi, retrieval_metrics
from affectrep.objectives.adaptive_margin import Margin
from affectrep.objectives.class_margins import DISTANCE_LIMITS, SQUARED_LIMITS, class_margins
from affectrep.objectives.contrastive import ContrastiveLoss, ContrastiveOptions
from affectrep.objectives.margin_loss import MarginLoss
from affectrep.objectives.metric_pairs import MarginTable
from affectrep.objectives.supcon import SupConLoss
from affectrep.objectives.triplet import TripletLoss
from tests.benchmarks.retrieval_rows import Rows, read_rows

SEEDS = (0, 1, 2, 3, 4)
WIDTHS = (256, 128)  # of the projection's layers
CLASSES_A_BATCH, ROWS_A_CLASS = 8, 12
RATE, BETA_RATE = 1e-3, 1e-2  # Adam; of the weights, of the margin loss's boundary
STEPS = (50, 100, 150)  # the number of steps is chosen among these
REFRESH = 25  # steps after which the adaptive margins are computed anew
MARGIN_ROWS = 24  # rows of a class that they are computed from
ROWS_SCORED = 200  # of a class, drawn by seed
VALIDATION_CLASSES = 4  # of the training half
CHOSEN_BY = "map_at_r"
# as many values for each side: the margin itself, or the A of the adaptive margin's radius
GRID = {
    ("contrastive", "constant"): (0.25, 0.5, 1.0),
    ("contrastive", "adaptive"): (0.3, 0.7, 1.0),
    ("triplet", "constant"): (0.1, 0.3, 1.0),
    ("triplet", "adaptive"): (0.3, 0.7, 1.0),
    ("margin", "constant"): (0.1, 0.2, 0.4),
    ("margin", "adaptive"): (0.3, 0.7, 1.0),
    ("supcon", "temperature"): (0.1, 0.2, 0.5),
}
LIMITS = {"contrastive": SQUARED_LIMITS, "triplet": SQUARED_LIMITS, "margin": DISTANCE_LIMITS}
METRICS = ("recall_at_1", "recall_at_5", "map_at_r", "nmi")


class Split(NamedTuple):
    """Class codes: two halves, and the training half cut once more for choices."""

    train: Tensor
    held_out: Tensor
    fit: Tensor
    validation: Tensor


class Setting(NamedTuple):
    """What one training is: loss, kind of margin, its value, the seed of everything, the head."""

    loss: str
    kind: str
    value: float
    seed: int
    head: str = "plain"


class Residual(nn.Module):
    """Adds what it learns to the unit embedding; starts as the identity."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(dim, WIDTHS[0]), nn.Linear(WIDTHS[0], dim)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return ``(batch, dim)``."""
        unit = nn.functional.normalize(embeddings, dim=1)
        return unit + self.second(self.first(unit).relu())


def build_head(name: str, dim: int) -> nn.Module:
    """Return the layers that are trained on the frozen embeddings."""
    if name == "residual":
        return Residual(dim)
    return nn.Sequential(nn.Linear(dim, WIDTHS[0]), nn.ReLU(), nn.Linear(*WIDTHS))


def split_classes(classes: int, seed: int) -> Split:
    """Return the halves for a seed; with an odd number the held-out half has one more."""
    order = torch.randperm(classes, generator=torch.Generator().manual_seed(1000 + seed))
    train, held_out = order[: classes // 2], order[classes // 2 :]
    return Split(train, held_out, train[VALIDATION_CLASSES:], train[:VALIDATION_CLASSES])


def scored_rows(labels: Tensor, classes: Tensor, seed: int) -> Tensor:
    """Return at most ROWS_SCORED rows of each class, so that no class makes up the score."""
    generator = torch.Generator().manual_seed(2000 + seed)
    parts = []
    for label in classes.sort().values:
        rows = (labels == label).nonzero().squeeze(1)
        parts.append(rows[torch.randperm(len(rows), generator=generator)[:ROWS_SCORED]])
    return torch.cat(parts)


def build_loss(setting: Setting, classes: int) -> nn.Module:
    """Return the loss module; an adaptive margin is given to it at each step."""
    constant = setting.value if setting.kind == "constant" else 0.2
    if setting.loss == "contrastive":
        return ContrastiveLoss(margin=constant, options=ContrastiveOptions(form="caf"))
    if setting.loss == "triplet":
        return TripletLoss(margin=constant)
    if setting.loss == "margin":
        return MarginLoss(margin=constant, classes=classes)
    return SupConLoss(temperature=setting.value)


class Batches:
    """Draws some classes and as many rows of each, rare classes with replacement."""

    def __init__(self, labels: Tensor, classes: Tensor, seed: int) -> None:
        self.rows = {int(c): (labels == c).nonzero().squeeze(1) for c in classes.sort().values}
        self.generator = torch.Generator().manual_seed(3000 + seed)

    def draw(self, classes: int, rows: int) -> tuple[Tensor, Tensor]:
        """Return row indices and the codes of their classes, counted from 0."""
        found, codes = [], []
        names = list(self.rows)
        for code in torch.randperm(len(names), generator=self.generator)[:classes].tolist():
            own = self.rows[names[code]]
            if len(own) < rows:
                picked = torch.randint(len(own), (rows,), generator=self.generator)
            else:
                picked = torch.randperm(len(own), generator=self.generator)[:rows]
            found.append(own[picked])
            codes.append(torch.full((rows,), code))
        return torch.cat(found), torch.cat(codes)


def train(
    data: Rows, classes: Tensor, setting: Setting, steps: int
) -> Iterator[tuple[int, nn.Module, MarginTable | None]]:
    """Train a projection and yield it after each number of steps in STEPS up to ``steps``."""
    torch.manual_seed(setting.seed)
    net = build_head(setting.head, data.embeddings.shape[1])
    loss_of = build_loss(setting, len(classes))
    groups = [{"params": net.parameters(), "lr": RATE}]
    groups += [{"params": list(loss_of.parameters()), "lr": BETA_RATE}]
    optimizer = torch.optim.Adam(groups)
    batches = Batches(data.labels, classes, setting.seed)
    for_margins = Batches(data.labels, classes, setting.seed + 100)
    table = None
    for step in range(steps):
        if setting.kind == "adaptive" and step % REFRESH == 0:
            rows, codes = for_margins.draw(len(classes), MARGIN_ROWS)
            with torch.no_grad():
                table = class_margins(
                    net(data.embeddings[rows]),
                    codes,
                    margin=Margin(scale=setting.value),
                    limits=LIMITS[setting.loss],
                )
        rows, codes = batches.draw(CLASSES_A_BATCH, ROWS_A_CLASS)
        projected = net(data.embeddings[rows])
        loss = loss_of(projected, codes) if table is None else loss_of(projected, codes, table)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step + 1 in STEPS:
            yield step + 1, net, table


@torch.no_grad()
def score(data: Rows, rows: Tensor, net: nn.Module, seed: int | None) -> dict[str, float]:
    """Return the measures on these rows; without a seed no clustering."""
    points, labels = net(data.embeddings[rows]).numpy(), data.labels[rows].numpy()
    found = retrieval_metrics(points, labels)
    return found if seed is None else {**found, "nmi": clustering_nmi(points, labels, seed=seed)}


def choose(data: Rows, split: Split, wanted: Setting) -> dict[str, Any]:
    """Return value and steps with the best score on the validation classes, and all scores."""
    rows = scored_rows(data.labels, split.validation, wanted.seed)
    floor = score(data, rows, nn.Identity(), None)[CHOSEN_BY]
    tried = []
    for value in GRID[wanted.loss, wanted.kind]:
        setting = wanted._replace(value=value)
        for steps, net, _ in train(data, split.fit, setting, max(STEPS)):
            found = score(data, rows, net, None)[CHOSEN_BY]
            tried.append({"value": value, "steps": steps, CHOSEN_BY: found})
    best = max(tried, key=lambda one: one[CHOSEN_BY])
    return {"value": best["value"], "steps": best["steps"], "untrained": floor, "tried": tried}


def one_run(data: Rows, loss: str, kind: str, seed: int, *, head: str = "plain") -> dict[str, Any]:
    """Choose on the training half, train on all of it, and score the held-out classes once."""
    began = time.monotonic()
    split = split_classes(len(data.classes), seed)
    rows = scored_rows(data.labels, split.held_out, seed)
    line: dict[str, Any] = {"loss": loss, "margin": kind, "seed": seed, "head": head}
    net: nn.Module = nn.Identity()
    table = None
    if loss != "untrained":
        setting = Setting(loss, kind, 0.0, seed, head)
        line["chosen"] = choose(data, split, setting)
        setting = setting._replace(value=line["chosen"]["value"])
        *_, (_, net, table) = train(data, split.train, setting, line["chosen"]["steps"])
    line["metrics"] = score(data, rows, net, seed)
    if table is not None:
        off = table.values[~torch.eye(len(table.classes), dtype=torch.bool)]
        low, high = LIMITS[loss]
        line["margins"] = {
            "mean": float(off.mean()),
            "sd": float(off.std()),
            "share_at_low": float((off <= low + 1e-6).float().mean()),
            "share_at_high": float((off >= high - 1e-6).float().mean()),
        }
    line |= {
        "held_out": sorted(data.classes[i] for i in split.held_out.tolist()),
        "rows": len(rows),
        "seconds": round(time.monotonic() - began, 1),
    }
    return line


def plan() -> list[tuple[str, str, int]]:
    """Return all runs, a seed at a time."""
    systems = [("untrained", "none"), *GRID]
    return [(loss, kind, seed) for seed in SEEDS for loss, kind in systems]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the finished runs; a line that a kill cut short is left out."""
    found = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return found


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return the mean over seeds and its 95 % interval by Student's t."""
    from scipy.stats import t

    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return mean, float("nan"), float("nan")
    half = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def tables(lines: list[dict[str, Any]]) -> str:
    """Return the measures and the paired differences as Markdown, in percent and points."""
    found = {(one["loss"], one["margin"], one["seed"]): one["metrics"] for one in lines}
    head = "| {} | seeds | Recall@1 | Recall@5 | MAP@R | NMI |\n|---|---|---|---|---|---|\n"
    text = head.format("loss, margin")
    for loss, kind in [("untrained", "none"), *GRID]:
        seeds = [seed for seed in SEEDS if (loss, kind, seed) in found]
        per = {m: [found[loss, kind, seed][m] for seed in seeds] for m in METRICS}
        text += _row(f"{loss}, {kind}", len(seeds), per, sign="")
    text += "\n" + head.format("difference, points")
    pairs = [((loss, "adaptive"), (loss, "constant")) for loss in LIMITS]
    pairs += [((loss, "constant"), ("untrained", "none")) for loss in LIMITS]
    pairs += [(("supcon", "temperature"), ("untrained", "none"))]
    for a, b in pairs:
        seeds = [seed for seed in SEEDS if (*a, seed) in found and (*b, seed) in found]
        per = {m: [found[*a, s][m] - found[*b, s][m] for s in seeds] for m in METRICS}
        text += _row(f"{a[0]}: {a[1]} - {b[1] if a[0] == b[0] else b[0]}", len(seeds), per, "+")
    return text


def _row(name: str, seeds: int, per: dict[str, list[float]], sign: str) -> str:
    if not seeds:
        return f"| {name} | 0 | not run | not run | not run | not run |\n"
    cells = []
    for metric in METRICS:
        mean, low, high = (100 * value for value in interval(per[metric]))
        cells.append(f"{mean:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]")
    return f"| {name} | {seeds} | {' | '.join(cells)} |\n"


def main() -> None:
    """Run what is not finished yet, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, help="folder of GoEmotions' official TSV files")
    parser.add_argument("--output", type=Path, required=True, help="a JSON line a finished run")
    parser.add_argument(
        "--head",
        choices=("plain", "residual"),
        default="plain",
        help="plain: 384-256-128, the study | residual: a second look; give it its own --output",
    )
    parser.add_argument("--table", action="store_true", help="print the table and run nothing")
    words = parser.parse_args()
    if not words.table:
        if words.root is None:
            parser.error("--root is needed to run: the folder with train.tsv, dev.tsv, test.tsv")
        torch.set_num_threads(1)
        data = read_rows(words.root, words.output.parent)
        done = {(one["loss"], one["margin"], one["seed"]) for one in read_lines(words.output)}
        left = [run for run in plan() if run not in done]
        for run in track(left, description=f"{len(left)} runs"):
            line = one_run(data, *run, head=words.head)
            with words.output.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
    print(tables(read_lines(words.output)))


if __name__ == "__main__":
    main()
