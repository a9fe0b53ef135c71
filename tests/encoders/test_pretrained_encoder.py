from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from affectrep.encoders.adapters import LORA_DEFAULTS, add_lora
from affectrep.encoders.image_preprocess import ImagePreprocess
from affectrep.encoders.pretrained_encoder import PretrainedEncoder, folded_state

LORA: dict[str, Any] = {**LORA_DEFAULTS, "rank": 2, "alpha": 6.0, "targets": ["0"]}
BOTH = ("weight", "bias")


@dataclass
class Small:
    backbone: nn.Module
    preprocess: Any = field(default_factory=ImagePreprocess)
    config: dict[str, Any] = field(default_factory=lambda: {"model_type": "small"})
    reference: dict[str, str] | None = None


def build(tuning: str, *, reference: bool = True) -> PretrainedEncoder:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    place = {"checkpoint": "here"} if reference else None
    encoder = PretrainedEncoder(Small(layers, reference=place), tuning=tuning)
    encoder.pool = nn.Linear(4, 1)
    if tuning == "lora":
        encoder.backbone.requires_grad_(False)
        add_lora(encoder.backbone, LORA)
        nn.init.normal_(encoder.backbone.get_parameter("0.lora_B.default.weight"))
    return encoder


@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_what_is_stored(tuning: str) -> None:
    encoder = build(tuning)
    stored = set(encoder.weights())
    if tuning == "full":
        assert encoder.stored_reference() is None
        assert stored == set(encoder.state_dict())
        return
    adapters = {f"backbone.0.lora_{x}.default.weight" for x in "AB"} if tuning == "lora" else set()
    assert encoder.stored_reference() == {"checkpoint": "here"}
    assert stored == {"pool.weight", "pool.bias"} | adapters
    assert set(build(tuning, reference=False).weights()) == set(encoder.state_dict())
    with torch.no_grad():
        next(iter(encoder.backbone.parameters())).add_(1.0)
    assert encoder.stored_reference() is None
    assert set(encoder.weights()) == set(encoder.state_dict())


def test_folding_gives_the_same_outputs() -> None:
    encoder, points = build("lora").eval(), torch.randn(5, 3)
    plain = nn.Sequential(nn.Linear(3, 4))
    base = Small(build("frozen").backbone, reference={"checkpoint": "here"})
    state = folded_state(base, encoder.weights(), LORA)
    assert set(state) == {f"{part}.{x}" for part in ("backbone.0", "pool") for x in BOTH}
    plain.load_state_dict({f"0.{x}": state[f"backbone.0.{x}"] for x in BOTH})
    torch.testing.assert_close(plain(points), encoder.backbone(points))
    whole = folded_state(Small(base.backbone), encoder.state_dict(), LORA)
    assert all(whole[key].equal(value) for key, value in state.items())


def test_frozen_backbones_stay_in_eval() -> None:
    assert not build("frozen").train().backbone.training
    assert build("full").train().backbone.training


def test_taking_over_names_what_does_not_fit() -> None:
    plain, adapted = build("full"), build("lora")
    with torch.no_grad():
        plain.get_parameter("backbone.0.weight").add_(1.0)
    adapted.take_over(plain)
    found = adapted.get_parameter("backbone.0.base_layer.weight")
    assert found.equal(plain.get_parameter("backbone.0.weight"))
    assert adapted.stored_reference() is None
    with pytest.raises(
        ValueError, match=r"use the same encoder\.checkpoint and adapters \(enc.*is"
    ):
        plain.take_over(adapted)
    with pytest.raises(ValueError, match="has other weights than this one's: .* lack backbone.0"):
        plain.take_over(nn.Linear(3, 4))


def test_configuration_and_preprocess_are_written(tmp_path: Path) -> None:
    build("full").save(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text()) == {"model_type": "small"}
    assert ImagePreprocess.load(tmp_path) == ImagePreprocess()
