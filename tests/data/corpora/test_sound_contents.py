from __future__ import annotations

import json

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora import sound_contents
from affectrep.data.corpora.sound_contents import SoundContents, read_content
from tests.data.corpora.clips import write_clip


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "sound" / "x.wav")


@pytest.fixture
def readings(monkeypatch):
    """Count how often a file is decoded."""
    seen = []

    def read(path):
        seen.append(path)
        return read_content(path)

    monkeypatch.setattr(sound_contents, "read_content", read)
    return seen


def ask(path):
    contents = SoundContents([path])
    found = contents.read(path)
    contents.save()
    return found


def test_a_file_is_decoded_once_and_again_when_it_changed(clip, readings):
    first = ask(clip)
    assert ask(clip) == first == read_content(clip)
    assert len(readings) == 1
    write_clip(clip, seconds=0.3)
    assert ask(clip)["duration_s"] == pytest.approx(0.3)
    assert len(readings) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0, "files": {}}', '{"format": 1}'])
def test_a_spoilt_memory_costs_a_reading_only(clip, readings, text):
    expected = ask(clip)
    SoundContents([clip]).file.write_text(text, encoding="utf-8")
    assert ask(clip) == expected
    assert len(readings) == 2
    assert json.loads(SoundContents([clip]).file.read_text())["files"]


def test_a_folder_that_cannot_be_written_does_not_stop(clip, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("x")
    monkeypatch.setenv("AFFECTREP_CACHE", str(blocked))
    assert ask(clip) == read_content(clip)


def test_a_missing_file_is_the_readers_error(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        ask(tmp_path / "none.wav")
