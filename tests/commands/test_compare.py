from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands import compare
from tests.evaluation.invented import make_run


def test_effect_interval_and_verdict_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = [make_run(tmp_path, "supcon", seed, rows=150) for seed in range(3)]
    b = [make_run(tmp_path, "ce", seed, rows=150) for seed in range(3)]
    for run in b:  # the same skill, other errors
        (run / "predictions" / "test.json").unlink()
    found = compare.run(a, b, resamples=200)
    words = " ".join(capsys.readouterr().out.split())
    assert "test: 150 rows, 3 paired seeds" in words
    assert "smallest" in words
    assert "supcon and ce are the same in weighted F1, row for row." in words
    assert found["weighted_f1"].effect == 0


def test_cannot_be_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = [make_run(tmp_path, "supcon", 1, rows=150)]
    b = [make_run(tmp_path, "ce", 2, rows=150)]
    compare.run(a, b, resamples=300, metric="accuracy")
    words = " ".join(capsys.readouterr().out.split())
    assert "supcon and ce cannot be told apart in accuracy: an effect below" in words
    assert "One seed" in words
    assert "no seed in common" in words


def test_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    a, b = make_run(tmp_path, "a", rows=60), make_run(tmp_path, "b", rows=60)
    with pytest.raises(ValueError, match="no metric 'bleu' here; there are accuracy"):
        compare.run([a], [b], metric="bleu", resamples=50)
