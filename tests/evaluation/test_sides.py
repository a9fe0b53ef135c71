from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.evaluation.sides import few_seeds, left_out, pair_seeds, read_sides
from tests.evaluation.crosslingual_runs import make_setting
from tests.evaluation.invented import make_run


def test_sides_have_letters_and_distinct_names(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "x", "ce", rows=60), make_run(tmp_path / "y", "ce", rows=60)
    c = make_run(tmp_path, "supcon", rows=60)
    sides = read_sides([a], [[b], [c]])
    assert sides.letters == ["A", "B", "C"]
    assert sides.names == [str(a), str(b), "supcon"]  # of the first two the folders' names agree
    assert [[run.path for run in side] for side in sides.runs] == [[a], [b], [c]]


def test_conditions_name_sides_of_one_configuration(tmp_path: Path) -> None:
    runs = [
        make_setting(tmp_path, "ce", "de", standardise=name)
        for name in ("strict", "transductive_corpus", "transductive_speaker")
    ]
    sides = read_sides(runs[:1], [[run] for run in runs[1:]])
    assert sides.names == ["ce (strict)", "ce (transductive_corpus)", "ce (transductive_speaker)"]


def test_one_seed_may_stand_in_several_settings_but_once_in_each(tmp_path: Path) -> None:
    de, it = (make_setting(tmp_path, "ce", target) for target in ("de", "it"))
    other = make_setting(tmp_path, "b", "de")
    assert len(read_sides([de, it], [[other]]).runs[0]) == 2
    with pytest.raises(ValueError, match="side A has seed 0 of 'strict it' more than once"):
        read_sides([de, it, it], [[other]])


def test_seeds_without_a_partner() -> None:
    assert pair_seeds([0, 1], [1, 0], "B") == ([(0, 0), (1, 1)], [])
    pairs, notes = pair_seeds([0, 1, 2], [5, 6], "C")
    assert pairs == [(0, 5), (1, 6)]
    assert "no seed in common" in notes[0]
    assert notes[1] == "Left out, without a partner: seed 2 of A."
    assert left_out([], [3, 1], "B", why="not run") == ["Left out, not run: seed 1, 3 of B."]
    assert left_out([], [], "B") == []


def test_few_seeds_are_said() -> None:
    assert "One seed" in few_seeds(1)[0]
    assert "Two seeds" in few_seeds(2)[0]
    assert few_seeds(3) == []
