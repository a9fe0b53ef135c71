from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands import report
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
