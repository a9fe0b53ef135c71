from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.data import clip_overlap as module
from affectrep.data.clip_overlap import find_overlaps
from tests.data.sound import noise, tone, write


def naive(first: np.ndarray, second: np.ndarray, least: int) -> tuple[float, int, int]:
    best = (-1.0, 0, 0)
    for lag in range(1 - len(second), len(first)):
        start, end = max(lag, 0), min(len(first), lag + len(second))
        if end - start < least:
            continue
        one, other = first[start:end], second[start - lag : end - lag]
        value = float(one @ other / np.sqrt((one @ one) * (other @ other)))
        best = max(best, (value, lag, end - start))
    return best


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_a_loop_over_lags(seed):
    random = np.random.default_rng(seed)
    first, second = random.standard_normal(90), random.standard_normal(61)
    if seed % 2:
        second[:20] = first[-20:]
    size = module._fft_size(90, 61)
    signals = [module._prepare(signal.astype(np.float32), size) for signal in (first, second)]
    value, lag, count = module._best_lag(*signals, size, 15)
    expected = naive(first, second, 15)
    assert value == pytest.approx(expected[0], abs=1e-5)
    assert (lag, count) == expected[1:]


@pytest.fixture
def cuts(tmp_path) -> list[str]:
    """Two cuts of one recording, 1 s of which both hold; a third clip; one of another speaker."""
    recording = noise(5.0)
    parts = {"a": recording[:48000], "b": 0.3 * recording[32000:], "c": noise(3.0, 1)}
    paths = [write(tmp_path / f"{name}.wav", part) for name, part in parts.items()]
    return [*paths, write(tmp_path / "d.wav", recording[:48000])]


def test_cuts_of_one_recording_are_found(cuts):
    speakers = ["x", "x", "x", "y"]
    (found,) = find_overlaps(cuts, speakers, shown=False)
    assert [found.first, found.second] == cuts[:2]
    assert found.correlation > 0.95
    assert found.lag_s == pytest.approx(2.0, abs=0.002)
    assert found.seconds == pytest.approx(1.0, abs=0.002)
    assert len(find_overlaps(cuts, ["x"] * 4, shown=False)) == 3
    assert find_overlaps(cuts, [None] * 4, shown=False) == []


def test_a_shared_hum_is_no_overlap(tmp_path):
    hum = 0.3 * tone(2.0, 50.0)
    paths = [write(tmp_path / f"{i}.wav", hum + 0.3 * noise(2.0, i)) for i in range(2)]
    assert find_overlaps(paths, ["x", "x"], shown=False) == []


def test_broken_and_short_files_are_left_out(tmp_path, cuts):
    (tmp_path / "e.wav").write_text("no sound")
    short = write(tmp_path / "f.wav", noise(5.0)[:3200])
    paths = [*cuts[:2], str(tmp_path / "e.wav"), short]
    assert len(find_overlaps(paths, ["x"] * 4, shown=False)) == 1


def test_many_pairs_are_reduced_to_neighbours(tmp_path, cuts):
    far = write(tmp_path / "z.wav", noise(5.0)[:48000])
    paths = [*cuts[:3], far]
    assert len(find_overlaps(paths, ["x"] * 4, shown=False)) == 3
    near = find_overlaps(paths, ["x"] * 4, max_pairs=4, shown=False)
    assert [(Path(p.first).name, Path(p.second).name) for p in near] == [("a.wav", "b.wav")]


def test_the_result_is_kept_until_a_file_changes(tmp_path, cuts, monkeypatch):
    folder = tmp_path / "cache"
    first = find_overlaps(cuts[:3], ["x"] * 3, cache_folder=folder, shown=False)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_compare", None)
        assert find_overlaps(cuts[:3], ["x"] * 3, cache_folder=folder, shown=False) == first
    write(Path(cuts[1]), noise(3.0, 7))
    assert find_overlaps(cuts[:3], ["x"] * 3, cache_folder=folder, shown=False) == []
