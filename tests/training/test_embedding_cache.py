"""Embeddings of a frozen encoder are computed once, one for each row."""

from __future__ import annotations

import torch
from torch import nn

from affectrep.batch import Batch, Output
from affectrep.training import embedding_cache
from affectrep.training.embedding_cache import embed_rows


class Doubling(nn.Module):
    keep_features = False

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.calls = 0

    def forward(self, inputs):
        self.calls += 1
        return Output(self.weight * inputs["x"], inputs["x"])


def test_segments_of_a_clip_are_averaged_and_the_file_is_used_again(tmp_path):
    rows = torch.tensor([[1.0], [3.0], [5.0]])
    batches = [
        Batch({"x": rows[:2]}, torch.zeros(2, dtype=torch.long), ["long", "short"]),
        Batch({"x": rows[2:]}, torch.zeros(1, dtype=torch.long), ["long"]),
    ]
    model = Doubling()
    for _ in range(2):
        found = embed_rows(model, batches, path=tmp_path / "x.safetensors")
        assert found["long"].tolist() == [6.0]
        assert found["short"].tolist() == [6.0]
    assert model.calls == 2


def batch() -> Batch:
    return Batch({"x": torch.tensor([[1.0]])}, torch.zeros(1, dtype=torch.long), ["one"])


def test_two_runs_may_fill_one_cache(tmp_path, monkeypatch):
    """A second process computes and stores the same file while the first is writing it."""
    path, write = tmp_path / "x.safetensors", embedding_cache.save_file

    def write_meanwhile(found, partial):
        write(found, partial)
        monkeypatch.setattr(embedding_cache, "save_file", write)
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert embed_rows(Doubling(), [batch()], path=path)["one"].tolist() == [2.0]

    monkeypatch.setattr(embedding_cache, "save_file", write_meanwhile)
    assert embed_rows(Doubling(), [batch()], path=path)["one"].tolist() == [2.0]
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_torn_file_is_computed_again(tmp_path):
    path, model = tmp_path / "x.safetensors", Doubling()
    path.write_bytes(b"\x10\0\0\0\0\0\0\0torn")
    for _ in range(2):
        assert embed_rows(model, [batch()], path=path)["one"].tolist() == [2.0]
    assert model.calls == 1
