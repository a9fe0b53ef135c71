from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from affectrep.data import image_contents as module
from affectrep.data.image_contents import image_contents
from affectrep.data.images import image_content
from tests.data.pictures import noise, write


@pytest.fixture
def read(monkeypatch, tmp_path):
    """A list of the files that are decoded."""
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))
    seen: list[str] = []
    decode = module.read_image

    def watched(path):
        seen.append(Path(path).name)
        return decode(path)

    monkeypatch.setattr(module, "read_image", watched)
    return seen


def test_files_are_hashed_once_and_again_when_they_change(tmp_path, read):
    paths = [write(tmp_path / f"{seed}.png", noise(seed=seed)) for seed in range(3)]
    expected = [image_content(noise(seed=seed)) for seed in range(3)]
    assert image_contents([*paths, paths[0]], shown=False) == [*expected, expected[0]]
    assert sorted(read) == ["0.png", "1.png", "2.png"]
    assert image_contents(list(map(Path, paths)), shown=False) == expected
    assert len(read) == 3
    write(tmp_path / "1.png", noise(seed=9))
    os.utime(paths[1], ns=(1, 1))
    found = image_contents(paths, shown=False)
    assert found == [expected[0], image_content(noise(seed=9)), expected[2]]
    assert read[3:] == ["1.png"]


def test_what_cannot_be_read_is_empty_and_not_remembered(tmp_path, read):
    good = write(tmp_path / "a.png", noise())
    broken = tmp_path / "b.png"
    broken.write_text("no image")
    assert image_contents([tmp_path / "gone.png", broken, good], shown=False)[:2] == ["", ""]
    assert image_contents([broken], shown=False) == [""]
    assert read.count("b.png") == 2
    Path(good).unlink()
    assert image_contents([good], shown=False) == [""]


def test_a_broken_cache_costs_time_only(tmp_path, read):
    path = write(tmp_path / "a.png", noise())
    image_contents([path], shown=False)
    (file,) = (tmp_path / "cache" / "contents").glob("*.json")
    for text in ("{", '{"format": 1, "files": 3}', '{"format": 1, "files": {"a": [1]}}'):
        file.write_text(text)
        assert image_contents([path], shown=False) == [image_content(noise())]
    assert read.count("a.png") == 4
    assert image_contents([], shown=False) == []


def test_a_stopped_run_keeps_what_it_read(tmp_path, read, monkeypatch):
    paths = [write(tmp_path / f"{seed}.png", noise(seed=seed)) for seed in range(3)]
    watched = module.read_image

    def stop(path):
        if Path(path).name == "2.png":
            raise KeyboardInterrupt
        return watched(path)

    monkeypatch.setattr(module, "read_image", stop)
    with pytest.raises(KeyboardInterrupt):
        image_contents(paths, shown=False)
    monkeypatch.setattr(module, "read_image", watched)
    image_contents(paths, shown=False)
    assert sorted(read) == ["0.png", "1.png", "2.png"]
