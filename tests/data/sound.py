"""Invented clips, and a preprocess that is easy to follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from affectrep.data.audio import audio_hash
from affectrep.data.manifest import CorpusInfo, Manifest

CLASSES = ["angry", "sad"]
RATE = 16000


def tone(seconds: float, hertz: float = 220.0, rate: int = RATE) -> np.ndarray[Any, Any]:
    """A tone of half of full scale, ``(samples,)`` float32."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def noise(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(seed)
    return (0.1 * random.standard_normal(round(seconds * rate))).astype(np.float32)


def write(path: Path, samples: np.ndarray[Any, Any], rate: int = RATE, **options: Any) -> str:
    import soundfile

    soundfile.write(path, samples, rate, **options)
    return str(path)


def corpus(folder: Path, *, seconds: float = 0.5) -> Manifest:
    """Twelve noises: per split two clips of each class, one of each language."""
    lines = []
    for number, split in enumerate(s for s in ("train", "validation", "test") for _ in range(4)):
        # 16-bit in the file: the hash is of what is decoded
        samples = np.rint(noise(seconds, number) * 32768).astype(np.int16)
        label, language = CLASSES[number % 2], ["en", "de"][number // 2 % 2]
        lines.append(
            {
                "id": f"c{number}",
                "split": split,
                "path": write(folder / f"{number}.wav", samples),
                "label": label,
                "speaker": f"{language}/{split}",
                "language": language,
                "corpus": language,
                "text_id": "a",
                "duration_s": seconds,
                "content": audio_hash(samples / 32768, RATE),
            }
        )
    info = CorpusInfo("x", "X", "speech", "classification", CLASSES, "own", "invented")
    return Manifest(pd.DataFrame(lines), info)


class Frames:
    """Mean and largest value of each 10 ms: ``(frames, 2)``."""

    sample_rate_hz = RATE
    seconds_per_frame: float | None = 0.01
    key = "frames"

    def features(self, waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if len(waveform) < 160:
            raise ValueError("expected at least 10 ms")
        parts = waveform[: len(waveform) // 160 * 160].reshape(-1, 160)
        return np.stack([parts.mean(axis=1), parts.max(axis=1)], axis=1)

    def collate(self, features: list[np.ndarray[Any, Any]]) -> dict[str, torch.Tensor]:
        tensors = [torch.from_numpy(row) for row in features]
        return {
            "features": torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True),
            "lengths": torch.tensor([len(row) for row in features]),
        }


class Vector(Frames):
    """Mean and largest value of the clip: ``(2,)``."""

    seconds_per_frame = None
    key = "vector"

    def features(self, waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.array([waveform.mean(), waveform.max()], np.float32)

    def collate(self, features: list[np.ndarray[Any, Any]]) -> dict[str, torch.Tensor]:
        found = torch.from_numpy(np.stack(features))
        return {"features": found, "lengths": torch.ones(len(features), dtype=torch.long)}
