from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from affectrep.evaluation.evaluate import Predictions
from affectrep.evaluation.ledger import readings
from affectrep.evaluation.predictions import predictions_table, table_probabilities
from affectrep.evaluation.seed_ensemble import (
    ensemble_folder,
    ensemble_seeds,
    mean_predictions,
    seed_groups,
)
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.invented_settings import make_setting

TARGET = "leave_language_out target=de"


def members(runs: Path, seeds: int = 3, **more: object) -> list[StoredRun]:
    return [
        StoredRun(make_setting(runs, TARGET, name="mine", seed=seed, **more))  # type: ignore[arg-type]
        for seed in range(seeds)
    ]


def told(task: str, scores: np.ndarray, labels: np.ndarray, **more: object) -> pd.DataFrame:
    ids = [f"r{row}" for row in range(len(scores))]
    classes = None if task == "regression" else [f"c{i}" for i in range(scores.shape[1])]
    found = Predictions(ids, labels, scores.astype(np.float32))
    return predictions_table(found, task, classes, **more)  # type: ignore[arg-type]


def test_the_mean_of_probabilities_decides() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(3, size=50)
    tables = [told("classification", random.normal(size=(50, 3)), labels) for _ in range(4)]
    found = mean_predictions(tables)
    wanted = np.mean([table_probabilities(table) for table in tables], axis=0)
    np.testing.assert_allclose(table_probabilities(found), wanted)
    assert found["predicted"].tolist() == [f"c{i}" for i in wanted.argmax(1)]
    assert found["label"].tolist() == tables[0]["label"].tolist()


def test_rows_are_matched_by_their_ids() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(3, size=20)
    one, two = (told("classification", random.normal(size=(20, 3)), labels) for _ in range(2))
    attrs = two.attrs
    shuffled = two.sample(frac=1, random_state=3).reset_index(drop=True)
    shuffled.attrs = attrs
    pd.testing.assert_frame_equal(mean_predictions([one, shuffled]), mean_predictions([one, two]))


def test_values_of_a_regression_are_averaged() -> None:
    labels = np.zeros((2, 2))
    tables = [told("regression", np.full((2, 2), value), labels) for value in (0.2, 0.6)]
    found = mean_predictions(tables)
    assert found["predicted_valence"].tolist() == pytest.approx([0.4, 0.4])
    assert found["predicted_arousal"].tolist() == pytest.approx([0.4, 0.4])


def test_several_labels_reach_the_mean_of_the_thresholds() -> None:
    labels = np.array([[1, 0]])
    logit = np.log(np.array([[0.3, 0.2]]) / np.array([[0.7, 0.8]]))
    tables = [told("multilabel", logit, labels, threshold=value) for value in (0.2, 0.3)]
    found = mean_predictions(tables)
    assert found.attrs["threshold"] == pytest.approx(0.25)
    assert found["predicted"].tolist() == [["c0"]]


def test_other_rows_labels_and_tasks_are_refused() -> None:
    scores, labels = np.zeros((3, 2)), np.array([0, 1, 0])
    table = told("classification", scores, labels)
    with pytest.raises(ValueError, match="other rows"):
        mean_predictions([table, told("classification", scores[:2], labels[:2])])
    with pytest.raises(ValueError, match="other labels"):
        mean_predictions([table, told("classification", scores, 1 - labels)])
    with pytest.raises(ValueError, match="different classes"):
        mean_predictions([table, told("classification", np.zeros((3, 4)), labels)])
    bare = table.drop(columns=["prob_0", "prob_1"])
    with pytest.raises(ValueError, match="no probabilities"):
        mean_predictions([bare, bare])


def test_the_folder_is_that_of_a_run_and_tells_its_members(tmp_path: Path) -> None:
    seeds = members(tmp_path)
    run, card, table = ensemble_seeds(seeds, "test")
    assert run.path == tmp_path / "mine_ensemble.de-0"
    assert (run.name, run.seed, run.setting) == ("mine_ensemble", 0, seeds[0].setting)
    assert run.environment["ensemble"] == [one.path.name for one in seeds]
    assert run.environment["minutes"] == pytest.approx(4.5)
    assert [one.purpose for one in readings(run.path)] == [
        f"predictions of seed {seed}" for seed in range(3)
    ]
    assert (card["readings"], card["n"]) == (1, 40)
    assert run.info["notes"][-1] == "Mean of the predictions of seeds 0, 1, 2."
    assert run.fingerprint == seeds[0].fingerprint
    pd.testing.assert_frame_equal(run.table("test"), table)
    assert run.scorecard("test") == json.loads(json.dumps(card))


def test_votes_of_seeds_that_err_apart_err_less(tmp_path: Path) -> None:
    seeds = members(tmp_path, 7, skill=0.6, rows=range(150))
    _, card, _ = ensemble_seeds(seeds, "test")
    own = [run.scorecard("test")["metrics"]["accuracy"]["value"] for run in seeds]
    assert card["metrics"]["accuracy"]["value"] > max(own) + 0.05


def test_members_differ_in_nothing_but_the_seed(tmp_path: Path) -> None:
    seeds = members(tmp_path)
    path = seeds[1].path / "config.yaml"
    values = yaml.safe_load(path.read_text())
    values["training"]["epochs"] = 99
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ValueError, match=r"differ in training.epochs: members of an ensemble"):
        ensemble_seeds([StoredRun(run.path) for run in seeds], "test")


def test_groups_are_by_configuration_and_setting(tmp_path: Path) -> None:
    seeds = members(tmp_path)
    other = [
        StoredRun(make_setting(tmp_path, "leave_language_out target=it", name="mine", seed=seed))
        for seed in (4, 2)
    ]
    found = seed_groups([*seeds[::-1], *other])
    assert [[run.seed for run in group] for group in found] == [[0, 1, 2], [2, 4]]
    with pytest.raises(ValueError, match="only seed"):
        seed_groups([*seeds, other[0]])


def test_an_ensemble_is_no_member(tmp_path: Path) -> None:
    run, _, _ = ensemble_seeds(members(tmp_path), "test")
    with pytest.raises(ValueError, match="an ensemble already"):
        ensemble_folder([run])
