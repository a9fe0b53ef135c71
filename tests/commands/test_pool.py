from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.build import run_name
from affectrep.commands import compare, pool, report
from affectrep.commands.sweep_cells import cells_of
from affectrep.config import load_config
from affectrep.evaluation.record_sets import expand_records
from affectrep.evaluation.records import read_compact
from affectrep.evaluation.results import read_results, results_of, write_results
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.invented_settings import configure, make_folds, make_setting

RECIPE = Path("recipes/ser_crosslingual")


def evaluated(*runs: Path) -> None:
    """Write results.csv as evaluation does."""
    for run in map(StoredRun, runs):
        rows = results_of(run.scorecard("test"), run.environment, run.setting)
        write_results(RECIPE / "results.csv", rows)


def test_folds_become_a_run_with_results_and_a_record(
    speech_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = make_folds(speech_home / "runs")
    configure(folds[0])
    found = pool.run(folds)
    run = speech_home / "runs" / "upper.de-0"
    assert [one.path for one in found.runs] == [run]
    assert "60 rows, UAR" in capsys.readouterr().out
    table = read_results(RECIPE / "results.csv")
    assert set(table["condition"]) == {"strict de"}
    uar = table[table["metric"] == "uar"].iloc[0]
    assert uar["value"] == pytest.approx(
        StoredRun(run).scorecard("test")["metrics"]["uar"]["value"]
    )
    assert (uar["n"], uar["minutes"]) == (60, 4.5)
    assert "| upper | 1 |" in (RECIPE / "README.md").read_text()
    (record,) = expand_records([RECIPE / "records" / "upper.de.csv"])
    assert len(read_compact(record / "predictions" / "test.csv")) == 60
    assert (record / "reads.jsonl").read_text().count("of fold") == 3
    assert load_config(record / "config.yaml").name == "upper"
    assert StoredRun(record).setting == StoredRun(run).setting == "strict de"


def test_a_pooled_run_is_compared_and_reported_like_any(
    speech_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = speech_home / "runs"
    folds = [path for seed in (0, 1) for path in make_folds(runs, seed=seed, skill=0.95)]
    zero = [
        make_setting(
            runs, "leave_language_out target=de", name="zero", seed=seed, rows=range(60), skill=0.3
        )
        for seed in (0, 1)
    ]
    pool.run(folds)
    upper = [runs / "upper.de-0", runs / "upper.de-1"]
    found = compare.run(upper, [zero], metric="uar", resamples=200)
    assert found["zero"]["uar"].effect > 0.3
    assert found["zero"]["uar"].told_apart
    report.run([*upper, *zero], speech_home / "report.html")
    assert "60 test" in (speech_home / "report.html").read_text()


def test_all_that_is_whole_is_pooled_before_a_missing_fold_is_said(speech_home: Path) -> None:
    folds = make_folds(speech_home / "runs") + make_folds(speech_home / "runs", seed=1)
    with pytest.raises(ValueError, match="upper, seed 1, target de: fold 0 of 3 is missing"):
        pool.run(folds[:3] + folds[4:])
    assert (speech_home / "runs" / "upper.de-0" / "predictions" / "test.json").is_file()
    assert not (speech_home / "runs" / "upper.de-1").exists()


def test_means_are_written_where_their_parts_stand(
    speech_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = speech_home / "runs"
    names = ("proposed", "shortened")
    made = {
        name: [
            make_setting(runs, f"leave_language_out target={target}", name=name)
            for target in ("de", "it")
        ]
        for name in names
    }
    evaluated(*made["proposed"], made["shortened"][0])
    pool.run([*made["proposed"], *made["shortened"]])
    table = read_results(RECIPE / "results.csv")
    means = table[table["condition"] == "strict mean"]
    assert set(means["config"]) == {"proposed"}
    assert set(means["metric"]) == {"uar", "macro_f1", "accuracy", "weighted_f1"}
    parts = table[(table["config"] == "proposed") & (table["condition"] != "strict mean")]
    wanted = parts[parts["metric"] == "uar"]["value"].mean()
    assert means[means["metric"] == "uar"]["value"].item() == pytest.approx(wanted, abs=1e-5)
    assert (means["low"] <= means["value"]).all()
    words = " ".join(capsys.readouterr().out.split())
    assert "4 means over targets written" in words
    assert "means of shortened are not written" in words
    assert "Strict. mean" in words


def test_a_figure_that_was_changed_since_makes_no_mean(speech_home: Path) -> None:
    made = [
        make_setting(speech_home / "runs", f"leave_language_out target={target}", name="proposed")
        for target in ("de", "it")
    ]
    evaluated(*made)
    text = (made[0] / "predictions" / "test.json").read_text()
    value = StoredRun(made[0]).scorecard("test")["metrics"]["uar"]["value"]
    (made[0] / "predictions" / "test.json").write_text(text.replace(str(value), "0.123"))
    pool.run(made)
    table = read_results(RECIPE / "results.csv")
    assert "strict mean" not in set(table[table["metric"] == "uar"]["condition"])


def test_pooled_runs_among_those_given_are_made_anew(speech_home: Path) -> None:
    folds = make_folds(speech_home / "runs") + make_folds(speech_home / "runs", target="it")
    for path in folds:
        configure(path)
    pool.run(folds)
    again = pool.run(
        [*folds, speech_home / "runs" / "upper.de-0", speech_home / "runs" / "upper.it-0"]
    )
    assert len(again.runs) == 2
    assert {one.result.condition for one in again.means} == {"strict mean"}
    means = read_results(RECIPE / "results.csv")
    assert len(means[means["condition"] == "strict mean"]) == 4


def test_runs_of_which_nothing_can_be_made_are_refused(speech_home: Path) -> None:
    text = make_setting(speech_home / "runs", "single_label", name="text")
    with pytest.raises(ValueError, match="nothing to pool: these 1 runs"):
        pool.run([text])
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        pool.run([speech_home / "nowhere"])


def test_folds_without_a_target_become_one_result(
    speech_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = [
        make_setting(
            speech_home / "runs",
            f"folds fold={fold} folds=3",
            rows=[row for row in range(60) if row // 4 % 3 == fold],
            total=60,
        )
        for fold in range(3)
    ]
    configure(folds[0])
    (one,) = pool.run(folds).runs
    assert one.path == speech_home / "runs" / "upper.folds-0"
    assert "60 rows, UAR" in capsys.readouterr().out
    table = read_results(RECIPE / "results.csv")
    assert set(table["condition"]) == {"folds pooled"}
    config = load_config(folds[1] / "config.yaml")
    assert run_name(config) == folds[1].name == "upper.fold1-0"


def test_folds_are_a_setting_of_a_sweep_and_no_name_of_their_own(speech_home: Path) -> None:
    folds = make_setting(speech_home / "runs", "folds fold=0 folds=3")
    configure(folds)
    found = cells_of(
        [Path("configs/ser_crosslingual/upper.yaml")],
        [],
        seeds=[0],
        sets=["data.protocol=folds fold=0 folds=3|folds fold=1 folds=3"],
        output=Path("runs"),
    )
    assert [cell.folder.name for cell in found] == ["upper.fold0-0", "upper.fold1-0"]
    assert {cell.label for cell in found} == {"upper"}
