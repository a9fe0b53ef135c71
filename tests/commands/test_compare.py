from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.commands import compare
from affectrep.evaluation.multiple import holm
from affectrep.evaluation.record_sets import keep_record
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.invented import make_run


def test_effect_interval_and_verdict_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = [make_run(tmp_path, "supcon", seed, rows=150) for seed in range(3)]
    b = [make_run(tmp_path, "ce", seed, rows=150) for seed in range(3)]
    for run in b:  # the same skill, other errors
        (run / "predictions" / "test.json").unlink()
    found = compare.run(a, [b], resamples=200)
    words = " ".join(capsys.readouterr().out.split())
    assert "test: 150 rows, 3 paired seeds" in words
    assert "exchanging the 3 paired seeds gives p 0.250 at best." in words
    assert "could not reach 0.05 at all. Student's t" in words
    assert "smallest" in words
    assert "supcon and ce are the same in weighted F1, row for row." in words
    assert found["ce"]["weighted_f1"].effect == 0


def test_cannot_be_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = [make_run(tmp_path, "supcon", 1, rows=150)]
    b = [make_run(tmp_path, "ce", 2, rows=150)]
    compare.run(a, [b], resamples=300, metric="accuracy")
    words = " ".join(capsys.readouterr().out.split())
    assert "supcon and ce cannot be told apart in accuracy: an effect below" in words
    assert "One seed" in words
    assert "no seed in common" in words
    assert "Smallest attainable p" not in words  # 150 rows can be exchanged


def test_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    a, b = make_run(tmp_path, "a", rows=60), make_run(tmp_path, "b", rows=60)
    with pytest.raises(ValueError, match="no metric 'bleu' here; there are accuracy"):
        compare.run([a], [[b]], metric="bleu", resamples=50)


def test_one_side_with_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = range(4)
    a = [make_run(tmp_path, "aml", seed, rows=150, skill=0.8) for seed in seeds]
    b = [make_run(tmp_path, "ce", seed + 50, rows=150, skill=0.4) for seed in seeds]
    c = [make_run(tmp_path, "lcl", seed, rows=150, skill=0.8) for seed in (0, 1, 2, 9)]
    d = [make_run(tmp_path, "supcon", 3, rows=150, skill=0.9)]
    found = compare.run(a, [b, c, d], resamples=200)
    words = " ".join(capsys.readouterr().out.split())
    assert "A: aml B: ce, 4 paired seeds C: lcl, 3 paired seeds D: supcon, one seed" in words
    assert words.index("Weighted F1") < words.index("Accuracy")
    for heading in ("Holm's p", "95 % interval", "smallest detectable", "verdict"):
        assert words.count(heading.split()[0]) >= 4, heading
    assert "B: The sides have no seed in common" in words
    assert "C: Left out, without a partner: seed 3 of A and seed 9 of C." in words
    assert "D: One seed" in words
    assert "B: Smallest attainable p: exchanging the 4 paired seeds gives p 0.125 at best" in words
    assert "C: Smallest attainable p: exchanging the 3 paired seeds gives p 0.250 at best" in words
    assert "0.750 after Holm over 3 systems" in words
    assert "smallest detectable effects are of each comparison by itself" in words
    assert "points above ce in weighted F1" in words
    assert "aml and lcl are the same in weighted F1" in words
    ps = [found[name]["uar"].p for name in ("ce", "lcl", "supcon")]
    assert [found[name]["uar"].holm for name in found] == holm(ps).tolist()


def test_one_comparison_is_not_adjusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = make_run(tmp_path, "a", rows=60), make_run(tmp_path, "b", rows=60)
    assert compare.run([a], [[b]], resamples=50)["b"]["uar"].holm is None
    assert "Holm" not in capsys.readouterr().out


def test_the_metric_of_the_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = make_run(tmp_path, "a", rows=60), make_run(tmp_path, "b", rows=60)
    compare.run([a], [[b]], resamples=50)
    assert " in weighted F1" in capsys.readouterr().out
    config = (a / "config.yaml").read_text().replace("select: weighted_f1", "select: uar")
    (a / "config.yaml").write_text(config)
    compare.run([a], [[b]], resamples=50)
    assert " in UAR" in capsys.readouterr().out


def test_a_record_is_told_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make_run(tmp_path / "runs", "ce", seed, rows=60) for seed in range(2)]
    for path in runs:
        file = keep_record(path, "test", StoredRun(path).table("test"), tmp_path / "records")
    monkeypatch.chdir(tmp_path)
    file = file.relative_to(tmp_path)
    compare.run(runs, [[file]], resamples=50)
    said = capsys.readouterr().out
    assert "affectrep-records" not in said
    assert f"{tmp_path}/runs/ce-* and records/ce.csv are the same in" in " ".join(said.split())
    compare.run([file], [[file]], resamples=50)
    assert "records/ce.csv and records/ce.csv are the same" in capsys.readouterr().out
    other = make_run(tmp_path / "others", "aml", rows=59)
    with pytest.raises(ValueError, match=r"^seed 0 of records/ce\.csv and .*others/aml-0 were not"):
        compare.run([file], [[other]], resamples=50)


def test_the_folder_one_stands_in_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = (make_run(tmp_path / name, "ce", rows=60) for name in ("a", "b"))
    other = other.rename(other.with_name("again"))
    monkeypatch.chdir(run)
    compare.run([Path()], [[other]], resamples=50)
    assert "A: ce-0\nB: again\n" in capsys.readouterr().out


def test_a_record_without_some_of_its_rows_is_damaged(tmp_path: Path) -> None:
    run = make_run(tmp_path, "ce", rows=60)
    file = keep_record(run, "test", StoredRun(run).table("test"), tmp_path / "records")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-4]))
    with pytest.raises(ValueError, match=r"ce\.csv is damaged: it holds 56 of 60 rows of test"):
        compare.run([run], [[file]])
