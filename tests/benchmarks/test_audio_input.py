"""Decoding, resampling, effects and the cache, clips per second on one core; and the data wait.

AFFECTREP_DATA=<folder> python -m pytest tests/benchmarks/test_audio_input.py --benchmark-only
The folder of real corpora is optional: without it the clips are noise of the same lengths.
"""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

import torchaudio

from affectrep.data.audio import read_waveform
from affectrep.data.augment_audio import AudioAugment, Draw
from affectrep.data.feature_cache import FeatureCache
from tests.benchmarks.supcon_step import CLOCK
from tests.data.sound import noise, write

pytestmark = pytest.mark.benchmark(timer=CLOCK)

CLIPS, BATCH = 144, 36
EFFECTS = {
    "speed": AudioAugment(speed=Draw(1, 0.9, 1.1)),
    "tempo": AudioAugment(tempo=Draw(1, 0.9, 1.1)),
    "pitch": AudioAugment(pitch_semitones=Draw(1, -2, 2)),
    "formant": AudioAugment(formant=Draw(1, 0.9, 1.1)),
    "noise": AudioAugment(noise_snr_db=Draw(1, 10, 40)),
    "gain": AudioAugment(gain_db=Draw(1, -6, 6)),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> list[str]:
    """Every n-th clip of the real corpora, or noise of 2 to 4 s as 16-kHz FLAC."""
    root = Path(os.environ.get("AFFECTREP_DATA", "absent")) / "speech"
    if root.is_dir():
        tables = [pd.read_csv(table) for table in sorted(root.glob("*.csv"))]
        found = [str(root / path) for table in tables for path in table["path"]]
        return found[:: len(found) // CLIPS][:CLIPS]
    folder = tmp_path_factory.mktemp("clips")
    return [write(folder / f"{i}.flac", noise(2 + i % 3, i)) for i in range(CLIPS)]


@pytest.fixture(scope="module")
def converted(paths, tmp_path_factory) -> dict[str, list[str]]:
    """The clips in other formats, stereo where the format is 44.1 kHz."""
    folder = tmp_path_factory.mktemp("converted")
    found: dict[str, list[str]] = {"flac 16 kHz": paths[:36]}
    for ending, rate in (("wav", 44100), ("wav", 48000), ("ogg", 16000), ("mp3", 44100)):
        name = f"{ending} {rate / 1000:g} kHz"
        found[name] = []
        for index, path in enumerate(paths[:36]):
            samples = read_waveform(path, sample_rate_hz=rate)
            channels = 1 if rate == 16000 else 2
            target = folder / f"{index}-{rate}.{ending}"
            found[name].append(write(target, np.stack([samples] * channels, axis=1), rate))
    return found


@pytest.mark.parametrize(
    "kind", ["flac 16 kHz", "wav 44.1 kHz", "wav 48 kHz", "ogg 16 kHz", "mp3 44.1 kHz"]
)
def test_decode_and_resample(benchmark, converted, kind):
    benchmark.group = "decode and resample 36 clips"
    files = converted[kind]
    benchmark.pedantic(lambda: [read_waveform(path) for path in files], rounds=5, warmup_rounds=1)
    benchmark.extra_info["clips_per_second"] = len(files) / benchmark.stats.stats.median


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects(benchmark, paths, effect):
    benchmark.group = "one effect on 36 clips"
    clips, augment = [read_waveform(path) for path in paths[:36]], EFFECTS[effect]

    def apply() -> None:
        for index, clip in enumerate(clips):
            augment(clip, 16000, name=str(index), seed=0)

    benchmark.pedantic(apply, rounds=5, warmup_rounds=1)
    benchmark.extra_info["clips_per_second"] = len(clips) / benchmark.stats.stats.median


class LogMelNet(nn.Module):
    """Three strided convolutions, a bidirectional GRU, a mean: a step of a small CRNN."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 32, 64, 128)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)
                )
                for a, b in pairwise(widths)
            )
        )
        self.gru = nn.GRU(128 * 8, 128, batch_first=True, bidirectional=True)
        self.head = nn.Linear(256, 4)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        maps = self.blocks(features[:, None])  # (batch, 128, frames / 8, 8)
        frames = maps.permute(0, 2, 1, 3).flatten(2)
        return self.head(self.gru(frames)[0].mean(dim=1))


def log_mel() -> torch.nn.Module:
    return torchaudio.transforms.MelSpectrogram(
        16000, n_fft=400, hop_length=160, n_mels=64, f_min=50, f_max=7600
    )


@pytest.mark.parametrize("source", ["decoded", "cached"])
def test_share_of_a_crnn_step(benchmark, paths, tmp_path, source):
    """What one core spends on the input of a step, beside the step itself."""
    benchmark.group = "input of a step of 36 clips"
    mel, model = log_mel(), LogMelNet()
    optimizer = torch.optim.AdamW(model.parameters())

    def features(path: str) -> np.ndarray:
        waveform = torch.from_numpy(read_waveform(path))
        return np.asarray((mel(waveform) + 1e-6).log().T.contiguous().numpy())

    cache = FeatureCache(tmp_path, ["log-mel"])
    cache.fill({path: path for path in paths}, features, shown=False)

    def read() -> list[np.ndarray]:
        part = paths[:BATCH]
        return [features(p) for p in part] if source == "decoded" else [cache[p] for p in part]

    def step() -> None:
        batch = nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in read_rows], True)
        loss = nn.functional.cross_entropy(model(batch), torch.arange(len(batch)) % 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    read_rows = read()
    times = []
    for _ in range(3):
        start = CLOCK()
        step()
        times.append(CLOCK() - start)
    benchmark.pedantic(read, rounds=5, warmup_rounds=1)
    spent = benchmark.stats.stats.median
    benchmark.extra_info["clips_per_second"] = BATCH / spent
    benchmark.extra_info["step_s"] = float(np.median(times[1:]))
    benchmark.extra_info["share_of_a_step"] = spent / float(np.median(times[1:]))
    assert spent < (1.0 if source == "decoded" else 0.05) * float(np.median(times[1:]))


def test_the_cache_is_faster_than_decoding(paths, tmp_path):
    """A cached epoch of a cheap feature against an uncached one: at least 10 times."""
    mel = log_mel()

    def features(path: str) -> np.ndarray:
        return np.asarray(mel(torch.from_numpy(read_waveform(path))).T.contiguous().numpy())

    cache = FeatureCache(tmp_path, ["log-mel"])
    cache.fill({path: path for path in paths}, features, shown=False)
    spent = []
    for read in (features, cache.__getitem__):
        start = time.process_time()
        for path in paths:
            read(path)
        spent.append(time.process_time() - start)
    assert spent[0] > 10 * spent[1]
