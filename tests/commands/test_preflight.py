"""The check before training: problems of table and sound files in one list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.commands.preflight import find_problems
from affectrep.commands.prepare import label_maps
from affectrep.data.manifest import Manifest
from tests.data.sound import corpus, write


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTREP_CACHE", str(tmp_path / "cache"))


def test_a_sound_corpus_has_no_errors_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from affectrep.data import audio_facts

    manifest = corpus(tmp_path)
    first = find_problems(manifest)
    assert not [problem for problem in first if problem.severity == "error"]
    monkeypatch.setattr(audio_facts, "measure_clip", lambda path: pytest.fail(f"read {path} again"))
    assert find_problems(manifest) == first


def test_all_problems_of_table_and_files_with_their_rows(tmp_path: Path) -> None:
    manifest = corpus(tmp_path)
    write(Path(manifest.rows.loc[0, "path"]), np.zeros(8000, np.float32))
    Path(manifest.rows.loc[5, "path"]).write_text("no sound")
    rows = manifest.rows.copy()
    rows.loc[1, "label"] = "cross"
    rows.loc[2, "speaker"] = rows.loc[11, "speaker"]
    problems = find_problems(Manifest(rows, manifest.info))
    errors = {p.kind: p.rows for p in problems if p.severity == "error"}
    assert errors == {
        "unknown_label": ("c1",),
        "leak": ("c10 = c2", "c11 = c2"),
        "silent_clip": ("c0",),
        "unreadable_clip": ("c5",),
    }
    leaks = [problem for problem in problems if problem.kind == "leak"]
    assert len(leaks) == 1  # table and files both know of it
    ranks = ["error", "warning", "note"]
    order = [ranks.index(problem.severity) for problem in problems]
    assert order == sorted(order)
    assert "warning" in {problem.severity for problem in problems}


def test_an_accepted_leak_is_a_note(tmp_path: Path) -> None:
    manifest = corpus(tmp_path)
    manifest.rows.loc[2, "speaker"] = manifest.rows.loc[11, "speaker"]
    accepted = replace(manifest.info, accept_leaks="for a test")
    leaks = [p for p in find_problems(Manifest(manifest.rows, accepted)) if p.kind == "leak"]
    assert [leak.severity for leak in leaks] == ["note"]
    assert "accepted: for a test" in leaks[0].message


def test_only_one_process_reads_sound(tmp_path: Path) -> None:
    manifest = corpus(tmp_path)
    Path(manifest.rows.loc[5, "path"]).unlink()
    assert "unreadable_clip" not in {p.kind for p in find_problems(manifest, read_sound=False)}
    assert "unreadable_clip" in {p.kind for p in find_problems(manifest)}


def test_label_maps_are_said_per_corpus(tmp_path: Path) -> None:
    rows = corpus(tmp_path).rows.assign(source_label=["W", "T"] * 6)
    assert label_maps(rows) == [
        "labels of de: T -> sad (3), W -> angry (3)",
        "labels of en: T -> sad (3), W -> angry (3)",
    ]
