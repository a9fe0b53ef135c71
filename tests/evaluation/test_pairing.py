from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from affectrep.evaluation.families import Families
from affectrep.evaluation.pairing import compare_pairs, pair_runs
from affectrep.evaluation.predictions import read_predictions, write_predictions
from tests.evaluation.invented import CLASSES, make_run


def side(folder: Path, name: str, seeds: list[int], **more) -> list[Path]:
    return [make_run(folder, name, seed, rows=120, **more) for seed in seeds]


def test_runs_are_paired_by_seed(tmp_path: Path) -> None:
    a, b = side(tmp_path, "a", [0, 1, 4]), side(tmp_path, "b", [1, 0, 7])
    pairing = pair_runs(a, b[::-1], split="test")
    assert pairing.seeds == [(0, 0), (1, 1)]
    assert pairing.names == ("a", "b")
    assert pairing.notes[0] == "Left out, without a partner: seed 4, 7."
    assert "Two seeds" in pairing.notes[1]


def test_without_a_common_seed_the_order_counts(tmp_path: Path) -> None:
    pairing = pair_runs(side(tmp_path, "a", [0, 1]), side(tmp_path, "b", [2, 3, 4]), split="test")
    assert pairing.seeds == [(0, 2), (1, 3)]
    assert "no seed in common" in pairing.notes[0]


def test_one_seed_says_so(tmp_path: Path) -> None:
    pairing = pair_runs(side(tmp_path, "a", [0]), side(tmp_path, "b", [0]), split="test")
    assert "One seed" in pairing.notes[-1]


def test_rows_in_another_order_are_aligned(tmp_path: Path) -> None:
    a, b = side(tmp_path, "a", [0]), side(tmp_path, "b", [0])
    before = compare_pairs(pair_runs(a, b, split="test"), resamples=100)
    path = b[0] / "predictions" / "test.parquet"
    table = read_predictions(path)
    shuffled = table.sample(frac=1, random_state=0)
    shuffled.attrs = table.attrs
    write_predictions(path, shuffled)
    assert compare_pairs(pair_runs(a, b, split="test"), resamples=100) == before


def test_the_better_side_is_seen(tmp_path: Path) -> None:
    families = tmp_path / "families.json"
    Families([["joy", "delight"]], CLASSES).save(families)
    seeds = [0, 1, 2]
    a, b = side(tmp_path, "a", seeds, skill=0.9), side(tmp_path, "b", seeds, skill=0.4)
    found = compare_pairs(pair_runs(a, b, split="test"), families=families, resamples=200)
    assert found["weighted_f1"].told_apart
    assert found["family_f1"].effect > 0


def _spoil(run: Path, change) -> None:
    path = run / "predictions" / "test.parquet"
    table = read_predictions(path)
    attrs = dict(table.attrs)
    table = change(table)
    table.attrs = attrs
    write_predictions(path, table)


def _other_ids(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(id=["x0", *table["id"][1:]])


def _other_labels(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(label=["joy"] * len(table))


def test_runs_that_do_not_fit_are_refused_in_words(tmp_path: Path) -> None:
    a, b = side(tmp_path, "a", [0, 1]), side(tmp_path, "b", [0, 1])
    with pytest.raises(ValueError, match="side B has no runs"):
        pair_runs(a, [], split="test")
    with pytest.raises(ValueError, match="side A mixes the configurations a, b"):
        pair_runs([a[0], b[0]], b, split="test")
    with pytest.raises(ValueError, match="side A has seed 0 more than once"):
        pair_runs([a[0], a[0]], b, split="test")
    with pytest.raises(FileNotFoundError, match="--split validation"):
        pair_runs(a, b, split="validation")
    _spoil(b[0], _other_ids)
    with pytest.raises(ValueError, match="not read on the same rows: 1 only in the first, 1 only"):
        pair_runs(a, b, split="test")
    _spoil(b[1], _other_labels)
    with pytest.raises(ValueError, match="other labels for"):
        pair_runs(a[1:], b[1:], split="test")
