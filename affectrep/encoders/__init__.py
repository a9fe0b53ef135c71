"""Encoders by name: each maps the tensors of its modality to embeddings."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["ENCODERS", "encoder_class"]

ENCODERS = {
    "text": "affectrep.encoders.text:TextEncoder",
    "speech": "affectrep.encoders.speech:SpeechEncoder",
    "functionals": "affectrep.encoders.vector_encoder:FunctionalsEncoder",
    "egemaps": "affectrep.encoders.vector_encoder:EgemapsEncoder",
    "crnn": "affectrep.encoders.crnn:CrnnEncoder",
    "resnet18": "affectrep.encoders.resnet:ResNet18Encoder",
    "alexnet_tuned": "affectrep.encoders.alexnet:AlexNetTunedEncoder",
    "vision": "affectrep.encoders.vision:VisionEncoder",
    "video_resnet": "affectrep.encoders.video_resnet:VideoResNetEncoder",
}


def encoder_class(name: str) -> Any:
    """Import and return the class of an encoder.

    Raises:
        ValueError: if there is none of that name.

    Example:
        >>> encoder_class("text").__name__
        'TextEncoder'
        >>> encoder_class("smell")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: unknown encoder smell; there is text, speech, functionals, egemaps, crnn, ...
    """
    if name not in ENCODERS:
        raise ValueError(f"unknown encoder {name}; there is {', '.join(ENCODERS)}")
    module, attribute = ENCODERS[name].split(":")
    return getattr(import_module(module), attribute)
