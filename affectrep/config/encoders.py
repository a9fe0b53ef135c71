"""The section ``encoder``: one class for each name in ENCODERS, chosen by ``name``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from affectrep.config.section import Section

__all__ = [
    "AlexNetTunedEncoderConfig",
    "CrnnEncoderConfig",
    "EgemapsEncoderConfig",
    "EncoderConfig",
    "FunctionalsEncoderConfig",
    "LoraSettings",
    "ResNet18EncoderConfig",
    "SpeechEncoderConfig",
    "TextEncoderConfig",
    "VideoResNetEncoderConfig",
    "VisionEncoderConfig",
]


class LoraSettings(Section):
    """Low-rank adaptation through peft."""

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: list[str] = Field(default_factory=lambda: ["query", "key", "value", "dense"])


class TextEncoderConfig(Section):
    """A Hugging Face text encoder."""

    name: Literal["text"] = "text"
    checkpoint: str = Field(description="hub id, local folder, or bundled:minilm")
    pooling: Literal["mean", "cls", "attention"] = "mean"
    tuning: Literal["full", "frozen", "lora"] = "full"
    lora: LoraSettings | None = Field(None, description="used when tuning is lora")
    max_tokens: int = Field(128, ge=4, description="longer texts are cut, and counted")
    dropout: float | None = Field(None, ge=0, lt=1, description="null keeps the checkpoint's")
    attention_dropout: float | None = Field(None, ge=0, lt=1)


class ShortLoraSettings(LoraSettings):
    """Low-rank adaptation of a speech or vision encoder; targets by short names."""

    targets: list[str] = Field(default_factory=lambda: ["q", "k", "v", "out"])


class AdapterSettings(Section):
    """Bottleneck adapters (Houlsby et al. 2019)."""

    width: int = Field(64, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)


class SpeechEncoderConfig(Section):
    """A Hugging Face speech encoder: wav2vec 2.0, WavLM, HuBERT, XLS-R, Whisper's encoder."""

    name: Literal["speech"]
    checkpoint: str = Field(description="hub id, local folder, or torchaudio:<bundle>")
    pooling: Literal["mean", "attentive"] = "mean"
    tuning: Literal["full", "frozen", "lora", "adapters", "lora+adapters"] = "full"
    lora: ShortLoraSettings | None = Field(None, description="used when tuning names it")
    adapter: AdapterSettings | None = Field(None, description="used when tuning names it")
    layer_weights: Literal["none", "softmax", "sigmoid"] = Field(
        "none", description="learned weighting of all hidden layers"
    )
    gradient_checkpointing: bool = False
    max_seconds: float | None = Field(
        None, gt=0, description="longest input; training crops, evaluation averages segments"
    )
    level: Literal["none", "rms", "peak"] = Field("rms", description="of the waveform")


class FunctionalsEncoderConfig(Section):
    """The project's own functionals, standardised, and an MLP."""

    name: Literal["functionals"]
    preprocess: dict[str, Any] = Field(default_factory=dict, description="FunctionalsPreprocess")
    layers: int = Field(2, ge=0, description="hidden layers; 0: the standardised vector")
    width: int = Field(128, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    layer_norm: bool = False
    clip: float | None = Field(None, gt=0, description="largest standardised magnitude")


class EgemapsEncoderConfig(FunctionalsEncoderConfig):
    """EGeMAPS functionals through opensmile (not free for commercial use), and an MLP."""

    name: Literal["egemaps"]  # type: ignore[assignment]
    preprocess: dict[str, Any] = Field(default_factory=dict, description="EgemapsPreprocess")


class CrnnEncoderConfig(Section):
    """A convolutional recurrent network on log-mel spectrograms, from scratch."""

    name: Literal["crnn"]
    preprocess: dict[str, Any] = Field(default_factory=dict, description="LogMelPreprocess")
    channels: list[int] = Field(default_factory=lambda: [16, 32, 48, 64])
    norm: Literal["batch", "group"] = "batch"
    recurrent: int = Field(96, ge=1, description="width of the GRU in each direction")
    dropout: float = Field(0.2, ge=0, lt=1)
    spec_augment: dict[str, Any] | bool | None = Field(None, description="false: no masks")


class ResNet18EncoderConfig(Section):
    """A ResNet-18 on faces, from scratch."""

    name: Literal["resnet18"]
    preprocess: dict[str, Any] = Field(default_factory=dict, description="ImagePreprocess")
    stem: Literal["imagenet", "pooled", "small"] = Field(
        "imagenet",
        description="for faces of 48 to 64 px: small (3 x 3, stride 1) or, faster, pooled after it",
    )
    width: int = Field(64, ge=8, description="channels of the first stage")


class AlexNetTunedEncoderConfig(Section):
    """The convolutions of AlexNet, from scratch, pooled to 6 x 6 x 256."""

    name: Literal["alexnet_tuned"]
    preprocess: dict[str, Any] = Field(default_factory=dict, description="ImagePreprocess")


class VisionEncoderConfig(Section):
    """Any vision backbone of torchvision or Hugging Face."""

    name: Literal["vision"]
    checkpoint: str = Field(
        description="hub id, local folder, or torchvision:<name>[:<weights file>]"
    )
    pooling: Literal["mean", "cls"] = "mean"
    tuning: Literal["full", "frozen", "lora"] = "full"
    lora: ShortLoraSettings | None = Field(None, description="used when tuning is lora")
    preprocess: dict[str, Any] = Field(
        default_factory=dict, description="ImagePreprocess; the checkpoint's where nothing is said"
    )


class VideoResNetEncoderConfig(Section):
    """A ResNet-18 over space and time on clips of faces, from scratch."""

    name: Literal["video_resnet"]
    kind: Literal["r3d_18", "r2plus1d_18"] = "r3d_18"
    preprocess: dict[str, Any] = Field(default_factory=dict, description="ImagePreprocess")


def _name(values: Any) -> str:
    """Return which encoder is meant; a section without a name is a text encoder."""
    if isinstance(values, dict):
        return str(values.get("name", "text"))
    return str(getattr(values, "name", "text"))


EncoderConfig = Annotated[
    Annotated[TextEncoderConfig, Tag("text")]
    | Annotated[SpeechEncoderConfig, Tag("speech")]
    | Annotated[FunctionalsEncoderConfig, Tag("functionals")]
    | Annotated[EgemapsEncoderConfig, Tag("egemaps")]
    | Annotated[CrnnEncoderConfig, Tag("crnn")]
    | Annotated[ResNet18EncoderConfig, Tag("resnet18")]
    | Annotated[AlexNetTunedEncoderConfig, Tag("alexnet_tuned")]
    | Annotated[VisionEncoderConfig, Tag("vision")]
    | Annotated[VideoResNetEncoderConfig, Tag("video_resnet")],
    Discriminator(_name),
]
