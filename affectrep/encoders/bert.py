"""BERT for prediction alone, in plain PyTorch.

Importing the BertModel of transformers takes 2.4 s, half of what a cold `affectrep predict` may
take. This one has the same weights under the same names and the same outputs to rounding; it has
no dropout, draws no first weights and is not for training.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BertFeatures", "InferenceBert"]


class BertFeatures(NamedTuple):
    """The one output that the text encoder reads: ``(batch, tokens, dim)``."""

    last_hidden_state: Tensor


class _Map(nn.Linear):
    """A linear layer that draws no weights; they are loaded."""

    def reset_parameters(self) -> None:
        pass


class _Table(nn.Embedding):
    """An embedding that draws no weights; they are loaded."""

    def reset_parameters(self) -> None:
        pass


class InferenceBert(nn.Module):
    """The encoder of BERT (Devlin et al. 2019), without dropout and pooler.

    Args:
        config: JSON values of a Hugging Face BERT configuration.

    Raises:
        ValueError: if `InferenceBert.fits` says no.

    Example:
        >>> sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
        ...          "intermediate_size": 16, "vocab_size": 9, "max_position_embeddings": 5,
        ...          "type_vocab_size": 2, "layer_norm_eps": 1e-12}
        >>> bert = InferenceBert({"model_type": "bert", "hidden_act": "gelu", **sizes})
        >>> bert(torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3)).last_hidden_state.shape
        torch.Size([2, 3, 8])
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        if not self.fits(config):
            raise ValueError(f"no plain BERT: {config.get('model_type')}")
        dim, eps = config["hidden_size"], config["layer_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.embeddings: Any = nn.ModuleDict(
            {
                "word_embeddings": _Table(config["vocab_size"], dim),
                "position_embeddings": _Table(config["max_position_embeddings"], dim),
                "token_type_embeddings": _Table(config["type_vocab_size"], dim),
                "LayerNorm": nn.LayerNorm(dim, eps=eps),
            }
        )
        layers = range(config["num_hidden_layers"])
        inner = config["intermediate_size"]
        self.encoder: Any = nn.ModuleDict(
            {"layer": nn.ModuleList(_layer(dim, inner, eps) for _ in layers)}
        )

    @staticmethod
    def fits(config: dict[str, Any]) -> bool:
        """Whether a configuration is the plain encoder that this class computes."""
        return (
            config.get("model_type") == "bert"
            and config.get("hidden_act") == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and not config.get("is_decoder")
            and not config.get("add_cross_attention")
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> BertFeatures:
        """Return ``(batch, tokens, dim)`` from ids and mask, each ``(batch, tokens)``."""
        table = self.embeddings
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        values = table["word_embeddings"](input_ids) + table["token_type_embeddings"].weight[0]
        values = table["LayerNorm"](values + table["position_embeddings"](positions))
        keep = attention_mask.bool()[:, None, None, :]
        for layer in self.encoder["layer"]:
            values = self._attend(layer["attention"], values, keep)
            inner = functional.gelu(layer["intermediate"]["dense"](values))
            values = _close(layer["output"], inner, values)
        return BertFeatures(values)

    def _attend(self, part: Any, values: Tensor, keep: Tensor) -> Tensor:
        def split(name: str) -> Tensor:
            made: Tensor = part["self"][name](values)
            return made.view(*made.shape[:2], self.heads, -1).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(
            split("query"), split("key"), split("value"), attn_mask=keep
        )
        return _close(part["output"], mixed.transpose(1, 2).flatten(-2), values)


def _close(part: Any, values: Tensor, residual: Tensor) -> Tensor:
    closed: Tensor = part["LayerNorm"](part["dense"](values) + residual)
    return closed


def _layer(dim: int, inner: int, eps: float) -> nn.ModuleDict:
    def output(width: int) -> nn.ModuleDict:
        parts = {"dense": _Map(width, dim), "LayerNorm": nn.LayerNorm(dim, eps=eps)}
        return nn.ModuleDict(parts)

    maps = nn.ModuleDict({name: _Map(dim, dim) for name in ("query", "key", "value")})
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict({"self": maps, "output": output(dim)}),
            "intermediate": nn.ModuleDict({"dense": _Map(dim, inner)}),
            "output": output(inner),
        }
    )
