"""Texts or sound files to labels and probabilities with a finished model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from affectrep.model import AffectModel

__all__ = ["Predictor"]

_SHOWN = 20


class Predictor:
    """Predict with a model in ``eval()``, the rows of a batch being of similar length.

    Args:
        model: a finished model; it is moved to the device.
        device: None takes a GPU where there is one.

    Raises:
        ValueError: if the model needs statistics of the speakers or the corpus that it hears.

    Example:
        >>> predictor = Predictor.load("goemotions")  # doctest: +SKIP
        >>> predictor.predict(["What a day!"])[0]["label"]  # doctest: +SKIP
        'joy'
    """

    def __init__(self, model: AffectModel, *, device: str | torch.device | None = None) -> None:
        default = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device or default)
        condition = model.meta.get("standardise", "strict")
        if condition != "strict":
            whom = "speaker" if condition.endswith("speaker") else "corpus"
            raise ValueError(
                f"this model was trained on features standardised by each {whom} ({condition}): it "
                f"needs statistics of the {whom} it hears, which single clips do not give. Use a "
                "model trained with data.speech.standardise=strict"
            )
        self.model = model.to(self.device).eval()

    @classmethod
    def load(cls, name: str | Path, *, device: str | torch.device | None = None) -> Predictor:
        """Read a model for prediction: a folder, a run, a shipped model or a hub id.

        Raises:
            ValueError: if there is no such model, or it cannot predict single clips.
        """
        return cls(AffectModel.from_pretrained(name, inference=True), device=device)

    @property
    def modality(self) -> Literal["text", "speech"]:
        """What the model reads: texts, or sound files."""
        return "speech" if hasattr(self.model.encoder.preprocess, "sample_rate_hz") else "text"

    @property
    def threshold(self) -> float:
        """Probability from which a multi-label model names a class; meta may set it."""
        return float(self.model.meta.get("threshold", 0.5))

    @torch.inference_mode()
    def scores(self, texts: Sequence[str], *, batch_size: int = 64) -> Tensor:
        """Return probabilities, or valence and arousal, ``(texts, outputs)`` on the CPU.

        Raises:
            ValueError: if a text is empty or not a string, or the model hears speech.
        """
        if self.modality == "speech":
            raise ValueError("this model hears speech: give sound files to predict_clips")
        for position, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"text {position} is {text!r}, expected a text that is not empty")
        preprocess = self.model.encoder.preprocess
        lengths = preprocess.lengths(texts)
        order = sorted(range(len(texts)), key=lengths.__getitem__)
        result = torch.empty(len(texts), len(self.model.outputs))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            inputs = preprocess([texts[row] for row in rows])
            on_device = {key: value.to(self.device) for key, value in inputs.items()}
            found = self.model.probabilities(self.model(on_device).predictions)
            result[torch.tensor(rows)] = found.cpu()
        return result

    def predict(self, texts: Sequence[str], *, batch_size: int = 64) -> list[dict[str, Any]]:
        """Return one dictionary per text, in their order.

        With classes it has ``text``, ``label`` (the most probable) and ``probabilities`` by class
        in the model's order; a multi-label model adds ``labels``, those from the threshold on,
        which may be none. A regression has ``text``, ``valence`` and ``arousal``.

        Raises:
            ValueError: if a text is empty or not a string, or the model hears speech.
        """
        scores = self.scores(texts, batch_size=batch_size).tolist()
        return [self._row({"text": text}, row) for text, row in zip(texts, scores, strict=True)]

    def predict_clips(
        self,
        paths: Sequence[str | Path],
        *,
        batch_size: int = 64,
        broken: dict[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return one dictionary per sound file, in their order.

        It is that of `predict` with ``path``, ``duration_s`` (s) and ``segments`` in place of
        ``text``. Any rate and any number of channels will do. Of a clip that is longer than what
        the model was trained on, all segments are heard and their logits averaged.

        Args:
            paths: WAV, FLAC, OGG or MP3 files.
            batch_size: segments a batch.
            broken: receives path -> reason of the files that cannot be read, which then have no
                dictionary; None refuses them.

        Raises:
            ValueError: if the model reads text, or files cannot be read; all are named.
            ImportError: if soundfile or torchaudio is not installed.
        """
        if self.modality == "text":
            raise ValueError("this model reads text, not sound: give texts to predict")
        # only this modality needs its packages
        from affectrep.inference.segments import predict_clips

        names = [str(path) for path in paths]
        found = predict_clips(self.model, names, device=self.device, batch_size=batch_size)
        if broken is None and found.broken:
            lines = [f"\n- {reason}" for reason in list(found.broken.values())[:_SHOWN]]
            raise ValueError(f"{len(found.broken)} sound files cannot be read:{''.join(lines)}")
        (broken if broken is not None else {}).update(found.broken)
        scores = self.model.probabilities(found.logits).tolist()
        facts = zip(names, found.seconds, found.segments, scores, strict=True)
        return [
            self._row({"path": name, "duration_s": round(seconds, 3), "segments": count}, row)
            for name, seconds, count, row in facts
            if name not in found.broken
        ]

    def _row(self, row: dict[str, Any], scores: list[float]) -> dict[str, Any]:
        """Return what is known of an input with what the model says of it."""
        named = dict(zip(self.model.outputs, scores, strict=True))
        if self.model.task == "regression":
            return {**row, **named}
        row = {**row, "label": max(named, key=named.__getitem__)}
        if self.model.task == "multilabel":
            row["labels"] = [name for name, value in named.items() if value >= self.threshold]
        return {**row, "probabilities": named}
