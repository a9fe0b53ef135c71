"""Folds of one corpus and groups left out: pooled, averaged, compared and told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectrep.evaluation.place import Place
from affectrep.evaluation.pooled_run import pool_folds, pooled_folder, whole_groups
from affectrep.evaluation.setting_pairing import compare_settings, pair_settings
from affectrep.evaluation.stored_run import StoredRun
from affectrep.evaluation.target_means import target_means
from tests.evaluation.invented_settings import make_folds, make_setting


def make_group_folds(runs: Path, *, column: str = "", dropped: int = 0, **more) -> list[Path]:
    """Write the runs of three folds without a target, 60 rows in all."""
    words = f"folds column={column}" if column else "folds"
    made = []
    for fold in range(3):
        rows = [row for row in range(60) if row // 4 % 3 == fold]
        protocol = f"{words} fold={fold} folds=3"
        made.append(make_setting(runs, protocol, rows=rows, total=60 - dropped, **more))
    return made


def test_folds_without_a_target_have_folders_of_their_own_and_become_one_run(tmp_path: Path):
    folds = [StoredRun(path) for path in make_group_folds(tmp_path)]
    assert [run.path.name for run in folds] == ["upper.fold0-0", "upper.fold1-0", "upper.fold2-0"]
    assert [run.setting for run in folds] == ["fold 0/3", "fold 1/3", "fold 2/3"]
    (group,), missing = whole_groups(folds[::-1])
    assert not missing
    run, card, table = pool_folds(group)
    assert run.path == pooled_folder(group) == tmp_path / "upper.folds-0"
    assert run.setting == "folds pooled"
    assert run.config["data"]["protocol"] == "folds fold=all folds=3"
    assert (card["n"], len(table)) == (60, 60)
    assert (
        "3 folds together: each row was predicted by a model that its group took no"
        in (run.info["notes"][-1])
    )
    assert Place.of(run.config).pooled


def test_folds_of_several_columns_and_of_a_target_stay_apart(tmp_path: Path):
    runs = make_group_folds(tmp_path) + make_group_folds(tmp_path, column="author")
    runs += make_folds(tmp_path)
    whole, missing = whole_groups([StoredRun(path) for path in runs])
    assert not missing
    names = sorted(pooled_folder(group).name for group in whole)
    assert names == ["upper.de-0", "upper.folds-0", "upper.folds-by-author-0"]


def test_a_missing_fold_is_named_without_a_target(tmp_path: Path):
    folds = make_group_folds(tmp_path)
    _, missing = whole_groups([StoredRun(path) for path in folds[1:]])
    assert missing == ["upper, seed 0: fold 0 of 3 is missing"]


def test_rows_that_folds_leave_out_of_training_are_allowed_for_and_no_more(tmp_path: Path):
    folds = [StoredRun(path) for path in make_group_folds(tmp_path, dropped=3)]
    assert pool_folds(folds)[1]["n"] == 60  # the invented runs say that three rows were left out
    fewer = [StoredRun(path) for path in make_group_folds(tmp_path, name="b", dropped=4)]
    with pytest.raises(ValueError, match="has 56 rows, the test splits of all folds 60"):
        pool_folds(fewer)


def left_out(runs: Path, who: str, place: int, **more) -> Path:
    return make_setting(
        runs,
        f"leave_group_out column=speaker value={who}",
        rows=range(20 * place, 20 * place + 20),
        **more,
    )


def test_groups_left_out_are_averaged_as_targets(tmp_path: Path):
    runs = [left_out(tmp_path, who, place) for place, who in enumerate(("ann", "bob", "cid"))]
    assert [path.name for path in runs][:2] == ["upper.speaker-ann-0", "upper.speaker-bob-0"]
    stored = [StoredRun(path) for path in [*runs, *make_group_folds(tmp_path)]]
    means, notes = target_means(stored)
    assert not notes
    assert {one.result.condition for one in means} == {"mean of one speaker left out"}
    uar = next(one for one in means if one.result.metric == "uar")
    values = [run.scorecard("test")["metrics"]["uar"]["value"] for run in stored[:3]]
    assert uar.result.value == pytest.approx(sum(values) / 3)
    assert uar.targets == {"ann", "bob", "cid"}
    assert set(uar.parts) == {"speaker ann", "speaker bob", "speaker cid"}


def test_a_group_of_one_person_is_averaged_too(tmp_path: Path):
    runs = []
    for place, who in enumerate(("ann", "bob")):
        rows = range(4 * place, 4 * place + 4)  # four rows of one speaker
        protocol = f"leave_group_out column=speaker value={who}"
        runs.append(StoredRun(make_setting(tmp_path, protocol, rows=rows)))
        table = runs[-1].table("test")
        assert table["speaker"].nunique() == 1
    means, _ = target_means(runs)
    assert {one.result.condition for one in means} == {"mean of one speaker left out"}


def test_pooled_folds_are_compared_and_single_folds_are_not(tmp_path: Path):
    sides = {}
    for name, skill in {"good": 0.95, "poor": 0.4}.items():
        folds = make_group_folds(tmp_path, name=name, skill=skill)
        sides[name] = (folds, pool_folds([StoredRun(path) for path in folds])[0].path)
    good, poor = sides["good"], sides["poor"]
    found = compare_settings(pair_settings([good[1]], [[poor[1]]], split="test")[0])
    assert list(found.targets) == ["all rows"]
    assert found.mean["uar"].fixed.effect > 0.2
    with pytest.raises(ValueError, match="is one fold of 3: pool the folds"):
        pair_settings([good[0][0]], [[poor[0][0]]], split="test")


def test_the_card_is_what_was_written(tmp_path: Path):
    run, card, _ = pool_folds([StoredRun(path) for path in make_group_folds(tmp_path)])
    assert run.scorecard("test") == json.loads(json.dumps(card))
