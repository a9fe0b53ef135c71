"""The typed, strict configuration: one class per section, every key with its meaning."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from affectrep.config.encoders import EncoderConfig, TextEncoderConfig
from affectrep.config.face import FaceDataConfig
from affectrep.config.objectives import (
    AMLConfig,
    CrossEntropyConfig,
    DomainAdversarialConfig,
    FittedConfig,
    ObjectiveConfig,
    SupConConfig,
)
from affectrep.config.section import Section
from affectrep.config.speech import SpeechDataConfig

__all__ = [
    "Config",
    "CrossEntropyConfig",
    "DataConfig",
    "EncoderConfig",
    "EvaluationConfig",
    "HeadConfig",
    "LabelNoiseSettings",
    "ObjectiveConfig",
    "OptimizerConfig",
    "SupConConfig",
    "TextEncoderConfig",
    "TrainingConfig",
]

Beta = Annotated[float, Field(ge=0, lt=1)]
_LARGEST_SEED = 2**32 - 1  # that numpy takes
_NOT_IN_NAMES = r"/\\\x00-\x1f\x7f-\x9f\u2028\u2029"
_FOLDER_NAME = re.compile(rf"[^.\-{_NOT_IN_NAMES}][^{_NOT_IN_NAMES}]*")


def _label_word(value: object) -> str:
    """Take a whole number as its digits; what else YAML takes for no text is to be quoted."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(
            f"data.labels: YAML reads a key as {value!r}, which is no text: quote the key as it "
            "stands in the file, such as 'yes'"
        )
    return str(value)


LabelWord = Annotated[str, BeforeValidator(_label_word)]


class LabelNoiseSettings(Section):
    """Wrong training labels on purpose, as a controlled experiment."""

    share: float = Field(0.0, ge=0, lt=1, description="of the training labels; 0: none")
    kind: Literal["uniform", "neighbours"] = Field(
        "uniform", description="into any other class, or into one of the same family"
    )
    seed: int = Field(
        0, ge=0, le=_LARGEST_SEED, description="of the draw; it does not follow the run's seed"
    )
    families: str | None = Field(
        None, description="JSON file of confusable families, used when kind is neighbours"
    )

    @model_validator(mode="after")
    def _neighbours_need_families(self) -> LabelNoiseSettings:
        if self.share > 0 and self.kind == "neighbours" and self.families is None:
            raise ValueError(
                "data.label_noise.kind is neighbours but data.label_noise.families is null: "
                "name a families file, such as recipes/fec_text/families/goemotions.json"
            )
        return self


class DataConfig(Section):
    """Which rows there are and how they travel in batches."""

    corpus: str = Field(description="which corpus, by name; table: a CSV of one's own")
    root: str | None = Field(None, description="folder, file or hub id of the corpus")
    protocol: str | None = Field(
        None, description="which reading of the corpus, such as multi_label or folds fold=0 folds=5"
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="tables only: our column name -> the file's column name"
    )
    labels: dict[LabelWord, str] | None = Field(
        None, description="tables only: label in the file -> class; null keeps the file's labels"
    )
    accept_leaks: str | None = Field(
        None, description="why a leak between splits is accepted; reports print it"
    )
    holdout: float = Field(
        0.1, gt=0, lt=1, description="share of training rows for validation where none is given"
    )
    split_seed: int = Field(
        0, ge=0, le=_LARGEST_SEED, description="seed of a drawn validation split"
    )
    train_fraction: float = Field(1.0, gt=0, le=1, description="fixed share of the training rows")
    label_noise: LabelNoiseSettings = Field(
        LabelNoiseSettings(), description="wrong training labels on purpose"
    )
    batch_size: int = Field(64, ge=1, description="rows per optimizer step, over all processes")
    max_batch_tokens: int | None = Field(
        None, ge=1, description="texts: padded tokens per micro-batch; null: no micro-batches"
    )
    max_batch_seconds: float | None = Field(
        None, gt=0, description="clips: padded seconds per micro-batch, in evaluation per batch"
    )
    bucket_by_length: bool = Field(True, description="batch rows of similar length together")
    workers: int = Field(0, ge=0, description="decoding processes")
    speech: SpeechDataConfig = Field(SpeechDataConfig(), description="speech corpora only")
    face: FaceDataConfig = Field(FaceDataConfig(), description="face corpora only")


class HeadConfig(Section):
    """The heads on top of the pooled embedding."""

    hidden: Annotated[int, Field(ge=0)] | list[Annotated[int, Field(ge=1)]] = Field(
        0, description="units of hidden layers in the classifier, one or a list; 0: linear"
    )
    activation: Literal["gelu", "relu"] = Field("gelu", description="of the hidden layers")
    dropout: float = Field(0.1, ge=0, lt=1, description="probability, before each layer")
    projection_dim: int | None = Field(
        None, ge=1, description="width of the projection head for contrast; null: none"
    )


class OptimizerConfig(Section):
    """AdamW groups and the schedule of their learning rates."""

    encoder_lr: float = Field(5e-5, ge=0, description="peak learning rate of the encoder")
    head_lr: float = Field(
        1e-3, ge=0, description="peak learning rate of heads and the objective's parts beside them"
    )
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), description="AdamW's, of encoder and heads")
    adversary_lr: float = Field(
        1e-4, ge=0, description="peak learning rate of critics and discriminators"
    )
    adversary_betas: tuple[Beta, Beta] = Field((0.5, 0.9), description="AdamW's, of the same")
    adversarial_lr_factor: float = Field(
        0.1, gt=0, description="on the encoder's rate in a phase that works for the adversary"
    )
    weight_decay: float = Field(0.01, ge=0, description="not on biases and normalisation")
    schedule: Literal["constant", "linear", "cosine", "step"] = Field(
        "linear", description="of the learning rates after the warm-up; linear and cosine end at 0"
    )
    warmup_fraction: float = Field(
        0.06, ge=0, lt=1, description="share of training in which rates rise from 0"
    )
    decay_factor: float = Field(0.8, gt=0, le=1, description="schedule step: times this …")
    decay_fraction: float = Field(0.2, gt=0, le=1, description="… after each share of training")
    max_grad_norm: float | None = Field(
        1.0, gt=0, description="longest gradient of an optimizer; null: any length"
    )


class TrainingConfig(Section):
    """The loop."""

    epochs: int = Field(4, ge=1, description="passes over the training rows, at most")
    precision: Literal["fp32", "bf16", "fp16", "auto"] = Field(
        "fp32", description="auto: bf16 where the machine has instructions for it, else fp32"
    )
    select: str = Field("weighted_f1", description="validation figure that picks the epoch")
    patience: int | None = Field(None, ge=1, description="epochs without gain before stopping")
    checkpoint_minutes: float = Field(2.0, ge=0, description="between saves inside an epoch")
    checkpoint_steps: int | None = Field(None, ge=1, description="save every so many steps instead")
    warm_start: str | None = Field(None, description="finished run or model folder to start from")
    cache_embeddings: bool = Field(
        True, description="a frozen encoder reads each row once and trains heads on the result"
    )
    threads: int | None = Field(None, ge=1, description="CPU threads; null: all cores")
    deterministic: bool = Field(True, description="refuse operations that vary between runs")


class EvaluationConfig(Section):
    """How a split is scored."""

    resamples: int = Field(2000, ge=100, description="bootstrap resamples")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
    cluster: str | None = Field(
        None, description="column of people or recordings that intervals resample; null: rows"
    )
    families: str | None = Field(
        None, description="JSON file of confusable families, fixed on validation"
    )


class Config(Section):
    """One row of a results table.

    Example:
        >>> Config(name="x", data={"corpus": "demo_text"},
        ...        encoder={"checkpoint": "bundled:minilm"}).training.epochs
        4
    """

    name: str = Field(description="names the run's folder: runs/<name>-<seed>")
    recipe: str | None = Field(None, description="folder below recipes/ for results.csv")
    task: Literal["classification", "multilabel", "regression"] = Field(
        "classification",
        description="one class a row, several, or valence and arousal; as the labels of the corpus",
    )
    seed: int = Field(0, ge=0, le=_LARGEST_SEED, description="of weights, batches and dropout")
    data: DataConfig = Field(description="which rows, and how they travel in batches")
    encoder: EncoderConfig = Field(description="what turns a row into an embedding")
    heads: HeadConfig = Field(HeadConfig(), description="what stands on the embedding")
    objective: ObjectiveConfig = Field(CrossEntropyConfig(), description="what is trained for")
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="learning rates")
    training: TrainingConfig = Field(TrainingConfig(), description="the loop")
    evaluation: EvaluationConfig = Field(EvaluationConfig(), description="how a split is scored")

    @field_validator("name", "recipe")
    @classmethod
    def _names_a_folder(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or _FOLDER_NAME.fullmatch(value):
            return value
        raise ValueError(
            f"{info.field_name}={value!r} cannot name a folder: it must not be empty, begin with "
            "a dot or a dash, or hold slashes, backslashes or control characters."
        )

    @model_validator(mode="after")
    def _contrast_needs_its_input(self) -> Config:
        objective, key, space = self.objective, "objective.reads", "embeddings"
        if isinstance(objective, SupConConfig):
            space = objective.reads
        elif isinstance(objective, AMLConfig):
            space, key = objective.space, "objective.space"
        elif isinstance(objective, DomainAdversarialConfig) and objective.contrast is not None:
            space, key = objective.contrast.reads, "objective.contrast.reads"
            if self.task == "multilabel":
                raise ValueError(
                    f"objective.contrast needs one class a row, but task is {self.task}: "
                    "set objective.contrast=null"
                )
        if space == "projections" and self.heads.projection_dim is None:
            raise ValueError(
                f"{key} is projections but heads.projection_dim is null: "
                f"set heads.projection_dim=128 or {key}=embeddings"
            )
        return self

    @model_validator(mode="after")
    def _regression_has_no_classes(self) -> Config:
        """Refuse words about classes beside regression."""
        if self.task != "regression" or isinstance(self.objective, FittedConfig):
            return self
        set_here = [
            key
            for key in ("class_weights", "label_smoothing", "strong_classes")
            if getattr(self.objective, key, None) not in (None, "none", 0.0)
        ]
        if set_here:
            raise ValueError(
                f"objective.{set_here[0]} is about classes, but task is regression: leave it out"
            )
        return self
