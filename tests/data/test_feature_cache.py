from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from affectrep.data.feature_cache import FeatureCache, feature_key

CALLS: list[int] = []


def ramp(job: int) -> np.ndarray:
    """A ``(job, 2)`` matrix of the job's number; 13 is broken."""
    if job == 13:
        raise ValueError("unlucky")
    CALLS.append(job)
    return np.full((job, 2), job, np.float32)


def test_what_was_stored_is_read_again(tmp_path):
    cache = FeatureCache(tmp_path, ["settings"])
    jobs = {str(job): job for job in (3, 1, 4)}
    assert cache.fill(jobs, ramp, shown=False) == {}
    for found in (cache, FeatureCache(tmp_path, ["settings"]), pickle.loads(pickle.dumps(cache))):
        assert len(found) == 3
        for key, job in jobs.items():
            assert np.array_equal(found[key], np.full((job, 2), job))
            assert found[key].dtype == np.float32
    assert "9" not in cache
    with pytest.raises(KeyError):
        cache["9"]


def test_nothing_is_computed_twice(tmp_path):
    CALLS.clear()
    FeatureCache(tmp_path, ["x"]).fill({"1": 1, "2": 2}, ramp, shown=False)
    cache = FeatureCache(tmp_path, ["x"])
    cache.fill({"2": 2, "3": 3}, ramp, shown=False)
    assert CALLS == [1, 2, 3]
    assert [len(cache[str(job)]) for job in (1, 2, 3)] == [1, 2, 3]


def test_other_settings_are_another_set(tmp_path):
    FeatureCache(tmp_path, ["x"]).fill({"1": 1}, ramp, shown=False)
    assert "1" not in FeatureCache(tmp_path, ["x", "augmented"])
    with pytest.raises(ValueError, match="key of a preprocess"):
        FeatureCache(tmp_path, [])


def test_an_index_without_its_values_is_empty(tmp_path):
    FeatureCache(tmp_path, ["x"]).fill({"1": 1, "2": 2}, ramp, shown=False)
    next(tmp_path.glob("*.npy")).unlink()
    cache = FeatureCache(tmp_path, ["x"])
    assert len(cache) == 0
    assert cache.fill({"2": 2, "3": 3}, ramp, shown=False) == {}
    for found in (cache, FeatureCache(tmp_path, ["x"])):
        assert "1" not in found
        assert np.array_equal(found["3"], np.full((3, 2), 3))


def test_broken_entries_are_named_and_not_stored(tmp_path):
    cache = FeatureCache(tmp_path, ["x"])
    assert cache.fill({"1": 1, "13": 13, "2": 2}, ramp, shown=False) == {"13": "unlucky"}
    assert len(cache) == 2
    assert "13" not in cache


def test_a_copy_is_given_that_may_be_changed(tmp_path):
    cache = FeatureCache(tmp_path, ["x"])
    cache.fill({"2": 2}, ramp, shown=False)
    cache["2"][:] = 0
    assert (cache["2"] == 2).all()


@pytest.mark.processes
def test_workers_give_the_same(tmp_path):
    jobs = {str(job): job for job in range(1, 12)}
    cache = FeatureCache(tmp_path, ["x"])
    assert cache.fill({**jobs, "13": 13}, ramp, workers=2, shown=False) == {"13": "unlucky"}
    assert all(np.array_equal(cache[key], np.full((job, 2), job)) for key, job in jobs.items())


def test_the_values_are_a_numpy_file(tmp_path):
    cache = FeatureCache(tmp_path, ["x"])
    cache.fill({"1": 1, "2": 2}, ramp, shown=False)
    assert np.load(cache.values_path, mmap_mode="r").tolist() == [1, 1, 2, 2, 2, 2]
    cache.fill({"3": 3}, ramp, shown=False)
    assert len(np.load(cache.values_path)) == 12


@pytest.mark.parametrize("lost", [1, 5])
def test_a_line_that_was_cut_is_written_again(tmp_path, lost):
    cache = FeatureCache(tmp_path, ["x"])
    cache.fill({"1": 1, "2": 2}, ramp, shown=False)
    data = cache.index_path.read_bytes()
    cache.index_path.write_bytes(data[:-lost])
    again = FeatureCache(tmp_path, ["x"])
    assert len(again) == 1
    again.fill({"2": 2, "3": 3}, ramp, shown=False)
    last = FeatureCache(tmp_path, ["x"])
    assert [len(last[str(job)]) for job in (1, 2, 3)] == [1, 2, 3]
    assert [json.loads(line)[0] for line in last.index_path.read_text().splitlines()] == list("123")


def test_lost_values_are_computed_again(tmp_path):
    cache = FeatureCache(tmp_path, ["x"])
    cache.fill({"1": 1, "2": 2}, ramp, shown=False)
    with cache.values_path.open("r+b") as file:
        file.truncate(cache.values_path.stat().st_size - 4)
    again = FeatureCache(tmp_path, ["x"])
    assert "1" in again
    assert "2" not in again
    again.fill({"2": 2}, ramp, shown=False)
    assert (FeatureCache(tmp_path, ["x"])["2"] == 2).all()


def test_what_another_process_added_is_found(tmp_path):
    mine, other = FeatureCache(tmp_path, ["x"]), FeatureCache(tmp_path, ["x"])
    other.fill({"1": 1}, ramp, shown=False)
    assert "1" not in mine
    CALLS.clear()
    mine.fill({"1": 1, "2": 2}, ramp, shown=False)
    assert CALLS == [2]
    other.refresh()
    assert (other["2"] == 2).all()


KILLED = """
import sys, time
import numpy as np
from affectrep.data.feature_cache import FeatureCache
def slow(job):
    time.sleep(0.02)
    return np.full((job % 7 + 1, 3), job, np.float32)
FeatureCache(sys.argv[1], ["x"]).fill({str(j): j for j in range(10000)}, slow, shown=False)
"""


@pytest.mark.processes
def test_a_killed_run_keeps_what_it_stored(tmp_path):
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2]
    )
    limit = time.monotonic() + 60
    while time.monotonic() < limit and len(FeatureCache(tmp_path, ["x"])) < 5:
        time.sleep(0.1)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    cache = FeatureCache(tmp_path, ["x"])
    stored = len(cache)
    assert stored >= 5
    assert all(np.array_equal(cache[str(j)], np.full((j % 7 + 1, 3), j)) for j in range(stored))
    cache.fill({"2": 2, "new": 4}, ramp, shown=False)
    again = FeatureCache(tmp_path, ["x"])
    assert len(again) == stored + 1
    assert again["2"].shape == (3, 3)
    assert again["new"].shape == (4, 2)


def test_filling_draws_no_random_number(tmp_path):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    FeatureCache(tmp_path, ["x"]).fill({"1": 1}, ramp, shown=False)
    assert torch.equal(torch.rand(1), expected)


def test_an_error_that_is_no_bad_clip_stops_and_keeps_the_rest(tmp_path):
    def fails(job: int) -> np.ndarray:
        if job == 2:
            raise RuntimeError("bug")
        return ramp(job)

    cache = FeatureCache(tmp_path, ["x"])
    with pytest.raises(RuntimeError, match="bug"):
        cache.fill({"1": 1, "2": 2, "3": 3}, fails, shown=False)
    assert "1" in FeatureCache(tmp_path, ["x"])


def test_keys_join_their_parts():
    assert feature_key("ab", 0.5, 2) == "ab:0.5:2"
