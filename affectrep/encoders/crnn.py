"""A convolutional recurrent network on log-mel spectrograms, trained from scratch."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from affectrep.encoders.convolutions import ConvolutionBlock, frame_mask
from affectrep.encoders.fitted_encoder import FittedEncoder
from affectrep.encoders.logmel import LogMelPreprocess
from affectrep.encoders.output import EncoderOutput
from affectrep.encoders.pooling import AttentiveStatisticsPooling
from affectrep.encoders.spec_augment import SpecAugment

__all__ = ["CrnnEncoder"]

POOLS = ((2, 2), (2, 2), (1, 2), (1, 2))  # frames and bins; a frame of the output is 4 of the input


class CrnnEncoder(FittedEncoder):
    """Four convolution blocks, a bidirectional GRU and attentive statistics over its frames.

    Padding has no say anywhere: a clip gives the same embedding alone and in a batch. With the
    defaults there are about 350,000 parameters. Time goes with frames times bands: at 20 ms and 40
    bands (``hop_s``, ``bins``) a step takes a third of what it takes at 10 ms and 64. Call `fit` on
    training rows first; until then the log-mel values go in as they are, in dB.

    Args:
        preprocess: settings of `LogMelPreprocess`, by its argument names; None for its defaults.
        channels: of the four convolution blocks.
        norm: batch or group.
        recurrent: width of the GRU in each direction.
        dropout: before the GRU and on the embedding.
        spec_augment: settings of `SpecAugment`; None for its defaults, False for no masks.

    Raises:
        ValueError: if a setting is unknown or out of range.

    Example:
        >>> import torch
        >>> encoder = CrnnEncoder(channels=[8, 8, 8, 8], recurrent=4).eval()
        >>> inputs = {"features": torch.zeros(2, 9, 64), "lengths": torch.tensor([9, 5])}
        >>> encoder(inputs).embeddings.shape, encoder.dim
        (torch.Size([2, 16]), 16)
    """

    preprocess_class = LogMelPreprocess

    def __init__(
        self,
        *,
        preprocess: dict[str, Any] | None = None,
        channels: list[int] | tuple[int, ...] = (16, 32, 48, 64),
        norm: str = "batch",
        recurrent: int = 96,
        dropout: float = 0.2,
        spec_augment: dict[str, Any] | bool | None = None,
    ) -> None:
        super().__init__(preprocess)
        if len(channels) != len(POOLS) or min(*channels, recurrent) < 1:
            raise ValueError(
                f"encoder.channels and recurrent are {list(channels)} and {recurrent}, expected "
                f"{len(POOLS)} numbers and one, all above 0"
            )
        self.augment = _spec_augment(spec_augment)
        inputs, bins = (1, *channels[:-1]), self.preprocess.dim
        self.blocks = nn.ModuleList(
            ConvolutionBlock(*pair, norm=norm, pool=pool)
            for *pair, pool in zip(inputs, channels, POOLS, strict=True)
        )
        for _, over_bins in POOLS:
            bins = -(-bins // over_bins)
        self.recurrent = nn.GRU(
            channels[-1] * bins, recurrent, batch_first=True, bidirectional=True
        )
        self.pool = AttentiveStatisticsPooling(2 * recurrent)
        self.dropout = nn.Dropout(dropout)
        self.dim = 4 * recurrent

    def forward(self, inputs: dict[str, Tensor]) -> EncoderOutput:
        """Encode what ``preprocess`` returned.

        Args:
            inputs: ``features`` ``(batch, frames, bins)`` and ``lengths`` ``(batch,)`` in frames.

        Returns:
            Embeddings ``(batch, dim)`` and features ``(batch, ceil(frames / 4), dim / 2)``.
        """
        features, lengths = inputs["features"], inputs["lengths"]
        if int(lengths.min()) < 1 or int(lengths.max()) > features.shape[1]:
            raise ValueError(
                f"lengths run from {int(lengths.min())} to {int(lengths.max())}, expected 1 to "
                f"{features.shape[1]} frames"
            )
        features = self.augment(self.standardise(features), lengths)
        absent = ~frame_mask(lengths, features.shape[1])
        maps = features.masked_fill(absent[..., None], 0).unsqueeze(1)
        for block in self.blocks:
            maps, lengths = block(maps, lengths)
        frames = self._recur(maps.transpose(1, 2).flatten(2), lengths)
        pooled = self.pool(frames, frame_mask(lengths, frames.shape[1]))
        return EncoderOutput(self.dropout(pooled), frames)

    def _recur(self, frames: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            self.dropout(frames), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(
            self.recurrent(packed)[0], batch_first=True, total_length=frames.shape[1]
        )
        return states


def _spec_augment(settings: dict[str, Any] | bool | None) -> SpecAugment:
    if settings is False:
        return SpecAugment(time_masks=0, frequency_masks=0)
    try:
        return SpecAugment(**(settings if isinstance(settings, dict) else {}))
    except TypeError as error:
        raise ValueError(f"encoder.spec_augment: {error}") from error
