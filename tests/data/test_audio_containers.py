"""Files that were cut off, and those that only look so."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile")

from affectrep.data.audio import read_audio
from affectrep.data.audio_containers import breaks_off
from tests.data.sound import RATE, noise, write


def wav(path: Path, stated: int, *, sound: bytes = bytes(8000), mark: bytes = b"RIFF") -> Path:
    """Write 16-bit sound whose data chunk states a size, behind a chunk of an odd one."""
    order = ">" if mark == b"RIFX" else "<"
    form = struct.pack(f"{order}IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    wide = b""
    if mark == b"RF64":
        wide = b"ds64" + struct.pack("<IQQQI", 28, 0, stated, 0, 0)
        stated = 0xFFFFFFFF
    odd = b"note" + struct.pack(f"{order}I", 3) + b"abc\0"
    size = struct.pack(f"{order}I", stated)
    path.write_bytes(mark + bytes(4) + b"WAVE" + wide + b"fmt " + form + odd + b"data" + size)
    path.write_bytes(path.read_bytes() + sound)
    return path


@pytest.mark.parametrize("mark", [b"RIFF", b"RIFX", b"RF64"])
@pytest.mark.parametrize(
    ("stated", "cut"), [(8000, False), (8044, False), (4000, False), (8100, True), (16000, True)]
)
def test_a_wav_is_cut_where_it_states_more_than_there_is(
    tmp_path: Path, mark: bytes, stated: int, cut: bool
) -> None:
    assert breaks_off(wav(tmp_path / "a.wav", stated, mark=mark)) is cut


@pytest.mark.parametrize("stated", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_is_whole(tmp_path: Path, stated: int) -> None:
    assert not breaks_off(wav(tmp_path / "a.wav", stated))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
def test_files_as_they_are_written_are_whole(tmp_path: Path, subtype: str, form: str) -> None:
    path = write(tmp_path / "a.wav", noise(0.1), format=form, subtype=subtype)
    assert not breaks_off(path)
    assert len(read_audio(path)[0]) == 1600


@pytest.mark.parametrize(
    ("ending", "subtype"), [("wav", "PCM_16"), ("ogg", "VORBIS"), ("ogg", "OPUS")]
)
def test_every_shorter_copy_is_cut(tmp_path: Path, ending: str, subtype: str) -> None:
    whole = Path(write(tmp_path / f"a.{ending}", noise(3.0), subtype=subtype))
    assert not breaks_off(whole)
    data = whole.read_bytes()
    path = tmp_path / f"cut.{ending}"
    for share in (0.2, 0.5, 0.9, 1 - 100 / len(data)):
        path.write_bytes(data[: int(share * len(data))])
        assert breaks_off(path), share
        # some cut Opus streams libsndfile does not even open
        words = (
            "(cannot be read|breaks off)"
            if subtype == "OPUS"
            else r"breaks off after \d+\.\d\d s: copy"
        )
        for seconds in (None, 0.1):
            with pytest.raises(ValueError, match=rf"cut\.{ending} {words}"):
                read_audio(path, seconds=seconds)


def test_an_ogg_between_two_pages_is_cut(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "a.ogg", noise(3.0)))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"OggS")])
    assert breaks_off(path)
    path.write_bytes(data + b"OggS is no page here")
    assert not breaks_off(path)


def test_of_other_files_nothing_is_known(tmp_path: Path) -> None:
    for ending in ("flac", "mp3"):
        path = Path(write(tmp_path / f"a.{ending}", noise(1.0)))
        path.write_bytes(path.read_bytes()[:2000])
        assert not breaks_off(path)
    for data in (b"", b"RIFF", b"RIFF" + bytes(99), b"no sound at all"):
        (tmp_path / "b").write_bytes(data)
        assert not breaks_off(tmp_path / "b")
    with pytest.raises(OSError, match="absent"):
        breaks_off(tmp_path / "absent.wav")


def test_a_part_of_a_whole_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ogg", noise(2.0))
    assert len(read_audio(path, start_s=0.5, seconds=0.25)[0]) == 4000
    assert np.isfinite(read_audio(path)[0]).all()
