"""What an evaluated run leaves with its recipe: results.csv, the README's table, a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock
from rich.console import Console

from affectrep.config import Config, differing_keys, load_config
from affectrep.config.objectives import AVRegressionConfig, CrossEntropyConfig
from affectrep.data.setting import protocol_of
from affectrep.evaluation.place import Place
from affectrep.evaluation.published import read_checkpoints
from affectrep.evaluation.record_sets import keep_record
from affectrep.evaluation.results import (
    has_table,
    read_results,
    results_of,
    update_readme,
    write_results,
)
from affectrep.evaluation.seed_ensemble import SUFFIX
from affectrep.evaluation.stored_run import StoredRun

__all__ = ["record_results", "require_condition"]

# keys that name a place, a machine or a way to look, and no other training
_INDIFFERENT = (
    "seed",
    "data.root",
    "data.accept_leaks",
    "data.speech.roots",
    "data.speech.cache",
    "data.workers",
    "training.threads",
    "training.precision",
    "training.checkpoint_",
    "training.cache_embeddings",
    "evaluation.",
)
_SETTING = ("data.protocol", "data.speech.standardise")
console = Console(soft_wrap=True, markup=False, highlight=False)


def require_condition(condition: str) -> None:
    """Pass where a condition can stand in results.csv and in a line of the README's table.

    Raises:
        ValueError: if it holds a bar, or a line end or another control character.

    Example:
        >>> require_condition("noise 5 dB")
        >>> require_condition("a|b")
        Traceback (most recent call last):
        ...
        ValueError: --condition 'a|b': expected words without | and without line ends
    """
    if "|" in condition or not condition.isprintable():
        raise ValueError(
            f"--condition {condition!r}: expected words without | and without line ends"
        )


def record_results(
    stored: StoredRun, config: Config, card: dict[str, Any], table: pd.DataFrame, condition: str
) -> None:
    """Write the recipe's results.csv, the table of its README, and the record of the run.

    Nothing is written where the recipe has no folder, nor for a single fold, nor for a run with
    values of its own: a row of results.csv is one configuration. The latter two are said. Nor is
    anything where one of the three files cannot take it.

    Args:
        stored: the run.
        config: its configuration.
        card: its figures, as ``predictions/<split>.json`` holds them.
        table: its predictions.
        condition: empty, or a named one.

    Raises:
        ValueError: if the files that are there are not of this program's form.
    """
    folder = Path("recipes") / (config.recipe or "")
    if config.recipe is None or not folder.is_dir():
        return
    place = Place.of(stored.config)
    if place is not None and place.is_fold:
        console.print("One fold is no result: affectrep pool writes that of all folds.")
        return
    changed = _own_values(config, stored)
    if changed:
        console.print(
            f"Not written to {folder / 'results.csv'}: the run has values of its own for "
            f"{', '.join(changed)}. A row there is one configuration; save these values as "
            f"configs/{config.recipe}/<name>.yaml to have one.",
            style="yellow",
        )
        return
    named = " ".join(filter(None, [stored.setting, condition]))
    rows = results_of(card, stored.environment, named)
    path = folder / "results.csv"
    with FileLock(folder / ".record.lock"):  # seeds that are evaluated at once share these files
        has_table(folder / "README.md")  # these two refuse files that are not of this form
        read_results(path)
        record = keep_record(stored.path, card["split"], table, folder / "records")
        write_results(path, rows)
        update_readme(folder / "README.md", path)
    console.print(f"{len(rows)} figures written to {path}, their predictions to {record}.")


def _own_values(config: Config, stored: StoredRun) -> list[str]:
    """Return the keys in which a run differs from the file of its name, where that matters.

    The setting is part of the condition of its figures, so another one is no value of its own. An
    ensemble of seeds is compared with the file of its members.
    """
    of_seeds = "ensemble" in stored.environment
    name = config.name.removesuffix(SUFFIX) if of_seeds else config.name
    path = Path("configs") / (config.recipe or "") / f"{name}.yaml"
    if not path.is_file():
        return ["name"]
    setting = stored.setting
    indifferent = (*_INDIFFERENT, *(_SETTING if setting else ()), *_of_the_source(config))
    indifferent += ("name",) if of_seeds else ()
    if isinstance(config.objective, AVRegressionConfig | CrossEntropyConfig):
        indifferent += ("optimizer.adversar",)  # it has none
    own = load_config(path, [f"data.protocol={config.data.protocol}"] if setting else [])
    return [key for key in differing_keys(own, config) if not key.startswith(indifferent)]


def _of_the_source(config: Config) -> tuple[str, ...]:
    """Return the encoder's key where the run has the one that its source language goes with.

    Which one that is stands in the recipe's ``checkpoints.csv``; the source is in the condition.
    """
    path = Path("recipes") / (config.recipe or "") / "checkpoints.csv"
    protocol = protocol_of(config.data.protocol)
    if protocol is None or len(protocol.sources) != 1 or not path.is_file():
        return ()
    own = getattr(config.encoder, "checkpoint", "")
    wanted = read_checkpoints(path).get(protocol.sources[0])
    return ("encoder.checkpoint",) if own == wanted else ()
