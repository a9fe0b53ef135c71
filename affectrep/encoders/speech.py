"""Pretrained speech encoders of Hugging Face and torchaudio: clips to one embedding per clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from affectrep.encoders.adapters import (
    SPEECH_LORA_DEFAULTS,
    add_lora,
    lora_settings,
    plain_name,
    speech_targets,
)
from affectrep.encoders.bottleneck import adapter_settings, add_bottlenecks
from affectrep.encoders.checkpoint import hidden_size
from affectrep.encoders.layer_weights import LAYER_WEIGHTS, LayerWeights
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.pooling import AttentiveStatisticsPooling, mean_pooling
from affectrep.encoders.pretrained_encoder import PretrainedEncoder, folded_state, require_word
from affectrep.encoders.speech_checkpoint import PretrainedSpeech, load_speech, stored_speech
from affectrep.encoders.speech_states import checkpoint_layers, hidden_states
from affectrep.encoders.weights import is_base, load_weights

__all__ = ["SpeechEncoder"]

POOLINGS = ("mean", "attentive")
TUNINGS = ("full", "frozen", "lora", "adapters", "lora+adapters")
KEYWORDS = ("pooling", "tuning", "lora", "adapter", "layer_weights", "gradient_checkpointing")


class SpeechEncoder(PretrainedEncoder):
    """wav2vec2, XLS-R, WavLM, HuBERT, UniSpeech or the encoder of Whisper, and a pooling.

    The convolutional front end never trains. With ``tuning="full"`` every other weight has a
    gradient, with ``lora`` and ``adapters`` the added ones alone, and with ``frozen`` none of the
    checkpoint, which then stays in ``eval()``. Layer weights and attentive pooling are learnt in
    all of them. A clip has the same embedding alone and padded beside a longer one, for
    group-normalised front ends too.

    Args:
        checkpoint: hub id, local folder, ``torchaudio:<bundle>``, or one that was already read.
        pooling: mean, or attentive: learnt mean and standard deviation, twice as wide.
        tuning: full, frozen, lora, adapters or lora+adapters.
        lora: rank, alpha, dropout and targets (some of q, k, v, out, ff_in, ff_out).
        adapter: width and dropout of the bottleneck adapters.
        layer_weights: none takes the last layer; softmax or sigmoid learn an average of all.
        gradient_checkpointing: less memory, about a third more time.
        max_seconds: longer clips lose their end; None keeps all that the encoder can read.
        level: none, rms or peak: the level of a clip before the checkpoint's own normalisation.

    Raises:
        ValueError: if the checkpoint cannot be read or a setting does not fit it.
    """

    def __init__(  # noqa: PLR0913  # the keys of the configuration's encoder section
        self,
        checkpoint: str | PretrainedSpeech,
        *,
        pooling: str = "mean",
        tuning: str = "full",
        lora: dict[str, Any] | None = None,
        adapter: dict[str, Any] | None = None,
        layer_weights: str = "none",
        gradient_checkpointing: bool = False,
        max_seconds: float | None = None,
        level: str = "rms",
    ) -> None:
        require_word("pooling", pooling, POOLINGS)
        require_word("tuning", tuning, TUNINGS)
        require_word("layer_weights", layer_weights, LAYER_WEIGHTS)
        lora_values = _lora_values(lora)
        adapter_values = adapter_settings(adapter)
        if isinstance(checkpoint, str):
            checkpoint = load_speech(checkpoint, max_seconds=max_seconds, level=level)
        super().__init__(checkpoint, tuning=tuning)
        width = hidden_size(self.config)
        self.pool = AttentiveStatisticsPooling(width) if pooling == "attentive" else None
        self.dim = width if self.pool is None else 2 * width
        self.layers = (
            None
            if layer_weights == "none"
            else LayerWeights(_layer_count(self.config) + 1, kind=layer_weights)
        )
        self._tune(lora_values, adapter_values)
        if gradient_checkpointing:
            checkpoint_layers(self.backbone)

    def _tune(self, lora: dict[str, Any], adapter: dict[str, Any]) -> None:
        if self.tuning != "full":
            self.backbone.requires_grad_(False)
        if "lora" in self.tuning:  # before the others, which it would freeze
            add_lora(self.backbone, lora)
        if "adapters" in self.tuning:
            add_bottlenecks(self.backbone, adapter)
        for part in ("feature_extractor", "conv1", "conv2", "embed_positions"):
            if hasattr(self.backbone, part):
                getattr(self.backbone, part).requires_grad_(False)
        if self.tuning == "frozen":
            self.backbone.eval()

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        """Encode what ``preprocess`` returned.

        Args:
            inputs: ``features`` ``(batch, samples)``, for Whisper ``(batch, frames, bins)``, and
                ``lengths`` ``(batch,)``.

        Returns:
            Embeddings ``(batch, dim)`` and features ``(batch, frames, width)``, whose frames
            behind the end of a clip mean nothing.
        """
        states, mask = hidden_states(self.backbone, inputs["features"], inputs["lengths"])
        features = states[-1] if self.layers is None else self.layers(states)
        pooled = mean_pooling(features, mask) if self.pool is None else self.pool(features, mask)
        return EncoderOutput(pooled, features)

    @classmethod
    def restore(
        cls,
        folder: Path,
        weights: dict[str, Tensor],
        *,
        settings: dict[str, Any],
        reference: dict[str, str] | None,
        inference: bool = False,
    ) -> SpeechEncoder:
        """Build an encoder from what `save` and `weights` gave.

        Args:
            folder: with config.json and preprocess.json.
            weights: what `weights` returned.
            settings: the keyword values of the encoder, without checkpoint.
            reference: where the base weights are, None when ``weights`` has all.
            inference: fold LoRA and take gradients off; bottleneck adapters stay, as no linear
                layer can hold them. Such an encoder predicts the same and is saved with all its
                weights.

        Raises:
            ValueError: if the base is not found or the weights do not fit.
        """
        keywords = {key: settings[key] for key in KEYWORDS if key in settings}
        checkpoint = stored_speech(folder, reference)
        adapter = adapter_settings(keywords.get("adapter"))
        if inference:
            lora = _lora_values(keywords.get("lora"))
            return cls._folded(checkpoint, weights, keywords, lora, adapter)
        encoder = cls(checkpoint, **keywords)
        if any(map(_is_bottleneck, weights)) and "adapters" not in encoder.tuning:
            add_bottlenecks(encoder.backbone, adapter)  # saved after folding, tuning is then full
        load_weights(encoder, weights, optional=is_base if reference else lambda key: False)
        return encoder

    @classmethod
    def _folded(
        cls,
        checkpoint: PretrainedSpeech,
        weights: dict[str, Tensor],
        keywords: dict[str, Any],
        lora: dict[str, Any],
        adapter: dict[str, Any],
    ) -> SpeechEncoder:
        plain = folded_state(checkpoint, weights, lora)
        if any(map(_is_bottleneck, weights)):
            add_bottlenecks(checkpoint.backbone, adapter)
        bare = PretrainedSpeech(checkpoint.backbone, checkpoint.preprocess, checkpoint.config)
        kept = {key: keywords[key] for key in ("pooling", "layer_weights") if key in keywords}
        encoder = cls(bare, **kept)
        names = {plain_name(key): key for key in encoder.state_dict()}
        load_weights(encoder, {names.get(key, key): value for key, value in plain.items()})
        return encoder.requires_grad_(False).eval()


def _lora_values(given: dict[str, Any] | None) -> dict[str, Any]:
    settings = lora_settings(given, SPEECH_LORA_DEFAULTS)
    return {**settings, "targets": speech_targets(list(settings["targets"]))}


def _layer_count(config: dict[str, Any]) -> int:
    return int(config.get("encoder_layers") or config["num_hidden_layers"])


def _is_bottleneck(key: str) -> bool:
    return ".adapter.down." in key or ".adapter.up." in key
