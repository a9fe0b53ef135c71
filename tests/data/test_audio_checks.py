from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.data.audio_checks import AudioLimits, check_audio, correlation_ratio
from affectrep.data.checks import check_manifest
from tests.data.sound import corpus, noise, tone, write

DATA = Path(os.environ.get("AFFECTREP_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def rows(tmp_path):
    """Twelve clean clips: three splits, two classes, two languages of three speakers each."""
    made = corpus(tmp_path, seconds=0.6).rows
    return made.assign(speaker=made["corpus"] + "/" + made["split"] + ["a", "a", "b", "b"] * 3)


def found(rows, **options):
    problems = check_audio(rows, shown=False, **options)
    return {problem.kind: problem for problem in problems}


def replaced(rows, index: int, samples, rate: int = 16000, **options):
    write(Path(rows["path"][index]), samples, rate, **options)
    return rows.drop(columns="duration_s")


def test_a_clean_corpus_has_notes_alone(rows):
    problems = check_audio(rows, shown=False)
    assert {problem.severity for problem in problems} == {"note"}
    assert {problem.kind for problem in problems} == {"loudness", "shared_texts"}


def test_bad_files_are_named(rows):
    Path(rows["path"][0]).write_text("no sound")
    replaced(rows, 1, np.zeros(0))
    replaced(rows, 2, np.zeros(16000))
    replaced(rows, 3, noise(0.05))
    replaced(rows, 4, np.clip(3 * tone(0.6), -1, 1))
    replaced(rows, 5, 0.5 * np.clip(3 * tone(0.6), -1, 1))
    rows = replaced(rows, 6, noise(0.6), 4000)
    problems = found(rows)
    expected = {
        "unreadable_clip": ("error", ("c0",)),
        "empty_clip": ("error", ("c1",)),
        "silent_clip": ("error", ("c2",)),
        "short_clip": ("error", ("c3",)),
        "clipped_clip": ("warning", ("c4", "c5")),
        "implausible_rate": ("error", ("c6",)),
    }
    for kind, (severity, names) in expected.items():
        assert (problems[kind].severity, problems[kind].rows) == (severity, names), kind
    assert "0.wav cannot be read as sound" in problems["unreadable_clip"].message
    assert "4000 Hz" in problems["implausible_rate"].message
    assert "(en 2)" in problems["clipped_clip"].message


def test_limits_can_be_moved(rows):
    assert "silent_clip" in found(rows, limits=AudioLimits(silent_dbfs=-10))
    assert len(found(rows, limits=AudioLimits(min_seconds=1))["short_clip"].rows) == 12


def test_a_header_that_contradicts_the_table_is_named(rows):
    stated = rows.assign(sample_rate_hz=[16000] * 11 + [44100])
    problem = found(stated)["wrong_rate"]
    assert (problem.severity, problem.rows) == ("error", ("c11",))
    assert "16000 Hz where the table states 44100 Hz" in problem.message
    write(Path(rows["path"][2]), noise(0.6), 8000)
    problem = found(rows)["wrong_duration"]
    assert (problem.severity, problem.rows) == ("warning", ("c2",))
    assert "0.50" in problem.message


@pytest.mark.parametrize(("rate", "kind"), [(12, "unreadable_clip"), (1000, "implausible_rate")])
def test_clips_of_an_odd_rate_are_named_and_not_compared(rows, monkeypatch, rate, kind):
    from affectrep.data import audio_checks

    compared = []
    monkeypatch.setattr(
        audio_checks, "find_overlaps", lambda paths, *_, **__: compared.extend(paths) or []
    )
    problem = found(replaced(rows, 6, noise(0.6), rate))[kind]
    assert f"{rate} Hz" in problem.message
    assert len(compared) == 11
    assert rows["path"][6] not in compared


def test_a_table_that_states_another_length_is_named_beside_measured_ones(rows):
    stated = rows.assign(stated_s=[0.6] * 11 + [6.0])
    assert found(stated)["wrong_duration"].rows == ("c11",)
    assert "wrong_duration" not in found(rows.assign(stated_s=None, duration_s=9.9))


def test_a_speaker_in_two_splits_is_an_error_in_the_words_of_check_manifest(rows, tmp_path):
    rows = rows.assign(speaker=["x/a", "x/b"] * 6)
    leaks = [problem for problem in check_audio(rows, shown=False) if problem.kind == "leak"]
    assert [problem.severity for problem in leaks] == ["error"] * 3
    made = corpus(tmp_path)
    told = {p.message for p in check_manifest(type(made)(rows, made.info)) if p.kind == "leak"}
    assert {problem.message for problem in leaks} == told
    accepted = check_audio(rows, accept_leaks="they are official", shown=False)
    assert "accepted: they are official" in next(p for p in accepted if p.kind == "leak").message
    assert not [problem for problem in accepted if problem.severity == "error"]


def test_shared_texts_are_a_note(rows):
    problem = found(rows)["shared_texts"]
    assert problem.severity == "note"
    assert "2 of 2 texts of test" in problem.message  # text a of two corpora
    assert "shared_texts" not in found(rows.assign(text_id=rows["id"]))


def test_speakers_are_judged(rows):
    one = rows.assign(speaker=rows["speaker"].where(rows["language"] != "de", "de/a"))
    problems = found(one, accept_leaks="a test")
    assert problems["one_speaker"].severity == "warning"
    assert "language de has one speaker" in problems["one_speaker"].message
    gone = found(rows.assign(speaker=[None, "", *rows["speaker"][2:]]))["no_speaker"]
    assert (gone.severity, gone.rows) == ("warning", ("c0", "c1"))


def test_speakers_with_a_single_emotion_are_counted(rows):
    single = rows.assign(speaker="x/" + rows["split"] + rows["label"])
    single = single.assign(corpus="x")
    single.loc[0, "label"] = "sad"
    problem = found(single)["single_emotion"]
    assert problem.severity == "warning"
    assert "5 of 6 x" in problem.message
    assert len(problem.rows) == 5
    assert "single_emotion" not in found(rows)


def test_copies_are_named_and_leak_between_splits(rows):
    for target in (1, 9):
        Path(rows["path"][target]).write_bytes(Path(rows["path"][0]).read_bytes())
    problems = found(rows)
    assert problems["copied_clip"].rows == ("c0", "c1", "c9")
    assert "(1 sounds), 1 of them under two labels" in problems["copied_clip"].message
    assert problems["leak"].message.startswith(
        "1 row of test shares its audio with train: remove it"
    )
    assert "overlapping_clips" not in problems  # said already


def test_overlapping_clips_are_named(rows):
    recording = noise(2.0, 99)
    write(Path(rows["path"][0]), recording[:16000])
    rows = replaced(rows, 1, recording[6400:])
    problem = found(rows)["overlapping_clips"]
    assert problem.rows == ("c0 + c1 (0.6 s)",)
    assert "overlapping_clips" not in found(rows, limits=AudioLimits(overlap=None))


def test_loudness_that_follows_emotion_is_a_number(rows):
    for index, label in enumerate(rows["label"]):
        write(Path(rows["path"][index]), noise(0.6, index) * (1 if label == "angry" else 0.1))
    message = found(rows)["loudness"].message
    assert "de 1.00 (20 dB), en 1.00 (20 dB)" in message


def test_the_correlation_ratio_agrees_with_the_definition():
    random = np.random.default_rng(0)
    values, groups = random.standard_normal(60), random.integers(0, 3, 60)
    values += groups
    within = sum(((values[groups == g] - values[groups == g].mean()) ** 2).sum() for g in range(3))
    total = ((values - values.mean()) ** 2).sum()
    assert correlation_ratio(values, groups) == pytest.approx(1 - within / total)
    assert correlation_ratio([1.0, 1.0], ["a", "b"]) == 0


def test_a_second_check_reads_no_file(rows, tmp_path, monkeypatch):
    from affectrep.data import audio_facts, clip_overlap

    first = check_audio(rows, cache_folder=tmp_path / "cache", shown=False)
    monkeypatch.setattr(audio_facts, "measure_clip", None)
    monkeypatch.setattr(clip_overlap, "_compare", None)
    assert check_audio(rows, cache_folder=tmp_path / "cache", shown=False) == first


@pytest.mark.real_data
@pytest.mark.skipif(not (DATA / "speech" / "urdu.csv").is_file(), reason="needs the real corpora")
def test_the_traps_of_urdu_are_found(tmp_path):
    table = pd.read_csv(DATA / "speech" / "urdu.csv")
    table = table.assign(
        id=table["path"],
        path=[str(DATA / "speech" / path) for path in table["path"]],
        label=table["emotion"],
        corpus="urdu",
        split="train",
    )
    problems = found(table, cache_folder=tmp_path)
    assert "26 of 29 urdu" in problems["single_emotion"].message
    assert problems["overlapping_clips"].message.startswith("8 pairs of clips")
    assert problems["clipped_clip"].message.startswith("clips are clipped (urdu 38)")
    assert "urdu 0.58 (14 dB)" in problems["loudness"].message
    assert not [problem for problem in problems.values() if problem.severity == "error"]
