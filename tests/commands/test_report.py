from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands import report
from affectrep.evaluation.results import read_results
from affectrep.reporting.figures import number
from tests.evaluation.invented import make_run


def test_the_report_is_written_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.html"
    assert report.run([make_run(tmp_path, rows=60)], output) == output
    assert "opens without network" in capsys.readouterr().out
    with pytest.raises(ValueError, match="is a folder"):
        report.run([], tmp_path)
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        report.run([tmp_path / "none"], output)


def test_everything_in_a_folder_of_runs_may_be_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = report.run([make_run(tmp_path, rows=60)], tmp_path / "report.html")
    (tmp_path / "families.json").write_text("{}")
    assert report.run(sorted(tmp_path.iterdir()), output) == output
    said = capsys.readouterr().out
    assert f"no run and no record: {tmp_path}/families.json, {output}." in said
    with pytest.raises(ValueError, match="at least one run"):
        report.run([tmp_path / "families.json"], output)


RECORDS = {
    "functionals_caf.de": ("ser_crosslingual", "uar"),
    "empathetic_aml_pointwise": ("fec_text", "weighted_f1"),
    "ferplus_aml": ("fer_av", "ccc"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_reported_like_its_runs(name: str, tmp_path: Path) -> None:
    """Its figures are those of results.csv, and no command names the folder it was unpacked in."""
    recipe, metric = RECORDS[name]
    folder = Path(__file__).parents[2] / "recipes" / recipe
    path = report.run([folder / "records" / f"{name}.csv"], tmp_path / "report.html")
    html = path.read_text(encoding="utf-8")
    assert "Not evaluated" not in html
    assert "affectrep-records" not in html
    assert f"affectrep evaluate runs/{name}-0" not in html.partition('id="next"')[2]
    config, _, target = name.partition(".")
    results = read_results(folder / "results.csv")
    mine = (results["config"] == config) & (results["metric"] == metric)
    mine &= results["split"].eq("test") & results["condition"].eq(
        f"strict {target}" if target else ""
    )
    said = number(metric, float(results[mine]["value"].astype(float).mean()))
    assert f'<div class="value">{said}</div>' in html
