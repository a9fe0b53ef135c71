from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("soundfile")

from affectrep.data import audio_facts as module
from affectrep.data.audio import audio_hash, read_audio
from affectrep.data.audio_facts import audio_facts, longest_run, measure_clip
from tests.data.sound import noise, tone, write


def test_a_tone_is_measured(tmp_path):
    path = write(tmp_path / "a.wav", np.stack([tone(1.0, rate=8000)] * 2, axis=1), 8000)
    found = measure_clip(path)
    assert (found.error, found.rate_hz, found.channels, found.seconds) == ("", 8000, 2, 1.0)
    assert found.rms_dbfs == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.01)
    assert found.peak == pytest.approx(0.5, abs=1e-3)
    assert found.rail_share == 0
    assert found.content == audio_hash(*read_audio(path))


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_flat_tops_are_seen_at_any_level(tmp_path, scale):
    clipped = scale * np.clip(3 * tone(1.0), -1, 1)
    found = measure_clip(write(tmp_path / "a.wav", clipped))
    assert found.rail_run_ms > 1
    assert (found.rail_share > 0.4) == (scale == 1.0)
    assert measure_clip(write(tmp_path / "b.wav", scale * 2 * tone(1.0))).rail_run_ms < 0.25


def test_silence_and_constants_are_not_clipped(tmp_path):
    found = measure_clip(write(tmp_path / "a.wav", np.zeros(100)))
    assert (found.rms_dbfs, found.rail_run_ms) == (-200, 0)
    assert measure_clip(write(tmp_path / "b.wav", np.full(100, 0.5))).rail_run_ms == 0


def test_broken_and_empty_files_are_told_apart(tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    assert "cannot be read" in measure_clip(tmp_path / "a.wav").error
    empty = measure_clip(write(tmp_path / "b.wav", np.zeros(0)))
    assert (empty.error, empty.seconds, empty.content) == ("", 0, "")


def test_the_longest_run_agrees_with_a_loop():
    random = np.random.default_rng(0)
    for _ in range(50):
        mask = random.random(30) < 0.7
        best = run = 0
        for value in mask:
            run = run + 1 if value else 0
            best = max(best, run)
        assert longest_run(mask) == best
    assert longest_run(np.zeros(0, bool)) == 0


def test_only_changed_files_are_measured_again(tmp_path, monkeypatch):
    paths = [write(tmp_path / f"{i}.wav", noise(0.1, i)) for i in range(3)]
    first = audio_facts([*paths, paths[0]], cache_folder=tmp_path / "cache", shown=False)
    assert first["path"].tolist() == [*paths, paths[0]]
    measured = []

    def watched(path):
        measured.append(path)
        return measure_clip(path)

    monkeypatch.setattr(module, "measure_clip", watched)
    again = audio_facts(paths, cache_folder=tmp_path / "cache", shown=False)
    assert again.equals(first.iloc[:3])
    assert measured == []
    write(Path(paths[1]), noise(0.2))
    os.utime(paths[2], ns=(1, 1))
    Path(paths[0]).unlink()
    changed = audio_facts(paths, cache_folder=tmp_path / "cache", shown=False)
    assert measured == paths
    assert changed["seconds"].tolist() == [0, 0.2, 0.1]
    assert "does not exist" in changed["error"][0]
    audio_facts(paths, shown=False)
    assert len(measured) == 6


def test_a_spoilt_table_is_measured_again(tmp_path):
    path = write(tmp_path / "a.wav", noise(0.1))
    (tmp_path / "audio_facts.parquet").write_bytes(b"PAR1 spoilt")
    assert audio_facts([path], cache_folder=tmp_path, shown=False)["seconds"].tolist() == [0.1]


def test_what_was_measured_before_cut_files_were_refused_is_measured_again(tmp_path):
    path = Path(write(tmp_path / "a.wav", noise(0.1)))
    audio_facts([str(path)], cache_folder=tmp_path, shown=False)
    path.write_bytes(path.read_bytes()[:2000])
    state, table = path.stat(), tmp_path / "audio_facts.parquet"
    old = f"{state.st_size} {state.st_mtime_ns}"
    pd.read_parquet(table).assign(stamp=old).to_parquet(table)
    (error,) = audio_facts([str(path)], cache_folder=tmp_path, shown=False)["error"]
    assert "breaks off after" in error
