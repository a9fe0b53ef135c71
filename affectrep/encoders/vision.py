"""Pretrained vision backbones of Hugging Face and torchvision: images to one embedding each."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affectrep.encoders.adapters import LORA_DEFAULTS, add_lora, lora_settings, plain_name
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.pretrained_encoder import PretrainedEncoder, folded_state, require_word
from affectrep.encoders.vision_checkpoint import PretrainedVision, load_vision, stored_vision
from affectrep.encoders.weights import is_base, load_weights

__all__ = ["VISION_LORA_DEFAULTS", "VisionEncoder"]

POOLINGS = ("mean", "cls")
TUNINGS = ("full", "frozen", "lora")
KEYWORDS = ("pooling", "tuning", "lora")
VISION_LORA_DEFAULTS: dict[str, Any] = {**LORA_DEFAULTS, "targets": ["q", "k", "v", "out"]}
TARGETS = {
    "q": ("q_proj", "query"),
    "k": ("k_proj", "key"),
    "v": ("v_proj", "value"),
    "out": ("o_proj", "out_proj"),
    "ff_in": ("fc1", "pwconv1"),
    "ff_out": ("fc2", "pwconv2"),
}


class VisionEncoder(PretrainedEncoder):
    """ViT, DINOv2, Swin, ConvNeXt, ResNet and other backbones, and a pooling.

    With ``tuning="full"`` every weight has a gradient, with ``lora`` the adapters alone, and with
    ``frozen`` none; a frozen backbone stays in ``eval()``. A network that gives maps instead of
    tokens is pooled in its own way, torchvision's by all that lies before their classifier.

    Args:
        checkpoint: hub id, local folder, ``torchvision:<name>[:<weights file>]``, or one that was
            already read.
        pooling: of tokens: mean of all, or cls, the first.
        tuning: full, frozen or lora; lora needs a backbone of Hugging Face.
        lora: rank, alpha, dropout and targets (some of q, k, v, out, ff_in, ff_out).
        preprocess: settings of `ImagePreprocess`, which go before the checkpoint's own.

    Raises:
        ValueError: if the checkpoint cannot be read or a setting does not fit it.
    """

    def __init__(
        self,
        checkpoint: str | PretrainedVision,
        *,
        pooling: str = "mean",
        tuning: str = "full",
        lora: dict[str, Any] | None = None,
        preprocess: dict[str, Any] | None = None,
    ) -> None:
        require_word("pooling", pooling, POOLINGS)
        require_word("tuning", tuning, TUNINGS)
        lora_values = _lora_values(lora)
        if isinstance(checkpoint, str):
            checkpoint = load_vision(checkpoint, preprocess)
        super().__init__(checkpoint, tuning=tuning)
        self.pooling = pooling
        self.is_plain = self.config["model_type"] == "torchvision"
        self._require_fit()
        self._options = self._forward_options()
        self.dim = self._width()
        if tuning != "full":
            self.backbone.requires_grad_(False)
        if tuning == "lora":
            add_lora(self.backbone, lora_values)
        if tuning == "frozen":
            self.backbone.eval()

    def _require_fit(self) -> None:
        if self.tuning == "lora" and self.is_plain:
            raise ValueError(
                "encoder.tuning lora needs a checkpoint of Hugging Face: use full or frozen with "
                f"torchvision's {self.config['name']}"
            )
        names = [name for name, _ in self.backbone.named_parameters()]
        first = any("cls_token" in name or "class_embedding" in name for name in names)
        if self.pooling == "cls" and not first:
            raise ValueError(
                "encoder.pooling is cls, but this backbone has no such token: use mean"
            )

    def _forward_options(self) -> dict[str, bool]:
        known = inspect.signature(self.backbone.forward).parameters
        other_size = self.config.get("image_size") != self.preprocess.size_px
        if "interpolate_pos_encoding" in known and other_size:
            return {"interpolate_pos_encoding": True}
        return {}

    @torch.no_grad()
    def _width(self) -> int:
        """Return the width of an embedding; a black image shows a size that does not fit."""
        was, side = self.backbone.training, self.preprocess.size_px
        self.backbone.eval()
        try:
            pixels = torch.zeros(1, 3, side, side)
            output: EncoderOutput = self({"pixels": pixels})
            return output.embeddings.shape[1]
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            first = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise ValueError(
                f"a {self.config['model_type']} backbone cannot encode images of {side} px: {first}"
            ) from error
        finally:
            self.backbone.train(was)

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        """Encode what ``preprocess`` returned.

        Args:
            inputs: ``pixels`` ``(batch, 3, size, size)``.

        Returns:
            Embeddings ``(batch, dim)`` and features: tokens ``(batch, tokens, dim)``, maps
            ``(batch, channels, height, width)``, or None of a torchvision network.
        """
        pixels = inputs["pixels"]
        if self.is_plain:
            return EncoderOutput(self.backbone(pixels))
        output = self.backbone(pixel_values=pixels, **self._options)
        features: Tensor = output.last_hidden_state
        if features.dim() == 4:
            pooled = getattr(output, "pooler_output", None)
            maps = features.mean(dim=(2, 3)) if pooled is None else pooled.flatten(1)
            return EncoderOutput(maps, features)
        tokens = features[:, 0] if self.pooling == "cls" else features.mean(dim=1)
        return EncoderOutput(tokens, features)

    @classmethod
    def restore(
        cls,
        folder: Path,
        weights: dict[str, Tensor],
        *,
        settings: dict[str, Any],
        reference: dict[str, str] | None,
        inference: bool = False,
    ) -> VisionEncoder:
        """Build an encoder from what `save` and `weights` gave.

        Args:
            folder: with config.json and preprocess.json.
            weights: what `weights` returned.
            settings: the keyword values of the encoder, without checkpoint.
            reference: where the base weights are, None when ``weights`` has all.
            inference: fold LoRA and take gradients off; such an encoder predicts the same and is
                saved with all its weights.

        Raises:
            ValueError: if the base is not found or the weights do not fit.
        """
        keywords = {key: settings[key] for key in KEYWORDS if key in settings}
        checkpoint = stored_vision(folder, reference)
        if not inference:
            encoder = cls(checkpoint, **keywords)
            load_weights(encoder, weights, optional=is_base if reference else lambda key: False)
            return encoder
        plain = folded_state(checkpoint, weights, _lora_values(keywords.get("lora")))
        bare = PretrainedVision(checkpoint.backbone, checkpoint.preprocess, checkpoint.config)
        encoder = cls(bare, pooling=keywords.get("pooling", "mean"))
        load_weights(encoder, {plain_name(key): value for key, value in plain.items()})
        return encoder.requires_grad_(False).eval()


def _lora_values(given: dict[str, Any] | None) -> dict[str, Any]:
    settings = lora_settings(given, VISION_LORA_DEFAULTS)
    names = list(settings["targets"])
    unknown = [name for name in names if name not in TARGETS]
    if unknown or not names:
        raise ValueError(f"encoder.lora.targets {names}: expected some of {', '.join(TARGETS)}")
    return {**settings, "targets": [layer for name in names for layer in TARGETS[name]]}
