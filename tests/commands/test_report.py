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
