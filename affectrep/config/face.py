"""The section ``data.face``: how faces are found, cut out, altered and composed to batches."""

from __future__ import annotations

from pydantic import Field, field_validator

from affectrep.config.section import Section

__all__ = ["FaceDataConfig"]


class FaceDataConfig(Section):
    """What only a face corpus needs; sizes in pixels stand in ``encoder.preprocess``."""

    detector: str = Field(
        "none", description="none: ready crops; cascade; yunet:<model file>; done once, kept"
    )
    margin: float = Field(0.0, ge=0, le=1, description="share of the box added on each edge")
    flip: bool = Field(True, description="mirror half of the training faces")
    randaugment: int | None = Field(
        None, ge=0, le=30, description="magnitude of RandAugment on each face; null: none"
    )
    mixup: float = Field(0.0, ge=0, description="alpha of the Beta distribution; 0: no mixing")
    stride: int = Field(1, ge=1, description="frames between two of a clip")
    strong_weak: int | None = Field(
        None, ge=1, description="strong and weak rows that each batch has at least; null: shuffled"
    )
    cache: bool = Field(True, description="keep decoded faces on disk (AFFECTREP_CACHE)")

    @field_validator("detector")
    @classmethod
    def _known_detector(cls, value: str) -> str:
        if value not in ("none", "cascade") and not value.startswith("yunet:"):
            raise ValueError(
                f"data.face.detector={value}: expected none, cascade or yunet:<model file>"
            )
        return value
