"""What the encoders that start from a checkpoint share: tuning, weights to store, take over."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self

from torch import Tensor, nn

from affectrep.encoders.adapters import fold_lora, plain_name
from affectrep.encoders.checkpoint_folder import write_config
from affectrep.encoders.weights import (
    first_values,
    is_added,
    is_base,
    is_own,
    load_weights,
    unique_weights,
)

__all__ = ["Checkpoint", "PretrainedEncoder", "folded_state", "require_word"]


class Checkpoint(Protocol):
    """A checkpoint in memory.

    Args:
        backbone: its network.
        preprocess: what it expects of an input.
        config: its configuration as JSON values, for the model folder.
        reference: how the weights are found again (``checkpoint`` and ``sha256`` or
            ``revision``), None when they have to be stored with the model.
    """

    backbone: nn.Module
    preprocess: Any
    config: dict[str, Any]
    reference: dict[str, str] | None


class PretrainedEncoder(nn.Module):
    """A checkpoint under one kind of tuning; a subclass adds adapters, pooling and `forward`.

    Its own layers stand beside ``backbone``, adapters inside it.

    Args:
        checkpoint: one that was read.
        tuning: full, frozen, or the adapters that the subclass adds.
    """

    dim: int

    def __init__(self, checkpoint: Checkpoint, *, tuning: str) -> None:
        super().__init__()
        self.preprocess = checkpoint.preprocess
        self.config = checkpoint.config
        self.reference = checkpoint.reference
        self.backbone = checkpoint.backbone
        self.tuning = tuning
        self._mark = first_values(self.backbone)

    @property
    def is_fixed(self) -> bool:
        """Whether embeddings never change in training, so that they may be cached."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen checkpoint stays in ``eval()``."""
        super().train(mode)
        if self.tuning == "frozen":
            self.backbone.eval()
        return self

    def weights(self) -> dict[str, Tensor]:
        """Return what a model folder stores, by the names of ``state_dict``.

        Where `stored_reference` says how the base is found these are the others alone.
        """
        state = self.state_dict()
        if self.stored_reference() is None:
            return unique_weights(state)
        return unique_weights({key: state[key] for key in state if not is_base(key)})

    def stored_reference(self) -> dict[str, str] | None:
        """Return where the base weights are found again, None when they must be stored.

        They must be after full fine-tuning, when nothing says where they came from, and when other
        weights were loaded over the base, as a warm start does. A local folder may be named with
        the SHA-256 of its weights; the model then loads on this machine alone. Saved once more
        after ``from_pretrained(…, inference=True)`` it holds all weights and can travel.
        """
        if self.tuning == "full" or self.reference is None:
            return None
        return self.reference if self._mark == first_values(self.backbone) else None

    def take_over(self, other: nn.Module) -> None:
        """Start from the weights of an encoder whose LoRA is folded, such as one for inference.

        Bottleneck adapters are taken over where both have them.

        Raises:
            ValueError: if their architectures differ, or ``other`` alone has adapters.
        """
        found = {plain_name(key): value for key, value in other.state_dict().items()}
        own = {key: plain_name(key) for key in self.state_dict()}
        weights = {key: found[plain] for key, plain in own.items() if plain in found}
        lost = [key for key in found if is_added(key) and key not in own.values()]
        try:
            if lost:
                raise ValueError(f"encoder.tuning is {self.tuning}, which leaves out {lost[0]}")
            load_weights(self, weights, optional=lambda key: is_added(key) or is_own(key))
        except ValueError as error:
            raise ValueError(
                "the encoder of the earlier model has other weights than this one's: "
                f"use the same encoder.checkpoint and adapters ({error})"
            ) from error

    def save(self, folder: Path) -> None:
        """Write the checkpoint's configuration and the preprocess into an existing folder."""
        write_config(folder, self.config)
        self.preprocess.save(folder)


def folded_state(
    checkpoint: Checkpoint, weights: dict[str, Tensor], lora: dict[str, Any]
) -> dict[str, Tensor]:
    """Return all weights of an encoder, LoRA folded into those of its checkpoint.

    Args:
        checkpoint: with its weights in place where it has a reference.
        weights: what ``weights()`` of the encoder returned.
        lora: rank and alpha.
    """
    base = {} if checkpoint.reference is None else checkpoint.backbone.state_dict()
    state = {f"backbone.{key}": value for key, value in base.items()}
    return fold_lora({**state, **weights}, lora)


def require_word(key: str, value: str, known: tuple[str, ...]) -> None:
    """Pass where a setting of the encoder is one of the known words.

    Example:
        >>> require_word("tuning", "half", ("full", "frozen"))
        Traceback (most recent call last):
        ValueError: encoder.tuning is 'half', expected one of full, frozen
    """
    if value not in known:
        raise ValueError(f"encoder.{key} is {value!r}, expected one of {', '.join(known)}")
