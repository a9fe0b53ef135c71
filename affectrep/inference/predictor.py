"""Texts to labels and probabilities with a finished model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affectrep.model import AffectModel

__all__ = ["Predictor"]


class Predictor:
    """Predict with a model in ``eval()``, the rows of a batch being of similar length.

    Args:
        model: a finished model; it is moved to the device.
        device: None takes a GPU where there is one.

    Example:
        >>> predictor = Predictor.load("goemotions")  # doctest: +SKIP
        >>> predictor.predict(["What a day!"])[0]["label"]  # doctest: +SKIP
        'joy'
    """

    def __init__(self, model: AffectModel, *, device: str | torch.device | None = None) -> None:
        default = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device or default)
        self.model = model.to(self.device).eval()

    @classmethod
    def load(cls, name: str | Path, *, device: str | torch.device | None = None) -> Predictor:
        """Read a model for prediction: a folder, a run, a shipped model or a hub id.

        Raises:
            ValueError: if there is no such model.
        """
        return cls(AffectModel.from_pretrained(name, inference=True), device=device)

    @property
    def threshold(self) -> float:
        """Probability from which a multi-label model names a class; meta may set it."""
        return float(self.model.meta.get("threshold", 0.5))

    @torch.inference_mode()
    def scores(self, texts: Sequence[str], *, batch_size: int = 64) -> Tensor:
        """Return probabilities, or valence and arousal, ``(texts, outputs)`` on the CPU.

        Raises:
            ValueError: if a text is empty or not a string.
        """
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
            ValueError: if a text is empty or not a string.
        """
        scores = self.scores(texts, batch_size=batch_size).tolist()
        return [self._row(text, row) for text, row in zip(texts, scores, strict=True)]

    def _row(self, text: str, scores: list[float]) -> dict[str, Any]:
        named = dict(zip(self.model.outputs, scores, strict=True))
        if self.model.task == "regression":
            return {"text": text, **named}
        row: dict[str, Any] = {"text": text, "label": max(named, key=named.__getitem__)}
        if self.model.task == "multilabel":
            row["labels"] = [name for name, value in named.items() if value >= self.threshold]
        return {**row, "probabilities": named}
