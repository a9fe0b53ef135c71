from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from affectrep.data import image_cache
from affectrep.data.image_cache import ImageCache, broken_sentence, image_key

CALLS: list[int] = []


def square(job: int) -> np.ndarray:
    """A 3 x 3 square whose numbers say job, row, column and channel; 13 is broken."""
    if job == 13:
        raise ValueError("thirteen.png: unlucky")
    CALLS.append(job)
    return np.arange(27, dtype=np.uint8).reshape(3, 3, 3) + np.uint8(job)


@pytest.fixture(autouse=True)
def _forget():
    CALLS.clear()


def test_squares_come_back_with_channels_first(tmp_path):
    jobs = {"c": 3, "a": 1, "b": 2}
    cache = ImageCache(tmp_path / "new", [*jobs, "a"], side_px=3)
    assert len(cache) == 3
    assert not cache.filled
    assert cache.fill(jobs, square, shown=False) == {}
    found = cache.read(["b", "b", "c"])
    assert found.dtype == np.uint8
    for place, job in enumerate((2, 2, 3)):
        assert np.array_equal(found[place], square(job).transpose(2, 0, 1))
    assert np.array_equal(cache.read(["a"])[0], square(1).transpose(2, 0, 1))
    found[:] = 0
    cache.read(["c"])[:] = 0
    assert cache.read(["b"]).any()
    assert cache.read(["c"]).any()
    with pytest.raises(KeyError):
        cache.read(["d"])


def test_it_is_filled_once_whatever_the_order(tmp_path):
    ImageCache(tmp_path, ["a", "b"], side_px=3).fill({"a": 1, "b": 2}, square, shown=False)
    again = ImageCache(tmp_path, ["b", "a"], side_px=3)
    assert again.filled
    again.fill({"a": 1, "b": 2}, square, shown=False)
    assert CALLS == [1, 2]
    assert not ImageCache(tmp_path, ["a"], side_px=3).filled
    assert not ImageCache(tmp_path, ["a", "b"], side_px=4).filled
    with pytest.raises(ValueError, match="at least one"):
        ImageCache(tmp_path, [], side_px=3)


def test_a_broken_image_leaves_no_file(tmp_path):
    cache = ImageCache(tmp_path, ["a", "b"], side_px=3)
    assert cache.fill({"a": 13, "b": 2}, square, shown=False) == {"a": "thirteen.png: unlucky"}
    assert not cache.filled
    assert not list(tmp_path.glob("*.tmp"))
    assert cache.fill({"a": 1, "b": 2}, square, shown=False) == {}
    assert cache.filled


def test_a_run_that_stops_leaves_nothing_half_made(tmp_path):
    def stop(job: int) -> np.ndarray:
        raise KeyboardInterrupt

    cache = ImageCache(tmp_path, ["a"], side_px=3)
    with pytest.raises(KeyboardInterrupt):
        cache.fill({"a": 1}, stop, shown=False)
    assert not cache.filled
    stale = tmp_path / f"{cache.path.stem}.99999.tmp"  # of a run that was killed
    stale.write_bytes(b"half")
    cache.fill({"a": 1}, square, shown=False)
    assert not stale.exists()
    assert cache.filled


def test_a_full_disk_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda folder: SimpleNamespace(free=26))
    cache = ImageCache(tmp_path, ["a"], side_px=3)
    with pytest.raises(ValueError, match=r"1 images of 3 px need 0\.0 GB in .*AFFECTREP_CACHE"):
        cache.fill({"a": 1}, square, shown=False)
    assert not list(tmp_path.glob("*.tmp"))
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda folder: SimpleNamespace(free=27))
    assert cache.fill({"a": 1}, square, shown=False) == {}


def test_it_travels_without_its_map(tmp_path):
    cache = ImageCache(tmp_path, ["a"], side_px=3)
    cache.fill({"a": 1}, square, shown=False)
    cache.read(["a"])
    data = pickle.dumps(cache)
    assert len(data) < 1000
    assert np.array_equal(pickle.loads(data).read(["a"]), cache.read(["a"]))


def test_keys_tell_apart_what_gives_other_pixels():
    box = (1.0, 2.0, 30.0)
    keys = {
        image_key("ab", None, margin=0.0, side_px=64),
        image_key("cd", None, margin=0.0, side_px=64),
        image_key("ab", None, margin=0.0, side_px=48),
        image_key("ab", box, margin=0.0, side_px=64),
        image_key("ab", box, margin=0.1, side_px=64),
        image_key("ab", (1.0, 2.0, 31.0), margin=0.1, side_px=64),
    }
    assert len(keys) == 6
    # the middle square takes no margin
    assert image_key("ab", None, margin=0.1, side_px=64) in keys


def test_broken_images_are_counted():
    text = broken_sentence({str(place): f"{place}.png: is empty" for place in range(7)})
    assert text.startswith("7 images cannot be read: 0.png: is empty; 1.png")
    assert text.endswith("4.png: is empty and 2 more")


def _fill(folder: Path, start, counts) -> None:
    jobs = {str(job): job for job in range(20, 60)}
    cache = ImageCache(folder, list(jobs), side_px=3)
    start.wait()
    cache.fill(jobs, square, shown=False)
    good = all(cache.read([key])[0, 0, 0, 0] == job for key, job in jobs.items())
    counts.put((len(CALLS), good))


@pytest.mark.processes
def test_two_processes_fill_it_once(tmp_path):
    context = multiprocessing.get_context("fork")
    start, counts = context.Barrier(2), context.Queue()
    jobs = [context.Process(target=_fill, args=(tmp_path, start, counts)) for _ in range(2)]
    for job in jobs:
        job.start()
    found = sorted(counts.get(timeout=60) for _ in jobs)
    for job in jobs:
        job.join()
    assert found == [(0, True), (40, True)]
