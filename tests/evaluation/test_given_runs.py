from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from affectrep.evaluation.given_runs import given_runs
from affectrep.evaluation.record_sets import keep_record
from affectrep.evaluation.stored_run import StoredRun
from tests.evaluation.crosslingual_runs import make_setting
from tests.evaluation.invented import make_run


def folds(folder: Path, name: str = "study") -> tuple[list[Path], Path]:
    """Two folds and their pooled run, side by side as training and pooling leave them."""
    found = []
    for fold in ("0", "1", "all"):
        run = make_setting(folder, name, "de", fold=f"fold={fold} folds=2")
        found.append(run.rename(folder / f"{name}.{fold}-0"))
        run.parent.rmdir()
    return found[:2], found[2]


def test_what_is_no_run_and_no_record_is_left_out_and_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=60)
    odd = [tmp_path / name for name in ("families.json", "report.html", "results.csv", "shot.png")]
    for path in odd:
        path.write_bytes(b"\xff\xfe{}")
    (tmp_path / "sweeps").mkdir()
    found, notes = given_runs(sorted(tmp_path.iterdir()))
    assert found == [run]
    assert len(notes) == 1
    assert notes[0].startswith("Left out, as no run and no record: ")
    assert str(odd[0]) in notes[0]
    assert notes[0].endswith(" and 1 more.")
    assert given_runs([run]) == ([run], [])


def test_records_are_unpacked(tmp_path: Path) -> None:
    run = StoredRun(make_run(tmp_path, rows=60, seed=3))
    file = keep_record(run.path, "test", run.table("test"), tmp_path / "records")
    (found,), notes = given_runs([file])
    assert StoredRun(found).seed == 3
    assert notes == []
    text = file.read_text()
    file.write_text(text[: text.index("# seed")])
    with pytest.raises(ValueError, match="is damaged: line 3 is neither a seed nor"):
        given_runs([file.rename(tmp_path / "cut.csv")])


def test_a_misspelt_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        given_runs([tmp_path / "none-0"])


def test_folds_give_way_to_their_pooled_run(tmp_path: Path) -> None:
    parts, whole = folds(tmp_path)
    other = make_setting(tmp_path / "b", "study", "de", fold="fold=0 folds=2")
    found, notes = given_runs([*parts, other, whole])
    assert found == [other, whole]  # the folds of another place stay
    assert len(notes) == 1
    assert "pooled run is given, too" in notes[0]
    assert all(str(path) in notes[0] for path in parts)
    assert given_runs(parts) == (parts, [])


def test_folds_of_another_seed_stay(tmp_path: Path) -> None:
    parts, whole = folds(tmp_path)
    config = parts[0] / "config.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "seed": 5}))
    assert given_runs([*parts, whole])[0] == [parts[0], whole]
