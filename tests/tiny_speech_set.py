"""A speech set of two dozen invented clips with official splits, and a configuration for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

EMOTIONS = {"anger": 300.0, "happiness": 220.0, "neutral": 150.0, "sadness": 100.0}
RATE = 16000


def clip(hertz: float, seed: int, seconds: float = 0.9) -> np.ndarray[Any, Any]:
    """A hummed vowel in a little noise, ``(samples,)`` float32."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = hertz * (1 + 0.02 * random.standard_normal())
    voice = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 9))
    return (0.1 * voice + 0.01 * random.standard_normal(len(time))).astype(np.float32)


def tiny_speech_set(folder: Path, *, seconds: float = 0.9) -> Path:
    """Write clips and the table ``toy.csv``; return the folder."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    lines = ["path,emotion,speaker,language,text_id,duration_s,split"]
    for number, split in enumerate(["train", "train", "validation", "test"]):
        for place, (emotion, hertz) in enumerate(EMOTIONS.items()):
            for take in range(2 if split == "train" else 1):
                seed = 100 * number + 10 * place + take
                name = f"{split}{number}_{emotion}{take}.wav"
                soundfile.write(folder / name, clip(hertz, seed, seconds), RATE)
                lines.append(f"{name},{emotion},s{number},en,t{take},{seconds},{split}")
    (folder / "toy.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def speech_config(
    folder: Path, encoder: dict[str, Any], speech: dict[str, Any] | None = None
) -> Path:
    """Write the set and a configuration that trains on it; return the configuration."""
    values = {
        "name": "toy",
        "data": {
            "corpus": "speech_set",
            "root": str(tiny_speech_set(folder / "set")),
            "batch_size": 4,
            "speech": speech or {},
        },
        "encoder": encoder,
        "optimizer": {"encoder_lr": 0.001, "head_lr": 0.01},
        "training": {"epochs": 2, "threads": 1, "select": "uar"},
    }
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path
