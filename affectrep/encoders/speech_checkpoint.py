"""Find a pretrained speech encoder and read it: hub id, local folder or ``torchaudio:<name>``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from affectrep.encoders.checkpoint import commit_of, quiet
from affectrep.encoders.checkpoint_folder import (
    find_checkpoint,
    in_words,
    read_config,
    reference_to,
    require_same,
)
from affectrep.encoders.speech_preprocess import (
    WaveformPreprocess,
    WhisperPreprocess,
    load_speech_preprocess,
)
from affectrep.encoders.speech_states import call_projections
from affectrep.encoders.torchaudio_weights import TORCHAUDIO, read_bundle
from affectrep.encoders.weights import load_weights

__all__ = ["FAMILIES", "PretrainedSpeech", "load_speech", "stored_speech"]

FAMILIES = ("wav2vec2", "wavlm", "hubert", "unispeech", "unispeech-sat", "whisper")
NEEDED = ("config.json", "preprocessor_config.json")
OTHER = f"one of torchaudio's bundles such as {TORCHAUDIO}WAVLM_BASE"


@dataclass
class PretrainedSpeech:
    """A speech checkpoint in memory.

    Args:
        backbone: the encoder that `hidden_states` runs.
        preprocess: what the checkpoint expects of a waveform.
        config: the Hugging Face configuration as JSON values, for the model folder.
        reference: how the weights are found again (``checkpoint`` and ``sha256`` or
            ``revision``), None when they have to be stored with the model.
    """

    backbone: nn.Module
    preprocess: WaveformPreprocess | WhisperPreprocess
    config: dict[str, Any]
    reference: dict[str, str] | None = None


def load_speech(
    checkpoint: str,
    *,
    max_seconds: float | None = None,
    level: str = "rms",
    revision: str | None = None,
) -> PretrainedSpeech:
    """Read configuration, weights (as float32) and what the checkpoint expects of a waveform.

    Masking and layer dropping, which some checkpoints bring for their own pretraining, are off:
    both would be drawn outside the seeded generator.

    Args:
        checkpoint: hub id, local folder or ``torchaudio:<bundle>``.
        max_seconds: longer clips lose their end; None keeps all that the encoder can read.
        level: none, rms or peak, of the waveform before the encoder.
        revision: branch, tag or commit on the hub.

    Raises:
        ValueError: if the checkpoint cannot be found or read, is of another family, lacks
            weights, or expects another sampling rate than 16000 Hz.
    """
    options: dict[str, Any] = {"max_seconds": max_seconds, "level": level}
    if checkpoint.startswith(TORCHAUDIO):
        values, weights, normalize = read_bundle(checkpoint)
        config = _configuration(values)
        reference = {"checkpoint": checkpoint}
        backbone = _empty(config)
        load_weights(backbone, weights)
        waveforms = _waveform_preprocess(config, normalize, 16000, options)
        return PretrainedSpeech(backbone, waveforms, _values(config), reference)
    location = find_checkpoint(checkpoint, needed=NEEDED)
    with in_words(checkpoint, needed=NEEDED, other=OTHER), quiet():
        from transformers import AutoConfig, AutoFeatureExtractor

        commit = commit_of(location, revision)
        pinned = commit or revision or "main"  # all files of one state of the repository
        config = AutoConfig.from_pretrained(location, revision=pinned)
        _require_family(config)
        extractor: Any = AutoFeatureExtractor
        extractor = extractor.from_pretrained(location, revision=pinned)
        backbone = _read(location, config, pinned)
    reference = reference_to(checkpoint, location, commit)
    preprocess = _preprocess(config, extractor, options)
    return PretrainedSpeech(backbone, preprocess, _values(config), reference)


def stored_speech(folder: Path, reference: dict[str, str] | None) -> PretrainedSpeech:
    """Read what a model folder holds: with base weights if there is a reference, else empty.

    Raises:
        ValueError: if a file is missing or the base cannot be found.
    """
    values = read_config(folder)
    config = _configuration(values)
    backbone = _empty(config) if reference is None else _base(config, reference)
    return PretrainedSpeech(backbone, load_speech_preprocess(folder), values, reference)


def _base(config: Any, reference: dict[str, str]) -> nn.Module:
    """Return the backbone with the weights that a reference names."""
    checkpoint = reference["checkpoint"]
    if checkpoint.startswith(TORCHAUDIO):
        backbone = _empty(config)
        load_weights(backbone, read_bundle(checkpoint)[1])
        return backbone
    location = find_checkpoint(checkpoint, needed=NEEDED)
    require_same(reference, Path(location))
    with in_words(checkpoint, needed=NEEDED, other=OTHER), quiet():
        return _read(location, config, reference.get("revision"))


def _read(location: str, config: Any, revision: str | None) -> nn.Module:
    from transformers import AutoModel

    _settle(config)
    model, report = AutoModel.from_pretrained(
        location,
        config=config,
        revision=revision or "main",
        dtype=torch.float32,
        output_loading_info=True,
        attn_implementation=_attention(config),
    )
    missing = sorted(key for key in report["missing_keys"] if "decoder" not in key)
    if missing:
        raise ValueError(f"its weights lack {', '.join(missing[:3])} of {type(model).__name__}")
    return _encoder(model)


def _empty(config: Any) -> nn.Module:
    from transformers import AutoModel
    from transformers.initialization import no_init_weights

    builder: Any = AutoModel
    with no_init_weights():
        if config.model_type == "whisper":
            from transformers.models.whisper.modeling_whisper import WhisperEncoder

            return WhisperEncoder(config)
        return _encoder(builder.from_config(config, attn_implementation=_attention(config)))


def _encoder(model: Any) -> nn.Module:
    backbone = model.encoder if model.config.model_type == "whisper" else model
    assert isinstance(backbone, nn.Module)
    call_projections(backbone)
    return backbone


def _configuration(values: dict[str, Any]) -> Any:
    from transformers import AutoConfig

    rest = {key: value for key, value in values.items() if key != "model_type"}
    config = AutoConfig.for_model(values["model_type"], **rest)
    _require_family(config)
    _settle(config)
    return config


def _settle(config: Any) -> None:
    """Switch off what a checkpoint brings for its pretraining or for another task."""
    for name in ("mask_time_prob", "mask_feature_prob", "layerdrop", "add_adapter"):
        if hasattr(config, name):
            setattr(config, name, type(getattr(config, name))(0))
    config._attn_implementation = _attention(config)


def _attention(config: Any) -> str:
    return "eager" if config.model_type == "wavlm" else "sdpa"


def _require_family(config: Any) -> None:
    if config.model_type not in FAMILIES:
        raise ValueError(
            f"it is a {config.model_type} model, expected one of {', '.join(FAMILIES)}"
        )
    if getattr(config, "conv_pos_batch_norm", False):
        raise ValueError(
            "its position convolution is batch-normalised, so that padding would change a clip: "
            "use another checkpoint"
        )


def _preprocess(
    config: Any, extractor: Any, options: dict[str, Any]
) -> WaveformPreprocess | WhisperPreprocess:
    if config.model_type != "whisper":
        rate, normalize = int(extractor.sampling_rate), bool(extractor.do_normalize)
        return _waveform_preprocess(config, normalize, rate, options)
    hop, rate = int(extractor.hop_length), int(extractor.sampling_rate)
    limit = 2 * config.max_source_positions * hop / rate
    seconds = options["max_seconds"] or limit
    if seconds > limit:
        raise ValueError(
            f"encoder.max_seconds is {seconds:g}, but the encoder reads at most {limit:g} s"
        )
    return WhisperPreprocess(
        bins=config.num_mel_bins,
        hop_samples=hop,
        window_samples=int(extractor.n_fft),
        sample_rate_hz=rate,
        max_seconds=seconds,
        level=options["level"],
    )


def _waveform_preprocess(
    config: Any, normalize: bool, rate: int, options: dict[str, Any]
) -> WaveformPreprocess:
    needed = 1
    for kernel, stride in zip(
        reversed(config.conv_kernel), reversed(config.conv_stride), strict=True
    ):
        needed = (needed - 1) * stride + kernel
    return WaveformPreprocess(normalize, rate, min_samples=needed, **options)


def _values(config: Any) -> dict[str, Any]:
    values = json.loads(config.to_json_string(use_diff=False))
    assert isinstance(values, dict)
    return values
