"""Embeddings of a frozen encoder are computed once, one for each row."""

from __future__ import annotations

import torch
from torch import nn

from affectrep.batch import Batch, Output
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
