from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from affectrep.evaluation.families import Families
from affectrep.evaluation.pairing import compare_pairs, pair_runs, pair_with_each
from affectrep.evaluation.predictions import read_predictions, write_predictions
from tests.evaluation.invented import CLASSES, make_run
from tests.reporting.regressed import regression_run


def side(folder: Path, name: str, seeds: list[int], **more) -> list[Path]:
    return [make_run(folder, name, seed, rows=120, **more) for seed in seeds]


def test_runs_are_paired_by_seed(tmp_path: Path) -> None:
    a, b = side(tmp_path, "a", [0, 1, 4]), side(tmp_path, "b", [1, 0, 7])
    pairing = pair_runs(a, b[::-1], split="test")
    assert pairing.seeds == [(0, 0), (1, 1)]
    assert pairing.names == ("a", "b")
    assert pairing.notes[0] == "Left out, without a partner: seed 4 of A and seed 7 of B."
    assert "Two seeds" in pairing.notes[1]


def test_without_a_common_seed_the_order_counts(tmp_path: Path) -> None:
    pairing = pair_runs(side(tmp_path, "a", [0, 1]), side(tmp_path, "b", [2, 3, 4]), split="test")
    assert pairing.seeds == [(0, 2), (1, 3)]
    assert "no seed in common" in pairing.notes[0]
    assert pairing.notes[1] == "Left out, without a partner: seed 4 of B."


def test_one_side_with_several(tmp_path: Path) -> None:
    a, b = side(tmp_path, "a", [0, 1, 2]), side(tmp_path, "b", [0, 1, 2])
    c = side(tmp_path, "c", [5, 2, 1])
    found = pair_with_each(a, [b, c], split="test")
    assert [pairing.names for pairing in found] == [("a", "b"), ("a", "c")]
    assert [pairing.seeds for pairing in found] == [
        [(0, 0), (1, 1), (2, 2)],
        [(1, 1), (2, 2)],
    ]
    assert found[0].notes == []
    assert found[1].notes[0] == "Left out, without a partner: seed 0 of A and seed 5 of C."
    alone = pair_runs(a, c, split="test")
    assert compare_pairs(found[1], resamples=50) == compare_pairs(alone, resamples=50)


def test_sides_of_one_configuration_are_named_by_their_folders(tmp_path: Path) -> None:
    a = side(tmp_path / "a", "ce", [0, 1])
    b, c = side(tmp_path / "b", "ce", [0, 1]), side(tmp_path / "c", "lcl", [0, 1])
    names = [pairing.names for pairing in pair_with_each(a, [b, c], split="test")]
    assert names == [
        (f"{tmp_path}/a/ce-*", f"{tmp_path}/b/ce-*"),
        (f"{tmp_path}/a/ce-*", "lcl"),
    ]
    single = pair_with_each(c, [a[:1], b[:1]], split="test")
    assert [pairing.names[1] for pairing in single] == [str(a[0]), str(b[0])]


def test_several_sides_that_do_not_fit_are_refused_in_words(tmp_path: Path) -> None:
    a, b = side(tmp_path, "a", [0, 1]), side(tmp_path, "b", [0, 1])
    with pytest.raises(ValueError, match="b stands on two sides; give all its seeds as one side"):
        pair_with_each(a, [b[:1], b[1:]], split="test")
    with pytest.raises(ValueError, match="side C has no runs"):
        pair_with_each(a, [b, []], split="test")
    with pytest.raises(ValueError, match="at least one other side"):
        pair_with_each(a, [], split="test")


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


def test_a_run_that_diverged_is_not_compared(tmp_path: Path) -> None:
    runs = [regression_run(tmp_path, name) for name in ("a", "b")]
    _spoil(runs[1], lambda table: table.assign(predicted_arousal=[np.nan, *table["arousal"][1:]]))
    first = read_predictions(runs[1] / "predictions" / "test.parquet")["id"][0]
    with pytest.raises(ValueError, match=f"1 of 400 rows of b .* not finite, first {first}"):
        compare_pairs(pair_runs(runs[:1], runs[1:], split="test"), resamples=100)


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
