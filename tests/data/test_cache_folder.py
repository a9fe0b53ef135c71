"""The folder for what can be made again."""

from __future__ import annotations

from affectrep.data.cache_folder import cache_folder


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("AFFECTREP_CACHE")
    assert cache_folder().parts[-2:] == (".cache", "affectrep")
