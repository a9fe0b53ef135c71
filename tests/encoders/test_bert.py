from __future__ import annotations

from pathlib import Path

import pytest
import torch

from affectrep.encoders.bert import InferenceBert
from affectrep.encoders.checkpoint import load_pretrained
from tests.encoders.tiny import TEXTS, tiny_config


def test_same_names_and_outputs_as_transformers(tiny: Path) -> None:
    reference = load_pretrained(str(tiny), max_tokens=16)
    bert = InferenceBert(reference.config)
    bert.load_state_dict(reference.backbone.state_dict())
    inputs = reference.preprocess(TEXTS)
    expected = reference.backbone.eval()(**inputs).last_hidden_state
    found = bert(**inputs).last_hidden_state
    kept = inputs["attention_mask"].bool()
    torch.testing.assert_close(found[kept], expected[kept], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "roberta"},
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"add_cross_attention": True},
    ],
)
def test_other_architectures_are_refused(changes: dict[str, object]) -> None:
    config = tiny_config(model_type="bert", hidden_act="gelu", type_vocab_size=2)
    assert InferenceBert.fits(config)
    assert not InferenceBert.fits(config | changes)
    with pytest.raises(ValueError, match="no plain BERT"):
        InferenceBert(config | changes)
