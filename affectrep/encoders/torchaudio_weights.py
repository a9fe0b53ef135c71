"""Pretrained weights of torchaudio's pipelines, under transformers' names.

A second source, on another host than the Hugging Face hub. HuBERT is computed as wav2vec2, which
is what torchaudio does too; both have the same layers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

__all__ = ["TORCHAUDIO", "configuration", "read_bundle", "rename_state"]

TORCHAUDIO = "torchaudio:"
FIELDS = {
    "extractor_conv_bias": "conv_bias",
    "encoder_embed_dim": "hidden_size",
    "encoder_projection_dropout": "feat_proj_dropout",
    "encoder_pos_conv_kernel": "num_conv_pos_embeddings",
    "encoder_pos_conv_groups": "num_conv_pos_embedding_groups",
    "encoder_num_layers": "num_hidden_layers",
    "encoder_num_heads": "num_attention_heads",
    "encoder_num_buckets": "num_buckets",
    "encoder_max_distance": "max_bucket_distance",
    "encoder_attention_dropout": "attention_dropout",
    "encoder_ff_interm_features": "intermediate_size",
    "encoder_ff_interm_dropout": "activation_dropout",
    "encoder_dropout": "hidden_dropout",
    "encoder_layer_norm_first": "do_stable_layer_norm",
}


def configuration(parameters: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the values of a transformers configuration for a torchaudio model.

    Args:
        parameters: the keyword values of ``wav2vec2_model`` or ``wavlm_model``.
        kind: Wav2Vec2 or WavLM.

    Example:
        >>> found = configuration({"encoder_embed_dim": 8, "extractor_mode": "layer_norm",
        ...                        "extractor_conv_layer_config": [(4, 10, 5)]}, "WavLM")
        >>> found["model_type"], found["hidden_size"], found["conv_kernel"]
        ('wavlm', 8, [10])
    """
    shapes = parameters["extractor_conv_layer_config"]
    known = {name: parameters[old] for old, name in FIELDS.items() if old in parameters}
    return {
        "model_type": "wavlm" if kind == "WavLM" else "wav2vec2",
        "feat_extract_norm": parameters["extractor_mode"].removesuffix("_norm"),
        "conv_dim": [shape[0] for shape in shapes],
        "conv_kernel": [shape[1] for shape in shapes],
        "conv_stride": [shape[2] for shape in shapes],
        **known,
    }


def rename_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under the names of transformers; a head for recognition is left out.

    WavLM's one projection of query, key and value is cut into three.

    Example:
        >>> joined = {"encoder.transformer.layers.0.attention.attention.in_proj_bias":
        ...           torch.arange(3.0)}
        >>> {key[27:]: value.tolist() for key, value in rename_state(joined).items()}
        {'q_proj.bias': [0.0], 'k_proj.bias': [1.0], 'v_proj.bias': [2.0]}
    """
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        name = key.removeprefix("model.")  # where the bundle normalises waveforms
        if name.startswith("aux."):
            continue
        name = name.replace("encoder.feature_projection.", "feature_projection.")
        name = name.replace("encoder.transformer.", "encoder.")
        name = name.replace(".attention.attention.", ".attention.")
        if ".in_proj_" in name:
            start, kind = name.split("in_proj_")
            parts = zip("qkv", value.chunk(3), strict=True)
            renamed |= {f"{start}{letter}_proj.{kind}": part.clone() for letter, part in parts}
        else:
            renamed[name] = value
    return renamed


def read_bundle(checkpoint: str) -> tuple[dict[str, Any], dict[str, Tensor], bool]:
    """Read ``torchaudio:<name>``, such as ``torchaudio:WAVLM_BASE``.

    Returns:
        Values of the configuration, weights under transformers' names, and whether waveforms are
        normalised to zero mean and unit variance.

    Raises:
        ValueError: if torchaudio is absent, has no such bundle, or cannot fetch its weights.
    """
    bundle = _bundle(checkpoint)
    parameters = {**bundle._params, "aux_num_out": None}
    values = configuration(parameters, bundle._model_type)
    try:
        state = bundle.get_model().state_dict()
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a torn file the other
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(bundle._path).name
        raise ValueError(
            f"encoder {checkpoint} cannot be read from download.pytorch.org ({error}). Its file "
            f"{path} would serve instead, or a local folder with config.json, model.safetensors "
            "and preprocessor_config.json"
        ) from error
    if bundle.sample_rate != 16000:
        raise ValueError(f"{checkpoint} reads {bundle.sample_rate} Hz, expected 16000 Hz")
    return values, rename_state(state), bool(bundle._normalize_waveform)


def _bundle(checkpoint: str) -> Any:
    try:
        from torchaudio import pipelines
    except ImportError as error:
        raise ValueError(
            f"{checkpoint} needs torchaudio: pip install 'affectrep[speech]'"
        ) from error
    names = sorted(
        name
        for name in pipelines.__all__
        if type(getattr(pipelines, name)).__name__ == "Wav2Vec2Bundle"
    )
    name = checkpoint.removeprefix(TORCHAUDIO)
    if name not in names:
        raise ValueError(f"unknown encoder {checkpoint}; torchaudio has {', '.join(names)}")
    return getattr(pipelines, name)
