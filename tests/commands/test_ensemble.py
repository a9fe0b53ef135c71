from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from affectrep.commands import compare, ensemble, rescore
from affectrep.evaluation.results import read_results
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.invented_settings import configure, make_setting

RECIPE = Path("recipes/ser_crosslingual")


def members(speech_home: Path, target: str) -> list[Path]:
    return [
        make_setting(
            speech_home / "runs", f"leave_language_out target={target}", name="mine", seed=seed
        )
        for seed in range(3)
    ]


def test_each_language_and_their_mean_stand_in_the_results(
    speech_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [run for target in ("de", "it") for run in members(speech_home, target)]
    configure(runs[0])
    found = ensemble.run(runs)
    assert [one.name for one in found] == ["mine_ensemble"] * 2
    table = read_results(RECIPE / "results.csv")
    uar = table[table["metric"] == "uar"].set_index("condition")["value"]
    assert set(uar.index) == {"strict de", "strict it", "strict mean"}
    assert uar["strict mean"] == pytest.approx((uar["strict de"] + uar["strict it"]) / 2, abs=1e-5)
    assert set(table["config"]) == {"mine_ensemble"}
    assert "| mine_ensemble | 1 |" in (RECIPE / "README.md").read_text()
    assert "3 seeds, 40 rows" in (said := capsys.readouterr().out)
    assert "(members " in said
    assert rescore.run(RECIPE) == 8  # four figures of each language stand in the records


def test_values_of_its_own_keep_it_out_of_the_results(
    speech_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = members(speech_home, "de")
    configure(runs[0])
    path = Path("configs/ser_crosslingual/mine.yaml")
    path.write_text(path.read_text().replace("epochs: ", "epochs: 1"))
    ensemble.run(runs)
    assert not (RECIPE / "results.csv").exists()
    assert "training.epochs" in capsys.readouterr().out


def test_it_is_compared_as_a_run_is(speech_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = members(speech_home, "de")
    (found,) = ensemble.run(runs)
    compare.run([found.path], [[runs[0]]])
    assert "mine_ensemble" in capsys.readouterr().out
    assert StoredRun(found.path).scorecard("test")["n"] == 40


def test_a_run_that_was_not_evaluated_is_named(speech_home: Path) -> None:
    runs = members(speech_home, "de")
    (runs[1] / "predictions" / "test.parquet").unlink()
    with pytest.raises(FileNotFoundError, match="affectrep evaluate"):
        ensemble.run(runs)


def test_a_key_that_came_later_is_no_difference(speech_home: Path) -> None:
    runs = members(speech_home, "de")
    values = yaml.safe_load((runs[1] / "config.yaml").read_text())
    del values["training"]["patience"]  # of a run from before there was one
    (runs[1] / "config.yaml").write_text(yaml.safe_dump(values))
    assert len(ensemble.run(runs)) == 1
