"""Speech encoders of a few thousand weights, written to a folder as the hub would hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

FAMILY = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.1,
    "feat_proj_dropout": 0.1,
}
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
BASE = {"feat_extract_norm": "group", "do_stable_layer_norm": False}
WAVLM = {"num_buckets": 32, "max_bucket_distance": 40}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "num_mel_bins": 8,
    "max_source_positions": 50,
    "vocab_size": 20,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec2-layer": ("wav2vec2", {**FAMILY, **LARGE}),
    "wav2vec2-group": ("wav2vec2", {**FAMILY, **BASE}),
    "wavlm-layer": ("wavlm", {**FAMILY, **LARGE, **WAVLM}),
    "wavlm-group": ("wavlm", {**FAMILY, **BASE, **WAVLM}),
    "hubert-layer": ("hubert", {**FAMILY, **LARGE}),
    "hubert-group": ("hubert", {**FAMILY, **BASE}),
    "unispeech": ("unispeech", {**FAMILY, **BASE}),
    "unispeech-sat": ("unispeech-sat", {**FAMILY, **LARGE}),
    "whisper": ("whisper", WHISPER),
}


def tiny_speech(folder: Path, kind: str = "wavlm-layer", **changes: object) -> str:
    """Write a checkpoint with drawn weights."""
    from transformers import (
        AutoConfig,
        AutoModel,
        Wav2Vec2FeatureExtractor,
        WhisperFeatureExtractor,
    )

    torch.manual_seed(0)
    name, sizes = KINDS[kind]
    model = AutoModel.from_config(AutoConfig.for_model(name, **{**sizes, **changes}))
    with torch.no_grad():  # drawn weights are small: layers would hardly matter
        for key, value in model.named_parameters():
            if value.dim() > 1 and "conv" not in key and "embed_positions" not in key:
                value.normal_(std=0.3)
    model.save_pretrained(folder)
    extractor = (
        WhisperFeatureExtractor(feature_size=8)
        if kind == "whisper"
        else Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    )
    extractor.save_pretrained(folder)
    return str(folder)


def clips(*samples: int) -> list[NDArray[np.float32]]:
    """Return noise of some lengths, louder towards the end."""
    random = np.random.default_rng(0)
    return [(random.normal(size=n) * np.linspace(0.05, 0.2, n)).astype(np.float32) for n in samples]
