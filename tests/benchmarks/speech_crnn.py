"""A training step of the log-mel CRNN: as first written, with its present blocks, as shipped.

36 clips with the lengths of real ones, spectrograms of noise; forward, backward, AdamW; CPU time.
OMP_NUM_THREADS=1 AFFECTREP_DATA=<folder> python -m tests.benchmarks.speech_crnn
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affectrep.config import Config, load_config
from affectrep.encoders.convolutions import frame_mask
from affectrep.encoders.crnn import POOLS, CrnnEncoder
from affectrep.training.forward import Precision, autocast
from tests.benchmarks.speech_setup import CPU, data_section, measured_by_turns, speech_clips

CONFIG = Path(__file__).parents[2] / "configs" / "ser_crosslingual" / "crnn_baseline2.yaml"
BATCH, ROUNDS = 36, 5
FIRST_CHANNELS = (32, 64, 128, 128)


class FirstBlock(nn.Module):
    """The block as first written: channels first, padding cut out by a boolean index."""

    def __init__(self, inputs: int, outputs: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.pool = nn.MaxPool2d(pool, ceil_mode=True)
        self.stride = pool[0]

    def forward(self, maps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = frame_mask(lengths, maps.shape[2])
        frames = self.convolution(maps).transpose(1, 2)
        normalised = torch.zeros_like(frames)
        normalised[mask] = self.norm(frames[mask])
        maps = normalised.transpose(1, 2).relu().masked_fill(~mask[:, None, :, None], 0)
        return self.pool(maps), (lengths + self.stride - 1) // self.stride


@dataclass(frozen=True)
class Side:
    """One way to train: encoder, longest clip in s, precision."""

    encoder: dict[str, Any]
    longest_s: float | None
    precision: Precision = "fp32"
    first_blocks: bool = False


def run() -> list[str]:
    """Return the lines of a Markdown table."""
    config = Config(name="x", data=data_section(), encoder={"name": "functionals"})
    seconds = speech_clips(config, BATCH).rows["duration_s"].astype(float).tolist()
    shipped = load_config(CONFIG)
    encoder = shipped.encoder.model_dump(exclude={"name"})
    first = {"channels": list(FIRST_CHANNELS), "recurrent": 144}
    crop = shipped.data.speech.max_seconds
    sides = {
        "as first written, whole clips": Side(first, None, first_blocks=True),
        "present blocks": Side(first, None),
        f"present blocks, crops of {crop:g} s": Side(first, crop),
        f"present blocks, crops of {crop:g} s, bf16": Side(first, crop, "bf16"),
        "settings as shipped, fp32": Side(encoder, crop),
        "settings as shipped, bf16": Side(encoder, crop, "bf16"),
    }
    made = {name: _step(side, seconds) for name, side in sides.items()}
    spent = measured_by_turns({name: step for name, (step, _) in made.items()}, ROUNDS)
    before = next(iter(spent.values()))
    return [
        f"| step of {BATCH} clips | parameters | ms | times as fast |",
        "|---|---|---|---|",
        *(
            f"| {name} | {made[name][1] / 1e3:.0f}k | {1e3 * taken:.0f} | {before / taken:.1f} |"
            for name, taken in spent.items()
        ),
    ]


def _step(side: Side, seconds: list[float]) -> tuple[Callable[[], float], int]:
    """Return a step that says how long it took, s, and the number of the encoder's weights."""
    torch.manual_seed(0)
    encoder = CrnnEncoder(**side.encoder)
    if side.first_blocks:
        channels = (1, *side.encoder["channels"])
        encoder.blocks = nn.ModuleList(
            FirstBlock(*pair, pool) for pair, pool in zip(pairwise(channels), POOLS, strict=True)
        )
    hop, bins = encoder.preprocess.seconds_per_frame, encoder.preprocess.dim
    assert hop is not None
    spans = [min(span, side.longest_s or span) for span in seconds]
    lengths = torch.tensor([int(span / hop) + 1 for span in spans])
    features = torch.randn(len(spans), int(lengths.max()), bins)
    head = nn.Linear(encoder.dim, 4)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()])
    inputs, labels = {"features": features, "lengths": lengths}, torch.arange(len(spans)) % 4
    size = sum(parameter.numel() for parameter in encoder.parameters())
    return partial(_timed, encoder, head, optimizer, inputs, labels, side.precision), size


def _timed(
    encoder: CrnnEncoder,
    head: nn.Linear,
    optimizer: torch.optim.Optimizer,
    inputs: dict[str, Tensor],
    labels: Tensor,
    precision: Precision,
) -> float:
    start = CPU()
    with autocast("cpu", precision):
        embeddings = encoder(inputs).embeddings
    loss = nn.functional.cross_entropy(head(embeddings.float()), labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return CPU() - start


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)  # as the trainer does
    print("\n".join(run()))
