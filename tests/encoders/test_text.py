from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectrep.encoders import ENCODERS, encoder_class
from affectrep.encoders.text import TextEncoder
from tests.encoders.test_bundled import needs_package
from tests.encoders.tiny import TEXTS


@pytest.mark.parametrize("pooling", ["mean", "cls", "attention"])
def test_padding_does_not_change_an_embedding(tiny: Path, pooling: str) -> None:
    encoder = TextEncoder(str(tiny), max_tokens=16, pooling=pooling).eval()
    together = encoder(encoder.preprocess(TEXTS))
    assert together.embeddings.shape == (3, encoder.dim)
    assert together.features.shape == (3, 12, 16)
    for row, text in enumerate(TEXTS):
        alone = encoder(encoder.preprocess([text])).embeddings[0]
        torch.testing.assert_close(together.embeddings[row], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_what_trains(tiny: Path, tuning: str) -> None:
    encoder = TextEncoder(str(tiny), max_tokens=16, pooling="attention", tuning=tuning)
    encoder(encoder.preprocess(TEXTS)).embeddings[:, 0].sum().backward()
    moved = {name for name, value in encoder.named_parameters() if value.requires_grad}
    assert {"pool.score.weight", "pool.score.bias"} <= moved
    backbone = {name for name in moved if name.startswith("backbone.")}
    if tuning == "full":
        assert len(backbone) == len(list(encoder.backbone.parameters()))
    else:
        assert all(".lora_" in name for name in backbone)
        assert bool(backbone) == (tuning == "lora")


def test_a_frozen_checkpoint_has_no_dropout_in_training(tiny: Path) -> None:
    frozen = TextEncoder(str(tiny), max_tokens=16, tuning="frozen", dropout=0.5).train()
    inputs = frozen.preprocess(TEXTS)
    assert frozen.training
    assert not frozen.backbone.training
    assert frozen(inputs).embeddings.equal(frozen(inputs).embeddings)
    assert frozen.is_fixed
    assert not TextEncoder(str(tiny), max_tokens=16, tuning="frozen", pooling="attention").is_fixed
    lora = TextEncoder(str(tiny), max_tokens=16, tuning="lora", dropout=0.5).train()
    assert not lora(inputs).embeddings.equal(lora(inputs).embeddings)
    assert not lora.is_fixed


def test_bfloat16_is_near_float32(tiny: Path) -> None:
    encoder = TextEncoder(str(tiny), max_tokens=16).eval()
    inputs = encoder.preprocess(TEXTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = encoder(inputs).embeddings
    assert (half.float() - encoder(inputs).embeddings).abs().max() < 0.1


def test_mistakes_are_named(tiny: Path) -> None:
    with pytest.raises(ValueError, match="expected one of full, frozen, lora"):
        TextEncoder(str(tiny), tuning="half")
    with pytest.raises(ValueError, match="expected one of mean, cls, attention"):
        TextEncoder(str(tiny), max_tokens=16, pooling="max")


def test_the_table_of_encoders() -> None:
    assert all(encoder_class(name) for name in ENCODERS)
    assert encoder_class("text") is TextEncoder
    with pytest.raises(ValueError, match="unknown encoder smell"):
        encoder_class("smell")


@needs_package
def test_bundled_minilm_stores_only_what_was_trained() -> None:
    encoder = TextEncoder("bundled:minilm", tuning="frozen").eval()
    near, far = ["I am so glad", "I am very happy"], "The train leaves at nine"
    with torch.no_grad():
        points = encoder(encoder.preprocess([*near, far])).embeddings
    alike = torch.nn.functional.cosine_similarity(points[:1], points[1:])
    assert alike[0] > alike[1] + 0.3
    assert encoder.stored_reference() == encoder.reference
    assert encoder.weights() == {}
    with torch.no_grad():
        for value in encoder.backbone.parameters():
            value.add_(0.01)
    assert encoder.stored_reference() is None
    assert len(encoder.weights()) == len(encoder.state_dict())
