from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from affectrep.encoders.weights import load_weights, read_weights, unique_weights


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight


def test_tied_weights_are_stored_once_and_come_back() -> None:
    module, other = Tied(), Tied()
    stored = unique_weights(module.state_dict())
    assert list(stored) == ["first.weight"]
    load_weights(other, stored)
    assert other.second.weight.equal(module.first.weight)


def test_what_does_not_fit_is_named() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="lack bias"):
        load_weights(layer, {"weight": torch.zeros(2, 2)})
    load_weights(layer, {"weight": torch.zeros(2, 2)}, optional=lambda key: key == "bias")
    with pytest.raises(ValueError, match="hold unknown scale"):
        load_weights(layer, {**layer.state_dict(), "scale": torch.zeros(1)})
    with pytest.raises(ValueError, match="do not fit the model"):
        load_weights(layer, {"weight": torch.zeros(3, 3), "bias": torch.zeros(2)})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing"):
        read_weights(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match="cannot be read"):
        read_weights(tmp_path / "model.safetensors")
