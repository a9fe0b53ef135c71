"""The section ``data.speech``: how clips are read, altered, standardised and composed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from affectrep.config.section import Section

__all__ = ["SpeechDataConfig"]


class DrawConfig(Section):
    """How often an effect is applied, and its range."""

    probability: float = Field(ge=0, le=1, description="that a copy of a clip has the effect")
    low: float = Field(description="smallest strength, in the unit of the effect; drawn evenly")
    high: float = Field(description="largest strength")


class AugmentConfig(Section):
    """Effects on training clips; null leaves one out."""

    speed: DrawConfig | None = Field(None, description="ratio, by resampling")
    tempo: DrawConfig | None = Field(None, description="ratio, at the same pitch")
    pitch_semitones: DrawConfig | None = Field(
        None, description="semitones, pitch and formants together at the same tempo"
    )
    formant: DrawConfig | None = Field(None, description="ratio of the spectral envelope")
    noise_snr_db: DrawConfig | None = Field(None, description="signal to noise, dB")
    gain_db: DrawConfig | None = Field(None, description="dB")


class CompositionConfig(Section):
    """Batches of languages x emotions x utterances."""

    languages: int = Field(3, ge=1, description="different ones in a batch")
    emotions: int = Field(4, ge=1, description="of each language")
    utterances: int = Field(3, ge=1, description="rows of an emotion in a language")
    empty: Literal["borrow", "refuse"] = Field(
        "borrow", description="too few such rows: draw from other languages, or an error"
    )
    steps: int | None = Field(None, ge=1, description="of an epoch; null: the largest cell once")


class SpeechDataConfig(Section):
    """What only a speech corpus needs."""

    roots: dict[str, str] = Field(
        default_factory=dict, description="corpus -> its folder; a relative one is below data.root"
    )
    max_seconds: float | None = Field(
        None,
        gt=0,
        description="seconds; training crops at random, evaluation averages all segments",
    )
    standardise: Literal["strict", "transductive_corpus", "transductive_speaker"] = Field(
        "strict", description="by training rows, or by unlabelled features of every corpus, speaker"
    )
    mapping: Literal["moments", "quantile", "shrunk"] = Field(
        "moments", description="transductive: quantile per corpus, shrunk speaker means, or by sd"
    )
    augment: AugmentConfig | None = Field(None, description="of training clips; null: none")
    copies: int = Field(1, ge=1, description="altered copies of a clip that the cache holds")
    cache: bool = Field(True, description="keep features on disk (AFFECTREP_CACHE)")
    composition: CompositionConfig | None = Field(None, description="null: shuffled rows")

    @model_validator(mode="after")
    def _mapping_needs_its_condition(self) -> SpeechDataConfig:
        if self.mapping == "quantile" and self.standardise == "strict":
            raise ValueError(
                "data.speech.mapping=quantile ranks each corpus by its own features: set "
                "data.speech.standardise to a transductive condition"
            )
        if self.mapping == "shrunk" and self.standardise != "transductive_speaker":
            raise ValueError(
                "data.speech.mapping=shrunk is for data.speech.standardise=transductive_speaker, "
                f"which is {self.standardise}"
            )
        return self

    @model_validator(mode="after")
    def _copies_need_effects(self) -> SpeechDataConfig:
        if self.copies > 1 and self.augment is None:
            raise ValueError(
                f"data.speech.copies={self.copies} without data.speech.augment would hold the "
                "same clip several times: set copies=1 or name an effect"
            )
        return self
