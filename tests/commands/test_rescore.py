"""``affectrep rescore``: the figures of a recipe, again from its records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectrep.commands import rescore
from affectrep.evaluation.calibration_card import calibration_card
from affectrep.evaluation.families import Families, family_statistics
from affectrep.evaluation.predictions import table_statistics, table_targets
from affectrep.evaluation.record_sets import keep_record
from affectrep.evaluation.results import Result, read_results, results_of, write_results
from affectrep.evaluation.scorecard import Resampling, figures_of
from affectrep.evaluation.smile_pairs import smile_pairs
from affectrep.evaluation.strong_weak import RADIUS, strong_weak_report
from tests.evaluation.regressions import regression, told
from tests.evaluation.test_record_sets import make_run, table
from tests.evaluation.test_smile_pairs import photos


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "recipes" / "toy"
    for seed in (0, 1):
        found = table("classification", seed)
        run = make_run(tmp_path, seed)
        keep_record(run, "test", found, folder / "records")
        metrics = figures_of([table_statistics(found)], found, Resampling())
        card = {"config": "x", "split": "test", "seed": seed, "data": "", "n": 12}
        rows = results_of({**card, "metrics": metrics}, {"minutes": float(seed)})
        old = [replace(row, low=row.value - 0.5, high=row.value + 0.5) for row in rows]
        other = replace(rows[0], metric="effective_rank", value=7.0, low=6.0, high=8.0)
        write_results(folder / "results.csv", [*old, other])
    return folder


def test_intervals_are_made_anew_and_values_stay(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_results(recipe / "results.csv")
    count = rescore.run(recipe)
    after = read_results(recipe / "results.csv")
    assert count == len(before) - 2
    assert after["value"].tolist() == pytest.approx(before["value"].tolist(), abs=1e-6)
    untouched = after["metric"] == "effective_rank"
    assert (after["low"] - before["low"])[untouched].abs().max() == 0
    assert (after["low"] - before["low"])[~untouched].abs().min() > 0.01
    assert after["minutes"].tolist() == before["minutes"].tolist()
    assert f"{count} of {len(before)} figures" in capsys.readouterr().out


def test_a_value_that_the_records_do_not_give_is_refused(recipe: Path) -> None:
    path = recipe / "results.csv"
    text = path.read_text()
    line = next(one for one in text.splitlines() if ",0,accuracy," in one)
    cells = line.split(",")
    cells[5] = "0.987"
    path.write_text(text.replace(line, ",".join(cells)))
    with pytest.raises(ValueError, match=r"seed 0: accuracy is .* has 0\.987"):
        rescore.run(recipe)


def test_rows_without_labels_are_left_alone(recipe: Path, tmp_path: Path) -> None:
    photos = table("regression", 0)
    photos[["valence", "arousal"]] = float("nan")
    keep_record(tmp_path / "runs" / "x.de-0", "photos", photos, recipe / "records")
    before = read_results(recipe / "results.csv")
    assert rescore.run(recipe) == len(before) - 2


def test_strong_and_weak_rows_are_scored_again_where_the_record_knows_the_radius(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, found = tmp_path / "recipes" / "toy", regression(people=3)
    found.attrs |= {RADIUS: 0.6, "split": "test"}
    keep_record(make_run(tmp_path, 0), "test", found, folder / "records")
    parts = strong_weak_report(found, 0.6)
    card = {"config": "x", "split": "test", "seed": 0, "data": "", "n": 60, "metrics": {}}
    rows = list(results_of({**card, "strong_weak": parts}, {"minutes": 1.0}))
    assert {"strong_ccc", "weak_rmse_arousal"} <= {row.metric for row in rows}
    write_results(folder / "results.csv", rows)
    assert rescore.run(folder) == len(rows)


def test_a_record_without_the_radius_takes_that_of_others_with_its_training_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, rows = tmp_path / "recipes" / "toy", list[Result]()
    for seed, radius, labels in ((0, 0.6, "a"), (1, None, "a"), (2, None, "b")):
        found = regression(people=3, seed=0 if radius else seed)
        found.attrs |= {"split": "test"} | ({RADIUS: radius} if radius else {})
        run = tmp_path / "runs" / f"x{seed}-0"
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(f"name: x{seed}\nseed: 0\ntask: regression\n")
        fingerprint = {"train": {"targets": labels}}
        (run / "data.json").write_text(json.dumps({"fingerprint": fingerprint}))
        keep_record(run, "test", found, folder / "records")
        card = {"config": f"x{seed}", "split": "test", "seed": 0, "data": "", "n": 60}
        parts = {"metrics": {}, "strong_weak": strong_weak_report(found, 0.6)}
        rows += results_of({**card, **parts}, {"minutes": 1.0})
    write_results(folder / "results.csv", rows)
    assert rescore.run(folder) == 2 * len(rows) // 3  # nothing names the radius of the third


def test_photos_of_smiles_are_scored_again_but_for_who_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, found = tmp_path / "recipes" / "toy", photos().dropna(subset=["subject"])
    found = told(found.set_index("id").reset_index())
    found.attrs["split"] = "smiles"
    keep_record(make_run(tmp_path, 0), "smiles", found, folder / "records")
    said = smile_pairs(found, np.random.default_rng(0).normal(size=(len(found), 4)))
    card = {"config": "x", "split": "smiles", "seed": 0, "data": "of photos", "n": said["people"]}
    write_results(folder / "results.csv", results_of({**card, **said}, {"minutes": 0.0}))
    before = read_results(folder / "results.csv")
    assert rescore.run(folder) == len(before) - 2
    after = read_results(folder / "results.csv")
    assert after["data"].tolist() == ["of photos"] * len(before)
    for column in ("value", "low", "high"):
        assert after[column].tolist() == pytest.approx(before[column].tolist(), abs=1e-5)


def test_families_of_the_recipe_count_where_they_have_the_classes(recipe: Path) -> None:
    families = Families([["a", "c"]], ["c", "b", "a"])
    families.save(recipe / "families" / "toy.json")
    Families([["a", "d"]], ["a", "d"]).save(recipe / "families" / "other.json")
    found = table("classification", 0)
    own = replace(families, classes=["a", "b", "c"])
    metrics = figures_of([family_statistics(*table_targets(found), own)], found, Resampling())
    card = {"config": "x", "split": "test", "seed": 0, "data": "", "n": 12, "metrics": metrics}
    rows = [replace(row, low=0.0, high=0.0) for row in results_of(card, {"minutes": 0.0})]
    assert {"family_f1", "errors_inside"} <= {row.metric for row in rows}
    count = rescore.run(recipe)
    write_results(recipe / "results.csv", rows)
    assert rescore.run(recipe) == count + len(rows)
    after = read_results(recipe / "results.csv")
    after = after[(after["metric"] == "family_f1") & (after["seed"] == 0)]
    assert after["high"].item() == pytest.approx(metrics["family_f1"]["high"], abs=1e-5)


def test_lines_of_calibration_are_fitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, found = tmp_path / "recipes" / "toy", regression(people=3)
    found.attrs["split"] = "test"
    keep_record(make_run(tmp_path, 0), "test", found, folder / "records")
    card = {"config": "x", "split": "test", "seed": 0, "data": "", "n": 60, "metrics": {}}
    rows = results_of({**card, "calibration": calibration_card(found)}, {"minutes": 1.0})
    assert "calibration_slope_valence" in {row.metric for row in rows}
    write_results(folder / "results.csv", rows)
    assert rescore.run(folder) == len(rows)


def test_a_recipe_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no record files"):
        rescore.run(tmp_path)


def test_records_that_no_figure_is_of_are_said(recipe: Path) -> None:
    path = recipe / "results.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(ValueError, match=r"results\.csv has no figure of the records in .*records"):
        rescore.run(recipe)
    path.unlink()
    with pytest.raises(ValueError, match="has no figure"):
        rescore.run(recipe)
    assert not path.exists()


def test_a_damaged_record_is_named(recipe: Path) -> None:
    (file,) = (recipe / "records").glob("*.csv")
    file.write_bytes(file.read_bytes()[:-9])
    before = (recipe / "results.csv").read_bytes()
    with pytest.raises(ValueError, match=rf"{file.name} is damaged: its last line is cut off"):
        rescore.run(recipe)
    assert (recipe / "results.csv").read_bytes() == before
