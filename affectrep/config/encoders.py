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

    rank: int = Field(16, ge=1, description="of each added pair of matrices")
    alpha: float = Field(32.0, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="probability, on the input of the update")
    targets: list[str] = Field(
        default_factory=lambda: ["query", "key", "value", "dense"],
        description="names of the linear layers that are adapted",
    )


class TextEncoderConfig(Section):
    """A Hugging Face text encoder."""

    name: Literal["text"] = Field("text", description="which encoder")
    checkpoint: str = Field(description="hub id, local folder, or bundled:minilm")
    pooling: Literal["mean", "cls", "attention"] = Field(
        "mean", description="of the tokens' states: mean, first token, or learnt weights"
    )
    tuning: Literal["full", "frozen", "lora"] = Field("full", description="which weights train")
    lora: LoraSettings | None = Field(None, description="used when tuning is lora")
    max_tokens: int = Field(128, ge=4, description="longer texts are cut, and counted")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="probability, hidden layers; null keeps the checkpoint's"
    )
    attention_dropout: float | None = Field(
        None, ge=0, lt=1, description="likewise, on the attention weights"
    )


class ShortLoraSettings(LoraSettings):
    """Low-rank adaptation of a speech or vision encoder; targets by short names."""

    targets: list[str] = Field(
        default_factory=lambda: ["q", "k", "v", "out"],
        description="linear layers that are adapted: some of q, k, v, out, ff_in, ff_out",
    )


class AdapterSettings(Section):
    """Bottleneck adapters (Houlsby et al. 2019)."""

    width: int = Field(64, ge=1, description="units of the bottleneck")
    dropout: float = Field(0.0, ge=0, lt=1, description="probability")


class SpeechEncoderConfig(Section):
    """A Hugging Face speech encoder: wav2vec 2.0, WavLM, HuBERT, XLS-R, Whisper's encoder."""

    name: Literal["speech"] = Field(description="which encoder")
    checkpoint: str = Field(description="hub id, local folder, or torchaudio:<bundle>")
    pooling: Literal["mean", "attentive"] = Field(
        "mean", description="of the frames' states; attentive: learnt mean and deviation"
    )
    tuning: Literal["full", "frozen", "lora", "adapters", "lora+adapters"] = Field(
        "full", description="which weights train"
    )
    lora: ShortLoraSettings | None = Field(None, description="used when tuning names it")
    adapter: AdapterSettings | None = Field(None, description="used when tuning names it")
    layer_weights: Literal["none", "softmax", "sigmoid"] = Field(
        "none", description="learned weighting of all hidden layers"
    )
    gradient_checkpointing: bool = Field(False, description="less memory, about a third more time")
    max_seconds: float | None = Field(
        None, gt=0, description="seconds; training crops, evaluation averages segments"
    )
    level: Literal["none", "rms", "peak"] = Field("rms", description="of the waveform")


class FunctionalsEncoderConfig(Section):
    """The project's own functionals, standardised, and an MLP."""

    name: Literal["functionals"] = Field(description="which encoder")
    preprocess: dict[str, Any] = Field(
        default_factory=dict, description="keys of FunctionalsPreprocess"
    )
    layers: int = Field(2, ge=0, description="hidden layers; 0: the standardised vector")
    width: int = Field(128, ge=1, description="units of a hidden layer")
    dropout: float = Field(0.3, ge=0, lt=1, description="probability, after each hidden layer")
    layer_norm: bool = Field(False, description="normalise within each hidden layer")
    clip: float | None = Field(None, gt=0, description="largest standardised magnitude")


class EgemapsEncoderConfig(FunctionalsEncoderConfig):
    """EGeMAPS functionals through opensmile (not free for commercial use), and an MLP."""

    name: Literal["egemaps"] = Field(description="which encoder")  # type: ignore[assignment]
    preprocess: dict[str, Any] = Field(
        default_factory=dict, description="keys of EgemapsPreprocess"
    )


class CrnnEncoderConfig(Section):
    """A convolutional recurrent network on log-mel spectrograms, from scratch."""

    name: Literal["crnn"] = Field(description="which encoder")
    preprocess: dict[str, Any] = Field(default_factory=dict, description="keys of LogMelPreprocess")
    channels: list[int] = Field(
        default_factory=lambda: [16, 32, 48, 64], description="of the convolutions"
    )
    norm: Literal["batch", "group"] = Field("batch", description="after each convolution")
    recurrent: int = Field(96, ge=1, description="width of the GRU in each direction")
    dropout: float = Field(0.2, ge=0, lt=1, description="before the GRU and on the embedding")
    spec_augment: dict[str, Any] | bool | None = Field(
        None, description="settings of SpecAugment; null: its defaults; false: no masks"
    )


class ResNet18EncoderConfig(Section):
    """A ResNet-18 on faces, from scratch."""

    name: Literal["resnet18"] = Field(description="which encoder")
    preprocess: dict[str, Any] = Field(default_factory=dict, description="keys of ImagePreprocess")
    stem: Literal["imagenet", "pooled", "small"] = Field(
        "imagenet",
        description="for faces of 48 to 64 px: small (3 x 3, stride 1) or, faster, pooled after it",
    )
    width: int = Field(64, ge=8, description="channels of the first stage")


class AlexNetTunedEncoderConfig(Section):
    """The convolutions of AlexNet, from scratch, pooled to 6 x 6 x 256."""

    name: Literal["alexnet_tuned"] = Field(description="which encoder")
    preprocess: dict[str, Any] = Field(default_factory=dict, description="keys of ImagePreprocess")


class VisionEncoderConfig(Section):
    """Any vision backbone of torchvision or Hugging Face."""

    name: Literal["vision"] = Field(description="which encoder")
    checkpoint: str = Field(
        description="hub id, local folder, or torchvision:<name>[:<weights file>]"
    )
    pooling: Literal["mean", "cls"] = Field("mean", description="of the maps or tokens")
    tuning: Literal["full", "frozen", "lora"] = Field("full", description="which weights train")
    lora: ShortLoraSettings | None = Field(None, description="used when tuning is lora")
    preprocess: dict[str, Any] = Field(
        default_factory=dict,
        description="keys of ImagePreprocess; the checkpoint's where nothing is said",
    )


class VideoResNetEncoderConfig(Section):
    """A ResNet-18 over space and time on clips of faces, from scratch."""

    name: Literal["video_resnet"] = Field(description="which encoder")
    kind: Literal["r3d_18", "r2plus1d_18"] = Field(
        "r3d_18", description="3-D convolutions, or (2+1)-D ones"
    )
    preprocess: dict[str, Any] = Field(default_factory=dict, description="keys of ImagePreprocess")


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
