"""The figures that stand in the repository's recipes are those of their records."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from affectrep.commands import rescore
from affectrep.evaluation.results import read_results

ROOT = Path(__file__).parents[2]
WITHIN = 1e-4  # a record keeps six digits of a prediction, and a draw more or less moves an end
KEY = ["config", "condition", "split", "seed", "metric"]
# a recipe, record files (all of a target set, so that means over targets are made), and what no
# record suffices for: these need embeddings, probabilities or rows of training
CHOSEN = [
    ("fer_av", ["*"], ("reidentified",)),
    ("fec_text", ["goemotions_ce", "goemotions_multilabel", "empathetic_aml"], None),
    ("ser_crosslingual", ["functionals_aml.??", "functionals_baseline2.??"], None),
]
BASIC = ("accuracy", "uar", "macro_f1", "weighted_f1", "family_f1", "worst_family_accuracy")


def copied(folder: Path, name: str, files: Sequence[str]) -> Path:
    """Copy a recipe's results, families, README and some of its records."""
    recipe = folder / "recipes" / name
    (recipe / "records").mkdir(parents=True)
    source = ROOT / "recipes" / name
    for file in ("results.csv", "README.md"):
        shutil.copyfile(source / file, recipe / file)
    if (source / "families").is_dir():
        shutil.copytree(source / "families", recipe / "families")
    for pattern in files:
        for file in (source / "records").glob(f"{pattern}.csv"):
            shutil.copyfile(file, recipe / "records" / file.name)
    return recipe


@pytest.mark.slow
@pytest.mark.parametrize(("name", "files", "beyond"), CHOSEN, ids=[one[0] for one in CHOSEN])
def test_figures_and_intervals_are_those_of_the_records(
    name: str,
    files: list[str],
    beyond: tuple[str, ...] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = copied(tmp_path, name, files)
    before = read_results(recipe / "results.csv")
    stale = before.copy()
    stale[["low", "high"]] = -9.0
    stale.to_csv(recipe / "results.csv", index=False)
    rescore.run(recipe)
    after = read_results(recipe / "results.csv")
    both = before.merge(after, on=KEY, suffixes=("", "_now"), validate="one_to_one")
    assert len(both) == len(before) == len(after)
    assert both["value_now"].to_numpy() == pytest.approx(both["value"].to_numpy(), abs=WITHIN)
    again = both[both["low_now"] != -9]
    for end in ("low", "high"):
        expected = again[end].to_numpy()
        assert again[f"{end}_now"].to_numpy() == pytest.approx(expected, abs=WITHIN, nan_ok=True)
    for same in ("n", "commit", "data", "minutes", "device"):
        pd.testing.assert_series_equal(both[same], both[f"{same}_now"], check_names=False)
    asked = both[~both["metric"].str.startswith(beyond)] if beyond else _basic(both, files)
    assert len(asked)
    assert set(asked.index) <= set(again.index)


def _basic(both: pd.DataFrame, files: Sequence[str]) -> pd.DataFrame:
    """Return the figures of labels and predictions of the chosen configurations, and means."""
    names = {file.partition(".")[0] for file in files}
    chosen = both["config"].isin(names) & both["metric"].isin(BASIC)
    return both[
        chosen & ~both["condition"].str.contains("without_leaks") & (both["split"] == "test")
    ]
