from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from affectrep.encoders.adapters import SPEECH_LORA_DEFAULTS, add_lora
from affectrep.encoders.bottleneck import BottleneckAdapter, adapter_settings, add_bottlenecks
from affectrep.encoders.speech_checkpoint import load_speech
from affectrep.encoders.speech_states import hidden_states
from tests.encoders.tiny_speech import clips, tiny_speech


def test_the_formula() -> None:
    adapter, values = BottleneckAdapter(6, width=3, dropout=0.5).eval(), torch.randn(2, 4, 6)
    with torch.no_grad():
        for weight in adapter.parameters():
            weight.normal_()
    inner = values @ adapter.down.weight.T + adapter.down.bias
    inner = 0.5 * inner * (1 + torch.erf(inner / 2**0.5))
    expected = values + inner @ adapter.up.weight.T + adapter.up.bias
    torch.testing.assert_close(adapter(values), expected)


@pytest.mark.parametrize("kind", ["wavlm-layer", "hubert-group", "whisper"])
def test_two_in_each_layer_that_hardly_change_it_at_first(kind: str, tmp_path: Path) -> None:
    found = load_speech(tiny_speech(tmp_path, kind))
    backbone, inputs = found.backbone.eval(), found.preprocess(clips(1600))
    before = hidden_states(backbone, **inputs)[0]
    backbone.requires_grad_(False)
    add_bottlenecks(backbone, adapter_settings({"width": 4}))
    after = hidden_states(backbone, **inputs)[0]
    made = [part for part in backbone.modules() if isinstance(part, BottleneckAdapter)]
    assert len(made) == 2 * (len(before) - 1)
    assert 0 < (after[-1] - before[-1]).abs().max() < 0.01 * before[-1].abs().max()
    after[-1].square().sum().backward()
    for part in made:
        assert all((weight.grad != 0).any() for weight in part.parameters())
    assert sum(w.requires_grad for w in backbone.parameters()) == 4 * len(made)


def test_it_stands_around_lora(tmp_path: Path) -> None:
    backbone = load_speech(tiny_speech(tmp_path)).backbone
    add_lora(backbone, {**SPEECH_LORA_DEFAULTS, "rank": 2, "targets": ["q_proj", "out_proj"]})
    add_bottlenecks(backbone, adapter_settings({"width": 4}))
    names = {name for name, weight in backbone.named_parameters() if weight.requires_grad}
    assert "encoder.layers.0.attention.out_proj.adapter.up.weight" in names
    assert "encoder.layers.0.attention.out_proj.base_layer.lora_A.default.weight" in names
    assert all(".lora_" in name or ".adapter." in name for name in names)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"unknown key encoder\.adapter\.size; there are width"):
        adapter_settings({"size": 4})
    with pytest.raises(ValueError, match=r"encoder\.adapter\.width is 0"):
        adapter_settings({"width": 0})
    with pytest.raises(ValueError, match="bottleneck adapters do not fit"):
        add_bottlenecks(nn.Linear(2, 2), adapter_settings(None))
