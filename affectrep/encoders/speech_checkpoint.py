"""Find a pretrained speech encoder and read it: hub id, local folder or ``torchaudio:<name>``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from affectrep.encoders.checkpoint import commit_of, quiet
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
NEEDED = "config.json, model.safetensors and preprocessor_config.json"


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
    location = _locate(checkpoint)
    with _in_words(checkpoint), quiet():
        from transformers import AutoConfig, AutoFeatureExtractor

        commit = commit_of(location, revision)
        pinned = commit or revision or "main"  # all files of one state of the repository
        config = AutoConfig.from_pretrained(location, revision=pinned)
        _require_family(config)
        extractor: Any = AutoFeatureExtractor
        extractor = extractor.from_pretrained(location, revision=pinned)
        backbone = _read(location, config, pinned)
    reference = _reference(checkpoint, location, commit)
    preprocess = _preprocess(config, extractor, options)
    return PretrainedSpeech(backbone, preprocess, _values(config), reference)


def stored_speech(folder: Path, reference: dict[str, str] | None) -> PretrainedSpeech:
    """Read what a model folder holds: with base weights if there is a reference, else empty.

    Raises:
        ValueError: if a file is missing or the base cannot be found.
    """
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: the model folder is not complete") from error
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
    if "sha256" in reference and _digest(_locate(checkpoint)) != reference["sha256"]:
        raise ValueError(
            f"the model was trained on the weights of {checkpoint} with SHA-256 "
            f"{reference['sha256'][:12]}…, and other weights are there now: put those back"
        )
    with _in_words(checkpoint), quiet():
        return _read(_locate(checkpoint), config, reference.get("revision"))


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


def _locate(checkpoint: str) -> str:
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        absent = [
            name
            for name in ("config.json", "preprocessor_config.json")
            if not (path / name).is_file()
        ]
        if absent:
            raise ValueError(
                f"encoder {checkpoint} has no {absent[0]}: give a folder with {NEEDED}"
            )
        return str(path)
    if checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1:
        raise ValueError(f"encoder folder {checkpoint} does not exist: give a folder with {NEEDED}")
    return checkpoint


def _reference(checkpoint: str, location: str, commit: str | None) -> dict[str, str]:
    if Path(location).is_dir():
        # a name from elsewhere would not be found again by a later run in another directory
        return {"checkpoint": str(Path(location).resolve()), "sha256": _digest(location)}
    return {"checkpoint": checkpoint} | ({"revision": commit} if commit else {})


def _digest(location: str) -> str:
    """Return the SHA-256 of a folder's weights, of all parts where there are several."""
    folder = Path(location)
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


@contextmanager
def _in_words(checkpoint: str) -> Iterator[None]:
    """Say in two sentences what transformers says in thirty lines."""
    local = Path(checkpoint).expanduser().is_dir()
    try:
        yield
    except (OSError, ValueError) as error:
        if local or not isinstance(error, OSError):
            first = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise ValueError(f"encoder {checkpoint} cannot be used: {first}") from error
        folder = checkpoint.rsplit("/", 1)[-1]
        raise ValueError(
            f"encoder {checkpoint} is no local folder and cannot be read from the Hugging Face "
            f"hub (offline, unreachable or unknown). A folder ./{folder} with {NEEDED} would "
            f"serve instead, or one of torchaudio's bundles such as {TORCHAUDIO}WAVLM_BASE"
        ) from error
