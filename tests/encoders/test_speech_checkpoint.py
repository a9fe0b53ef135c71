from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from affectrep.encoders.speech import SpeechEncoder
from affectrep.encoders.speech_checkpoint import load_speech
from affectrep.encoders.speech_preprocess import WaveformPreprocess, WhisperPreprocess
from affectrep.encoders.speech_states import hidden_states
from tests.encoders.tiny_speech import clips, tiny_speech

REVISION = "0123456789abcdef0123456789abcdef01234567"


def _change(path: Path, **values: object) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**found, **values}), encoding="utf-8")


def test_the_preprocess_follows_the_checkpoint(tmp_path: Path) -> None:
    folder = tiny_speech(tmp_path)
    _change(tmp_path / "preprocessor_config.json", do_normalize=False)
    found = load_speech(folder, max_seconds=2.0, level="none").preprocess
    # 10 wide and 5 apart, then 3 and 2, then 2 and 2: one frame sees 30 samples
    expected = WaveformPreprocess(False, min_samples=30, max_seconds=2.0, level="none")
    assert found == expected
    shortest = SpeechEncoder(folder).eval()
    assert shortest(shortest.preprocess(clips(30))).features.shape == (1, 1, 16)
    with pytest.raises(ValueError, match="expected at least 30"):
        shortest.preprocess(clips(29))


def test_another_sampling_rate_is_refused(tmp_path: Path) -> None:
    folder = tiny_speech(tmp_path)
    _change(tmp_path / "preprocessor_config.json", sampling_rate=8000)
    with pytest.raises(ValueError, match="sampling rate is 8000 Hz, expected 16000 Hz"):
        load_speech(folder)


def test_whisper_reads_as_long_as_it_has_positions(tmp_path: Path) -> None:
    folder = tiny_speech(tmp_path, "whisper")
    assert load_speech(folder).preprocess == WhisperPreprocess(bins=8, max_seconds=1.0)
    with pytest.raises(ValueError, match="max_seconds is 2, but the encoder reads at most 1 s"):
        load_speech(folder, max_seconds=2.0)
    encoder = SpeechEncoder(folder).eval()
    assert encoder(encoder.preprocess(clips(40000))).features.shape == (1, 50, 16)


def test_what_a_checkpoint_has_for_other_tasks_is_off(tmp_path: Path) -> None:
    random = {"mask_time_prob": 0.5, "layerdrop": 0.9, "mask_feature_prob": 0.5}
    folder = tiny_speech(tmp_path, **random, add_adapter=True, output_hidden_size=16)
    assert "masked_spec_embed" in load_file(tmp_path / "model.safetensors")
    found = load_speech(folder)
    kept = found.backbone.state_dict()
    assert not [key for key in kept if "masked_spec_embed" in key or "adapter" in key]
    inputs = found.preprocess(clips(1600))
    for part in found.backbone.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        elif hasattr(part, "dropout") and isinstance(part.dropout, float):
            part.dropout = 0.0
    found.backbone.train()
    first, second = (hidden_states(found.backbone, **inputs)[0] for _ in range(2))
    assert len(first) == 4
    assert first[-1].equal(second[-1])


def test_a_hub_checkpoint_is_pinned_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that lies in the hub's cache, as after a download."""
    from huggingface_hub import constants

    repository = tmp_path / "models--lab--tiny-wavlm"
    tiny_speech(repository / "snapshots" / REVISION)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION, encoding="utf-8")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    encoder = SpeechEncoder("lab/tiny-wavlm", tuning="frozen", layer_weights="softmax").eval()
    reference = {"checkpoint": "lab/tiny-wavlm", "revision": REVISION}
    assert encoder.stored_reference() == reference
    assert set(encoder.weights()) == {"layers.logits"}
    model = tmp_path / "model"
    model.mkdir()
    encoder.save(model)
    again = SpeechEncoder.restore(
        model,
        encoder.weights(),
        settings={"tuning": "frozen", "layer_weights": "softmax"},
        reference=reference,
    ).eval()
    inputs = encoder.preprocess(clips(1600))
    assert again(inputs).embeddings.equal(encoder(inputs).embeddings)


def test_offline_says_which_folder_would_serve() -> None:
    with pytest.raises(ValueError, match=r"A folder \./wavlm-large with config\.json, model\."):
        load_speech("nobody/wavlm-large")


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"folder \./nowhere does not exist"):
        load_speech("./nowhere")
    folder = tiny_speech(tmp_path)
    (tmp_path / "preprocessor_config.json").rename(tmp_path / "away")
    with pytest.raises(ValueError, match=r"has no preprocessor_config\.json: give a folder with"):
        load_speech(folder)
    (tmp_path / "away").rename(tmp_path / "preprocessor_config.json")
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("encoder.layers.1.attention.q_proj.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"its weights lack encoder\.layers\.1\.attention\.q_proj"):
        load_speech(folder)


def test_other_families_are_refused(tmp_path: Path) -> None:
    from tests.encoders.tiny import tiny_checkpoint

    folder = tiny_checkpoint(tmp_path / "bert")
    (tmp_path / "bert" / "preprocessor_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="it is a bert model, expected one of wav2vec2, wavlm"):
        load_speech(folder)
    folder = tiny_speech(tmp_path / "hubert", "hubert-layer", conv_pos_batch_norm=True)
    with pytest.raises(ValueError, match="position convolution is batch-normalised"):
        load_speech(folder)


def test_changed_weights_in_the_folder_are_noticed(tmp_path: Path) -> None:
    folder = tiny_speech(tmp_path / "checkpoint")
    encoder = SpeechEncoder(folder, tuning="lora")
    encoder.save(tmp_path)
    stored, reference = encoder.weights(), encoder.stored_reference()
    path = tmp_path / "checkpoint" / "model.safetensors"
    weights = {key: value + 0.01 for key, value in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="and other weights are there now: put those back"):
        SpeechEncoder.restore(tmp_path, stored, settings={"tuning": "lora"}, reference=reference)


def test_an_incomplete_model_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"config\.json cannot be read"):
        SpeechEncoder.restore(tmp_path, {}, settings={}, reference=None)
