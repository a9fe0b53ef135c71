"""A file that is written beside its place: whole or untouched, and named where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectrep.data.whole_file import swap_folder, whole_file


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("before")
    with pytest.raises(KeyError), whole_file(file) as partial:
        partial.write_text("half")
        raise KeyError
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_said_with_the_name_of_the_file(tmp_path: Path) -> None:
    said = r"new/a\.txt cannot be written: No space left on device"
    with pytest.raises(OSError, match=said), whole_file(tmp_path / "new" / "a.txt"):
        raise OSError(28, "No space left on device")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    said = "is a folder: give the name of a file"
    with pytest.raises(ValueError, match=said), whole_file(tmp_path):
        pass


def test_a_link_to_a_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link = tmp_path / "a.txt"
    link.symlink_to(tmp_path / "far" / "b.txt")
    with whole_file(link) as partial:
        partial.write_text("all")
    assert link.is_symlink()
    assert (tmp_path / "far" / "b.txt").read_text() == "all"


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for name in ("partial", "model", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(name)
    (tmp_path / ".model.previous").symlink_to(tmp_path / "elsewhere")
    swap_folder(tmp_path / "partial", tmp_path / "model")
    assert (tmp_path / "model" / "name").read_text() == "partial"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "model"]
    assert (tmp_path / "elsewhere" / "name").read_text() == "elsewhere"
