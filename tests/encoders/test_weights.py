from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from affectrep.encoders.adapters import LORA_DEFAULTS, add_lora
from affectrep.encoders.weights import (
    first_values,
    is_added,
    is_base,
    is_own,
    load_weights,
    read_weights,
    unique_weights,
)


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


def test_a_file_of_another_user_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refused)  # root may read all files, whatever their mode
    with pytest.raises(ValueError, match=r"model\.safetensors cannot be read: permission denied"):
        read_weights(tmp_path / "model.safetensors")


def test_first_values_notice_every_change_but_that_of_adapters() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = first_values(module)
    assert before["0.weight"] == module[0].weight.flatten()[:4].tolist()
    add_lora(module, {**LORA_DEFAULTS, "rank": 1, "targets": ["0"]})
    assert first_values(module) == before
    with torch.no_grad():
        for name, value in module.named_parameters():
            if is_added(name):
                value.add_(1.0)
    assert first_values(module) == before
    module(torch.randn(4, 2))  # moves the running statistics
    moved = {key for key, value in first_values(module).items() if value != before[key]}
    assert moved == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}


def test_every_weight_of_an_encoder_is_own_added_or_base() -> None:
    kinds = {
        "pool.score.weight": (True, False, False),
        "backbone.layer.weight": (False, False, True),
        "backbone.layer.base_layer.weight": (False, False, True),
        "backbone.layer.lora_B.default.weight": (False, True, False),
        "backbone.layer.adapter.down.bias": (False, True, False),
    }
    for key, kind in kinds.items():
        assert (is_own(key), is_added(key), is_base(key)) == kind
