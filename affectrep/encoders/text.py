"""Any Hugging Face text encoder: tokens to one embedding per text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from affectrep.encoders.adapters import add_lora, lora_settings
from affectrep.encoders.bundled import PREFIX
from affectrep.encoders.checkpoint import Pretrained, hidden_size, load_pretrained
from affectrep.encoders.checkpoint_folder import write_config
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.pooling import cls_pooling, mean_pooling, pooling_layer
from affectrep.encoders.pretrained_encoder import PretrainedEncoder, require_word
from affectrep.encoders.stored import folded_checkpoint, stored_checkpoint
from affectrep.encoders.weights import is_base, is_own, load_weights

__all__ = ["TextEncoder"]

TUNINGS = ("full", "frozen", "lora")


class TextEncoder(PretrainedEncoder):
    """A pretrained encoder and a pooling.

    With ``tuning="full"`` every weight has a gradient. With ``"lora"`` only the adapters have one,
    and dropout works as in full fine-tuning. With ``"frozen"`` no weight of the checkpoint has one
    and the checkpoint stays in ``eval()`` also during training, so that a text always gives the
    same features and may be read once. Attention pooling is learnt in all three.

    Args:
        checkpoint: hub id, local folder, ``bundled:minilm``, or one that was already read.
        pooling: mean, cls or attention.
        tuning: full, frozen or lora.
        lora: rank, alpha, dropout and targets, used when tuning is lora.
        max_tokens: longer texts are cut.
        dropout: of the hidden layers; None keeps the checkpoint's.
        attention_dropout: of the attention weights; None keeps the checkpoint's.

    Raises:
        ValueError: if the checkpoint cannot be read or a setting does not fit it.
    """

    def __init__(  # noqa: PLR0913  # the keys of the configuration's encoder section
        self,
        checkpoint: str | Pretrained,
        *,
        pooling: str = "mean",
        tuning: str = "full",
        lora: dict[str, Any] | None = None,
        max_tokens: int = 128,
        dropout: float | None = None,
        attention_dropout: float | None = None,
    ) -> None:
        require_word("tuning", tuning, TUNINGS)
        if isinstance(checkpoint, str):
            checkpoint = load_pretrained(
                checkpoint,
                max_tokens=max_tokens,
                dropout=dropout,
                attention_dropout=attention_dropout,
            )
        super().__init__(checkpoint, tuning=tuning)
        self.dim = hidden_size(self.config)
        self.pooling = pooling
        self.pool = pooling_layer(pooling, self.dim)
        if tuning == "lora":
            add_lora(self.backbone, lora_settings(lora))
        if tuning == "frozen":
            self.backbone.requires_grad_(False).eval()

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        """Encode what ``preprocess`` returned.

        Args:
            inputs: ``input_ids`` and ``attention_mask``, each ``(batch, tokens)``.
        """
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        features = self.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pool is not None:
            embeddings = self.pool(features, mask)
        elif self.pooling == "cls":
            embeddings = cls_pooling(features, mask)
        else:
            embeddings = mean_pooling(features, mask)
        return EncoderOutput(embeddings, features)

    def save(self, folder: Path) -> None:
        """Write the Hugging Face configuration and the tokenizer into an existing folder.

        The tokenizer of a bundled checkpoint is left where it is, like the checkpoint's weights.
        """
        write_config(folder, self.config)
        if (self.stored_reference() or {}).get("checkpoint", "").startswith(PREFIX):
            self.preprocess.save_settings(folder)
        else:
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
    ) -> TextEncoder:
        """Build an encoder from what `save` and `weights` gave.

        Args:
            folder: with config.json and tokenizer.json.
            weights: what `weights` returned.
            settings: the keyword values of the encoder, without checkpoint.
            reference: where the base weights are, None when ``weights`` has all.
            inference: fold adapters, take gradients off and skip slow imports; such an encoder
                predicts the same and is saved with all its weights.

        Raises:
            ValueError: if the base is not found or the weights do not fit.
        """
        keywords = {key: settings[key] for key in ("pooling", "tuning", "lora") if key in settings}
        if inference:
            adapters = (
                lora_settings(settings.get("lora")) if keywords.get("tuning") == "lora" else None
            )
            pretrained = folded_checkpoint(
                folder, _below("backbone.", weights), reference, adapters
            )
            encoder = cls(pretrained, pooling=keywords.get("pooling", "mean"))
            weights = {key: value for key, value in weights.items() if is_own(key)}
            load_weights(encoder, weights, optional=lambda key: not is_own(key))
            return encoder.requires_grad_(False).eval()
        encoder = cls(stored_checkpoint(folder, reference), **keywords)
        load_weights(encoder, weights, optional=is_base if reference else lambda key: False)
        return encoder


def _below(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    below = {key: value for key, value in weights.items() if key.startswith(prefix)}
    return {key.removeprefix(prefix): value for key, value in below.items()}
