from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("soundfile")
import soundfile

from affectrep.data.audio import audio_hash, read_audio
from affectrep.data.corpora import emodb
from affectrep.data.corpora.sound_contents import read_content
from affectrep.data.corpora.speech_files import sound_files
from tests.data.corpora.clips import write_clip, write_clips

NAMES = [f"wav/{speaker:02d}a{text:02d}Fa.wav" for speaker in (3, 8) for text in range(1, 6)]


def test_hidden_files_and_macos_copies_are_no_clips(tmp_path):
    write_clips(tmp_path, ["a/x.wav", "a/._x.wav", "__MACOSX/a/x.wav", ".git/x.wav"])
    (tmp_path / "a" / "notes.txt").write_text("x")
    assert [path.name for path in sound_files(tmp_path)] == ["x.wav"]


def test_a_second_copy_of_a_name_is_not_a_second_clip(tmp_path):
    write_clips(tmp_path, [*NAMES, *(f"copy/{name}" for name in NAMES)])
    assert len(emodb.prepare(tmp_path).rows) == len(NAMES)


def test_content_is_that_of_the_samples_whatever_the_format(tmp_path):
    wav = write_clip(tmp_path / "x.wav")
    samples, rate = read_audio(wav)
    soundfile.write(tmp_path / "x.flac", samples, rate)
    assert read_content(tmp_path / "x.flac") == read_content(wav)
    assert read_content(wav) == {"duration_s": 0.2, "content": audio_hash(samples, rate)}


def test_few_broken_files_are_left_out_counted_and_named(tmp_path):
    names = [f"wav/03a{text:02d}{letter}a.wav" for text in range(100) for letter in "FN"]
    write_clips(tmp_path, names)
    (tmp_path / names[0]).write_bytes(b"no sound")
    manifest = emodb.prepare(tmp_path)
    assert len(manifest.rows) == 199
    assert manifest.info.dropped == {"sound file missing or not readable": 1}
    assert any("03a00Fa.wav" in note for note in manifest.info.notes)


def test_many_broken_files_stop(tmp_path):
    write_clips(tmp_path, NAMES)
    for name in NAMES[:2]:
        (tmp_path / name).write_bytes(b"no sound")
    with pytest.raises(ValueError, match="2 of 10 sound files of EmoDB are missing or broken: .*"):
        emodb.prepare(tmp_path)


def test_a_part_of_the_download_is_a_note(tmp_path):
    (note,) = emodb.prepare(write_clips(tmp_path, NAMES)).info.notes
    assert note == "EmoDB: 10 files were found, the official download has 535."


def test_no_row_of_the_classes_and_an_unknown_word_are_refused(tmp_path):
    write_clips(tmp_path, NAMES)
    with pytest.raises(ValueError, match="no clip of EmoDB has one of the classes"):
        emodb.prepare(tmp_path, labels={"happiness": ""})
    with pytest.raises(ValueError, match="did you mean happiness"):
        emodb.prepare(tmp_path, labels={"hapiness": "happy"})


def test_a_file_or_nothing_instead_of_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a file: expected the folder"):
        emodb.prepare(write_clip(tmp_path / "x.wav"))
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        emodb.prepare(tmp_path / "nowhere")


def test_stereo_at_another_rate_is_read(tmp_path):
    path = tmp_path / "03a01Fa.wav"
    soundfile.write(path, np.zeros((9600, 2)), 48000)
    assert emodb.prepare(tmp_path).rows["duration_s"].tolist() == [0.2]
