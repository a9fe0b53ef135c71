"""Invented run folders of cross-lingual settings, as training and evaluation would leave them."""

from __future__ import annotations

from pathlib import Path

import yaml

from affectrep.evaluation.predictions import write_predictions
from tests.evaluation.invented import make_run, table_of

ROWS = {"de": 120, "it": 90, "pl": 150}


def make_setting(
    folder: Path,
    name: str,
    target: str,
    seed: int = 0,
    *,
    skill: float = 0.6,
    source: str = "",
    standardise: str = "strict",
    fold: str = "",
    cluster: str | None = "speaker",
    select: str = "uar",
) -> Path:
    """Write a run on one target; rows differ from target to target, errors from run to run."""
    kind = "source_to_target sources=" + source if source else "leave_language_out"
    words = f"folds target={target} {fold}" if fold else f"{kind} target={target}"
    slug = "-".join(filter(None, [source, target, standardise, fold.replace("/", "_")]))
    rows = ROWS.get(target, 100)
    run = make_run(folder / slug.replace(" ", "_"), name, seed, rows=rows, evaluated=False)
    path = run / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["recipe"] = "ser_crosslingual"
    config["data"] = {"protocol": words, "speech": {"standardise": standardise}}
    config["training"] = {"select": select}
    config["evaluation"] = {"cluster": cluster}
    path.write_text(yaml.safe_dump(config))
    luck = sum(map(ord, name + target + source + standardise)) * 10 + seed
    write_predictions(
        run / "predictions" / "test.parquet", _named(table_of(rows, luck, skill), target)
    )
    return run


def make_side(folder: Path, name: str, targets: str, seeds: int, **more) -> list[Path]:
    """Write runs on several targets, given as "de it", with seeds 0, 1, ..."""
    return [
        make_setting(folder, name, target, seed, **more)
        for target in targets.split()
        for seed in range(seeds)
    ]


def _named(table, target):
    named = table.assign(
        id=[f"{target}/{row}" for row in table["id"]],
        speaker=[f"{target}_{place % 8}" for place in range(len(table))],
    )
    named.attrs = table.attrs
    return named
