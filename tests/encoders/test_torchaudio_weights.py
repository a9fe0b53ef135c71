"""Two implementations of the same networks, transformers' and torchaudio's, on the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

pytest.importorskip("torchaudio")

from torchaudio import pipelines
from torchaudio.models import wav2vec2_model, wavlm_model

from affectrep.encoders.speech import SpeechEncoder
from affectrep.encoders.speech_checkpoint import load_speech
from affectrep.encoders.speech_states import hidden_states
from affectrep.encoders.torchaudio_weights import read_bundle, rename_state
from tests.encoders.tiny_speech import clips

SHARED: dict[str, Any] = {
    "extractor_conv_layer_config": [(8, 10, 5), (8, 3, 2), (8, 2, 2)],
    "encoder_embed_dim": 16,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 4,
    "encoder_pos_conv_groups": 2,
    "encoder_num_layers": 3,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 24,
    "encoder_ff_interm_dropout": 0.1,
    "encoder_dropout": 0.1,
    "encoder_layer_drop": 0.1,
}
LARGE = {
    "extractor_mode": "layer_norm",
    "extractor_conv_bias": True,
    "encoder_layer_norm_first": True,
}
BASE = {
    "extractor_mode": "group_norm",
    "extractor_conv_bias": False,
    "encoder_layer_norm_first": False,
}
BIAS = {"encoder_num_buckets": 32, "encoder_max_distance": 40}


def _bundle(
    monkeypatch: pytest.MonkeyPatch, kind: str, sizes: dict[str, Any], normalize: bool
) -> tuple[Any, str]:
    """Put a small model with drawn weights behind a name of torchaudio's table."""
    parameters = {**SHARED, **sizes, **(BIAS if kind == "WavLM" else {}), "aux_num_out": None}
    torch.manual_seed(1)
    model = (wavlm_model if kind == "WavLM" else wav2vec2_model)(**parameters).eval()
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() > 1 and "conv" not in key:
                value.normal_(std=0.3)
    name = "WAVLM_BASE" if kind == "WavLM" else "WAV2VEC2_BASE"
    bundle = pipelines.Wav2Vec2Bundle("tiny.pth", parameters, 16000, normalize, kind)
    monkeypatch.setattr(bundle.__class__, "_get_state_dict", lambda *_: model.state_dict())
    monkeypatch.setattr(pipelines, name, bundle)
    return model, f"torchaudio:{name}"


@pytest.mark.parametrize("sizes", [LARGE, BASE], ids=["large", "base"])
@pytest.mark.parametrize("kind", ["WavLM", "Wav2Vec2"])
@pytest.mark.parametrize("normalize", [True, False])
def test_both_implementations_agree(
    kind: str, sizes: dict[str, Any], normalize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, name = _bundle(monkeypatch, kind, sizes, normalize)
    found = load_speech(name)
    assert found.config["model_type"] == kind.lower()
    assert found.preprocess.do_normalize == normalize  # type: ignore[union-attr]
    assert found.reference == {"checkpoint": name}
    inputs = found.preprocess(clips(1600))
    outputs = theirs.extract_features(inputs["features"])[0]
    states, _ = hidden_states(found.backbone.eval(), **inputs)
    # torchaudio leaves out the layer norm that ends the stable variants
    for own, other in zip(states[1:-1], outputs[:-1], strict=True):
        torch.testing.assert_close(own, other, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(states[-1], theirs(inputs["features"])[0], atol=2e-5, rtol=1e-4)


def test_a_model_is_restored_from_the_bundle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, name = _bundle(monkeypatch, "WavLM", BASE, False)
    settings = {"tuning": "lora+adapters", "lora": {"rank": 2}, "adapter": {"width": 4}}
    encoder = SpeechEncoder(name, **settings).eval()  # type: ignore[arg-type]
    encoder.save(tmp_path)
    stored = encoder.weights()
    assert stored
    assert all(".lora_" in key or ".adapter." in key for key in stored)
    again = SpeechEncoder.restore(
        tmp_path, stored, settings=settings, reference=encoder.stored_reference()
    ).eval()
    inputs = encoder.preprocess(clips(1600, 900))
    assert again(inputs).embeddings.equal(encoder(inputs).embeddings)


def test_a_head_for_recognition_is_left_out() -> None:
    assert rename_state({"model.aux.weight": torch.zeros(1), "aux.bias": torch.zeros(1)}) == {}


def test_offline_and_unknown_names_are_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"unknown encoder torchaudio:NOBODY; torchaudio has HUB"):
        load_speech("torchaudio:NOBODY")

    def offline(*_: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(pipelines.Wav2Vec2Bundle, "_get_state_dict", offline)
    with pytest.raises(ValueError, match=r"checkpoints/wavlm_base\.pth would serve instead"):
        read_bundle("torchaudio:WAVLM_BASE")
