"""The hidden states of a pretrained speech encoder, the same for a clip alone and padded.

Transformers' own forward pass cannot be used for that: a group-normalised front end takes its
statistics over the padding too, Whisper insists on 30 s, and WavLM's attention reads the weights
of its projections without calling them, so that LoRA there would be without effect.
"""

from __future__ import annotations

from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["call_projections", "checkpoint_layers", "frame_mask", "front_end", "hidden_states"]


def hidden_states(
    backbone: nn.Module, features: Tensor, lengths: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Return the input of the first layer and the output of every layer, and the frame mask.

    The last state is the one behind the encoder's final layer norm, where it has one. Only the
    front end (convolutions) runs without gradients.

    Args:
        backbone: of transformers: a wav2vec2 family model or a Whisper encoder.
        features: ``(batch, samples)`` or, for Whisper, ``(batch, frames, bins)``.
        lengths: ``(batch,)`` in samples or frames.

    Returns:
        States ``(batch, frames, dim)``, one more than layers, and a mask ``(batch, frames)``.
    """
    model: Any = backbone
    if hasattr(model, "conv1"):
        return _whisper_states(model, features, lengths)
    with torch.no_grad():
        found = front_end(model, features, lengths)
    mask = frame_mask(model._get_feat_extract_output_lengths(lengths), found.shape[1])
    projected = model.feature_projection(found)
    values = projected[0] if isinstance(projected, tuple) else projected
    return _family_states(model.encoder, values, mask), mask


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """Return which frames are no padding, ``(batch, frames)`` bool.

    Example:
        >>> frame_mask(torch.tensor([1, 2]), 2).tolist()
        [[True, False], [True, True]]
    """
    return torch.arange(frames, device=lengths.device) < lengths[:, None]


def front_end(backbone: Any, samples: Tensor, lengths: Tensor) -> Tensor:
    """Return the convolutional features ``(batch, frames, channels)`` of waveforms.

    A group norm takes its statistics over the frames of each clip alone. No later convolution
    looks from a frame into the padding behind it, so the padding has no influence.

    Args:
        backbone: a model of the wav2vec2 family.
        samples: ``(batch, samples)``.
        lengths: ``(batch,)`` in samples.
    """
    values, counts = samples[:, None], lengths
    for layer in backbone.feature_extractor.conv_layers:
        if isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm):
            (kernel,), (stride,) = layer.conv.kernel_size, layer.conv.stride
            counts = torch.div(counts - kernel, stride, rounding_mode="floor") + 1
            values = layer.activation(_clip_norm(layer.layer_norm, layer.conv(values), counts))
        else:  # a group norm stands in the first layer alone, so counts need no update here
            values = layer(values)
    return values.transpose(1, 2)


def _clip_norm(norm: nn.GroupNorm, values: Tensor, counts: Tensor) -> Tensor:
    sizes = counts.tolist()
    if min(sizes) == values.shape[-1]:
        normed: Tensor = norm(values)
        return normed
    result = torch.zeros_like(values)
    for row, size in enumerate(sizes):
        result[row, :, :size] = norm(values[row : row + 1, :, :size])[0].to(result.dtype)
    return result


def _family_states(encoder: Any, values: Tensor, mask: Tensor) -> list[Tensor]:
    """Run the layers of a wav2vec2 family encoder on projected features; no layer is dropped."""
    stable = type(encoder).__name__.endswith("StableLayerNorm")
    values = values * mask.unsqueeze(-1)  # the position convolution looks into the padding
    values = values + encoder.pos_conv_embed(values)
    states = [encoder.dropout(values if stable else encoder.layer_norm(values))]
    biased = hasattr(encoder.layers[0].attention, "gru_rel_pos_const")  # WavLM
    attend, bias = _additive(mask, values.dtype), None
    for layer in encoder.layers:
        if biased:
            made, bias = layer(states[-1], attention_mask=mask, position_bias=bias)
        else:
            made = layer(states[-1], attention_mask=attend)
        states.append(made[0] if isinstance(made, tuple) else made)
    return [*states[:-1], encoder.layer_norm(states[-1])] if stable else states


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``(batch, 1, frames, frames)``: 0 for a frame, the lowest number for padding."""
    lowest = torch.finfo(dtype).min
    row = torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, lowest)
    return row[:, None, None, :].expand(-1, 1, mask.shape[1], -1)


def _whisper_states(encoder: Any, mel: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
    """Run the layers of Whisper on as many frames as there are, with a mask."""
    with torch.no_grad():
        values = functional.gelu(encoder.conv1(mel.transpose(1, 2)))
        # the bias makes padding differ from the zeros behind a clip that stands alone
        values = values * frame_mask(lengths, values.shape[-1])[:, None]
        values = functional.gelu(encoder.conv2(values)).transpose(1, 2)
        values = values + encoder.embed_positions.weight[: values.shape[1]]
    mask = frame_mask(encoder._get_feat_extract_output_lengths(lengths), values.shape[1])
    values = functional.dropout(values, p=encoder.dropout, training=encoder.training)
    states, attend = [values], _additive(mask, values.dtype)
    for layer in encoder.layers:
        made = layer(states[-1], attend)
        states.append(made[0] if isinstance(made, tuple) else made)
    return [*states[:-1], encoder.layer_norm(states[-1])], mask


def call_projections(backbone: nn.Module) -> None:
    """Let the attention of WavLM call its projections, in place; other models stay as they are.

    Transformers hands the tensors ``q_proj.weight`` and so on to one fused function. Adapters
    around ``q_proj`` would then be neither computed nor trained, without a word.
    """
    for part in backbone.modules():
        if hasattr(part, "torch_multi_head_self_attention"):
            part.torch_multi_head_self_attention = MethodType(_attend, part)  # type: ignore[assignment]


def _attend(part: Any, values: Tensor, mask: Tensor | None, bias: Tensor) -> tuple[Tensor, None]:
    """Attend under the gated position bias ``(batch * heads, frames, frames)``."""
    batch, frames, _ = values.shape

    def split(projection: nn.Module) -> Tensor:
        made: Tensor = projection(values)
        return made.view(batch, frames, part.num_heads, -1).transpose(1, 2)

    query, key, value = split(part.q_proj), split(part.k_proj), split(part.v_proj)
    bias = bias.view(batch, part.num_heads, frames, frames).to(query.dtype)
    if mask is not None:
        bias = bias.masked_fill(~mask[:, None, None, :], torch.finfo(bias.dtype).min)
    dropout = part.dropout if part.training else 0.0
    mixed = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=bias, dropout_p=dropout
    )
    return part.out_proj(mixed.transpose(1, 2).flatten(-2)), None


def checkpoint_layers(backbone: nn.Module) -> None:
    """Recompute the layers in the backward pass: less memory for about a third more time.

    Raises:
        ValueError: if the architecture does not know it.
    """
    from torch.utils.checkpoint import checkpoint

    model: Any = backbone
    layers = model.layers if hasattr(model, "conv1") else model.encoder.layers
    for layer in layers:
        if not hasattr(layer, "gradient_checkpointing"):
            raise ValueError(
                f"{type(backbone).__name__} has no gradient checkpointing: "
                "set encoder.gradient_checkpointing to false"
            )
        layer.gradient_checkpointing = True
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
