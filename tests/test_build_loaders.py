"""Loaders of speech: budgets in seconds, and training on embeddings that are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

from affectrep.batch import Batch
from affectrep.build.loaders import build_loader, build_training_loader
from affectrep.config import Config
from affectrep.data.manifest import Manifest
from tests.data.sound import Frames, Vector, corpus, noise, write


@pytest.fixture
def made(tmp_path: Path) -> Manifest:
    """Twelve noises of 0.3 to 1.4 s, four a split."""
    manifest = corpus(tmp_path)
    manifest.rows["duration_s"] = [0.3 + number / 10 for number in range(12)]
    for number, path in enumerate(manifest.rows["path"]):
        write(Path(path), noise(0.3 + number / 10, number))
    return manifest


def settings(**data: Any) -> Config:
    speech = {"cache": False, **data.pop("speech", {})}
    return Config(
        name="x",
        data={"corpus": "table", "batch_size": 4, "speech": speech, **data},
        encoder={"name": "crnn"},
    )


def seconds(batch: Batch) -> float:
    assert batch.lengths is not None
    return len(batch) * int(batch.lengths.max()) * 0.01


def batches(config: Config, made: Manifest) -> Iterator[list[Batch]]:
    return build_training_loader(config, made, Frames()).epoch(0)


def test_a_step_is_cut_into_parts_of_so_many_padded_seconds(made: Manifest) -> None:
    (whole,) = batches(settings(), made)
    (parts,) = batches(settings(max_batch_seconds=1.0), made)
    assert len(whole) == 1
    assert seconds(whole[0]) == pytest.approx(2.4)
    assert [len(part) for part in parts] == [2, 1, 1]
    assert max(map(seconds, parts)) <= 1.0
    assert sorted(row for part in parts for row in part.ids) == sorted(whole[0].ids)


def test_a_clip_longer_than_the_budget_goes_alone(made: Manifest) -> None:
    (parts,) = batches(settings(max_batch_seconds=0.5), made)
    assert [len(part) for part in parts] == [1, 1, 1, 1]


def test_a_crop_counts_as_long_as_it_is(made: Manifest) -> None:
    (parts,) = batches(settings(max_batch_seconds=1.0, speech={"max_seconds": 0.2}), made)
    assert [len(part) for part in parts] == [4]


def test_evaluation_keeps_the_budget_too(made: Manifest) -> None:
    loader = build_loader(settings(max_batch_seconds=2.5), made, "test", Frames())
    found = list(loader)
    assert [len(batch) for batch in found] == [2, 1, 1]
    assert len(loader) == 3
    assert sorted(row for batch in found for row in batch.ids) == ["c10", "c11", "c8", "c9"]


def test_vectors_have_no_seconds(made: Manifest) -> None:
    config = settings(max_batch_seconds=0.1)
    (parts,) = build_training_loader(config, made, Vector()).epoch(0)
    assert len(parts) == 1
    assert len(list(build_loader(config, made, "test", Vector()))) == 1


def test_clips_have_no_tokens(made: Manifest) -> None:
    with pytest.raises(ValueError, match="max_batch_tokens=9, but clips have no tokens"):
        batches(settings(max_batch_tokens=9), made)


def test_known_embeddings_need_no_sound(made: Manifest) -> None:
    whole = [row for batch in build_loader(settings(), made, "test", Frames()) for row in batch.ids]
    for path in made.rows["path"]:
        Path(path).unlink()

    def collate(rows: list[Any]) -> Batch:
        assert not any(row["features"].size for row in rows)
        labels = torch.from_numpy(np.stack([row["label"] for row in rows]))
        return Batch({"x": torch.zeros(len(rows))}, labels, [row["id"] for row in rows])

    config = settings(max_batch_seconds=0.1, workers=1)
    (parts,) = build_training_loader(config, made, Frames(), collate=collate).epoch(0)
    assert [sorted(part.ids) for part in parts] == [["c0", "c1", "c2", "c3"]]
    known = build_loader(settings(), made, "test", Frames(), collate=collate)
    assert [row for batch in known for row in batch.ids] == whole
    assert [int(label) for batch in known for label in batch.labels] == [0, 1, 0, 1]
