from __future__ import annotations

import pytest

from affectrep.data.corpora.download_folder import corpus_folder
from affectrep.data.corpora.face_files import FaceCorpus

CORPUS = FaceCorpus("own", "Own", "as stated", "https://example.org", "faces/*.png")


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"needs its folder \(faces/\*\.png\): get it from https"):
        corpus_folder(None, CORPUS)
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        corpus_folder(tmp_path / "none", CORPUS)
    (tmp_path / "a").write_text("")
    with pytest.raises(ValueError, match="is a file: expected the folder with"):
        corpus_folder(tmp_path / "a", CORPUS)


def test_the_folder_is_absolute(tmp_path, monkeypatch):
    (tmp_path / "faces").mkdir()
    monkeypatch.chdir(tmp_path)
    assert corpus_folder("faces", CORPUS) == (tmp_path / "faces").resolve()
