from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from affectrep.encoders import ENCODERS
from affectrep.encoders.speech import SpeechEncoder
from affectrep.model import AffectModel
from tests.encoders.tiny_speech import clips, tiny_speech

ADDED = {"lora": {"rank": 2, "alpha": 4.0}, "adapter": {"width": 4}}
TUNINGS = ["full", "frozen", "lora", "adapters", "lora+adapters"]


@pytest.fixture(scope="module")
def wavlm(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_speech(tmp_path_factory.mktemp("wavlm"))


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_speech(tmp_path_factory.mktemp("wav2vec2"), "wav2vec2-group")


def _stir(encoder: torch.nn.Module) -> None:
    """Move every trainable weight, as training would: LoRA and gates start without effect."""
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in encoder.parameters():
            if weight.requires_grad:
                weight.add_(0.3 * torch.randn_like(weight))


@pytest.mark.parametrize("kind", ["wavlm-layer", "wav2vec2-group", "hubert-layer", "whisper"])
@pytest.mark.parametrize("pooling", ["mean", "attentive"])
def test_padding_does_not_change_an_embedding(kind: str, pooling: str, tmp_path: Path) -> None:
    folder = tiny_speech(tmp_path, kind)
    options: Any = {"pooling": pooling, "layer_weights": "softmax", **ADDED}
    encoder = SpeechEncoder(folder, tuning="lora+adapters", **options).eval()
    _stir(encoder)
    waveforms = clips(1601, 4800, 990)
    together = encoder(encoder.preprocess(waveforms))
    assert encoder.dim == (32 if pooling == "attentive" else 16)
    assert together.embeddings.shape == (3, encoder.dim)
    assert together.features.shape[2] == 16
    for row, waveform in enumerate(waveforms):
        alone = encoder(encoder.preprocess([waveform])).embeddings[0]
        torch.testing.assert_close(together.embeddings[row], alone, atol=5e-5, rtol=1e-3)


def _promised(encoder: SpeechEncoder) -> set[str]:
    names = set(dict(encoder.named_parameters()))
    own = {name for name in names if not name.startswith("backbone.")}
    lora = {name for name in names if ".lora_" in name}
    adapters = {name for name in names if ".adapter." in name}
    full = names - {name for name in names if ".feature_extractor." in name or ".conv" in name}
    full |= {name for name in names if ".pos_conv_embed." in name}
    full -= {"backbone.embed_positions.weight"}
    return (
        own
        | {
            "full": full,
            "frozen": set(),
            "lora": lora,
            "adapters": adapters,
            "lora+adapters": lora | adapters,
        }[encoder.tuning]
    )


@pytest.mark.parametrize("kind", ["wavlm-layer", "wav2vec2-group", "whisper"])
@pytest.mark.parametrize("tuning", TUNINGS)
def test_training_changes_the_promised_weights_alone(
    kind: str, tuning: str, tmp_path: Path
) -> None:
    options: Any = {"pooling": "attentive", "layer_weights": "sigmoid", **ADDED}
    encoder = SpeechEncoder(tiny_speech(tmp_path, kind), tuning=tuning, **options).train()
    before = deepcopy(encoder.state_dict())
    trained = [weight for weight in encoder.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    inputs = encoder.preprocess(clips(1600, 2400))
    direction = torch.randn(encoder.dim)
    for _ in range(3):  # LoRA's A has no gradient before B has moved
        optimizer.zero_grad()
        (encoder(inputs).embeddings @ direction).square().sum().backward()
        optimizer.step()
    changed = {key for key, value in encoder.state_dict().items() if not value.equal(before[key])}
    promised = _promised(encoder)
    assert changed <= promised
    # the key's bias moves no attention weight, so its gradient is rounding alone
    assert {name for name in promised - changed if not name.endswith("k_proj.bias")} == set()


@pytest.mark.parametrize("target", ["q", "k", "v", "out", "ff_in", "ff_out"])
def test_every_target_of_lora_works_in_wavlm(target: str, wavlm: str) -> None:
    """Transformers' own attention would leave q, k, v and out without effect or gradient."""
    encoder = SpeechEncoder(wavlm, tuning="lora", lora={"rank": 2, "targets": [target]}).eval()
    inputs = encoder.preprocess(clips(1600))
    plain = encoder(inputs).embeddings
    _stir(encoder)
    moved = encoder(inputs).embeddings
    assert (moved - plain).abs().max() > 1e-3
    moved.square().sum().backward()
    grads = [weight.grad for weight in encoder.parameters() if weight.requires_grad]
    assert len(grads) == 6  # three layers, A and B
    assert all(grad is not None and grad.abs().max() > 0 for grad in grads)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_reloaded_encoder_gives_identical_outputs(
    tuning: str, wav2vec2: str, tmp_path: Path
) -> None:
    settings: Any = {"pooling": "attentive", "layer_weights": "softmax", "tuning": tuning, **ADDED}
    encoder = SpeechEncoder(wav2vec2, max_seconds=1.0, **settings).eval()
    _stir(encoder)
    encoder.save(tmp_path)
    stored, reference = encoder.weights(), encoder.stored_reference()
    trained = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    if tuning == "full":
        assert reference is None
        assert set(stored) == set(encoder.state_dict())
    else:
        assert reference is not None
        assert reference["checkpoint"] == str(Path(wav2vec2).resolve())
        assert set(stored) == trained
    assert "_name_or_path" not in (tmp_path / "config.json").read_text(encoding="utf-8")
    again = SpeechEncoder.restore(tmp_path, stored, settings=settings, reference=reference).eval()
    assert again.preprocess == encoder.preprocess
    assert again.preprocess.max_seconds == 1.0
    assert again.tuning == tuning
    inputs = encoder.preprocess(clips(1600, 900))
    assert again(inputs).embeddings.equal(encoder(inputs).embeddings)
    assert {n for n, w in again.named_parameters() if w.requires_grad} == trained


@pytest.mark.parametrize("kind", ["wavlm-layer", "wav2vec2-group", "whisper"])
@pytest.mark.parametrize("tuning", TUNINGS)
def test_merged_for_inference_equals_unmerged(kind: str, tuning: str, tmp_path: Path) -> None:
    settings: Any = {"layer_weights": "softmax", "tuning": tuning, **ADDED}
    folder = tiny_speech(tmp_path / "checkpoint", kind)
    encoder = SpeechEncoder(folder, **settings).eval()
    _stir(encoder)
    encoder.save(tmp_path)
    merged = SpeechEncoder.restore(
        tmp_path,
        encoder.weights(),
        settings=settings,
        reference=encoder.stored_reference(),
        inference=True,
    )
    inputs = encoder.preprocess(clips(1600, 900))
    found, expected = merged(inputs).embeddings, encoder(inputs).embeddings
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not any(".lora_" in key for key in merged.state_dict())
    assert merged.is_fixed
    assert merged.stored_reference() is None


@pytest.mark.parametrize("tuning", ["lora", "lora+adapters"])
def test_a_model_folder_and_its_self_contained_copy(
    tuning: str, wavlm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENCODERS, "speech", "affectrep.encoders.speech:SpeechEncoder")
    description = {"name": "speech", "checkpoint": wavlm, "tuning": tuning, **ADDED}
    model = AffectModel(encoder=description, classes=["angry", "sad"]).eval()
    _stir(model.encoder)
    inputs = model.encoder.preprocess(clips(1600, 900))
    expected = model(inputs).predictions
    model.save_pretrained(tmp_path / "model")
    assert AffectModel.from_pretrained(tmp_path / "model")(inputs).predictions.equal(expected)
    merged = AffectModel.from_pretrained(tmp_path / "model", inference=True)
    torch.testing.assert_close(merged(inputs).predictions, expected, atol=1e-5, rtol=1e-5)
    merged.save_pretrained(tmp_path / "alone")
    (Path(wavlm) / "config.json").rename(Path(wavlm) / "away.json")
    try:
        for inference in (False, True):
            again = AffectModel.from_pretrained(tmp_path / "alone", inference=inference)
            found = again(inputs).predictions
            torch.testing.assert_close(found, merged(inputs).predictions, atol=1e-6, rtol=1e-6)
        with pytest.raises(ValueError, match=r"has no config\.json"):
            AffectModel.from_pretrained(tmp_path / "model")
    finally:
        (Path(wavlm) / "away.json").rename(Path(wavlm) / "config.json")


def test_another_model_starts_from_a_merged_one(wavlm: str, tmp_path: Path) -> None:
    settings: Any = {"tuning": "lora+adapters", **ADDED}
    first = SpeechEncoder(wavlm, **settings).eval()
    _stir(first)
    first.save(tmp_path)
    merged = SpeechEncoder.restore(
        tmp_path,
        first.weights(),
        settings=settings,
        reference=first.stored_reference(),
        inference=True,
    )
    second = SpeechEncoder(wavlm, **settings).eval()
    second.take_over(merged)
    inputs = first.preprocess(clips(1600))
    torch.testing.assert_close(
        second(inputs).embeddings, first(inputs).embeddings, atol=1e-5, rtol=1e-5
    )
    assert second.stored_reference() is None  # its base is no longer the checkpoint's
    with pytest.raises(ValueError, match="encoder.tuning is lora, which leaves out"):
        SpeechEncoder(wavlm, tuning="lora").take_over(merged)


@pytest.mark.parametrize("kind", ["wavlm-layer", "wav2vec2-group", "whisper"])
def test_gradient_checkpointing_gives_the_same_gradients(kind: str, tmp_path: Path) -> None:
    folder, found = tiny_speech(tmp_path, kind), []
    for checkpointing in (False, True):
        torch.manual_seed(5)
        encoder = SpeechEncoder(
            folder, tuning="lora", lora={"rank": 2}, gradient_checkpointing=checkpointing
        ).train()
        _stir(encoder)
        torch.manual_seed(6)  # the same dropout
        encoder(encoder.preprocess(clips(1600, 900))).embeddings.square().sum().backward()
        grads = {n: w.grad for n, w in encoder.named_parameters() if w.requires_grad}
        assert all(grad is not None for grad in grads.values())
        found.append(grads)
    assert found[0].keys() == found[1].keys()
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], atol=1e-5, rtol=1e-4)


def test_a_frozen_checkpoint_has_no_dropout_in_training(wavlm: str) -> None:
    frozen = SpeechEncoder(wavlm, tuning="frozen").train()
    inputs = frozen.preprocess(clips(1600, 900))
    assert frozen.training
    assert not frozen.backbone.training
    assert frozen(inputs).embeddings.equal(frozen(inputs).embeddings)
    assert frozen.is_fixed
    assert not SpeechEncoder(wavlm, tuning="frozen", layer_weights="softmax").is_fixed
    adapted = SpeechEncoder(wavlm, tuning="adapters").train()
    assert not adapted(inputs).embeddings.equal(adapted(inputs).embeddings)


@pytest.mark.parametrize("kind", ["wavlm-layer", "wav2vec2-group", "whisper"])
def test_bfloat16_is_near_float32(kind: str, tmp_path: Path) -> None:
    folder, options = tiny_speech(tmp_path, kind), {"layer_weights": "sigmoid", **ADDED}
    encoder = SpeechEncoder(folder, tuning="lora+adapters", **options).eval()  # type: ignore[arg-type]
    inputs = encoder.preprocess(clips(1600, 900))
    plain = encoder(inputs).embeddings
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = encoder(inputs).embeddings
    assert (half.float() - plain).abs().max() < 0.1 * plain.abs().max()


def test_a_copy_has_its_own_weights(wavlm: str) -> None:
    encoder = SpeechEncoder(wavlm).eval()
    copy, inputs = deepcopy(encoder), encoder.preprocess(clips(1600))
    before = encoder(inputs).embeddings
    _stir(copy)
    assert not copy(inputs).embeddings.allclose(before)
    assert encoder(inputs).embeddings.equal(before)


def test_mistakes_are_named(wavlm: str) -> None:
    with pytest.raises(ValueError, match=r"encoder\.pooling is 'max', expected one of mean, att"):
        SpeechEncoder(wavlm, pooling="max")
    with pytest.raises(ValueError, match=r"tuning is 'half', expected one of full, frozen, lora, "):
        SpeechEncoder(wavlm, tuning="half")
    with pytest.raises(ValueError, match=r"encoder\.layer_weights is 'mean', expected one of"):
        SpeechEncoder(wavlm, layer_weights="mean")
    with pytest.raises(ValueError, match=r"lora\.targets \['query'\]: expected some of q, k, v"):
        SpeechEncoder(wavlm, tuning="lora", lora={"targets": ["query"]})
    with pytest.raises(ValueError, match=r"unknown key encoder\.adapter\.rank"):
        SpeechEncoder(wavlm, tuning="adapters", adapter={"rank": 2})
