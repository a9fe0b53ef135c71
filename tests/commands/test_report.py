from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands import report
from affectrep.evaluation.record_sets import keep_record
from affectrep.evaluation.results import read_results
from affectrep.evaluation.stored_run import StoredRun
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


@pytest.mark.parametrize("name", ["config.yaml", "predictions/test.json", "metrics.jsonl"])
def test_no_file_of_a_run_is_written_over(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path, rows=60)
    before = (run / name).read_bytes()
    with pytest.raises(ValueError, match=r"expected a name in \.html or \.htm$"):
        report.run([run], run / name)
    (tmp_path / "page.html").symlink_to(run / name)
    with pytest.raises(ValueError, match=r"expected a name in \.html or \.htm$"):
        report.run([run], tmp_path / "page.html")
    assert (run / name).read_bytes() == before


def test_a_record_is_not_written_over(tmp_path: Path) -> None:
    run = StoredRun(make_run(tmp_path, rows=60))
    file = keep_record(run.path, "test", run.table("test"), tmp_path / "records")
    page = file.rename(tmp_path / "record.html")
    before = page.read_bytes()
    with pytest.raises(ValueError, match="is one of the inputs: name another file"):
        report.run([run.path, page], page)
    assert page.read_bytes() == before


def test_an_earlier_report_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, rows=60)
    page = report.run([run], run / "report.html")
    assert report.run([run], page) == page
    before = page.read_bytes()

    def full(self: Path, text: str, **_: str) -> int:
        self.write_bytes(text.encode()[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        report.run([run], page)
    assert page.read_bytes() == before
    assert not list(run.glob(".report*"))


def test_a_seed_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run(tmp_path, "ce", seed, rows=60) for seed in range(2)]
    for path in runs:
        run = StoredRun(path)
        file = keep_record(path, "test", run.table("test"), tmp_path / "records")
    output = tmp_path / "report.html"
    alone = report.run(runs, output).read_text()
    assert "Left out" not in capsys.readouterr().out
    assert report.run([file, *runs, runs[0]], output).read_text() == alone
    said = capsys.readouterr().out
    assert (
        "Left out, as the same seed of the same configuration is given, too: "
        f"seed 0 of {file}, seed 1 of {file}, {runs[0]}." in said
    )
