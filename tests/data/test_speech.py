from __future__ import annotations

import pickle
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.data.audio import read_waveform
from affectrep.data.augment_audio import AudioAugment, Draw
from affectrep.data.clip_reading import ClipSettings, segments
from affectrep.data.loader import InOrder, StepLoader
from affectrep.data.manifest import Manifest
from affectrep.data.samplers import BatchSampler
from affectrep.data.speech import SpeechRows, collate_speech
from affectrep.data.standardise import fit_statistics, group_statistics
from tests.data.sound import Frames, Vector, corpus, noise, write

GAIN = AudioAugment(gain_db=Draw(1.0, -20, 0))


@pytest.fixture
def made(tmp_path) -> Manifest:
    (tmp_path / "clips").mkdir()
    return corpus(tmp_path / "clips")


@pytest.fixture
def rows_of(made):
    def build(split="train", preprocess=None, cache=None, **settings):
        return SpeechRows(
            made,
            split,
            made.domains(),
            preprocess=preprocess or Frames(),
            settings=ClipSettings(**settings),
            cache=cache,
        )

    return build


def test_a_row_has_id_features_target_and_domain_codes(rows_of, made):
    rows = rows_of("test")
    assert len(rows) == 4
    row = rows[1]
    assert row["id"] == "c9"
    assert row["label"] == 1
    assert row["domains"] == {"speaker": -1, "language": 1, "corpus": 1}
    assert np.array_equal(row["features"], Frames().features(read_waveform(rows.paths[1])))
    assert rows_of("train")[0]["domains"] == {"speaker": 1, "language": 1, "corpus": 1}


def test_a_batch_carries_everything(rows_of, made, tmp_path):
    write(Path(made.rows["path"][0]), noise(0.3))
    rows = rows_of("train")
    batch = collate_speech([rows[0], rows[1]], Frames())
    assert batch.ids == ["c0", "c1"]
    assert batch.labels.tolist() == [0, 1]
    assert batch.labels.dtype == torch.int64
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [30, 50]
    assert batch.inputs["features"].shape == (2, 50, 2)
    assert not batch.inputs["features"][0, 30:].any()
    assert batch.domains["language"].tolist() == [1, 1]


def test_long_clips_give_all_their_segments(rows_of):
    rows = rows_of("test", max_seconds=0.2)
    assert len(rows) == 12
    assert [rows[index]["id"] for index in range(4)] == ["c8", "c8", "c8", "c9"]
    whole = read_waveform(rows.paths[0])
    starts = (0.0, 0.15, 0.3)
    for index, start in enumerate(starts):
        part = whole[round(start * 16000) : round((start + 0.2) * 16000)]
        assert np.array_equal(rows[index]["features"], Frames().features(part))
    assert rows.lengths() == [20] * 12


@pytest.mark.parametrize(("seconds", "limit"), [(3.0, 3.0), (3.1, 3.0), (9.0, 3.0), (100.0, 7.0)])
def test_segments_cover_the_clip_and_are_equally_long(seconds, limit):
    parts = segments(seconds, limit)
    if len(parts) == 1:
        assert seconds <= limit
        return
    assert all(length == limit for _, length in parts)
    assert parts[0][0] == 0
    assert parts[-1][0] + limit == pytest.approx(seconds)
    assert all(b[0] - a[0] <= limit for a, b in pairwise(parts))
    assert len(parts) == -(-seconds // limit)


def test_training_crops_depend_on_seed_row_and_epoch_alone(rows_of):
    def crops(epoch: int, seed: int = 0) -> list[np.ndarray]:
        rows = rows_of(training=True, max_seconds=0.2, seed=seed)
        rows.set_epoch(epoch)
        return [rows[index]["features"] for index in range(len(rows))]

    first = crops(0)
    assert [len(crop) for crop in first] == [20] * 4
    assert all(np.array_equal(a, b) for a, b in zip(first, crops(0), strict=True))
    for others in (crops(1), crops(0, seed=1)):
        assert not any(np.array_equal(a, b) for a, b in zip(first, others, strict=True))


def test_training_effects_change_with_the_epoch_and_never_touch_evaluation(rows_of):
    rows = rows_of(training=True, augment=GAIN)
    clean = rows_of()
    peaks = []
    for epoch in range(3):
        rows.set_epoch(epoch)
        peaks.append(rows[0]["features"].max())
    assert len(set(peaks)) == 3
    assert max(peaks) < clean[0]["features"].max()
    with pytest.raises(ValueError, match="training only"):
        ClipSettings(augment=GAIN)


@pytest.mark.parametrize("preprocess", [Frames(), Vector()])
@pytest.mark.parametrize("limit", [None, 0.2])
def test_a_cache_gives_the_same_rows_in_evaluation(rows_of, tmp_path, preprocess, limit):
    plain = rows_of("test", preprocess, max_seconds=limit)
    stored = rows_of("test", preprocess, cache=tmp_path / "cache", max_seconds=limit)
    before = [stored[index]["features"] for index in range(len(stored))]
    assert stored.fill_cache(shown=False) == {}
    for path in stored.paths:
        Path(path).unlink()  # from here on nothing can be decoded
    for index, row in enumerate(before):
        assert np.array_equal(stored[index]["features"], row)
        assert len(row) == len(plain.preprocess.features(np.zeros(3200))) or limit is None
    with pytest.raises(ValueError, match="does not exist"):
        plain[0]


def test_a_cache_is_shared_by_splits_and_settings(rows_of, tmp_path):
    rows_of("train", cache=tmp_path / "c", training=True, max_seconds=9.0).fill_cache(shown=False)
    rows = rows_of("train", cache=tmp_path / "c", max_seconds=9.0)
    for path in rows.paths:
        Path(path).unlink()
    assert len(rows[0]["features"]) == 50


@pytest.mark.parametrize("preprocess", [Frames(), Vector()])
def test_cached_training_crops_and_copies(rows_of, tmp_path, preprocess):
    rows = rows_of(
        "train",
        preprocess,
        cache=tmp_path / "c",
        training=True,
        max_seconds=0.2,
        augment=GAIN,
        copies=2,
    )
    rows.fill_cache(shown=False)
    for path in rows.paths:
        Path(path).unlink()
    found = []
    for epoch in range(12):
        rows.set_epoch(epoch)
        found.append(rows[0]["features"])
    if preprocess.seconds_per_frame:
        assert all(len(row) == 20 for row in found)
    assert len({row.tobytes() for row in found}) >= 4
    rows.set_epoch(3)
    assert np.array_equal(rows[0]["features"], found[3])


def test_vectors_have_length_one(rows_of):
    assert rows_of("test", Vector()).lengths() == [1] * 4
    assert rows_of(training=True).lengths() == [50] * 4
    assert rows_of(training=True, max_seconds=0.2).lengths() == [20] * 4


def test_durations_come_from_headers_where_the_table_has_none(made):
    bare = Manifest(made.rows.drop(columns="duration_s"), made.info)
    assert SpeechRows(bare, "test", {}, preprocess=Frames()).lengths() == [50] * 4


def test_a_broken_training_clip_is_replaced_counted_and_listed(rows_of, made):
    broken = Path(made.rows["path"][1])
    broken.write_bytes(b"no sound")
    rows = rows_of(training=True, broken_share=0.25)
    assert rows.broken() == {}
    assert rows[1]["id"] == "c3"  # the other clip of its class
    assert rows[1]["label"] == 1
    assert list(rows.broken()) == [str(broken)]
    assert "cannot be read as sound" in rows.broken()[str(broken)]


def test_the_substitute_has_the_language_where_possible(made):
    table = made.rows.assign(split=["train"] * 10 + ["validation", "test"])
    Path(table["path"][1]).write_bytes(b"no sound")
    manifest = Manifest(table, made.info)
    settings = ClipSettings(training=True, broken_share=0.5)
    rows = SpeechRows(manifest, "train", {}, preprocess=Frames(), settings=settings)
    assert rows[1]["id"] == "c3"
    domains = manifest.domains()
    rows = SpeechRows(manifest, "train", domains, preprocess=Frames(), settings=settings)
    assert rows[1]["id"] == "c5"


def test_too_many_broken_clips_stop(rows_of, made):
    Path(made.rows["path"][1]).write_bytes(b"no sound")
    rows = rows_of(training=True)
    with pytest.raises(ValueError, match=r"1 of 4 training clips .* more than the 1.0% .*1\.wav"):
        rows[1]
    assert rows[0]["id"] == "c0"
    with pytest.raises(ValueError, match=r"1\.wav cannot be read as sound"):
        rows_of()[1]


def test_a_clip_too_short_for_features_is_named(rows_of, made):
    write(Path(made.rows["path"][8]), noise(0.005))
    with pytest.raises(ValueError, match=r"8\.wav: expected at least 10 ms"):
        rows_of("test")[0]


def test_statistics_are_applied_by_group(rows_of, made):
    plain = rows_of("train", Vector())
    features = [row["features"] for row in plain]
    strict = fit_statistics(features)
    row = rows_of("test", Vector(), statistics=strict)[0]
    assert np.array_equal(row["features"], strict.apply(rows_of("test", Vector())[0]["features"]))
    groups = group_statistics(features, [corpus for corpus, _ in plain.groups])
    found = rows_of("train", Vector(), statistics=groups, training=True)
    chosen = [found[index]["features"] for index in (0, 1)]
    assert np.allclose(np.mean(chosen, axis=0), 0, atol=1e-4)


@pytest.mark.processes
def test_workers_mark_broken_clips_for_all(rows_of, made):
    Path(made.rows["path"][1]).write_bytes(b"no sound")
    rows = rows_of(training=True, broken_share=0.25)
    sampler = BatchSampler(None, 4, batch_size=4, seed=0)
    collate = partial(collate_speech, preprocess=Frames())
    steps = list(StepLoader(rows, sampler, collate, workers=2).epoch(0))
    assert sorted(steps[0][0].ids) == ["c0", "c2", "c3", "c3"]
    assert list(rows.broken()) == [str(made.rows["path"][1])]


def test_rows_without_features_are_the_same_rows(rows_of):
    rows = rows_of("test", max_seconds=0.2)
    bare = rows.labels_only()
    assert len(bare) == len(rows) == 12
    for index in range(len(rows)):
        row, same = rows[index], bare[index]
        assert same["features"].shape == (0,)
        assert [same[key] for key in ("id", "label", "domains")] == [
            row[key] for key in ("id", "label", "domains")
        ]


def test_rows_go_through_the_evaluation_loader(rows_of):
    rows = pickle.loads(pickle.dumps(rows_of("test", max_seconds=0.3)))
    loader = InOrder(rows, partial(collate_speech, preprocess=Frames()), batch_size=3)
    assert [name for batch in loader for name in batch.ids] == [
        name for name in ("c8", "c9", "c10", "c11") for _ in range(2)
    ]


def test_wrong_use_is_refused(rows_of, made):
    with pytest.raises(ValueError, match="at least one row"):
        collate_speech([], Frames())
    bare = Manifest(made.rows.drop(columns="content"), made.info)
    with pytest.raises(ValueError, match="X has no column content"):
        SpeechRows(bare, "train", {}, preprocess=Frames(), cache="c")
    with pytest.raises(ValueError, match="have no cache"):
        rows_of().fill_cache()
    with pytest.raises(ValueError, match="max_seconds above 0, got 0"):
        ClipSettings(max_seconds=0.0)
    with pytest.raises(ValueError, match=r"broken_share in \[0, 1\]"):
        ClipSettings(broken_share=2)
