from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectrep.encoders.adapters import LORA_DEFAULTS, add_lora, fold_lora, lora_settings
from affectrep.encoders.checkpoint import load_pretrained
from tests.encoders.tiny import TEXTS


def test_folding_gives_what_peft_gives(tiny: Path) -> None:
    torch.manual_seed(0)
    checkpoint = load_pretrained(str(tiny), max_tokens=16)
    plain = load_pretrained(str(tiny), max_tokens=16).backbone.double().eval()
    settings = lora_settings({"rank": 3, "alpha": 5.0, "dropout": 0.3})
    add_lora(checkpoint.backbone, settings)
    checkpoint.backbone.double()
    for name, value in checkpoint.backbone.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value)
    inputs = checkpoint.preprocess(TEXTS)
    adapted = checkpoint.backbone.eval()(**inputs).last_hidden_state
    before = plain(**inputs).last_hidden_state
    state = checkpoint.backbone.state_dict()
    plain.load_state_dict(fold_lora(state, settings))
    after = plain(**inputs).last_hidden_state
    assert (adapted - before).abs().max() > 0.1
    torch.testing.assert_close(after, adapted, atol=1e-5, rtol=1e-5)


def test_base_names_without_peft_fold_too() -> None:
    state = {
        "x.weight": torch.eye(2),
        "x.bias": torch.ones(2),
        "x.lora_A.default.weight": torch.tensor([[1.0, 2.0]]),
        "x.lora_B.default.weight": torch.tensor([[3.0], [4.0]]),
    }
    folded = fold_lora(state, {"rank": 1, "alpha": 0.5})
    assert sorted(folded) == ["x.bias", "x.weight"]
    assert folded["x.weight"].tolist() == [[2.5, 3.0], [2.0, 5.0]]
    assert state["x.weight"].equal(torch.eye(2))


def test_only_adapters_train(tiny: Path) -> None:
    backbone = load_pretrained(str(tiny), max_tokens=16).backbone
    add_lora(backbone, lora_settings(None))
    trained = [name for name, value in backbone.named_parameters() if value.requires_grad]
    assert trained
    assert all(".lora_" in name for name in trained)


def test_mistakes_are_named(tiny: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown key encoder\.lora\.r; there are rank"):
        lora_settings({"r": 4})
    backbone = load_pretrained(str(tiny), max_tokens=16).backbone
    with pytest.raises(ValueError, match="it has dense, key, query, value"):
        add_lora(backbone, LORA_DEFAULTS | {"targets": ["q_proj"]})
