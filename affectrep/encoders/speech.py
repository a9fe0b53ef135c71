"""Pretrained speech encoders of Hugging Face and torchaudio: clips to one embedding per clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from affectrep.encoders.adapters import (
    SPEECH_LORA_DEFAULTS,
    add_lora,
    fold_lora,
    lora_settings,
    plain_name,
    speech_targets,
)
from affectrep.encoders.bottleneck import adapter_settings, add_bottlenecks
from affectrep.encoders.checkpoint import hidden_size
from affectrep.encoders.layer_weights import LAYER_WEIGHTS, LayerWeights
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.pooling import AttentiveStatisticsPooling, mean_pooling
from affectrep.encoders.speech_checkpoint import PretrainedSpeech, load_speech, stored_speech
from affectrep.encoders.speech_states import checkpoint_layers, hidden_states
from affectrep.encoders.weights import load_weights, unique_weights

__all__ = ["SpeechEncoder"]

POOLINGS = ("mean", "attentive")
TUNINGS = ("full", "frozen", "lora", "adapters", "lora+adapters")
KEYWORDS = ("pooling", "tuning", "lora", "adapter", "layer_weights", "gradient_checkpointing")


class SpeechEncoder(nn.Module):
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
        super().__init__()
        _require("pooling", pooling, POOLINGS)
        _require("tuning", tuning, TUNINGS)
        _require("layer_weights", layer_weights, LAYER_WEIGHTS)
        lora_values = _lora_values(lora)
        adapter_values = adapter_settings(adapter)
        if isinstance(checkpoint, str):
            checkpoint = load_speech(checkpoint, max_seconds=max_seconds, level=level)
        self.preprocess = checkpoint.preprocess
        self.config = checkpoint.config
        self.reference = checkpoint.reference
        self.backbone = checkpoint.backbone
        self.tuning = tuning
        width = hidden_size(self.config)
        self.pool = AttentiveStatisticsPooling(width) if pooling == "attentive" else None
        self.dim = width if self.pool is None else 2 * width
        self.layers = (
            None
            if layer_weights == "none"
            else LayerWeights(_layer_count(self.config) + 1, kind=layer_weights)
        )
        self._mark = _first_values(self.backbone)
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

    @property
    def is_fixed(self) -> bool:
        """Whether embeddings never change in training, so that they may be cached."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def train(self, mode: bool = True) -> SpeechEncoder:
        """Set training mode; a frozen checkpoint stays in ``eval()``."""
        super().train(mode)
        if self.tuning == "frozen":
            self.backbone.eval()
        return self

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

    def weights(self) -> dict[str, Tensor]:
        """Return what a model folder stores, by the names of ``state_dict``.

        Where `stored_reference` says how the base is found these are the others alone.
        """
        state = self.state_dict()
        if self.stored_reference() is None:
            return unique_weights(state)
        return unique_weights({key: state[key] for key in state if not _is_base(key)})

    def stored_reference(self) -> dict[str, str] | None:
        """Return where the base weights are found again, None when they must be stored.

        They must be after full fine-tuning, and when other weights were loaded over the base, as
        a warm start does. A local folder is named with the SHA-256 of its weights; the model then
        loads on this machine alone. Saved once more after ``from_pretrained(…, inference=True)``
        it holds all weights and can travel.
        """
        if self.tuning == "full" or self.reference is None:
            return None
        return self.reference if self._mark == _first_values(self.backbone) else None

    def take_over(self, other: nn.Module) -> None:
        """Start from the weights of an encoder whose LoRA is folded, such as one for inference.

        Bottleneck adapters are taken over where both have them.

        Raises:
            ValueError: if their architectures differ, or ``other`` alone has adapters.
        """
        found = {plain_name(key): value for key, value in other.state_dict().items()}
        own = {key: plain_name(key) for key in self.state_dict()}
        weights = {key: found[plain] for key, plain in own.items() if plain in found}
        lost = [key for key in found if _is_added(key) and key not in own.values()]
        try:
            if lost:
                raise ValueError(f"encoder.tuning is {self.tuning}, which leaves out {lost[0]}")
            load_weights(self, weights, optional=lambda key: _is_added(key) or _is_own(key))
        except ValueError as error:
            raise ValueError(
                "the encoder of the earlier model has other weights than this one's: "
                f"use the same encoder.checkpoint and adapters ({error})"
            ) from error

    def save(self, folder: Path) -> None:
        """Write the Hugging Face configuration and the preprocess into an existing folder."""
        # where the weights lay on this machine is nobody else's business
        values = {key: value for key, value in self.config.items() if key != "_name_or_path"}
        text = json.dumps(values, indent=2, sort_keys=True)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")
        self.preprocess.save(folder)

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
        load_weights(encoder, weights, optional=_is_base if reference else lambda key: False)
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
        base = {} if checkpoint.reference is None else checkpoint.backbone.state_dict()
        state = {f"backbone.{key}": value for key, value in base.items()}
        plain = fold_lora({**state, **weights}, lora)
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


def _require(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"encoder.{key} is {value!r}, expected one of {', '.join(known)}")


def _layer_count(config: dict[str, Any]) -> int:
    return int(config.get("encoder_layers") or config["num_hidden_layers"])


def _first_values(backbone: nn.Module) -> dict[str, list[float]]:
    """Return a few values of each weight of the checkpoint, to notice a change."""
    return {
        plain_name(name): value.detach().flatten()[:4].tolist()
        for name, value in backbone.named_parameters()
        if not _is_added(name)
    }


def _is_own(key: str) -> bool:
    return not key.startswith("backbone.")


def _is_bottleneck(key: str) -> bool:
    return ".adapter.down." in key or ".adapter.up." in key


def _is_added(key: str) -> bool:
    return ".lora_" in key or _is_bottleneck(key)


def _is_base(key: str) -> bool:
    return not _is_own(key) and not _is_added(key)
