from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("soundfile")

from affectrep.data.corpora import emodb
from affectrep.data.corpora.clip_lists import is_clip_list, select_clips, write_clip_list
from affectrep.data.corpora.speech_set import READERS, prepare
from affectrep.data.manifest import Manifest
from affectrep.data.rows import write_rows
from tests.data.corpora.clips import write_clip, write_clips

ROWS = Path(__file__).parents[3] / "recipes" / "ser_crosslingual" / "rows"
SPEECH = Path(os.environ.get("AFFECTREP_DATA", "data")) / "speech"
SIZES = {"emodb": 339, "emovo": 336, "nemo": 432, "ravdess": 528, "urdu": 400}
NAMES = [f"wav/03a{text:02d}{letter}a.wav" for text in (1, 2) for letter in "WN"]


@pytest.fixture
def folder(tmp_path):
    return write_clips(tmp_path / "emodb", NAMES)


@pytest.fixture
def clip_list(folder, tmp_path):
    return write_clip_list(emodb.prepare(folder), tmp_path / "list.csv")


def test_the_same_download_is_identical(folder, clip_list):
    manifest, comparison = select_clips(emodb.prepare(folder), clip_list)
    assert len(manifest.rows) == 4
    assert len(comparison.identical) == 4
    assert comparison.sentences() == []


def test_the_subset_is_cut_out_of_a_larger_download(folder, clip_list):
    write_clip(folder / "wav" / "08a01Wa.wav")
    manifest, comparison = select_clips(emodb.prepare(folder), clip_list)
    assert len(manifest.rows) == 4
    assert comparison.extra == ("emodb/08a01Wa",)
    assert manifest.info.dropped == {"not in list.csv": 1}


def test_every_difference_is_named(folder, clip_list):
    (folder / NAMES[0]).unlink()
    write_clip(folder / NAMES[1], rate=16000)
    write_clip(folder / NAMES[2], seconds=0.4)
    _, comparison = select_clips(emodb.prepare(folder), clip_list)
    assert comparison.missing == ("emodb/03a01Wa",)
    assert comparison.same_duration == ("emodb/03a01Na",)
    assert comparison.different == ("emodb/03a02Wa",)
    assert comparison.identical == ("emodb/03a02Na",)
    assert len(comparison.sentences()) == 3
    assert comparison.sentences()[0].startswith("1 clips are in the list but not in the corpus: ")
    assert comparison.states() == {
        "emodb/03a01Na": "same duration, another rate or coding",
        "emodb/03a01Wa": "missing",
        "emodb/03a02Na": "identical",
        "emodb/03a02Wa": "another duration",
    }
    # another rate is no fault: the official files are at 48 kHz where the list was made at 16
    assert len(comparison.faults()) == 2


def test_a_clip_list_is_told_from_a_row_list(folder, clip_list, tmp_path):
    (row_list,) = write_rows(emodb.prepare(folder), tmp_path / "rows.csv")
    assert is_clip_list(clip_list)
    assert not is_clip_list(row_list)
    assert not is_clip_list(tmp_path / "none.csv")
    (tmp_path / "empty.csv").touch()
    assert not is_clip_list(tmp_path / "empty.csv")


def test_a_list_of_another_corpus_is_refused(folder):
    with pytest.raises(ValueError, match="expected ids such as urdu/"):
        select_clips(emodb.prepare(folder), ROWS / "urdu.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,split\na,b\n", "expected the columns id, sha256, duration_s"),
        ("id,sha256,duration_s\na,b,c\n", "row 2 has no number"),
        ("id,sha256,duration_s\n", "has no clips"),
    ],
)
def test_another_file_is_refused(folder, tmp_path, text, message):
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        select_clips(emodb.prepare(folder), file)


@pytest.mark.parametrize("name", SIZES)
def test_the_lists_of_the_recipe_are_in_order(name):
    lines = (ROWS / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    ids = [line.split(",")[0] for line in lines[1:]]
    assert name in READERS
    assert len(ids) == len(set(ids)) == SIZES[name]
    assert all(item.startswith(f"{name}/") for item in ids)


@pytest.mark.real_data
@pytest.mark.skipif(not SPEECH.is_dir(), reason="needs AFFECTREP_DATA with speech")
@pytest.mark.parametrize("name", SIZES)
def test_the_lists_are_those_of_the_real_folder(name):
    manifest: Manifest = prepare(SPEECH / f"{name}.csv")
    _, comparison = select_clips(manifest, ROWS / f"{name}.csv")
    assert comparison.sentences() == []


def test_a_quote_that_never_ends_swallows_no_clip(folder, tmp_path):
    file = tmp_path / "clips.csv"
    file.write_text('id,sha256,duration_s\na,"0123,1.0\nb,4567,1.0\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"clips\.csv row \d: unexpected end of data"):
        select_clips(emodb.prepare(folder), file)
