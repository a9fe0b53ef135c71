from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from affectrep.evaluation.intervals import bootstrap
from affectrep.evaluation.ledger import readings, record_read
from affectrep.evaluation.pooled_run import pool_folds, pooled_folder, whole_groups
from affectrep.evaluation.predictions import table_statistics, write_predictions
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.invented_settings import make_folds, make_setting, table_of


def stored(paths: list[Path]) -> list[StoredRun]:
    return [StoredRun(path) for path in paths]


def rewrite(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_pooled_run_holds_every_row_of_the_folds(tmp_path: Path) -> None:
    folds = stored(make_folds(tmp_path))
    run, card, table = pool_folds(folds)
    assert run.path == tmp_path / "upper.de-0"
    assert (run.name, run.seed) == ("upper", 0)
    kept = run.table("test")
    assert sorted(kept["id"], key=lambda name: int(name[1:])) == [f"r{row}" for row in range(60)]
    for fold in folds:
        part = fold.table("test")
        same = kept.set_index("id").loc[part["id"]].reset_index()
        pd.testing.assert_frame_equal(same, part)
    pd.testing.assert_frame_equal(kept, table)
    assert kept.attrs["classes"] == folds[0].table("test").attrs["classes"]
    assert run.scorecard("test") == json.loads(json.dumps(card))


def test_its_figures_are_those_of_all_rows_with_speakers_resampled(tmp_path: Path) -> None:
    run, card, table = pool_folds(stored(make_folds(tmp_path)))
    correct = (table["label"] == table["predicted"]).mean()
    assert card["metrics"]["accuracy"]["value"] == pytest.approx(correct, abs=1e-12)
    assert (card["config"], card["seed"], card["split"], card["n"]) == ("upper", 0, "test", 60)
    clusters = table["speaker"].to_numpy()
    wanted = bootstrap(table_statistics(table), resamples=100, clusters=clusters)["uar"]
    assert card["metrics"]["uar"]["low"] == pytest.approx(wanted.low)
    assert card["metrics"]["uar"]["high"] == pytest.approx(wanted.high)
    assert card["data"] == run.fingerprint["test"]["content"][:12]


def test_what_made_it_is_told(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    record_read(folds[1], "test", config="c0ffee", purpose="embeddings")
    rewrite(folds[2] / "environment.json", commit="def5678")
    run, card, _ = pool_folds(stored(folds))
    assert run.environment["minutes"] == pytest.approx(4.5)
    assert run.environment["commit"] == "abc1234+def5678"
    assert run.environment["device"] == "cpu"
    assert run.environment["pooled"] == [path.name for path in folds]
    assert [one.purpose for one in readings(run.path)].count("predictions of fold 1") == 1
    assert len(readings(run.path, "test")) == 4
    assert card["readings"] == 2  # no row was read more often
    protocol = run.config["data"]["protocol"]
    assert protocol == "folds target=de fold=all folds=3"
    assert run.info["dropped"] == {f"not used by {protocol}": 3}
    assert run.info["notes"][0] == "Said by invented people."
    assert "3 folds of de together" in run.info["notes"][-1]
    assert len(run.info["notes"]) == 2  # none that is true of one fold only
    assert list(run.fingerprint) == ["test"]
    assert run.fingerprint["test"]["rows"] == 60


def test_groups_are_by_configuration_seed_target_and_condition(tmp_path: Path) -> None:
    speaker = ["data.speech.standardise=transductive_speaker"]
    runs = make_folds(tmp_path) + make_folds(tmp_path, seed=1) + make_folds(tmp_path, target="it")
    runs += make_folds(tmp_path, name="other") + make_folds(tmp_path, words=speaker)
    runs.append(make_setting(tmp_path, "leave_language_out target=de", name="zero"))
    whole, missing = whole_groups(stored(runs[::-1]))
    assert not missing
    assert sorted(pooled_folder(group).name for group in whole) == [
        "other.de-0",
        "upper.de-0",
        "upper.de-1",
        "upper.de.transductive_speaker-0",
        "upper.it-0",
    ]
    for group in whole:
        assert [run.config["data"]["protocol"].split()[2] for run in group] == [
            "fold=0",
            "fold=1",
            "fold=2",
        ]


def test_a_missing_fold_is_named(tmp_path: Path) -> None:
    folds = make_folds(tmp_path, folds=4) + make_folds(tmp_path, seed=1)
    whole, missing = whole_groups(stored(folds[:1] + folds[2:3] + folds[4:]))
    assert [group[0].seed for group in whole] == [1]
    assert missing == ["upper, seed 0, target de: fold 1, 3 of 4 is missing"]


def test_one_fold_twice_is_refused(tmp_path: Path) -> None:
    folds = [*make_folds(tmp_path / "a"), *make_folds(tmp_path / "a", seed=1)]
    (tmp_path / "a" / "copy").mkdir()
    (tmp_path / "a" / "copy" / "config.yaml").write_text((folds[0] / "config.yaml").read_text())
    with pytest.raises(ValueError, match="are one fold"):
        whole_groups(stored([*folds, tmp_path / "a" / "copy"]))
    whole, missing = whole_groups(stored([folds[0], *folds[:3]]))
    assert len(whole) == 1
    assert not missing


def test_folds_that_share_rows_are_refused(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    write_predictions(folds[2] / "predictions" / "test.parquet", table_of(range(20), 0, 1.0))
    with pytest.raises(ValueError, match=r"rows are in several folds .* drawn from other data"):
        pool_folds(stored(folds))
    assert not (tmp_path / "upper.de-0").exists()


def test_folds_that_leave_rows_of_the_target_out_are_refused(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    path = folds[1] / "predictions" / "test.parquet"
    write_predictions(path, table_of([row for row in range(60) if row // 4 % 3 == 1][1:], 0, 1.0))
    with pytest.raises(ValueError, match="60 rows of its target, the test splits of all folds 59"):
        pool_folds(stored(folds))


def test_other_classes_are_refused(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    table = StoredRun(folds[1]).table("test")
    table.attrs["classes"] = ["angry", "happy", "sad", "neutral"]
    write_predictions(folds[1] / "predictions" / "test.parquet", table)
    with pytest.raises(ValueError, match="different classes"):
        pool_folds(stored(folds))


def test_another_configuration_is_refused_and_another_machine_is_not(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    config = folds[1] / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("threads: null", "threads: 2").replace("root: null", "root: x"))
    assert config.read_text() != text
    pool_folds(stored(folds))
    config.write_text(text.replace("epochs: 4", "epochs: 5"))
    assert config.read_text() != text
    with pytest.raises(ValueError, match=r"differ in training\.epochs"):
        pool_folds(stored(folds))


def test_a_fold_that_was_not_evaluated_is_said(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    (folds[1] / "predictions" / "test.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"affectrep evaluate .*upper\.de\.fold1-0"):
        pool_folds(stored(folds))


def test_a_run_that_stands_in_the_place_is_kept(tmp_path: Path) -> None:
    folds = stored(make_folds(tmp_path))
    make_setting(tmp_path, "leave_language_out target=de")
    with pytest.raises(ValueError, match="is a run of its own"):
        pool_folds(folds)


def test_it_can_be_pooled_again(tmp_path: Path) -> None:
    folds = stored(make_folds(tmp_path))
    first = pool_folds(folds)[1]
    assert pool_folds(folds)[1] == first
